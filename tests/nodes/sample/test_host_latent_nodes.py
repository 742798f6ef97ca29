"""Noise masks between the nodes of this pack and the host's own nodes for latents.

Mutations seen to fail here: masks stored in cells by Encode for Inpainting or by Masked Sampler; cells widened or
blurred on the way to pixels; masks for each channel taken for masks of several pictures.
"""

import asyncio

import pytest
import torch

SIZE = (96, 128)


@pytest.fixture(autouse=True, scope="module")
def _extras(host_nodes, comfyui):
    extras = comfyui / "comfy_extras" / "nodes_rebatch.py"
    assert asyncio.run(host_nodes.load_custom_node(str(extras), module_parent="comfy_extras"))


@pytest.fixture
def stroke():
    """A stroke one pixel wide, which ComfyUI would lose between the pixels that it looks at."""
    mask = torch.zeros(1, *SIZE)
    mask[0, 40, 16:100] = 1
    return mask


@pytest.fixture
def encoded(run, general_model, stroke):
    image = torch.rand(1, *SIZE, 3, generator=torch.Generator().manual_seed(0))
    given = {"model": general_model.model, "vae": general_model.vae, "image": image, "mask": stroke}
    given |= {"positive": general_model.positive, "negative": general_model.negative}
    return run("MendEncodeInpaint", **given).outputs


SAMPLED = {"seed": 1, "steps": 2, "cfg": 1.0, "sampler_name": "euler", "scheduler": "normal"}


def changed(before, after):
    return (before["samples"] != after["samples"]).any(dim=1)


def test_the_hosts_sampler_repaints_a_stroke_of_one_pixel(run, host_nodes, general_model, encoded):
    positive, negative, latent = encoded
    assert latent["noise_mask"].shape == (1, 1, *SIZE)
    prompts = {"model": general_model.model, "positive": positive, "negative": negative}
    ours = run("MendMaskedSampler", **prompts, latent=latent, **SAMPLED, soft_mask="blend").outputs[0]
    (hosts,) = host_nodes.NODE_CLASS_MAPPINGS["KSampler"]().sample(
        general_model.model, latent_image=latent, positive=positive, negative=negative, **SAMPLED
    )
    cells = torch.zeros(1, 12, 16, dtype=torch.bool)
    cells[0, 5, 2:13] = True
    assert torch.equal(changed(latent, ours), cells)
    torch.testing.assert_close(hosts["samples"], ours["samples"], rtol=0, atol=1e-5)
    assert torch.equal(ours["noise_mask"], latent["noise_mask"])


@pytest.mark.parametrize("sampled", [False, True])
def test_rebatch_joins_them_with_latents_without_a_mask(run, host_nodes, general_model, encoded, sampled):
    positive, negative, latent = encoded
    if sampled:
        prompts = {"model": general_model.model, "positive": positive, "negative": negative}
        latent = run("MendMaskedSampler", **prompts, latent=latent, **SAMPLED).outputs[0]
    rebatch = host_nodes.NODE_CLASS_MAPPINGS["RebatchLatents"]
    both = rebatch.execute(latents=[latent, {"samples": latent["samples"]}], batch_size=[2]).result[0][0]
    assert torch.equal(both["noise_mask"][:1], latent["noise_mask"])
    assert both["noise_mask"][1:].all()
    whole = run(
        "MendMaskedSampler", model=general_model.model, positive=positive, negative=negative, latent=both, **SAMPLED
    ).outputs[0]
    moved = changed(both, whole)
    assert moved[0].sum() == 11
    assert moved[1].all()


@pytest.mark.parametrize("node", ["LatentFromBatch", "RepeatLatentBatch"])
def test_batches_keep_them(run, encoded, node):
    latent = encoded[2]
    many = run("RepeatLatentBatch", samples=latent, amount=3).outputs[0]
    if node == "LatentFromBatch":
        many = run(node, samples=many, batch_index=1, length=1).outputs[0]
    assert torch.equal(many["noise_mask"][:1], latent["noise_mask"])


@pytest.mark.parametrize("scale", [1, 8])
def test_a_mask_for_each_channel_is_one_mask(run, general_model, encoded, scale):
    """As the host, which reads one for all channels; here what any of them repaints is repainted."""
    positive, negative, latent = encoded
    masks = torch.zeros(1, 4, 12 * scale, 16 * scale)
    masks[:, 1, : 4 * scale] = 1
    masks[:, 3, :, : 2 * scale] = 1
    given = {"model": general_model.model, "positive": positive, "negative": negative, **SAMPLED}
    result = run("MendMaskedSampler", **given, latent={**latent, "noise_mask": masks}).outputs[0]
    cells = torch.zeros(1, 12, 16, dtype=torch.bool)
    cells[:, :4] = cells[..., :2] = True
    assert torch.equal(changed(latent, result), cells)

"""Numeric reference for SD 1.5: our nodes on the host against StableDiffusionInpaintPipeline, on the same weights.

Where the two differ by design, each difference has a test of its own that pins both sides; none hides in a tolerance.

Mutations seen to fail here: the mask inverted; the mask empty; the hidden area black, or not hidden; the pooled mask a
cell off; average pooling in place of the maximum; the picture shifted by a pixel; picture and masked picture swapped;
the negative prompt without the mask; the noise mask left out; denoise ignored.
"""

from functools import partial

import pytest
import torch
from diffusers import EulerDiscreteScheduler
from transformers import CLIPTextConfig, CLIPTextModel

from devtools.models.checkpoints.text_encoders import CLIP_L
from tests.nodes.parity.common import (
    LATENT_TOLERANCE,
    QUIET,
    RESULT_TOLERANCE,
    SEED,
    Ours,
    assert_same_inputs,
    peak_memory,
    read,
    relative,
    run_ours,
)
from tests.nodes.parity.unets import CFG, NOISE_SCHEDULE, PARTS, pipeline, run_theirs, sampled

pytestmark = QUIET


@pytest.fixture(scope="module")
def ours(run):
    return partial(run_ours, run, cfg=CFG)


@pytest.fixture(scope="module")
def ours_nine_channels(ours, inpaint_model, picture, mask) -> Ours:
    return ours(inpaint_model, picture, mask)


@pytest.fixture(scope="module")
def inpaint_pipeline(base, small_checkpoint):
    return pipeline(base / "models" / "checkpoints" / small_checkpoint)


@pytest.fixture(scope="module")
def general_pipeline(base, small_general_checkpoint):
    return pipeline(base / "models" / "checkpoints" / small_general_checkpoint)


# ---- parity ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_nine_channels(ours_nine_channels, inpaint_model, inpaint_pipeline, picture, mask, report):
    report("replaced", "no text encoder on diffusers' side: the host's embeddings are passed in")
    mine = ours_nine_channels
    reference = run_theirs(inpaint_pipeline, inpaint_model, picture, mask, start=mine.start, strength=1.0)
    assert_same_inputs(report, mine.network_input, reference.first_input, PARTS)
    assert torch.equal(reference.first_input[:, 4:5], reference.mask)
    assert report("9 channels, result, relative", relative(mine.result, reference.result)) <= RESULT_TOLERANCE
    report("peak memory, GB", peak_memory())


@pytest.mark.slow
def test_our_own_use_of_the_pipeline(ours_nine_channels, inpaint_model, inpaint_pipeline, picture, mask, report):
    """`inpaint.pipelines`, by which `mend-batch --engine diffusers` samples a crop."""
    mine = ours_nine_channels
    ours = partial(sampled, inpaint_pipeline, "SD 1.5 inpainting (9-channel)", inpaint_model, picture)
    assert report("pipelines, relative", relative(mine.result, ours(mask, mine.start, CFG))) <= RESULT_TOLERANCE
    wrong = ours(1 - mask, mine.start, CFG)
    assert relative(mine.result, wrong) > 100 * RESULT_TOLERANCE


@pytest.mark.slow
def test_nine_channels_in_a_batch(ours, inpaint_model, inpaint_pipeline, picture, mask):
    pictures = torch.cat([picture, picture.flip(1)])
    masks = torch.cat([mask, mask.flip(2)])
    mine = ours(inpaint_model, pictures, masks, steps=4)
    reference = run_theirs(inpaint_pipeline, inpaint_model, pictures, masks, steps=4, start=mine.start, strength=1.0)
    assert torch.allclose(mine.concat[:, :1], reference.mask, atol=LATENT_TOLERANCE)
    assert torch.allclose(mine.concat[:, 1:], reference.masked_latents, atol=LATENT_TOLERANCE)
    assert relative(mine.result, reference.result) <= RESULT_TOLERANCE
    assert relative(mine.result[:1], mine.result[1:]) > 100 * RESULT_TOLERANCE


@pytest.mark.slow
def test_sensitivity(ours_nine_channels, inpaint_model, inpaint_pipeline, wrong, report):
    """Parity means something only where a wrong mask or a wrong masked picture would be seen."""
    mine = ours_nine_channels
    pictures, masks = (torch.cat(tensors) for tensors in zip(*wrong.values(), strict=True))
    start = mine.start.expand(len(wrong), -1, -1, -1)
    reference = run_theirs(inpaint_pipeline, inpaint_model, pictures, masks, start=start, strength=1.0)
    for name, result in zip(wrong, reference.result.split(1), strict=True):
        assert report(f"{name}, relative", relative(mine.result, result)) > 100 * RESULT_TOLERANCE, name


@pytest.mark.slow
def test_four_channels_below_full_strength(ours, general_model, general_pipeline, picture, mask, report):
    """8 steps at denoise 0.8 are the last 8 of 10, on both sides."""
    mine = ours(general_model, picture, mask, noise_mask=True, denoise=0.8)
    assert mine.concat is None
    reference = run_theirs(general_pipeline, general_model, picture, mask, steps=10, noise=SEED, strength=0.8)
    assert report("4 channels, result, relative", relative(mine.result, reference.result)) <= RESULT_TOLERANCE
    inverted = run_theirs(general_pipeline, general_model, picture, 1 - mask, steps=10, noise=SEED, strength=0.8)
    assert relative(mine.result, inverted.result) > 100 * RESULT_TOLERANCE


# ---- known differences, one by one -----------------------------------------------------------------------------


@pytest.mark.slow
def test_difference_the_starting_noise(ours_nine_channels, inpaint_model, inpaint_pipeline, picture, mask):
    """Host: noise * sqrt(1 + sigma^2) + latent. diffusers at strength 1: noise * sigma, without the picture."""
    mine = ours_nine_channels
    noise = torch.randn(mine.start.shape, generator=torch.Generator().manual_seed(SEED))
    sigma = float(inpaint_pipeline.scheduler.init_noise_sigma)
    latent = inpaint_pipeline.vae.encode(picture.movedim(-1, 1) * 2 - 1).latents
    assert torch.allclose(mine.start, noise * (1 + sigma**2) ** 0.5 + latent, atol=LATENT_TOLERANCE)
    own = run_theirs(inpaint_pipeline, inpaint_model, picture, mask, noise=SEED, strength=1.0)
    scaled = noise * sigma / (1 + sigma**2) ** 0.5
    assert torch.allclose(own.first_input[:, :4], scaled, atol=LATENT_TOLERANCE)
    assert relative(mine.result, own.result) > RESULT_TOLERANCE


@pytest.mark.slow
def test_difference_nine_channels_with_a_noise_mask(ours, inpaint_model, inpaint_pipeline, picture, mask):
    """Host: latents outside a noise mask are held. diffusers' 9-channel path never puts them back."""
    mine = ours(inpaint_model, picture, mask, noise_mask=True, steps=2)
    reference = run_theirs(inpaint_pipeline, inpaint_model, picture, mask, steps=2, start=mine.start, strength=1.0)
    latent = inpaint_pipeline.vae.encode(picture.movedim(-1, 1) * 2 - 1).latents
    outside = (reference.mask == 0).expand_as(latent)
    assert torch.allclose(mine.result[outside], latent[outside], atol=LATENT_TOLERANCE)
    assert (reference.result[outside] - latent[outside]).abs().mean() > 0.1


@pytest.mark.slow
def test_difference_four_channels_at_full_strength(ours, general_model, general_pipeline, picture, mask):
    """diffusers begins with pure noise outside the mask too, the host with the noised picture."""
    mine = ours(general_model, picture, mask, noise_mask=True, steps=2)
    reference = run_theirs(general_pipeline, general_model, picture, mask, steps=2, noise=SEED, strength=1.0)
    noise = torch.randn(mine.start.shape, generator=torch.Generator().manual_seed(SEED))
    sigma = float(general_pipeline.scheduler.init_noise_sigma)
    latent = general_pipeline.vae.encode(picture.movedim(-1, 1) * 2 - 1).latents
    outside = (reference.mask == 0).expand_as(latent)
    assert torch.allclose(mine.start[outside], (noise * sigma + latent)[outside], atol=LATENT_TOLERANCE)
    scaled = noise * sigma / (1 + sigma**2) ** 0.5
    assert torch.allclose(reference.first_input, scaled, atol=LATENT_TOLERANCE)
    assert torch.allclose(mine.result[outside], latent[outside], atol=LATENT_TOLERANCE)


@pytest.mark.slow
def test_difference_thin_strokes(ours, inpaint_model, inpaint_pipeline, picture):
    """diffusers resizes the mask to nearest, one pixel of 64, so a stroke can vanish. Ours takes the maximum."""
    stroke = torch.zeros(1, 128, 192)
    stroke[:, 45, 40:120] = 1
    mine = ours(inpaint_model, picture, stroke, steps=2)
    reference = run_theirs(inpaint_pipeline, inpaint_model, picture, stroke, steps=2, start=mine.start, strength=1.0)
    expected = torch.zeros(1, 1, 16, 24)
    expected[:, :, 5, 5:15] = 1
    assert torch.equal(mine.concat[:, :1], expected)
    assert not reference.mask.any()
    assert torch.allclose(mine.concat[:, 1:], reference.masked_latents, atol=LATENT_TOLERANCE)


def test_difference_sigmas_between_steps(inpaint_model, host_nodes):
    """Between whole timesteps the host interpolates the logarithm of sigma, diffusers' Euler sigma itself."""
    import comfy.samplers

    sampling = inpaint_model.model.get_model_object("model_sampling")
    host = comfy.samplers.calculate_sigmas(sampling, "normal", 7)
    scheduler = EulerDiscreteScheduler(**NOISE_SCHEDULE, timestep_spacing="linspace")
    scheduler.set_timesteps(7)
    whole = torch.tensor([0, 2, 4, 6])  # 999, 666, 333, 0
    between = torch.tensor([1, 3, 5])  # 832.5, 499.5, 166.5
    assert torch.allclose(host[whole], scheduler.sigmas[whole], rtol=1e-4)
    timesteps = torch.linspace(999, 0, 7)[between]
    table = sampling.sigmas
    geometric = (table[timesteps.long()] * table[timesteps.long() + 1]).sqrt()
    arithmetic = (table[timesteps.long()] + table[timesteps.long() + 1]) / 2
    assert torch.allclose(host[between], geometric, rtol=1e-6)
    assert torch.allclose(scheduler.sigmas[between], arithmetic, rtol=1e-5)
    assert (host[between] < scheduler.sigmas[between]).all()


@pytest.mark.slow
def test_difference_text_encoder_weights(base, small_checkpoint, inpaint_model, host_nodes):
    """The host rounds CLIP's weights to float16, even on the CPU, but computes in float32. So it equals a float32
    encoder where float16 holds the weights, and only there."""
    import comfy.model_management

    prefix = "cond_stage_model.transformer.text_model."
    weights = read(base / "models" / "checkpoints" / small_checkpoint, prefix)
    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=CLIP_L.width,
        intermediate_size=4 * CLIP_L.width,
        num_hidden_layers=CLIP_L.layers,
        num_attention_heads=12,
        hidden_act="quick_gelu",
    )
    with torch.device("meta"):
        reference = CLIPTextModel(config).eval()
    tensors = {name.removeprefix(prefix): tensor.float() for name, tensor in weights.items()}
    positions = torch.arange(77)[None]
    reference.load_state_dict(tensors | {"embeddings.position_ids": positions}, strict=False, assign=True)
    tokens = torch.tensor([[token for token, _ in inpaint_model.clip.tokenize("a grassy meadow")["l"][0]]])

    host_weights = inpaint_model.clip.cond_stage_model.clip_l.transformer.text_model.parameters()
    assert {weight.dtype for weight in host_weights} == {torch.float16}
    assert comfy.model_management.is_device_cpu(inpaint_model.clip.patcher.load_device)
    embedding = inpaint_model.positive[0][0]
    assert torch.allclose(embedding, reference(input_ids=tokens, position_ids=positions).last_hidden_state, atol=1e-4)
    for weight in reference.parameters():
        weight.mul_(1 + 2**-12)  # a quarter of float16's spacing, so rounding takes it back
    embedding = embedding - reference(input_ids=tokens, position_ids=positions).last_hidden_state
    assert embedding.abs().max() > 1e-4

"""Numeric reference for SDXL inpainting: our nodes on the host against StableDiffusionXLInpaintPipeline.

Both run on the same weights. What the two have in common with SD 1.5 is tested there: this module has what is SDXL's
own, and each known difference in a test that pins both sides.

Mutations seen to fail here: the mask inverted; the mask or the picture a pixel off; picture and masked picture
swapped; the hidden area black; the mask left out; the negative prompt without the mask.
"""

from functools import partial

import pytest
import torch

from tests.nodes.parity.common import (
    LATENT_TOLERANCE,
    QUIET,
    RESULT_TOLERANCE,
    SEED,
    STEPS,
    Ours,
    assert_same_inputs,
    first_input_of,
    peak_memory,
    relative,
    run_ours,
)
from tests.nodes.parity.unets import CFG, PARTS, pipeline, run_theirs, sampled

pytestmark = [QUIET, pytest.mark.slow]  # a file of 2 GB


@pytest.fixture(scope="module")
def sdxl(load_small):
    return load_small("sdxl-inpaint")


@pytest.fixture(scope="module")
def reference_pipeline(base, small_files):
    return pipeline(base / "models" / "checkpoints" / small_files("sdxl-inpaint"), sdxl=True)


@pytest.fixture(scope="module")
def ours(run):
    return partial(run_ours, run, cfg=CFG)


@pytest.fixture(scope="module")
def ours_nine_channels(ours, sdxl, picture, mask) -> Ours:
    return ours(sdxl, picture, mask)


def test_nine_channels(ours_nine_channels, sdxl, reference_pipeline, picture, mask, report):
    report("replaced", "no text encoders on diffusers' side: the host's embeddings are passed in")
    mine = ours_nine_channels
    reference = run_theirs(reference_pipeline, sdxl, picture, mask, start=mine.start, strength=1.0)
    assert len(mine.sigmas) == reference.calls == STEPS
    assert_same_inputs(report, mine.network_input, reference.first_input, PARTS)
    assert torch.equal(reference.first_input[:, 4:5], reference.mask)
    assert report("9 channels, result, relative", relative(mine.result, reference.result)) <= RESULT_TOLERANCE
    report("peak memory, GB", peak_memory())


def test_our_own_use_of_the_pipeline(ours_nine_channels, sdxl, reference_pipeline, picture, mask, report):
    """`inpaint.pipelines`, by which `mend-batch --engine diffusers` samples a crop."""
    mine = ours_nine_channels
    result = sampled(reference_pipeline, "SDXL inpainting (9-channel)", sdxl, picture, mask, mine.start, CFG)
    assert report("pipelines, 9 channels, relative", relative(mine.result, result)) <= RESULT_TOLERANCE


def test_sensitivity(ours_nine_channels, sdxl, reference_pipeline, wrong, report):
    mine = ours_nine_channels
    wrong = {name: wrong[name] for name in ("mask a cell to the right", "picture mirrored")}
    pictures, masks = (torch.cat(tensors) for tensors in zip(*wrong.values(), strict=True))
    start = mine.start.expand(len(wrong), -1, -1, -1)
    reference = run_theirs(reference_pipeline, sdxl, pictures, masks, start=start, strength=1.0)
    for name, result in zip(wrong, reference.result.split(1), strict=True):
        assert report(f"{name}, relative", relative(mine.result, result)) > 100 * RESULT_TOLERANCE, name


def test_picture_size_and_pooled_text(ours, sdxl, reference_pipeline, picture, mask, report):
    """SDXL is told the picture's size, the same on both sides without being given it: that of the latent, times 8."""
    with first_input_of(sdxl.model.model.diffusion_model.label_emb[0][0]) as vectors:
        mine = ours(sdxl, picture, mask, steps=1)
    reference = run_theirs(reference_pipeline, sdxl, picture, mask, steps=1, start=mine.start, strength=1.0)
    differences = [(vector - reference.vector).abs().max() for vector in vectors[0].split(1)]
    assert report("picture size and pooled text, max", float(min(differences))) <= LATENT_TOLERANCE
    assert max(differences) > 100 * LATENT_TOLERANCE, "the negative prompt has another pooled text"
    assert torch.equal(mine.given["y"][:, :1280], sdxl.positive[0][1]["pooled_output"])


# ---- known differences, one by one -----------------------------------------------------------------------------


def test_difference_full_strength(ours, sdxl, reference_pipeline, picture, mask):
    """diffusers' default strength for SDXL is 0.9999: it adds noise to the picture instead of beginning with noise
    alone, and leaves out the first step. The host's denoise 1 takes every step from the highest sigma."""
    mine = ours(sdxl, picture, mask, steps=2)
    reference = run_theirs(reference_pipeline, sdxl, picture, mask, steps=2, noise=SEED)
    scheduler = reference_pipeline.scheduler
    scheduler.set_timesteps(2)
    first, second = (float(sigma) for sigma in scheduler.sigmas[:2])
    noise = torch.randn(mine.start.shape, generator=torch.Generator().manual_seed(SEED))
    latent = reference_pipeline.vae.encode(picture.movedim(-1, 1) * 2 - 1).latents
    assert mine.sigmas == pytest.approx([first, second], rel=1e-5)
    assert torch.allclose(mine.start, noise * (1 + first**2) ** 0.5 + latent, atol=LATENT_TOLERANCE)
    assert reference.calls == 1
    scaled = (latent + noise * second) / (1 + second**2) ** 0.5
    assert torch.allclose(reference.first_input[:, :4], scaled, atol=LATENT_TOLERANCE)


def test_difference_empty_negative_prompt(run, sdxl, reference_pipeline):
    """diffusers puts zeros where there is no negative prompt, the host the embedding of the empty text."""
    embeds, pooled = sdxl.positive[0][0], sdxl.positive[0][1]["pooled_output"]
    _, negative, _, negative_pooled = reference_pipeline.encode_prompt(
        prompt=None, prompt_embeds=embeds, pooled_prompt_embeds=pooled, do_classifier_free_guidance=True
    )
    assert not negative.any()
    assert not negative_pooled.any()
    (empty,) = run("CLIPTextEncode", clip=sdxl.clip, text="").outputs
    assert empty[0][0].shape == negative.shape
    assert empty[0][0].std() > 0.5
    assert empty[0][1]["pooled_output"].std() > 0.5


def test_difference_nine_channels_with_a_noise_mask(ours, sdxl, reference_pipeline, picture, mask):
    """Host: latents outside a noise mask are held. diffusers' 9-channel path never puts them back."""
    mine = ours(sdxl, picture, mask, noise_mask=True, steps=1)
    reference = run_theirs(reference_pipeline, sdxl, picture, mask, steps=1, start=mine.start, strength=1.0)
    latent = reference_pipeline.vae.encode(picture.movedim(-1, 1) * 2 - 1).latents
    outside = (reference.mask == 0).expand_as(latent)
    assert torch.allclose(mine.result[outside], latent[outside], atol=LATENT_TOLERANCE)
    assert (reference.result[outside] - latent[outside]).abs().mean() > 0.1

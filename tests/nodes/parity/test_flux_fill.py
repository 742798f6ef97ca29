"""Numeric reference for FLUX.1 Fill: our nodes on the host against FluxFillPipeline, on the same weights.

The texts are random numbers of the shape that T5-XXL and CLIP-L give. diffusers is given the host's sigmas and does
not shift them once more; both draw the same noise from the seed. Fill takes the mask pixel by pixel, so the mask lies
off the VAE's grid here. CFG is 1: what Fill has instead is a guidance value, 30 on both sides.

A text has 256 words in one test and 16 in all others, since most of the time goes by the words. Each known difference
has a test of its own that pins both sides.

Mutations seen to fail here: the mask inverted, pooled, soft, or a pixel off; the picture a pixel off; picture and
masked picture swapped; the hidden area black; the mask left out.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxFillPipeline, FluxTransformer2DModel
from diffusers.loaders.single_file_utils import convert_flux_transformer_checkpoint_to_diffusers
from torch import Tensor

from devtools.models.checkpoints.flux_transformer import FILL_CHANNELS, HEAD, HIDDEN, POOLED_WIDTH, TEXT_WIDTH
from inpaint.pipelines import Crop, repaint
from inpaint.pipelines.paint import Settings
from tests.nodes.parity.common import (
    LATENT_TOLERANCE,
    QUIET,
    RESULT_TOLERANCE,
    SEED,
    STEPS,
    Ours,
    assert_same_inputs,
    filled,
    first_input_of,
    peak_memory,
    read,
    relative,
    run_ours,
    tiny_vae,
)
from tests.nodes.parity.unets import opened_as

pytestmark = [QUIET, pytest.mark.slow]  # files of 1.3 GB

GUIDANCE = 30.0
# Of a token, each for 2x2 cells of the latent: 16 channels of it, 16 of the masked picture, 64 pixels of the mask.
PARTS = {
    "noisy latents": torch.arange(0, 64),
    "masked picture's latents": torch.arange(64, 128),
    "mask pixels": torch.arange(128, 384),
}
NO_TEXT_ENCODERS = dict.fromkeys(("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"))
# The sizes between which diffusers' schedule for FLUX.1 is shifted, as its published configuration has it.
DYNAMIC = {"use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15}


@pytest.fixture(scope="module")
def mask(mask) -> Tensor:
    """[1, 128, 192], off the grid."""
    return mask.roll((3, 5), (1, 2))


@pytest.fixture(scope="module")
def fill(load_small):
    loaded = load_small("flux-fill")
    # As the host's node Flux Guidance does.
    positive = [[embedding, {**values, "guidance": GUIDANCE}] for embedding, values in loaded.positive]
    return replace(loaded, positive=positive)


def shortened(conditioning: list) -> list:
    return [[embedding[:, :16], values] for embedding, values in conditioning]


@pytest.fixture(scope="module")
def short(fill):
    """The same with a text of 16 words instead of 256."""
    return replace(fill, positive=shortened(fill.positive), negative=shortened(fill.negative))


@pytest.fixture(scope="module")
def ours(run):
    return partial(run_ours, run, cfg=1.0)


@pytest.fixture(scope="module")
def ours_short(ours, short, picture, mask) -> Ours:
    return ours(short, picture, mask)


@pytest.fixture(scope="module")
def reference_pipeline(base, small_files) -> FluxFillPipeline:
    names, models = small_files("flux-fill"), base / "models"
    weights = read(models / "diffusion_models" / names.diffusion_model)
    transformer = filled(
        lambda: FluxTransformer2DModel(
            in_channels=FILL_CHANNELS,
            out_channels=64,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=HEAD,
            num_attention_heads=HIDDEN // HEAD,
            joint_attention_dim=TEXT_WIDTH,
            pooled_projection_dim=POOLED_WIDTH,
            guidance_embeds=True,
        ),
        lambda made: convert_flux_transformer_checkpoint_to_diffusers(weights),
    )
    return FluxFillPipeline(
        transformer=transformer,
        vae=tiny_vae(read(models / "vae" / names.vae), channels=16),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        **NO_TEXT_ENCODERS,
    )


@dataclass(frozen=True)
class Theirs:
    """network_input: tokens of the first step, [B, N, 384]. guidance: as the transformer got it. result: tokens."""

    network_input: Tensor
    guidance: float
    result: Tensor

    def in_cells(self, height: int, width: int) -> Tensor:
        """The result as a latent, [B, 16, height / 8, width / 8]."""
        return FluxFillPipeline._unpack_latents(self.result, height, width, 8)


def run_theirs(
    pipeline: FluxFillPipeline, loaded: Any, picture: Tensor, mask: Tensor, sigmas: list[float], **options: Any
) -> Theirs:
    """
    Args:
        loaded: its positive conditioning is taken, without the guidance.
        picture: [B, H, W, 3]. mask: [B, H, W].
        sigmas: of the steps, without the last 0.
        options: of the pipeline. Where no latents are among them, it draws its noise from SEED.
    """
    guidances = []
    transformer, batch = pipeline.transformer, len(picture)
    hook = transformer.register_forward_pre_hook(
        lambda module, inputs, named: guidances.append(float(named["guidance"][0])), with_kwargs=True
    )
    ((embedding, values),) = loaded.positive
    pipeline.set_progress_bar_config(disable=True)
    with first_input_of(transformer.x_embedder) as inputs:
        output = pipeline(
            prompt_embeds=embedding.expand(batch, -1, -1),
            pooled_prompt_embeds=values["pooled_output"].expand(batch, -1),
            image=picture.movedim(-1, 1),
            mask_image=mask[:, None],
            height=picture.shape[1],
            width=picture.shape[2],
            num_inference_steps=len(sigmas),
            sigmas=sigmas,
            output_type="latent",
            generator=torch.Generator().manual_seed(SEED),
            **options,
        )
    hook.remove()
    return Theirs(inputs[0], guidances[0], output.images)


# ---- parity ----------------------------------------------------------------------------------------------------


def test_fill(ours_short, short, reference_pipeline, picture, mask, report):
    report("replaced", "no text encoder: random embeddings of 16 words and a pooled one, the same on both sides")
    mine = ours_short
    reference = run_theirs(reference_pipeline, short, picture, mask, mine.sigmas, guidance_scale=GUIDANCE)
    assert len(mine.sigmas) == STEPS
    assert_same_inputs(report, mine.network_input, reference.network_input, PARTS)
    result = reference.in_cells(*picture.shape[1:3])
    assert report("Fill, result, relative", relative(mine.result, result)) <= RESULT_TOLERANCE
    report("peak memory, GB", peak_memory())


def test_our_own_use_of_the_pipeline(ours_short, short, reference_pipeline, picture, mask, report):
    """`inpaint.pipelines`, by which `mend-batch --engine diffusers` samples a crop: the noise is the seed's on both
    sides."""
    ((embedding, values),) = short.positive
    result = repaint(
        opened_as(reference_pipeline, "FLUX.1 Fill"),
        [Crop(picture, mask, "", "", SEED)],
        Settings(STEPS, 1.0, GUIDANCE, 1.0),
        prompt=None,
        prompt_embeds=embedding,
        pooled_prompt_embeds=values["pooled_output"],
        sigmas=ours_short.sigmas,
        output_type="latent",
    )
    cells = FluxFillPipeline._unpack_latents(result.movedim(-1, 1), *picture.shape[1:3], 8)
    assert report("pipelines, Fill, relative", relative(ours_short.result, cells)) <= RESULT_TOLERANCE


def test_fill_with_a_text_of_true_length(ours, fill, reference_pipeline, picture, mask, report):
    report("replaced", "no text encoder: random embeddings of 256 words and a pooled one, the same on both sides")
    assert fill.positive[0][0].shape == (1, 256, 4096)
    mine = ours(fill, picture, mask, steps=2)
    reference = run_theirs(reference_pipeline, fill, picture, mask, mine.sigmas, guidance_scale=GUIDANCE)
    result = reference.in_cells(*picture.shape[1:3])
    assert report("Fill, 2 steps, relative", relative(mine.result, result)) <= RESULT_TOLERANCE


def test_sensitivity(ours_short, short, reference_pipeline, picture, mask, report):
    """A mask that is one pixel off changes little, and still more than the tolerance; a wrong one changes much."""
    mine = ours_short
    wrong = {
        "mask a cell to the right": (picture, mask.roll(8, 2)),
        "picture mirrored": (picture.flip(2), mask),
        "mask a pixel to the right": (picture, mask.roll(1, 2)),
    }
    pictures, masks = (torch.cat(tensors) for tensors in zip(*wrong.values(), strict=True))
    latents = FluxFillPipeline._pack_latents(mine.start.expand(len(wrong), -1, -1, -1), len(wrong), 16, 16, 24)
    options = {"guidance_scale": GUIDANCE, "latents": latents}
    reference = run_theirs(reference_pipeline, short, pictures, masks, mine.sigmas, **options)
    differences = {
        name: report(f"{name}, relative", relative(mine.result, result))
        for name, result in zip(wrong, reference.in_cells(*picture.shape[1:3]).split(1), strict=True)
    }
    assert differences["mask a pixel to the right"] > 10 * RESULT_TOLERANCE
    assert differences["mask a cell to the right"] > 100 * RESULT_TOLERANCE
    assert differences["picture mirrored"] > 100 * RESULT_TOLERANCE


def test_batch_and_soft_mask(ours, short, reference_pipeline, picture, mask):
    """Each picture has its own mask, and both sides cut a soft one at 0.5 for what the model is told."""
    pictures = torch.cat([picture, picture.flip(1)])
    masks = torch.cat([mask * 0.6, torch.maximum(mask.flip(2), torch.tensor(0.4))])
    mine = ours(short, pictures, masks, steps=1)
    reference = run_theirs(reference_pipeline, short, pictures, masks, mine.sigmas, guidance_scale=GUIDANCE)
    assert torch.allclose(mine.network_input, reference.network_input, atol=LATENT_TOLERANCE)
    assert relative(mine.result, FluxFillPipeline._unpack_latents(reference.result, 128, 192, 8)) <= RESULT_TOLERANCE
    assert set(mine.network_input[..., PARTS["mask pixels"]].unique().tolist()) == {0, 1}
    assert not torch.equal(*mine.network_input[..., PARTS["mask pixels"]])


def test_where_a_mask_pixel_goes(ours, short, picture):
    """A literal example: a pixel's place in its 8x8 block picks the channel, row by row, the cell's the rest."""
    dot = torch.zeros(1, 128, 192)
    dot[:, 8 * 5 + 2, 8 * 9 + 3] = 1
    tokens = ours(short, picture, dot, steps=1).network_input[0, :, PARTS["mask pixels"]]
    # Cell (5, 9) is the lower right one of the 2x2 in token (2, 4); 12 tokens in a row.
    assert tokens.nonzero().tolist() == [[2 * 12 + 4, (8 * 2 + 3) * 4 + 3]]


# ---- known differences, one by one -----------------------------------------------------------------------------


def test_difference_guidance_unless_told(ours, short, reference_pipeline, picture, mask):
    """Without Flux Guidance the host tells the model 3.5, diffusers' pipeline for Fill 30."""
    plain = [[embedding, {k: v for k, v in values.items() if k != "guidance"}] for embedding, values in short.positive]
    mine = ours(replace(short, positive=plain), picture, mask, steps=1)
    reference = run_theirs(reference_pipeline, short, picture, mask, mine.sigmas)
    assert (float(mine.given["guidance"][0]), reference.guidance) == (3.5, 30.0)
    assert relative(mine.result, reference.in_cells(128, 192)) > RESULT_TOLERANCE


def test_difference_schedule(ours_short):
    """The host shifts the schedule as for a picture of 1024x1024, diffusers by the picture's own size: the same there,
    and another below. (The host has a node of its own for it, ModelSamplingFlux.)"""
    from diffusers.pipelines.flux.pipeline_flux_fill import calculate_shift

    def theirs(side: int) -> list[float]:
        scheduler = FlowMatchEulerDiscreteScheduler(**DYNAMIC)
        shift = calculate_shift((side // 16) ** 2, 256, 4096, DYNAMIC["base_shift"], DYNAMIC["max_shift"])
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / STEPS, STEPS), mu=shift)
        return scheduler.sigmas[:-1].tolist()

    assert ours_short.sigmas == pytest.approx(theirs(1024), rel=1e-5)
    below = theirs(256)
    assert below[0] == ours_short.sigmas[0] == 1
    assert all(small < large for small, large in zip(below[1:], ours_short.sigmas[1:], strict=True))


def test_difference_sizes_that_tokens_do_not_divide(ours, short, reference_pipeline, picture, mask):
    """A latent of odd size: the host repeats its other edge to fill the last tokens, diffusers makes the picture
    smaller."""
    picture, mask = picture[:, :120, :184], mask[:, :120, :184]
    mine = ours(short, picture, mask, steps=1)
    assert mine.result.shape[-2:] == (15, 23)
    tokens = mine.network_input.reshape(1, 8, 12, 96, 2, 2)
    cells = tokens.permute(0, 3, 1, 4, 2, 5).reshape(1, 96, 16, 24)
    assert torch.equal(cells[:, :, 15], cells[:, :, 0])
    assert torch.equal(cells[:, :, :, 23], cells[:, :, :, 0])
    reference = run_theirs(reference_pipeline, short, picture, mask, mine.sigmas)
    assert reference.network_input.shape == (1, 7 * 11, 384)


def test_difference_noise_mask(ours, short, reference_pipeline, picture, mask):
    """Host: latents outside a noise mask are held. diffusers never puts them back."""
    mine = ours(short, picture, mask, noise_mask=True, steps=2)
    reference = run_theirs(reference_pipeline, short, picture, mask, mine.sigmas, guidance_scale=GUIDANCE)
    latent = reference_pipeline.vae.encode(picture.movedim(-1, 1) * 2 - 1).latents
    outside = (torch.nn.functional.max_pool2d(mask[:, None], 8) == 0).expand_as(latent)
    assert torch.allclose(mine.result[outside], latent[outside], atol=LATENT_TOLERANCE)
    assert (reference.in_cells(128, 192)[outside] - latent[outside]).abs().mean() > 0.1

"""Numeric reference for edit models: our nodes on the host against diffusers' inpaint pipelines, on the same weights.

FLUX.2 Klein, FLUX.1 Kontext and Qwen-Image-Edit. Their pipelines give the picture to the network as a reference, and
hold what is outside the mask. The networks are narrow, of the host's own classes, and diffusers' ones get their weights
by its own key conversion. The texts are random numbers. diffusers is given the host's sigmas; both draw the same noise
from the seed. Each known difference has a test of its own.

Mutations seen to fail here: the reference left out, of a filled or neutral hole, or a cell off; the mask a cell off,
inverted, or left out.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import FunctionType, SimpleNamespace
from typing import Any

import diffusers.loaders.single_file_utils as conversions
import diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_inpaint as qwen
import pytest
import torch
from diffusers import (
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinInpaintPipeline,
    Flux2Transformer2DModel,
    FluxKontextInpaintPipeline,
    FluxTransformer2DModel,
    QwenImageEditInpaintPipeline,
    QwenImageTransformer2DModel,
)
from PIL import Image
from torch import Tensor

from devtools.models.checkpoints import FLUX_SCALE, FLUX_SHIFT
from devtools.models.checkpoints.full_vaes import WAN_WIDTH, wan_vae
from devtools.models.checkpoints.random_weights import QuickMaker
from devtools.models.checkpoints.vaes import vae as tiny_weights
from devtools.models.tiny_models import TINY, make_tiny
from tests.nodes.parity.common import (
    LATENT_TOLERANCE,
    QUIET,
    SEED,
    STEPS,
    Ours,
    filled,
    first_input_of,
    relative,
    run_ours,
    tiny_vae,
)

pytestmark = QUIET
# Relative, and smaller than for other families: the networks are small. What is wrong has to differ 100 times as much.
RESULT_TOLERANCE = 1e-5
SIZE_OF_QWEN = qwen.calculate_dimensions
TEXT, HIDDEN = 64, 64
# FLUX.2's texts have 512 words: the host pads shorter ones.
WORDS = {"klein": 512, "kontext": 16, "qwen": 16}
NO_TEXT_ENCODER = {"text_encoder": None, "tokenizer": None}
KLEIN = replace(TINY["FLUX.2"], settings=TINY["FLUX.2"].settings | {"guidance_embed": False})


@dataclass(frozen=True)
class Case:
    """A model on both sides, with its text."""

    name: str
    loaded: SimpleNamespace
    """model, vae, positive and negative, on the host."""
    pipeline: Any
    """diffusers'."""
    settings: dict[str, Any]
    """Further arguments of the pipeline."""

    def tokens(self, latent: Tensor) -> Tensor:
        """A latent in the network's order: [B, N, C]."""
        if self.name == "klein":
            return latent.flatten(2).transpose(1, 2)
        height, width = latent.shape[-2:]
        return self.pipeline._pack_latents(latent.flatten(0, -4), len(latent), 16, height, width)


def _text(name: str, seed: int, pooled: int = 0) -> list:
    random = torch.Generator().manual_seed(seed)
    held = {"pooled_output": torch.randn(1, pooled, generator=random)} if pooled else {}
    return [[torch.randn(1, WORDS[name], TEXT, generator=random), held]]


def _strong(name: str) -> Any:
    """Make a host's model whose layers keep the variance of their input, with blocks that count for much.

    With the small weights of `make_tiny` alone, the result would hardly depend on the references.
    """
    model, random = make_tiny(name), torch.Generator().manual_seed(1)
    for key, weight in model.model.diffusion_model.state_dict().items():
        if weight.ndim > 1:
            gain = 4 if "mod" in key else 1  # what the blocks add to their input is multiplied by a modulation
            weight.normal_(std=gain * weight[0].numel() ** -0.5, generator=random)
        elif "norm" in key:
            weight.fill_(2)
    return model


def _weights(model: Any) -> dict[str, Tensor]:
    """A model's weights by the published names: newer hosts have another one for the scales of FLUX's norms."""
    weights = model.model.diffusion_model.state_dict().items()
    return {re.sub(r"(query|key)_norm\.weight$", r"\1_norm.scale", name): tensor.clone() for name, tensor in weights}


def _convert_flux(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """diffusers' conversion of FLUX.1, whose width it holds as a constant, for this width."""
    convert = conversions.convert_flux_transformer_checkpoint_to_diffusers
    constants = tuple(HIDDEN if constant == 3072 else constant for constant in convert.__code__.co_consts)
    assert constants != convert.__code__.co_consts
    narrow = FunctionType(convert.__code__.replace(co_consts=constants), convert.__globals__)
    return narrow(weights)


def _klein() -> Case:
    import comfy.ldm.flux.model
    import comfy.sd

    # Newer hosts are told which positions number the words; older ones know it by the number of axes.
    told = (
        {"txt_ids_dims": [3]}.items()
        if "txt_ids_dims" in inspect.signature(comfy.ldm.flux.model.FluxParams).parameters
        else ()
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TINY, "Klein", replace(KLEIN, settings=KLEIN.settings | dict(told)))
        model = _strong("Klein")
    transformer = filled(
        lambda: Flux2Transformer2DModel(
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=HIDDEN,
            num_attention_heads=1,
            joint_attention_dim=TEXT,
            axes_dims_rope=(16, 16, 16, 16),
            guidance_embeds=False,
        ),
        lambda made: conversions.convert_flux2_transformer_checkpoint_to_diffusers(_weights(model)),
    )
    torch.manual_seed(0)
    vae = AutoencoderKLFlux2().eval()
    vae.bn.running_mean.normal_()
    vae.bn.running_var.uniform_(0.5, 2)
    host_vae = comfy.sd.VAE(sd={name: tensor.clone() for name, tensor in vae.state_dict().items()})
    pipeline = Flux2KleinInpaintPipeline(
        FlowMatchEulerDiscreteScheduler(), vae, **NO_TEXT_ENCODER, transformer=transformer, is_distilled=True
    )
    positive = _text("klein", 0, pooled=TEXT)
    loaded = SimpleNamespace(model=model, vae=host_vae, positive=positive, negative=positive)
    return Case("klein", loaded, pipeline, {"guidance_scale": 1.0})


def _kontext() -> Case:
    import comfy.sd

    model, weights = _strong("FLUX.1"), tiny_weights(16, FLUX_SCALE, FLUX_SHIFT)
    transformer = filled(
        lambda: FluxTransformer2DModel(
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=HIDDEN,
            num_attention_heads=1,
            joint_attention_dim=TEXT,
            pooled_projection_dim=TEXT,
            guidance_embeds=True,
            axes_dims_rope=(16, 24, 24),
        ),
        lambda made: _convert_flux(_weights(model)),
    )
    pipeline = FluxKontextInpaintPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=tiny_vae(weights, channels=16),
        transformer=transformer,
        **dict.fromkeys(("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2")),
    )
    ((embedding, held),) = _text("kontext", 0, pooled=TEXT)
    positive = [[embedding, {**held, "guidance": 2.5}]]
    loaded = SimpleNamespace(model=model, vae=comfy.sd.VAE(sd=weights), positive=positive, negative=positive)
    # diffusers would scale the picture to one of the sizes that Kontext was trained at.
    settings = {"guidance_scale": 2.5, "pooled_prompt_embeds": held["pooled_output"], "_auto_resize": False}
    return Case("kontext", loaded, pipeline, settings)


def _qwen() -> Case:
    import comfy.sd

    model, weights = _strong("Qwen-Image"), wan_vae(QuickMaker(0, torch.float32))
    # Not by `filled`: it computes its rotations while it is made. Its names are the host's.
    transformer = QwenImageTransformer2DModel(
        num_layers=1, attention_head_dim=128, num_attention_heads=1, joint_attention_dim=TEXT
    ).eval()
    transformer.load_state_dict(_weights(model))
    vae = AutoencoderKLQwenImage(base_dim=WAN_WIDTH).eval()
    vae.load_state_dict(conversions.convert_wan_vae_to_diffusers(dict(weights)))
    pipeline = QwenImageEditInpaintPipeline(
        FlowMatchEulerDiscreteScheduler(), vae, **NO_TEXT_ENCODER, processor=None, transformer=transformer
    )
    positive = _text("qwen", 0)
    loaded = SimpleNamespace(
        model=model, vae=comfy.sd.VAE(sd=dict(weights)), positive=positive, negative=_text("qwen", 1)
    )
    ones = torch.ones(1, WORDS["qwen"], dtype=torch.long)
    return Case("qwen", loaded, pipeline, {"prompt_embeds_mask": ones, "true_cfg_scale": 1.0})


MADE: dict[str, Callable[[], Case]] = {"klein": _klein, "kontext": _kontext, "qwen": _qwen}


@pytest.fixture(scope="module", params=MADE)
def case(request, host_nodes) -> Case:
    return MADE[request.param]()


@pytest.fixture(scope="module")
def mask() -> Tensor:
    """[1, 128, 192], an L on the grid of tokens."""
    mask = torch.zeros(1, 128, 192)
    mask[:, 32:96, 32:80] = 1
    mask[:, 64:96, 80:144] = 1
    return mask


@pytest.fixture(autouse=True)
def _mode_of_the_posterior_and_own_size(monkeypatch):
    """Qwen's pipeline samples the posterior, and scales the picture to a megapixel. Both are tested apart."""
    monkeypatch.setattr(qwen, "retrieve_latents", partial(qwen.retrieve_latents, sample_mode="argmax"))
    monkeypatch.setattr(qwen, "calculate_dimensions", lambda area, ratio: (192, 128, None))


class Stop(Exception):
    """Ends a pipeline early."""


@pytest.fixture(scope="module")
def ours(run) -> Callable[..., Ours]:
    return partial(run_ours, run, cfg=1.0, noise_mask=True, reference="this picture")


@dataclass(frozen=True)
class Theirs:
    """network_input: tokens of the first step, the references' last. steps: their number. result: tokens."""

    network_input: Tensor
    steps: int
    result: Tensor


def _pil(picture: Tensor) -> Image.Image:
    return Image.fromarray((picture[0] * 255).round().to(torch.uint8).numpy())


def run_theirs(case: Case, picture: Tensor, mask: Tensor, sigmas: list[float], **options: Any) -> Theirs:
    """Arguments: as in `run_ours`; sigmas: of the steps, without the last 0."""
    results: list[Tensor] = []

    def at_step_end(pipeline, step, timestep, tensors):
        results.append(tensors["latents"])
        return {}

    case.pipeline.set_progress_bar_config(disable=True)
    # Qwen's pipeline asks for the size of a picture of PIL's; the photograph has 8 bits.
    image = _pil(picture) if case.name == "qwen" else picture.movedim(-1, 1)
    transformer = case.pipeline.transformer
    layer = transformer.img_in if case.name == "qwen" else transformer.x_embedder
    with first_input_of(layer) as inputs:
        case.pipeline(
            prompt_embeds=case.loaded.positive[0][0],
            image=image,
            mask_image=mask[:, None],
            height=picture.shape[1],
            width=picture.shape[2],
            num_inference_steps=len(sigmas),
            sigmas=sigmas,
            output_type="latent",
            generator=torch.Generator().manual_seed(SEED),
            callback_on_step_end=at_step_end,
            **{"strength": 1.0, **case.settings, **options},
        )
    return Theirs(inputs[0], len(results), results[-1])


# ---- parity ----------------------------------------------------------------------------------------------------


def _by_picture(tokens: Tensor, count: int) -> list[Tensor]:
    """Split tokens into those of the latent, and of each reference of its size."""
    return list(tokens.split(count, dim=1))


def test_parity(case, ours, picture, mask, report):
    mine = ours(case.loaded, picture, mask)
    reference = run_theirs(case, picture, mask, mine.sigmas)
    assert len(mine.sigmas) == reference.steps == STEPS
    given, expected = (_by_picture(each.network_input, 8 * 12) for each in (mine, reference))
    assert len(given) == len(expected) == 2
    for name, own, theirs in zip(("noisy latent", "reference"), given, expected, strict=True):
        difference = float((own - theirs).abs().max())
        assert report(f"{case.name}: {name}, max", difference) <= LATENT_TOLERANCE
    result = relative(case.tokens(mine.result), reference.result)
    assert report(f"{case.name}: result, relative", result) <= RESULT_TOLERANCE


def test_a_second_reference(case, ours, picture, mask, report):
    """Klein's pipeline takes one more picture. That of Kontext takes it in place of the first, Qwen's takes none."""
    other = picture.flip(1)
    mine = ours(case.loaded, picture, mask, picture_2=other)
    given = _by_picture(mine.network_input, 8 * 12)
    assert len(given) == 3
    if case.name == "qwen":
        return
    reference = run_theirs(case, picture, mask, mine.sigmas, image_reference=other.movedim(-1, 1))
    expected = _by_picture(reference.network_input, 8 * 12)
    if case.name == "kontext":
        assert len(expected) == 2
        assert float((given[2] - expected[1]).abs().max()) <= LATENT_TOLERANCE
        return
    assert float((mine.network_input - reference.network_input).abs().max()) <= LATENT_TOLERANCE
    result = relative(case.tokens(mine.result), reference.result)
    assert report("klein, two references: result, relative", result) <= RESULT_TOLERANCE


@pytest.mark.parametrize(
    "wrong",
    [
        {"reference": "none"},
        {"reference_hole": "filled"},
        {"reference_hole": "neutral"},
        {"mask": "a cell to the right"},
        {"mask": "inverted"},
    ],
    ids=lambda wrong: " ".join(*wrong.items()),
)
def test_sensitivity(case, ours, picture, mask, wrong, report):
    masks = {"a cell to the right": mask.roll(16, 2), "inverted": 1 - mask}
    options = {name: value for name, value in wrong.items() if name != "mask"}
    mine = ours(case.loaded, picture, masks.get(wrong.get("mask"), mask), steps=2, **options)
    reference = run_theirs(case, picture, mask, mine.sigmas)
    difference = relative(case.tokens(mine.result), reference.result)
    assert report(f"{case.name}, {wrong}: relative", difference) > 100 * RESULT_TOLERANCE


# ---- known differences, one by one -----------------------------------------------------------------------------


def test_difference_of_sizes(case, ours, picture, mask, monkeypatch):
    """diffusers scales: Klein's pictures down to a megapixel, Kontext's to a size it was trained at, Qwen's to a
    megapixel. Then nothing lies where it lay. Our reference has the picture's own size, which the crop chooses."""
    sizes = []

    def resize(image, height, width):
        sizes.append((height, width))
        raise Stop

    monkeypatch.setattr(case.pipeline.image_processor, "resize", resize)
    monkeypatch.setattr(qwen, "calculate_dimensions", SIZE_OF_QWEN)
    large = torch.zeros(1, 1200, 1200, 3) if case.name == "klein" else picture
    with pytest.raises(Stop):
        run_theirs(case, large, mask, [1.0], **({"_auto_resize": True} if case.name == "kontext" else {}))
    assert sizes == [(1024, 1024) if case.name == "klein" else (832, 1248)]
    mine = ours(case.loaded, picture, mask, steps=1)
    assert mine.network_input.shape[1] == 2 * 8 * 12


def test_difference_of_thin_strokes(case, ours, picture):
    """diffusers reads one pixel or two of each cell of the mask, and misses a stroke between them. Ours is pooled."""
    stroke = torch.zeros(1, 128, 192)
    stroke[:, 32:96, 82] = 1
    mine = ours(case.loaded, picture, stroke, steps=1)
    reference = run_theirs(case, picture, stroke, mine.sigmas)
    latent = reference.network_input[:, 8 * 12 :]
    assert torch.allclose(reference.result, latent, atol=LATENT_TOLERANCE)
    changed = (case.tokens(mine.result) - latent).abs().amax(dim=(0, 2)).unflatten(0, (8, 12)) > LATENT_TOLERANCE
    assert changed[2:6, 5].all()
    assert changed.sum() == 4


def test_difference_of_strength(case, ours, picture, mask):
    """diffusers leaves out the first steps; the host's denoise makes as many steps over the rest of the way."""
    mine = ours(case.loaded, picture, mask, denoise=0.5)
    reference = run_theirs(case, picture, mask, ours(case.loaded, picture, mask).sigmas, strength=0.5)
    assert len(mine.sigmas) == STEPS
    assert reference.steps == STEPS // 2


def test_difference_of_guidance(run, case, picture, mask):
    """Qwen's pipeline gives the guided prediction the length of the unguided one, token by token. The host does so
    by a node of its own (CFGNorm)."""
    if case.name != "qwen":
        assert "cond_norm" not in inspect.getsource(type(case.pipeline).__call__)
        return
    scale = 4.0
    plain, guided = (
        run_ours(run, case.loaded, picture, mask, cfg=cfg, noise_mask=True, reference="this picture", steps=1)
        for cfg in (1.0, scale)
    )
    reference = run_theirs(
        case,
        picture,
        mask,
        guided.sigmas,
        true_cfg_scale=scale,
        negative_prompt_embeds=case.loaded.negative[0][0],
        negative_prompt_embeds_mask=case.settings["prompt_embeds_mask"],
    )
    noise = case.tokens(guided.start)
    # In one step from noise to the end, the prediction is what was taken from the noise.
    unguided, own, theirs = (
        noise - case.tokens(plain.result),
        noise - case.tokens(guided.result),
        noise - reference.result,
    )
    hole = torch.nn.functional.max_pool2d(mask[None], 16).flatten() > 0
    lengths = unguided.norm(dim=-1, keepdim=True) / own.norm(dim=-1, keepdim=True)
    assert torch.allclose(theirs[:, hole], (own * lengths)[:, hole], atol=1e-4)
    assert relative(own[:, hole], theirs[:, hole]) > 100 * RESULT_TOLERANCE

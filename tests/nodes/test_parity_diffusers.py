"""Numeric reference: our nodes on the host against diffusers' inpaint pipeline, on the same weights.

Encode for Inpainting and Masked Sampler run on the host; StableDiffusionInpaintPipeline runs on models of diffusers,
built from a local configuration and filled with the checkpoint's weights by diffusers' own key conversion. float32 on
the CPU, weights representable in float16, prompt embeddings passed in, an autoencoder that does not sample, Euler,
the host's `simple` schedule against `timestep_spacing="trailing"` with a step count that divides 1000, a mask aligned
to the VAE's grid.

Where the two differ by design, each difference has a test of its own that pins both sides; none hides in a tolerance.

Mutations seen to fail here: the mask inverted; the mask empty; the hidden area black, or not hidden; the pooled mask a
cell off; average pooling in place of the maximum; the picture shifted by a pixel; picture and masked picture swapped;
the negative prompt without the mask; the noise mask left out; denoise ignored.
"""

from dataclasses import dataclass

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderTiny,
    EulerDiscreteScheduler,
    StableDiffusionInpaintPipeline,
    UNet2DConditionModel,
)
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from safetensors.torch import load_file
from skimage import data
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from devtools.checkpoints import SD_SCALE as LATENT_SCALE
from devtools.checkpoints.text_encoders import CLIP_L
from devtools.checkpoints.unets import SD15, WIDTH

LATENT_TOLERANCE = 1e-4
RESULT_TOLERANCE = 1e-3  # relative
STEPS = 8
CFG = 7.0
SEED = 20
NOISE_SCHEDULE = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1}


pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers and numpy 2


def relative(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())


@pytest.fixture
def report(record_property):
    """Keep a figure in the test report, and print it."""

    def report(name: str, figure: float) -> float:
        record_property(name, figure)
        print(f"{name}: {figure:.2e}")
        return figure

    return report


@pytest.fixture(scope="module", autouse=True)
def _no_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def picture() -> Tensor:
    """[1, 128, 192, 3]"""
    return torch.from_numpy(data.astronaut()[0:256:2, 80:464:2].copy())[None].float() / 255


@pytest.fixture(scope="module")
def mask() -> Tensor:
    """[1, 128, 192], an L on the VAE's grid, so that no flip or shift maps it to itself."""
    mask = torch.zeros(1, 128, 192)
    mask[:, 24:96, 40:80] = 1
    mask[:, 64:96, 80:136] = 1
    return mask


# ---- ours ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ours:
    """start: the sampler's first x. concat: mask and masked picture as the UNet got them. result: all in its scale."""

    start: Tensor
    concat: Tensor | None
    result: Tensor


@pytest.fixture(scope="module")
def ours(run):
    def ours(loaded, picture, mask, noise_mask=False, denoise=1.0, steps=STEPS) -> Ours:
        calls = []

        def watch(apply, call):
            calls.append(call)
            return apply(call["input"], call["timestep"], **call["c"])

        model = loaded.model.clone()
        model.set_model_unet_function_wrapper(watch)
        encode = {"vae": loaded.vae, "image": picture, "mask": mask, "noise_mask": noise_mask}
        encode["masked_content"] = "original"
        encode |= {"positive": loaded.positive, "negative": loaded.negative}
        positive, negative, latent = run("MendEncodeInpaint", model=model, **encode).outputs
        sample = {"seed": SEED, "steps": steps, "cfg": CFG, "sampler_name": "euler", "scheduler": "simple"}
        sample |= {"positive": positive, "negative": negative, "latent": latent, "denoise": denoise}
        (sampled,) = run("MendMaskedSampler", model=model, **sample).outputs
        concat = calls[0]["c"].get("c_concat")
        batch = len(picture)
        if concat is not None:
            assert torch.equal(concat[:batch], concat[batch:]), "prompt and negative prompt see the same picture"
            concat = concat[:batch]
        return Ours(calls[0]["input"][:batch], concat, sampled["samples"] * LATENT_SCALE)

    return ours


@pytest.fixture(scope="module")
def ours_nine_channels(ours, inpaint_model, picture, mask) -> Ours:
    return ours(inpaint_model, picture, mask)


# ---- theirs ----------------------------------------------------------------------------------------------------


def diffusers_pipeline(path) -> StableDiffusionInpaintPipeline:
    weights = {name: tensor.float() for name, tensor in load_file(path).items()}
    unet = UNet2DConditionModel(
        sample_size=64,
        in_channels=weights["model.diffusion_model.input_blocks.0.0.weight"].shape[1],
        block_out_channels=(WIDTH, WIDTH),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=SD15.text_width,
        attention_head_dim=8,
    )
    unet.load_state_dict(convert_ldm_unet_checkpoint(weights, unet.config))
    vae = AutoencoderTiny()
    tiny = {}
    for name, tensor in weights.items():
        if name.startswith("first_stage_model.taesd_"):
            side, layer, rest = name.removeprefix("first_stage_model.taesd_").split(".", 2)
            # diffusers keeps TAESD's first decoder layer, a clamp without weights, outside its list of layers
            tiny[f"{side}.layers.{int(layer) - (side == 'decoder')}.{rest}"] = tensor
    vae.load_state_dict(tiny)
    return StableDiffusionInpaintPipeline(
        unet=unet,
        vae=vae,
        scheduler=EulerDiscreteScheduler(**NOISE_SCHEDULE, timestep_spacing="trailing"),
        text_encoder=None,
        tokenizer=None,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


@pytest.fixture(scope="module")
def inpaint_pipeline(base, small_checkpoint):
    return diffusers_pipeline(base / "models" / "checkpoints" / small_checkpoint)


@pytest.fixture(scope="module")
def general_pipeline(base, small_general_checkpoint):
    return diffusers_pipeline(base / "models" / "checkpoints" / small_general_checkpoint)


@dataclass(frozen=True)
class Theirs:
    """first_input: of the UNet, [B, C, h, w]; the rest as in Ours."""

    first_input: Tensor
    mask: Tensor
    masked_latents: Tensor
    result: Tensor


def theirs(pipeline, loaded, picture, mask, steps=STEPS, start=None, noise=None, **options) -> Theirs:
    """Run diffusers: `start` is the x to begin with, `noise` the seed of its own noise."""
    seen: dict[str, Tensor] = {}
    pipeline.scheduler.set_timesteps(steps)
    if start is not None:
        options["latents"] = start / pipeline.scheduler.init_noise_sigma
    if noise is not None:
        options["generator"] = torch.Generator().manual_seed(noise)

    def remember(module, arguments):
        seen.setdefault("input", arguments[0][: len(picture)])

    def at_step_end(pipeline, step, timestep, tensors):
        seen.update({name: tensors[name][: len(picture)] for name in ("mask", "masked_image_latents")})
        return {}

    hook = pipeline.unet.register_forward_pre_hook(remember)
    pipeline.set_progress_bar_config(disable=True)
    output = pipeline(
        prompt_embeds=loaded.positive[0][0].expand(len(picture), -1, -1),
        negative_prompt_embeds=loaded.negative[0][0].expand(len(picture), -1, -1),
        image=picture.movedim(-1, 1),
        mask_image=mask[:, None],
        height=picture.shape[1],
        width=picture.shape[2],
        num_inference_steps=steps,
        guidance_scale=CFG,
        output_type="latent",
        callback_on_step_end=at_step_end,
        callback_on_step_end_tensor_inputs=["mask", "masked_image_latents"],
        **options,
    )
    hook.remove()
    return Theirs(seen["input"], seen["mask"], seen["masked_image_latents"], output.images)


# ---- parity ----------------------------------------------------------------------------------------------------


def test_nine_channels(ours_nine_channels, inpaint_model, inpaint_pipeline, picture, mask, report):
    mine = ours_nine_channels
    reference = theirs(inpaint_pipeline, inpaint_model, picture, mask, start=mine.start, strength=1.0)
    mask_difference = report("mask latents, max", float((mine.concat[:, :1] - reference.mask).abs().max()))
    picture_difference = report(
        "masked picture's latents, max", float((mine.concat[:, 1:] - reference.masked_latents).abs().max())
    )
    assert mask_difference <= LATENT_TOLERANCE
    assert picture_difference <= LATENT_TOLERANCE
    assert report("9 channels, result, relative", relative(mine.result, reference.result)) <= RESULT_TOLERANCE


def test_nine_channels_in_a_batch(ours, inpaint_model, inpaint_pipeline, picture, mask):
    pictures = torch.cat([picture, picture.flip(1)])
    masks = torch.cat([mask, mask.flip(2)])
    mine = ours(inpaint_model, pictures, masks, steps=4)
    reference = theirs(inpaint_pipeline, inpaint_model, pictures, masks, steps=4, start=mine.start, strength=1.0)
    assert torch.allclose(mine.concat[:, :1], reference.mask, atol=LATENT_TOLERANCE)
    assert torch.allclose(mine.concat[:, 1:], reference.masked_latents, atol=LATENT_TOLERANCE)
    assert relative(mine.result, reference.result) <= RESULT_TOLERANCE
    assert relative(mine.result[:1], mine.result[1:]) > 100 * RESULT_TOLERANCE


def test_sensitivity(ours_nine_channels, inpaint_model, inpaint_pipeline, picture, mask, report):
    """Parity means something only where a wrong mask or a wrong masked picture would be seen."""
    mine = ours_nine_channels
    wrong = {
        "mask inverted": (picture, 1 - mask),
        "mask empty": (picture, torch.zeros_like(mask)),
        "mask a cell to the right": (picture, mask.roll(8, 2)),
        "picture mirrored": (picture.flip(2), mask),
    }
    for name, (other_picture, other_mask) in wrong.items():
        reference = theirs(inpaint_pipeline, inpaint_model, other_picture, other_mask, start=mine.start, strength=1.0)
        difference = report(f"{name}, relative", relative(mine.result, reference.result))
        assert difference > 100 * RESULT_TOLERANCE, name


def test_four_channels_below_full_strength(ours, general_model, general_pipeline, picture, mask, report):
    """8 steps at denoise 0.8 are the last 8 of 10, on both sides."""
    mine = ours(general_model, picture, mask, noise_mask=True, denoise=0.8)
    assert mine.concat is None
    reference = theirs(general_pipeline, general_model, picture, mask, steps=10, noise=SEED, strength=0.8)
    assert report("4 channels, result, relative", relative(mine.result, reference.result)) <= RESULT_TOLERANCE
    inverted = theirs(general_pipeline, general_model, picture, 1 - mask, steps=10, noise=SEED, strength=0.8)
    assert relative(mine.result, inverted.result) > 100 * RESULT_TOLERANCE


def test_decoding(inpaint_model, inpaint_pipeline):
    latent = torch.randn(2, 4, 6, 9, generator=torch.Generator().manual_seed(0))
    decoded = inpaint_pipeline.vae.decode(latent).sample.clamp(-1, 1) / 2 + 0.5
    assert torch.allclose(inpaint_model.vae.decode(latent / LATENT_SCALE), decoded.movedim(1, -1), atol=1e-5)


def test_posterior_mode(host_nodes):
    """A full KL autoencoder: the host takes the posterior's mode, diffusers' pipelines a sample of it."""
    import comfy.sd

    torch.manual_seed(0)
    reference = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    )
    vae = comfy.sd.VAE(sd={name: tensor.clone() for name, tensor in reference.state_dict().items()})
    pixels = torch.rand(1, 32, 48, 3, generator=torch.Generator().manual_seed(0))
    posterior = reference.encode(pixels.movedim(-1, 1) * 2 - 1).latent_dist
    encoded = vae.encode(pixels)
    assert torch.allclose(encoded, posterior.mode(), atol=LATENT_TOLERANCE)
    sampled = posterior.sample(torch.Generator().manual_seed(0))
    assert (encoded - sampled).abs().max() > 100 * LATENT_TOLERANCE


# ---- known differences, one by one -----------------------------------------------------------------------------


def test_difference_the_starting_noise(ours_nine_channels, inpaint_model, inpaint_pipeline, picture, mask):
    """Host: noise * sqrt(1 + sigma^2) + latent. diffusers at strength 1: noise * sigma, without the picture."""
    mine = ours_nine_channels
    noise = torch.randn(mine.start.shape, generator=torch.Generator().manual_seed(SEED))
    sigma = float(inpaint_pipeline.scheduler.init_noise_sigma)
    latent = inpaint_pipeline.vae.encode(picture.movedim(-1, 1) * 2 - 1).latents
    assert torch.allclose(mine.start, noise * (1 + sigma**2) ** 0.5 + latent, atol=LATENT_TOLERANCE)
    own = theirs(inpaint_pipeline, inpaint_model, picture, mask, noise=SEED, strength=1.0)
    scaled = noise * sigma / (1 + sigma**2) ** 0.5
    assert torch.allclose(own.first_input[:, :4], scaled, atol=LATENT_TOLERANCE)
    assert relative(mine.result, own.result) > RESULT_TOLERANCE


def test_difference_nine_channels_with_a_noise_mask(ours, inpaint_model, inpaint_pipeline, picture, mask):
    """Host: latents outside a noise mask are held. diffusers' 9-channel path never puts them back."""
    mine = ours(inpaint_model, picture, mask, noise_mask=True, steps=2)
    reference = theirs(inpaint_pipeline, inpaint_model, picture, mask, steps=2, start=mine.start, strength=1.0)
    latent = inpaint_pipeline.vae.encode(picture.movedim(-1, 1) * 2 - 1).latents
    outside = (reference.mask == 0).expand_as(latent)
    assert torch.allclose(mine.result[outside], latent[outside], atol=LATENT_TOLERANCE)
    assert (reference.result[outside] - latent[outside]).abs().mean() > 0.1


def test_difference_four_channels_at_full_strength(ours, general_model, general_pipeline, picture, mask):
    """diffusers begins with pure noise outside the mask too, the host with the noised picture."""
    mine = ours(general_model, picture, mask, noise_mask=True, steps=2)
    reference = theirs(general_pipeline, general_model, picture, mask, steps=2, noise=SEED, strength=1.0)
    noise = torch.randn(mine.start.shape, generator=torch.Generator().manual_seed(SEED))
    sigma = float(general_pipeline.scheduler.init_noise_sigma)
    latent = general_pipeline.vae.encode(picture.movedim(-1, 1) * 2 - 1).latents
    outside = (reference.mask == 0).expand_as(latent)
    assert torch.allclose(mine.start[outside], (noise * sigma + latent)[outside], atol=LATENT_TOLERANCE)
    scaled = noise * sigma / (1 + sigma**2) ** 0.5
    assert torch.allclose(reference.first_input, scaled, atol=LATENT_TOLERANCE)
    assert torch.allclose(mine.result[outside], latent[outside], atol=LATENT_TOLERANCE)


def test_difference_thin_strokes(ours, inpaint_model, inpaint_pipeline, picture):
    """diffusers resizes the mask to nearest, one pixel of 64, so a stroke can vanish. Ours takes the maximum."""
    stroke = torch.zeros(1, 128, 192)
    stroke[:, 45, 40:120] = 1
    mine = ours(inpaint_model, picture, stroke, steps=2)
    reference = theirs(inpaint_pipeline, inpaint_model, picture, stroke, steps=2, start=mine.start, strength=1.0)
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


def test_difference_text_encoder_weights(base, small_checkpoint, inpaint_model, host_nodes):
    """The host rounds CLIP's weights to float16, even on the CPU, but computes in float32. So it equals a float32
    encoder where float16 holds the weights, and only there."""
    import comfy.model_management

    weights = load_file(base / "models" / "checkpoints" / small_checkpoint)
    prefix = "cond_stage_model.transformer.text_model."
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
    tensors = {name.removeprefix(prefix): t.float() for name, t in weights.items() if name.startswith(prefix)}
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

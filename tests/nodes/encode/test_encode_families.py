"""Encode for Inpainting on every family of models: found from the MODEL, told in words, in the shapes the host takes.

The models are the host's own classes with true settings and no memory for their weights, which encoding never looks at.
The VAEs are the host's VAE class around a network that averages blocks, so that its own code brings pictures to it.

Mutations seen to fail here: every model that takes more channels than latents taken for an inpainting one; Fill told by
its wide input alone; a Fill mask pooled; a ratio of 8 for all; videos of a batch taken for one; a 4-D mask on a 5-D
latent; VAEs compared by channels alone; the VAE's scale for empty latents.
"""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from devtools.models.model_shapes import (
    FLUX,
    FLUX_MODEL,
    HUNYUAN_IMAGE,
    HUNYUAN_MODEL,
    MODELS,
    SD15,
    make_patcher,
    with_newer_settings,
)
from devtools.models.stand_in_vae import Averages, make_stand_in_vae


@dataclass(frozen=True)
class Latents:
    channels: int
    ratio: int
    frames: bool = False


SD, SIXTEEN, WAN = Latents(4, 8), Latents(16, 8), Latents(16, 8, frames=True)
# Latents, and what the node says of a model.
GENERAL = "general model. It inpaints through the noise mask alone."
CHANNELS = "inpainting model with 9 channels. It receives the mask and the picture without the masked area."
FILL = "it receives the mask in full resolution and the picture without the masked area."
OWN = "its picture and mask inputs are not for inpainting. It inpaints through the noise mask alone."
SHOWN = (
    "its picture inputs are not for inpainting: they get the picture without the masked area. It inpaints through the "
    "noise mask."
)
TRUE_SIZE = {
    "SD 1.5": (SD, f"SD 1.5: {GENERAL}"),
    "SD 1.5 inpainting": (SD, f"SD 1.5: {CHANNELS}"),
    "SD 2 inpainting": (SD, f"SD 2: {CHANNELS}"),
    "SDXL": (SD, f"SDXL: {GENERAL}"),
    "SDXL inpainting": (SD, f"SDXL: {CHANNELS}"),
    "SD 3 medium": (SIXTEEN, f"SD 3: {GENERAL}"),
    "Flux dev": (SIXTEEN, f"FLUX.1: {GENERAL}"),
    "Flux schnell": (SIXTEEN, f"FLUX.1 schnell: {GENERAL}"),
    "Flux Fill": (SIXTEEN, f"FLUX.1 Fill: {FILL}"),
    "Flux 2": (Latents(128, 16), f"FLUX.2: {GENERAL}"),
    "Chroma": (SIXTEEN, f"Chroma: {GENERAL}"),
    "Qwen-Image": (WAN, f"Qwen-Image: {GENERAL}"),
    "Z-Image": (SIXTEEN, f"Z-Image: {GENERAL}"),
    "Lumina 2": (SIXTEEN, f"Lumina 2: {GENERAL}"),
    "HunyuanImage 2.1": (Latents(64, 32), f"HunyuanImage 2.1: {GENERAL}"),
}
WAN_SETTINGS = {"image_model": "wan2.1", "dim": 256, "ffn_dim": 256, "num_heads": 2, "num_layers": 1}
HUNYUAN_SETTINGS = HUNYUAN_IMAGE | {
    **{"patch_size": [1, 2, 2], "out_channels": 16, "hidden_size": 256, "num_heads": 2, "depth": 1, "theta": 256},
    **{"depth_single_blocks": 1, "axes_dim": [16, 56, 56], "vec_in_dim": 768, "byt5": False},
}
# Class and settings of the host's models that are not in `MODELS`: small, since their size tells nothing.
SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "Wan 2.1 text to video": ("WAN21_T2V", WAN_SETTINGS | {"model_type": "t2v", "in_dim": 16}),
    "Wan 2.1 image to video": ("WAN21_I2V", WAN_SETTINGS | {"model_type": "i2v", "in_dim": 36}),
    "Wan 2.1 Fun control": ("WAN21_FunControl2V", WAN_SETTINGS | {"model_type": "i2v", "in_dim": 48}),
    "Wan 2.1 VACE": ("WAN21_Vace", WAN_SETTINGS | {"model_type": "vace", "vace_layers": 1, "vace_in_dim": 96}),
    "Wan 2.2 5B": ("WAN22_T2V", WAN_SETTINGS | {"model_type": "t2v", "in_dim": 48, "out_dim": 48}),
    "HunyuanVideo": ("HunyuanVideo", HUNYUAN_SETTINGS | {"in_channels": 16}),
    "HunyuanVideo image to video": ("HunyuanVideoI2V", HUNYUAN_SETTINGS | {"in_channels": 33}),
    "SkyReels image to video": ("HunyuanVideoSkyreelsI2V", HUNYUAN_SETTINGS | {"in_channels": 32}),
    "HunyuanVideo 1.5": ("HunyuanVideo15", HUNYUAN_SETTINGS | {"in_channels": 65, "out_channels": 32}),
    "Flux Canny": ("Flux", FLUX | {"in_channels": 32, "depth": 1, "depth_single_blocks": 1}),
    "InstructPix2Pix": ("SD15_instructpix2pix", SD15 | {"in_channels": 8, "use_temporal_attention": False}),
}
OTHERS = {
    "Wan 2.1 text to video": (WAN, f"Wan: {GENERAL}"),
    "Wan 2.1 image to video": (WAN, f"Wan image to video: {OWN}"),
    "Wan 2.1 Fun control": (WAN, f"Wan Fun control: {OWN}"),
    "Wan 2.1 VACE": (WAN, f"Wan VACE: {OWN}"),
    "Wan 2.2 5B": (Latents(48, 16, frames=True), f"Wan 2.2 5B: {GENERAL}"),
    "HunyuanVideo": (WAN, f"HunyuanVideo: {GENERAL}"),
    "HunyuanVideo image to video": (WAN, f"HunyuanVideo image to video: {SHOWN}"),
    "SkyReels image to video": (WAN, f"SkyReels image to video: {SHOWN}"),
    "HunyuanVideo 1.5": (Latents(32, 16, frames=True), f"HunyuanVideo 1.5: {OWN}"),
    "Flux Canny": (SIXTEEN, f"FLUX.1: {OWN}"),
    "InstructPix2Pix": (SD, f"SD 1.5 editing (8-channel): {OWN}"),
}
FAMILIES = TRUE_SIZE | OTHERS


@pytest.fixture(scope="module")
def make_vae(host_nodes):
    def make_vae(latents):
        return make_stand_in_vae(latents.channels, latents.ratio, latents.frames)

    return make_vae


@pytest.fixture(scope="module")
def make_model(host_nodes):
    import comfy.model_patcher
    import comfy.supported_models

    def make_model(name):
        if name in MODELS:
            return make_patcher(name)
        kind, settings = SMALL[name]
        path = {"hunyuan_video": HUNYUAN_MODEL, "flux": FLUX_MODEL}.get(settings.get("image_model", ""))
        settings = settings if path is None else with_newer_settings(path, settings)
        base = getattr(comfy.supported_models, kind)(dict(settings)).get_model({}, "", device="meta")
        return comfy.model_patcher.ModelPatcher(base, torch.device("cpu"), torch.device("cpu"))

    return make_model


@pytest.fixture(scope="module", params=FAMILIES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(make_model, name):
    return make_model(name)


PROMPT = [[torch.zeros(1, 5, 8), {}]]


@pytest.fixture
def encode(run):
    def encode(model, vae, image, mask, **options):
        return run(
            "MendEncodeInpaint",
            model=model,
            vae=vae,
            positive=PROMPT,
            negative=PROMPT,
            image=image,
            mask=mask,
            **options,
        )

    return encode


def _picture(batch=1):
    return torch.rand(batch, 75, 109, 3, generator=torch.Generator().manual_seed(batch))


def _mask(batch=1):
    mask = torch.zeros(batch, 75, 109)
    for index in range(batch):
        mask[index, 20:50, 30 + 9 * index : 70] = 1
    return mask


def _cells(latent):
    """The noise mask, one value per latent cell."""
    return latent["noise_mask"] if latent["samples"].ndim == 5 else latent["noise_mask"][..., ::8, ::8]


@pytest.mark.parametrize("batch", [1, 2])
def test_shapes_and_what_is_said(encode, make_vae, model, name, batch):
    latents, sentence = FAMILIES[name]
    vae = make_vae(latents)
    ran = encode(model, vae, _picture(batch), _mask(batch))
    positive, negative, latent = ran.outputs
    print(f"{name}: {ran.text.splitlines()[0]}")
    assert ran.text.splitlines()[0] == sentence
    assert ("noise level of a frame" in ran.text) == (name == "Wan 2.2 5B")
    height, width = -(-75 // latents.ratio), -(-109 // latents.ratio)
    frames = (1,) if latents.frames else ()
    assert latent["samples"].shape == (batch, latents.channels, *frames, height, width)
    # Of pictures as the host's nodes keep it: 8 pixels a cell.
    side = 1 if latents.frames else 8
    assert latent["noise_mask"].shape == (batch, 1, *frames, side * height, side * width)
    # A picture of a video VAE is a video of its own, which the host encodes one at a time.
    shown = 2 if sentence.endswith(SHOWN) else 1
    assert len(vae.first_stage_model.calls) == (shown * batch if latents.frames else 1)
    for entry in (positive[0][1], negative[0][1]):
        assert torch.equal(entry["mend_original"], latent["samples"])
        if sentence.endswith((CHANNELS, FILL, SHOWN)):
            size = (8 * height, 8 * width) if sentence.endswith(FILL) else (height, width)
            assert entry["concat_mask"].shape == (batch, 1, *frames, *size)
            assert entry["concat_mask"].unique().tolist() == [0, 1]
            assert entry["concat_latent_image"].shape == latent["samples"].shape
        elif sentence.endswith(OWN):
            assert entry.keys() == {"mend_original", "concat_mask"}
            assert torch.equal(entry["concat_mask"], torch.ones(batch, 1, *frames, height, width))
        else:
            # FLUX.2 models edit, by their structure.
            assert entry.keys() == {"mend_original"} | ({"reference_latents"} if name == "Flux 2" else set())


def test_the_mask_of_fill_is_the_painted_one_padded(encode, make_vae, make_model):
    positive, _, _ = encode(make_model("Flux Fill"), make_vae(SIXTEEN), _picture(), _mask()).outputs
    assert torch.equal(positive[0][1]["concat_mask"], F.pad(_mask(), (0, 3, 0, 5))[:, None])


@pytest.mark.slow
def test_videos_of_a_batch_keep_their_own_masks(encode, make_vae, make_model):
    latent = encode(make_model("Qwen-Image"), make_vae(WAN), _picture(2), _mask(2)).outputs[2]
    for index in range(2):
        alone = F.adaptive_max_pool2d(F.pad(_mask(2)[index : index + 1], (0, 3, 0, 5)), (10, 14))
        assert torch.equal(latent["noise_mask"][index, :, 0], alone)
    assert not torch.equal(*latent["noise_mask"])


def test_a_model_of_pixels(encode, make_vae, make_model, run):
    """The ratio is 1: nothing is padded, and every pixel is a cell."""
    import comfy.latent_formats

    model = make_model("Chroma")
    model.model.latent_format = comfy.latent_formats.ChromaRadiance()
    latent = encode(model, make_vae(Latents(3, 1)), _picture(), _mask()).outputs[2]
    assert latent["samples"].shape == (1, 3, 75, 109)
    assert torch.equal(latent["noise_mask"][:, 0], _mask())
    torch.testing.assert_close(latent["samples"], _picture().movedim(-1, 1) * 2 - 1)


@pytest.mark.parametrize("content", ["empty", "noise"])
def test_latent_contents_are_in_the_models_own_scale(encode, make_vae, model, name, content):
    latents, _ = FAMILIES[name]
    latent = encode(model, make_vae(latents), _picture(), _mask(), masked_content=content).outputs[2]
    scaled = model.model.process_latent_in(latent["samples"])
    cells = _cells(latent)
    inside = scaled[(cells > 0).expand_as(scaled)]
    if content == "empty":
        assert inside.abs().max() < 1e-5
    else:
        assert 0.8 < inside.std() < 1.2
    other = encode(model, make_vae(latents), _picture(), _mask(), masked_content="original").outputs[2]
    outside = (cells == 0).expand_as(scaled)
    assert torch.equal(latent["samples"][outside], other["samples"][outside])


@pytest.mark.parametrize(
    ("family", "wrong", "message"),
    [
        (
            "SDXL",
            SIXTEEN,
            r"expected latents of 4 channels for SDXL, got 16 channels \(those of SD 3",
        ),
        ("Flux Fill", SD, "expected latents of 16 channels for FLUX.1 Fill, got .* Connect ae.safetensors."),
        ("Qwen-Image", SIXTEEN, r"16 channels with frames for Qwen-Image.*, got 16 channels \(.* qwen_image_vae.safe"),
        ("Flux 2", SIXTEEN, "expected latents of 128 channels for FLUX.2, got .* Connect flux2-vae.safetensors."),
        ("Z-Image", WAN, r"latents of 16 channels for Z-Image, got 16 channels with frames \(.* ae.safe"),
    ],
    ids=str,
)
def test_a_vae_that_does_not_fit_is_refused_with_the_one_that_would(
    encode, make_vae, make_model, InpaintError, family, wrong, message
):
    vae = make_vae(wrong)
    with pytest.raises(InpaintError, match=f"^vae: .*{message}"):
        encode(make_model(family), vae, _picture(), _mask())
    assert vae.first_stage_model.calls == []


def test_sampled_with_frames_each_picture_keeps_what_its_own_mask_keeps(encode, make_vae, run, host_nodes):
    """A small Qwen-Image with random weights: the host averages masks of four dimensions over such a batch."""
    import comfy.model_patcher
    import comfy.supported_models

    small = {"image_model": "qwen_image", "num_layers": 1, "num_attention_heads": 1}
    base = comfy.supported_models.QwenImage(small).get_model({}, "", device="cpu")
    random = torch.Generator().manual_seed(0)
    for parameter in base.parameters():
        parameter.data.normal_(std=0.02, generator=random)
    model = comfy.model_patcher.ModelPatcher(base, torch.device("cpu"), torch.device("cpu"))
    prompt = [[torch.randn(1, 5, 3584, generator=random), {}]]
    latent = encode(model, make_vae(WAN), _picture(2), _mask(2)).outputs[2]
    (sampled,) = run(
        "MendMaskedSampler", model=model, positive=prompt, negative=prompt, latent=latent, steps=2, cfg=1.0
    ).outputs
    moved = (sampled["samples"] - latent["samples"]).abs().amax(dim=1, keepdim=True)
    assert moved[latent["noise_mask"] > 0].min() > 1e-3
    assert moved[latent["noise_mask"] == 0].max() < 1e-5


def test_the_grey_of_neutral_reaches_no_further_than_the_noise_mask(encode, make_vae, make_model):
    """With a network that looks one cell around: what differs from the original's latents is repainted, all of it."""

    class Bleeding(Averages):
        def encode(self, pixels):
            return F.avg_pool2d(super().encode(pixels), 3, stride=1, padding=1)

    vae = make_vae(SD)
    vae.first_stage_model = Bleeding(SD.channels, SD.ratio, SD.frames)
    model = make_model("SDXL inpainting")

    def outside(content, bleed):
        latent = encode(model, vae, _picture(), _mask(), masked_content=content, widen_by_cells=bleed).outputs[2]
        cells = _cells(latent)
        return torch.where(cells > 0, 0, latent["samples"]), cells

    for bleed, reached in ((1, False), (0, True)):
        neutral, cells = outside("neutral", bleed)
        original = torch.where(cells > 0, 0, outside("original", 0)[0])
        assert torch.equal(neutral, original) != reached

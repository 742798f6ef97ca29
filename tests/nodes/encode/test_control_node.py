"""Inpaint Control Image on the host: what arrives in a ControlNet, through the host's own apply nodes and sampler.

The control model is a stand-in that keeps what it is given and controls nothing; all before it is the host's.

Mutations seen to fail here: 0 instead of -1; a soft mask handed on; the mask inverted; alpha kept; one picture's hole
for a whole batch.
"""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from inpaint.sampling.control_image import HIDDEN

MASKED_LATENT = [kind for kind in HIDDEN if kind not in ("SD 1.5 inpaint", "SDXL Union ProMax")]


class Seen(torch.nn.Module):
    """Keeps the hint [B, C, H, W] of its last call."""

    dtype = torch.float32

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, hint, timesteps, context, **extra):
        self.hint = hint
        return {}


class BlockVae:
    """The mean of each 8x8 block, laid into 16 channels. Keeps the pictures it was given."""

    @staticmethod
    def spacial_compression_encode():
        return 8

    def encode(self, pixels):
        self.pixels = pixels
        return in_16_channels(pixels.movedim(-1, 1))


def in_16_channels(planes):
    return F.avg_pool2d(planes, 8)[:, [0, 1, 2] * 5 + [0]]


def picture(batch=1, channels=3, height=64, width=96):
    return torch.rand(batch, height, width, channels, generator=torch.Generator().manual_seed(batch))


def block(height=64, width=96):
    """Whole cells, so that every way of going to the latent's resolution agrees."""
    mask = torch.zeros(1, height, width)
    mask[:, 16:40, 24:64] = 1
    return mask


@pytest.fixture
def control_net(host_nodes):
    """A ControlNet of the host around a stand-in; `masked_latent` as its loaders make those of Flux, SD 3, Qwen."""
    import comfy.controlnet
    import comfy.latent_formats

    def make(masked_latent=False):
        settings: dict[str, Any] = {"load_device": torch.device("cpu")}
        if masked_latent:
            latent_format = comfy.latent_formats.SD3()
            latent_format.shift_factor = 0  # as the host's loader sets it
            settings |= {"compression_ratio": 1, "latent_format": latent_format, "concat_mask": True}
        return comfy.controlnet.ControlNet(Seen(), **settings)

    return make


def hint_of(conditioning, cells):
    """What the control model is given for a latent of this size, without a sampler."""
    control = conditioning[0][1]["control"]
    straight = SimpleNamespace(timestep=lambda t: t, calculate_input=lambda t, x: x)
    control.pre_run(SimpleNamespace(model_sampling=straight), lambda percent: 1.0 - percent)
    batch, height, width = cells
    x, context = torch.zeros(batch, 16, height, width), torch.zeros(batch, 1, 8)
    control.get_control(x, torch.full((batch,), 0.5), {"c_crossattn": context}, 1, {})
    return control.control_model.hint


@pytest.mark.parametrize("kind", ["SD 1.5 inpaint", "SDXL Union ProMax"])
@pytest.mark.parametrize("channels", [3, 4])
def test_the_marked_pixels_reach_the_control_net(run, general_model, control_net, kind, channels):
    image, mask, control = picture(channels=channels), block(), control_net()
    marked, _ = run("MendInpaintControlImage", image=image, mask=mask, control_net=kind).outputs
    positive, negative = run(
        "ControlNetApplyAdvanced",
        positive=general_model.positive,
        negative=general_model.negative,
        control_net=control,
        image=marked,
        strength=1.0,
    ).outputs
    latent = {"samples": torch.zeros(1, 4, 8, 12)}
    sampling = {
        "seed": 1,
        "steps": 1,
        "cfg": 7.0,
        "sampler_name": "euler",
        "scheduler": "simple",
        "latent_image": latent,
    }
    run("KSampler", model=general_model.model, positive=positive, negative=negative, **sampling)
    hint = control.control_model.hint.movedim(1, -1)
    hole = mask[0] > 0
    assert hint.shape[1:] == (64, 96, 3)
    for one in hint:
        assert one[hole].eq(-1.0 if kind == "SD 1.5 inpaint" else 0.0).all()
        assert torch.equal(one[~hole], image[0, ..., :3][~hole])


def test_the_host_itself_keeps_the_mark_in_half_precision(run, control_net):
    marked, _ = run("MendInpaintControlImage", image=picture().half(), mask=block()).outputs
    conditioning = [[torch.zeros(1, 1, 8), {}]]
    positive, _ = run(
        "ControlNetApplyAdvanced",
        positive=conditioning,
        negative=conditioning,
        control_net=control_net(),
        image=marked,
        strength=1.0,
    ).outputs
    assert hint_of(positive, (1, 8, 12))[:, :, block()[0] > 0].eq(-1).all()


def alimama(control, image, mask):
    from comfy_extras.nodes_controlnet import ControlNetInpaintingAliMamaApply

    conditioning, vae = [[torch.zeros(1, 1, 8), {}]], BlockVae()
    with torch.inference_mode():
        applied = ControlNetInpaintingAliMamaApply.execute(
            conditioning, conditioning, control, vae, image, mask, 1, 0, 1
        )
    return applied[0], vae


def by_diffusers(image, mask):
    """[B, 17, h, w] as diffusers' SD 3 pipeline makes it, with the same VAE."""
    from diffusers import StableDiffusion3ControlNetInpaintingPipeline as Pipeline

    def encode(pixels):
        return SimpleNamespace(latent_dist=SimpleNamespace(sample=lambda: in_16_channels((pixels + 1) / 2)))

    vae = SimpleNamespace(config=SimpleNamespace(shift_factor=0, scaling_factor=1.5305), encode=encode)
    pixels, batch = image.movedim(-1, 1) * 2 - 1, len(image)
    return Pipeline.prepare_image_with_mask(
        SimpleNamespace(vae=vae, vae_scale_factor=8),
        *(pixels, mask[:, None], image.shape[2], image.shape[1], batch, 1, image.device, image.dtype),
    )


@pytest.mark.parametrize("kind", MASKED_LATENT)
@pytest.mark.parametrize("batch", [1, 2])
def test_masked_latents_are_what_diffusers_gives_the_control_net(run, control_net, kind, batch):
    image, mask = picture(batch, channels=4), block().expand(batch, -1, -1)
    marked, hole = run("MendInpaintControlImage", image=image, mask=mask, control_net=kind).outputs
    positive, vae = alimama(control_net(masked_latent=True), marked, hole)
    hint = hint_of(positive, (batch, 8, 12))
    expected = by_diffusers(image[..., :3], mask)
    assert torch.equal(vae.pixels, torch.where(mask[..., None] > 0, 0, image[..., :3]))
    assert torch.equal(hint[:, 16:], expected[:, 16:])
    torch.testing.assert_close(hint[:, :16], expected[:, :16], rtol=0, atol=1e-6)


def test_a_soft_mask_is_hard_for_the_control_net(run, control_net):
    """The host's node would hand 0.6 on as it is, and multiply what is hidden, so that NaN stays NaN."""
    image, soft = picture(), block() * 0.6 + 0.2
    image[0, 20, 30] = torch.nan
    positive, _ = alimama(control_net(masked_latent=True), image, soft)
    assert not hint_of(positive, (1, 8, 12)).isfinite().all()
    marked, hole = run("MendInpaintControlImage", image=image, mask=soft, control_net="Flux AliMama").outputs
    positive, _ = alimama(control_net(masked_latent=True), marked, hole)
    hint = hint_of(positive, (1, 8, 12))
    assert hint.isfinite().all()
    assert torch.equal(hint[:, 16:], 1 - block()[:, None, ::8, ::8])


def test_says_what_is_hidden_and_how_to_go_on(run):
    ran = run("MendInpaintControlImage", image=picture(), mask=block(), control_net="SDXL Union ProMax")
    assert "The mask covers 15.6% of the picture." in ran.text
    assert "Choose repaint in SetUnionControlNetType" in ran.text
    empty = run("MendInpaintControlImage", image=picture(), mask=torch.zeros(64, 64))
    assert "The mask is empty" in empty.text
    assert torch.equal(empty.outputs[0], picture())


def test_the_types_are_those_of_the_host(host_nodes):
    """repaint is what the node says to choose."""
    from comfy.cldm.control_types import UNION_CONTROLNET_TYPES

    assert UNION_CONTROLNET_TYPES["repaint"] == 7


def test_an_unknown_kind_is_refused(host_nodes):
    node = host_nodes.NODE_CLASS_MAPPINGS["MendInpaintControlImage"]
    assert node.validate_inputs(control_net="Flux AliMama") is True
    assert node.validate_inputs(control_net=None) is True
    assert node.validate_inputs(control_net="tile").startswith("control_net: expected one of SD 1.5 inpaint, ")

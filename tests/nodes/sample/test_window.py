"""Masked Sampler around the mask: what the model is given there is what it would be given for the whole picture, cut.

Mutations seen to fail here: noise drawn for the window; concat inputs, prompt masks, prompt areas, control pictures or
the Fooocus feature left whole; an area outside the window kept; the picture's size told as the window's; a shared
ControlNet copied twice; the window put back a cell off; the model's own pictures cut as if they lay on the latent.
"""

from functools import partial
from typing import Any

import pytest
import torch

from inpaint.core.geometry import Box

# A mask in rows 32..39 and columns 48..63 of 88x120 cells, and 8 cells of context.
HEIGHT, WIDTH, WINDOW = 88, 120, Box(40, 24, 32, 24)


@pytest.fixture(autouse=True)
def _inference():
    """As the host's executor has it."""
    with torch.inference_mode():
        yield


def _mask():
    mask = torch.zeros(1, 1, HEIGHT, WIDTH)
    mask[..., 32:40, 48:64] = 1
    return mask


def _latent(batch=1):
    random = torch.Generator().manual_seed(1)
    return {"samples": torch.randn(batch, 4, HEIGHT, WIDTH, generator=random), "noise_mask": _mask()}


def _cut(values, times=1):
    rows, columns = (
        slice(times * first, times * (first + length))
        for first, length in ((WINDOW.y, WINDOW.height), (WINDOW.x, WINDOW.width))
    )
    return values[..., rows, columns]


def _stand_in(model, calls):
    """The model with a network that keeps what every call is given, and makes nothing of it."""

    def network(apply_model, given):
        calls.append(given)
        return torch.zeros_like(given["input"])

    model = model.clone()
    model.set_model_unet_function_wrapper(network)
    return model


def _sampled(run, model, positive, negative, latent, sampled, cfg=1.0, sampler_name="euler"):
    """The latent, and what the model was given at the first step."""
    calls: list[Any] = []
    model = _stand_in(model, calls)
    result = run(
        "MendMaskedSampler",
        **{"model": model, "positive": positive, "negative": negative, "latent": latent, "sample_area": sampled},
        **{"seed": 5, "steps": 2, "cfg": cfg, "context_cells": 8, "sampler_name": sampler_name},
    ).outputs[0]
    return result["samples"], calls


def _both(run, model, positive, negative, latent, **settings):
    """The calls of the whole picture's first step, and of the window's."""
    calls = []
    for sampled in ("whole picture", "around the mask"):
        _, made = _sampled(run, model, positive, negative, latent, sampled, **settings)
        calls.append(made)
    return calls


@pytest.mark.parametrize("batch", [1, 3])
def test_noise_masked_picture_and_mask_are_the_wholes_own(run, inpaint_model, batch):
    random = torch.Generator().manual_seed(2)
    given = {"concat_latent_image": torch.randn(1, 4, HEIGHT, WIDTH, generator=random), "concat_mask": _mask()}
    positive = [[inpaint_model.positive[0][0], given]]
    whole, part = _both(run, inpaint_model.model, positive, positive, _latent(batch))
    assert part[0]["input"].shape == (batch, 4, 24, 32)
    assert torch.equal(part[0]["input"], _cut(whole[0]["input"]))
    assert torch.equal(part[0]["timestep"], whole[0]["timestep"])
    assert part[0]["c"]["c_concat"].shape == (batch, 5, 24, 32)
    assert torch.equal(part[0]["c"]["c_concat"], _cut(whole[0]["c"]["c_concat"]))


def test_a_masked_picture_of_another_size_is_cut_as_the_host_would_resize_it(run, inpaint_model):
    given = {"concat_latent_image": torch.randn(1, 4, 50, 70), "concat_mask": torch.rand(1, 1, 100, 140)}
    positive = [[inpaint_model.positive[0][0], given]]
    whole, part = _both(run, inpaint_model.model, positive, positive, _latent())
    assert torch.allclose(part[0]["c"]["c_concat"], _cut(whole[0]["c"]["c_concat"]), atol=1e-5)


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (8 * HEIGHT, 8 * WIDTH), (64, 64)])
def test_prompt_masks(run, general_model, size, monkeypatch):
    """By what the two prompts' masks make of two constant predictions."""
    mask = torch.rand(1, *size, generator=torch.Generator().manual_seed(4))
    positive = [[general_model.positive[0][0], {"mask": mask}], [general_model.negative[0][0], {"mask": 1 - mask}]]
    weights = []
    import comfy.samplers

    plain = comfy.samplers.get_area_and_mult

    def seen(conds, x_in, timestep):
        got = plain(conds, x_in, timestep)
        weights.append(got.mult)
        return got

    monkeypatch.setattr(comfy.samplers, "get_area_and_mult", seen)
    _both(run, general_model.model, positive, positive, _latent())
    whole, part = ([mult for mult in weights if mult.shape[-1] == width] for width in (WIDTH, WINDOW.width))
    assert len(whole) == len(part) > 0
    for one, other in zip(whole, part, strict=True):
        # The host resizes with the sizes' ratio as a float, so a cut differs in the last bits.
        assert torch.allclose(other, _cut(one), atol=2e-2 if size == (64, 64) else 1e-6)


@pytest.mark.parametrize(
    ("area", "expected"),
    [
        ((40, 40, 30, 50), (18, 22)),  # cut by the window's right and lower edge
        (("percentage", 0.5, 0.5, 0.0, 0.0), (20, 20)),
        ((8, 8, 0, 0), None),
        (("percentage", 1.0, 1.0, 0.0, 0.0), (24, 32)),
    ],
)
def test_prompt_areas(run, general_model, area, expected):
    everywhere = general_model.positive[0][0]
    positive = [[everywhere, {}], [general_model.negative[0][0], {"area": area}]]
    _, part = _both(run, general_model.model, positive, [[everywhere, {}]], _latent())
    sizes = {tuple(call["input"].shape[-2:]) for call in part}
    assert sizes == {(24, 32)} | ({expected} if expected else set())


def test_sdxl_is_told_the_pictures_size(run, bare_sdxl, monkeypatch):
    base, sizes = bare_sdxl.model.model, []
    plain = base.encode_adm
    monkeypatch.setattr(
        base, "encode_adm", lambda **given: sizes.append((given["width"], given["height"])) or plain(**given)
    )
    _both(run, bare_sdxl.model, bare_sdxl.positive, bare_sdxl.negative, _latent())
    assert set(sizes) == {(8 * WIDTH, 8 * HEIGHT)}


class Hint(torch.nn.Module):
    """A control model that keeps the pictures it is given and controls nothing."""

    dtype = torch.float32

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.hints = []

    def forward(self, x, hint, timesteps, context, **extra):
        self.hints.append(hint)
        return {}


@pytest.mark.parametrize("size", [(8 * HEIGHT, 8 * WIDTH), (300, 500)])
def test_control_pictures(run, general_model, size):
    """Two in a row, which both prompts share: called once a step for both prompts together."""
    import comfy.controlnet

    first, second = (comfy.controlnet.ControlNet(Hint()) for _ in range(2))
    for number, net in enumerate((first, second)):
        net.set_cond_hint(torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(number)))
    second.set_previous_controlnet(first)
    positive, negative = (
        [[prompt[0][0], {"control": second}]] for prompt in (general_model.positive, general_model.negative)
    )
    whole, part = _both(run, general_model.model, positive, negative, _latent(), cfg=2.0)
    assert len(part) == len(whole)
    for net in (first, second):
        hints = net.control_model.hints
        assert len(hints) == 2 * len(whole)
        assert torch.equal(hints[len(whole)], _cut(hints[0], times=8))


def test_the_fooocus_feature(pack):
    patch = pack("host.sampling.fooocus").HeadFeature(torch.rand(1, 320, HEIGHT, WIDTH))
    options = {"block": ("input", 0), pack("host.sampling.window").KEY: (WINDOW, (HEIGHT, WIDTH))}
    added = patch(torch.zeros(1, 320, 24, 32), options)
    assert torch.equal(added, _cut(patch.feature))


@pytest.mark.parametrize("batch", [1, 2])
def test_it_is_put_back_in_its_place(run, general_model, batch):
    latent = _latent(batch)
    result, _ = _sampled(
        run, general_model.model, general_model.positive, general_model.negative, latent, "around the mask"
    )
    inside = _mask().bool().expand(batch, 4, -1, -1)
    assert torch.equal(result[~inside], latent["samples"][~inside])
    # A model that predicts no noise makes of every step what it was given.
    whole, _ = _sampled(
        run, general_model.model, general_model.positive, general_model.negative, latent, "whole picture"
    )
    assert torch.allclose(result[inside], whole[inside], atol=1e-5)
    assert (result - latent["samples"])[inside].abs().mean() > 0.5


@pytest.mark.slow
def test_a_network_sees_the_window_alone(run, general_model):
    """The true network: equal to sampling the cut-out latent with the cut-out noise."""
    latent = _latent()
    settings = {
        "positive": general_model.positive,
        "negative": general_model.negative,
        "seed": 5,
        "steps": 2,
        "context_cells": 8,
    }
    (result,) = run(
        "MendMaskedSampler", model=general_model.model, latent=latent, sample_area="around the mask", **settings
    ).outputs
    import comfy.sample

    noise = _cut(comfy.sample.prepare_noise(latent["samples"], 5))
    alone = comfy.sample.sample(
        general_model.model,
        noise,
        2,
        7.0,
        "euler",
        "normal",
        general_model.positive,
        general_model.negative,
        _cut(latent["samples"]),
        noise_mask=_cut(latent["noise_mask"]),
        seed=5,
    )
    inside = _cut(_mask()).bool().expand(-1, 4, -1, -1)
    assert torch.equal(_cut(result["samples"])[inside], alone[inside])


def test_the_report_and_a_mask_of_everything(run, general_model):
    given = {"model": general_model.model, "positive": general_model.positive, "negative": general_model.negative}
    settings = {**given, "model": _stand_in(general_model.model, []), "steps": 1, "sample_area": "around the mask"}
    assert "Sampled 32x24 of 120x88 latent cells." in run("MendMaskedSampler", latent=_latent(), **settings).text
    full = {"samples": _latent()["samples"], "noise_mask": torch.ones(1, 1, HEIGHT, WIDTH)}
    assert "latent cells" not in run("MendMaskedSampler", latent=full, **settings).text


@pytest.mark.parametrize("name", ["gligen", "reference_latents", "time_dim_concat", "concat_image", "control_video"])
def test_conditioning_that_cannot_be_cut_is_refused(run, general_model, InpaintError, name):
    # GLIGEN's is a kind, a MODEL and places; all others are latents or pictures.
    value: object = ("position", general_model.model, []) if name == "gligen" else [torch.zeros(1, 4, HEIGHT, WIDTH)]
    positive = [[general_model.positive[0][0], {name: value}]]
    with pytest.raises(InpaintError, match=f'got one with {name}. Choose "whole picture"'):
        _sampled(run, general_model.model, positive, positive, _latent(), "around the mask")


class PicturePatch:
    """As the host's patches of a model that hold a control picture."""

    image = torch.zeros(1, 8, 8, 3)


def test_a_model_with_pictures_of_its_own_is_refused(run, general_model, InpaintError, monkeypatch):
    texts = general_model.positive, general_model.negative
    patched = general_model.model.clone()
    patched.set_model_attn1_patch(PicturePatch())
    with pytest.raises(InpaintError, match="picture inputs of its own"):
        _sampled(run, patched, *texts, _latent(), "around the mask")
    monkeypatch.setattr(general_model.model.model, "concat_keys", ("concat_image",))
    with pytest.raises(InpaintError, match="picture inputs of its own"):
        _sampled(run, general_model.model, *texts, _latent(), "around the mask")


class Regional:
    """As IP-Adapters and attention couples patch attention: for a mask of the picture, at any resolution."""

    def __init__(self, mask, **more):
        self.kwargs = [{"embeds": torch.rand(2, 4, 768), "mask": mask, **more}]

    def __call__(self, q, k, v, options):
        return q


LEFT_HALF = (torch.arange(8 * WIDTH) < 4 * WIDTH).float().expand(1, 8 * HEIGHT, -1)


def _closure(held):
    def attention(q, k, v, options):
        return held and q

    return attention


def _wrapped(model, held):
    model.add_wrapper("diffusion_model", _closure(held))


def _after_cfg(model, held):
    model.set_model_sampler_post_cfg_function(partial(_post, held))


def _post(held, given):
    return given["denoised"]


PLACES = {
    "an object": lambda model, held: model.set_model_attn2_replace(Regional(held), "input", 1),
    "a closure": lambda model, held: model.set_model_attn2_patch(_closure([held])),
    "a wrapper": _wrapped,
    "a partial function": _after_cfg,
}


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("held", [LEFT_HALF, LEFT_HALF[..., ::4, ::4], LEFT_HALF[..., None].expand(-1, -1, -1, 3)])
def test_a_patch_for_a_place_is_refused(run, general_model, InpaintError, where, held):
    patched = general_model.model.clone()
    PLACES[where](patched, held)
    texts = general_model.positive, general_model.negative
    with pytest.raises(InpaintError, match=r'got a patch with .* which cannot be cut to a window. Choose "whole pic'):
        _sampled(run, patched, *texts, _latent(), "around the mask")
    if where != "a partial function":
        _sampled(run, patched, *texts, _latent(), "whole picture")


@pytest.mark.parametrize("mask", [None, torch.ones(1, HEIGHT, WIDTH)])
def test_a_patch_for_the_whole_picture_is_not(run, general_model, mask):
    patched = general_model.model.clone()
    patched.set_model_attn2_replace(Regional(mask, weight=torch.rand(1, 88, 64)), "input", 1)
    _sampled(run, patched, general_model.positive, general_model.negative, _latent(), "around the mask")


def test_a_controlnet_with_a_mask_of_its_own_is_refused(run, general_model, InpaintError):
    import comfy.controlnet

    class Advanced(comfy.controlnet.ControlNet):
        mask_cond_hint_original = LEFT_HALF

        def copy(self):
            return self

    net = Advanced(Hint())
    net.set_cond_hint(torch.rand(1, 3, 8 * HEIGHT, 8 * WIDTH))
    positive = [[general_model.positive[0][0], {"control": net}]]
    _, calls = _sampled(run, general_model.model, positive, positive, _latent(), "around the mask")
    assert calls
    net.mask_cond_hint_original = LEFT_HALF
    with pytest.raises(InpaintError, match="got a ControlNet with mask_cond_hint_original"):
        _sampled(run, general_model.model, positive, positive, _latent(), "around the mask")


def test_unknown_conditioning_for_a_place_is_refused(run, general_model, InpaintError):
    positive = [[general_model.positive[0][0], {"regional": {"attn": LEFT_HALF}}]]
    with pytest.raises(InpaintError, match="got conditioning with attn"):
        _sampled(run, general_model.model, positive, positive, _latent(), "around the mask")


@pytest.mark.parametrize("sampled", ["whole picture", "around the mask"])
def test_an_empty_mask_costs_nothing(run, general_model, sampled):
    latent = {**_latent(), "noise_mask": torch.zeros(1, 1, HEIGHT, WIDTH)}
    result, calls = _sampled(run, general_model.model, general_model.positive, general_model.negative, latent, sampled)
    assert calls == []
    assert torch.equal(result, latent["samples"])


def test_the_given_conditioning_and_model_are_left_alone(run, general_model):
    given = {"mask": torch.rand(1, HEIGHT, WIDTH), "area": (40, 40, 30, 50)}
    positive = [[general_model.positive[0][0], dict(given)]]
    _sampled(run, general_model.model, positive, positive, _latent(), "around the mask")
    assert positive[0][1] == given
    assert general_model.model.wrappers == {}

"""Every family of models samples: the three nodes on the host's own classes, with few random weights.

What the network is called with is recorded. Two pictures that differ only inside the hole have to give it the same
inputs beside the noisy latent: then nothing of what is to be removed is shown.

Mutations seen to fail here: the mask of ones of models with picture inputs left out; the mask of a shown picture
inverted; the original shown to HunyuanVideo image to video, by the pack or by the host; CogVideoX said to have
picture inputs; pictures of the prompt replaced; the host's noise levels per frame with small masks, or none of them
with masks of whole frames; what is kept shown without noise; given sound made, or sound to be made kept; MiniMax H3's
video checked for the channels of its sound, or let through without sound; the noise mask all ones.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from devtools.models.stand_in_vae import make_stand_in_vae
from devtools.models.tiny_models import TINY, make_prompt, make_tiny, tiny_names
from inpaint.model_families.table import FAMILIES

NAMES = tiny_names(Path(os.environ["MEND_COMFYUI"]))
HEIGHT, WIDTH = 96, 128
WHITE, TEAL = (1.0, 1.0, 1.0), (0.0, 0.5, 0.1)
# What the channels behind those of the latent hold. "nothing": no picture, and a mask that says that none is known.
NOTHING, MASK, KNOWN, HIDDEN = "nothing", "mask", "1 - mask", "picture without the hole"
OWN_INPUTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("SD 1.5 inpainting", "SDXL inpainting"), (MASK, HIDDEN)),
    "FLUX.1 Fill": (HIDDEN, *(MASK,) * 64),
    "HunyuanVideo image to video": (HIDDEN, KNOWN),
    "SkyReels image to video": (HIDDEN,),
    "InstructPix2Pix": (NOTHING,) * 4,
    "FLUX.1 Canny": (NOTHING,) * 16,
    "HunyuanVideo 1.5": (NOTHING,) * 33,
    "Kandinsky 5 Video": (NOTHING,) * 17,
    "Cosmos 1 image to video": (NOTHING,),
    "Cosmos Predict2 image to video": (NOTHING,),
    "CogVideoX image to video": (NOTHING,) * 16,
    "CogVideoX Inpaint (VOID)": (NOTHING,) * 32,
    "Wan image to video": (NOTHING,) * 20,
    "Wan Fun control": (NOTHING,) * 32,
    "Wan with camera control": (NOTHING,) * 20,
}
NEUTRAL = [name for name, held in OWN_INPUTS.items() if MASK in held]
# Models whose sound is sampled too, with the shape of its latent.
SOUNDS = {"LTX-2": (1, 8, 8, 16), "MiniMax H3": (1, 32, 2, 2)}
WITH_SOUND = [name for name in SOUNDS if name in NAMES]
NEED_SOUND = ("MiniMax H3",)
PER_FRAME = [name for name in ("Wan 2.2 5B", "Cosmos Predict2", "Cosmos Predict2 image to video") if name in NAMES]


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Threads cost more than they gain at these sizes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@dataclass
class Run:
    """One pass through the nodes."""

    model: Any
    vae: Any
    image: Tensor
    encoded: Any
    """What Encode for Inpainting gave."""
    latent: dict[str, Any]
    """What Masked Sampler gave."""
    pasted: Tensor
    outside: Tensor
    """Where nothing was pasted."""
    calls: list[dict[str, Tensor]] = field(default_factory=list)
    """What the network was given, call by call."""

    @property
    def encoded_video(self) -> Tensor:
        """The latent to be sampled; of several, that of the picture."""
        return _streams(self.encoded.outputs[2]["samples"])[0]


@pytest.fixture(scope="module")
def recorded(run, host_nodes):
    """Runs a sampler node and records what the network is given, call by call."""

    def recorded(node, model, **inputs):
        calls = []
        hook = model.model.diffusion_model.register_forward_pre_hook(
            lambda _, given, named: calls.append(_tensors([*given, named])), with_kwargs=True
        )
        (latent,) = run(node, model=model, steps=2, cfg=1.0, sampler_name="euler", **inputs).outputs
        hook.remove()
        return latent, calls

    return recorded


@pytest.fixture(scope="module")
def pass_through(run, recorded):
    """Runs the three nodes on a picture."""

    def pass_through(name, model=None, inside=WHITE, prompt=None, **options):
        latents = TINY[name].family.latents
        vae = make_stand_in_vae(latents.shape.channels, latents.ratio, latents.shape.frames)
        model, prompt = model or make_tiny(name), prompt or make_prompt(name)
        image, mask = _picture(name, inside), _hole(name)
        given = {"model": model, "vae": vae, "image": image, "mask": mask}
        encoded = run("MendEncodeInpaint", positive=prompt, negative=prompt, **given, **options)
        positive, negative, latent = encoded.outputs
        latent, calls = recorded("MendMaskedSampler", model, positive=positive, negative=negative, latent=latent)
        pasted, pasted_mask, _ = run("MendDecodeComposite", vae=vae, latent=latent, image=image, mask=mask).outputs
        return Run(model, vae, image, encoded, latent, pasted, pasted_mask == 0, calls)

    return pass_through


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(host_nodes, name):
    return make_tiny(name)


@pytest.fixture(scope="module")
def sampled(pass_through, name, model):
    return pass_through(name, model)


def test_every_family_has_a_model():
    assert {row.label for row in FAMILIES} <= TINY.keys()


def test_the_hole_is_repainted_and_nothing_else(sampled, name):
    before, after = sampled.encoded_video, _streams(sampled.latent["samples"])[0]
    cells = _cells(name, before)
    if name in NEUTRAL:
        # They start grey, which the VAE spreads into the cells beside the hole.
        cells = F.max_pool2d(cells, 3, stride=1, padding=1)
    moved = (after - before).abs()
    assert after.isfinite().all()
    # Exactly, nested latents too.
    assert (moved * (cells == 0)).max() == 0
    assert moved.amax(dim=1, keepdim=True)[cells > 0].min() > 1e-3
    assert sampled.outside.float().mean() > 0.6
    assert torch.equal(sampled.pasted[sampled.outside], sampled.image[sampled.outside])
    changed = (sampled.pasted - sampled.image).abs().amax(dim=-1)
    assert changed[_hole(name) > 0].max() > 0.01


def test_nothing_of_what_is_in_the_hole_is_shown(pass_through, sampled, name, model):
    """Pictures that differ inside the hole: every tensor that the network is given beside the latent is the same.

    Edit models are shown the picture that they edit, here without the hole.
    """
    options = {}
    if (takes := TINY[name].family.references) and takes.edits:
        options = {"reference_hole": "neutral"}
        sampled = pass_through(name, model, **options)
    other = pass_through(name, model, inside=TEAL, **options)
    assert torch.equal(other.encoded_video, sampled.encoded_video) == (name in NEUTRAL)
    assert len(sampled.calls) == len(other.calls) == 2
    for one, two in zip(sampled.calls, other.calls, strict=True):
        one, two = (_beside_the_latent(name, call) for call in (one, two))
        assert one.keys() == two.keys()
        assert [path for path, tensor in one.items() if not torch.equal(tensor, two[path])] == []


def test_what_its_own_inputs_hold(sampled, name):
    shown = _beside_the_latent(name, sampled.calls[0])[".0"]
    assert (shown.shape[1] > 0) == (name in OWN_INPUTS)
    # VACE's frames and mask are an input of their own.
    not_for_inpainting = name == "Wan VACE" or name in OWN_INPUTS.keys() - set(NEUTRAL)
    assert ("inputs are not for inpainting" in sampled.encoded.text) == not_for_inpainting
    with torch.inference_mode():
        hidden = torch.where(_hole(name)[..., None] > 0, 0.5, sampled.image)
        hidden = sampled.model.model.process_latent_in(sampled.vae.encode(hidden))
    mask = _cells(name, hidden)
    expected = {HIDDEN: hidden, MASK: mask, KNOWN: 1 - mask}
    for held in OWN_INPUTS.get(name, ()):
        channels = hidden.shape[1] if held == HIDDEN else 1
        part, shown = shown[:, :channels], shown[:, channels:]
        if held == NOTHING:
            # FLUX.1 Canny is shown the zeros of a VAE, which are another number in the model's scale.
            assert len(part.unique()) == 1
            assert name == "FLUX.1 Canny" or part.unique() == 0
        else:
            torch.testing.assert_close(part, expected[held], rtol=0, atol=1e-5)
    assert shown.shape[1] == 0


def test_vace_is_told_that_nothing_is_known(pass_through):
    shown = pass_through("Wan VACE").calls[0]
    (context,) = (tensor for path, tensor in shown.items() if path.endswith("vace_context"))
    assert context[:, 0, 32:].unique().tolist() == [1.0]
    frames = context[:, 0, :32].flatten(2)
    assert torch.equal(frames, frames[..., :1].expand_as(frames))


@pytest.mark.parametrize("name", ["HunyuanVideo 1.5", "HunyuanVideo image to video", "Wan image to video"])
def test_pictures_that_the_prompt_has_already_stay(pass_through, name):
    """Such as those of the host's nodes for image to video."""
    latents = TINY[name].family.latents
    picture = torch.full((1, latents.shape.channels, 1, HEIGHT // latents.ratio, WIDTH // latents.ratio), 0.25)
    given = {"concat_latent_image": picture, "concat_mask": torch.zeros_like(picture[:, :1])}
    prompt = [[text, {**entry, **given}] for text, entry in make_prompt(name)]
    ran = pass_through(name, prompt=prompt)
    for key, value in given.items():
        assert torch.equal(ran.encoded.outputs[0][0][1][key], value)
    shown = _beside_the_latent(name, ran.calls[0])[".0"]
    with torch.inference_mode():
        expected = ran.model.model.process_latent_in(picture.clone())
    start = shown.shape[1] - latents.shape.channels if name.startswith("Wan") else 0
    torch.testing.assert_close(shown[:, start : start + latents.shape.channels], expected)


def test_odd_sizes_are_sampled(recorded, run, name, model):
    """Sides that are no multiple of a patch, nor of a cell."""
    latents, prompt = TINY[name].family.latents, make_prompt(name)
    vae = make_stand_in_vae(latents.shape.channels, latents.ratio, latents.shape.frames)
    image, mask = _picture(name, WHITE)[:, 7:, 10:], _hole(name)[:, 7:, 10:]
    given = {"model": model, "vae": vae, "image": image, "mask": mask}
    positive, negative, latent = run("MendEncodeInpaint", positive=prompt, negative=prompt, **given).outputs
    latent, _ = recorded("MendMaskedSampler", model, positive=positive, negative=negative, latent=latent)
    pasted, pasted_mask, _ = run("MendDecodeComposite", vae=vae, latent=latent, image=image, mask=mask).outputs
    assert pasted.shape == image.shape
    assert pasted.isfinite().all()
    assert torch.equal(pasted[pasted_mask == 0], image[pasted_mask == 0])
    assert not torch.equal(pasted, image)


def test_sound_that_is_given_is_kept_or_refused(pass_through, InpaintError, name, model):
    sound = torch.randn(SOUNDS.get(name, (1, 8, 8, 16)), generator=torch.Generator().manual_seed(1))
    if name not in SOUNDS:
        with pytest.raises(InpaintError, match=r"^sound: expected nothing for .*, which samples pictures alone"):
            pass_through(name, model, sound={"samples": sound})
        return
    ran = pass_through(name, model, sound={"samples": sound})
    assert "The sound is kept." in ran.encoded.text
    video, heard = _streams(ran.latent["samples"])
    moved = (video - ran.encoded_video).abs().amax(dim=1, keepdim=True)
    print(f"{name}: sound moved {(heard - sound).abs().max():.1e}, video {moved[_cells(name, video) == 0].max():.1e}")
    # As near as the host keeps them: it scales all streams on the way.
    assert (heard - sound).abs().max() < 1e-6
    assert moved[_cells(name, video) == 0].max() < 1e-6
    assert moved[_cells(name, video) > 0].min() > 1e-3


def test_sound_that_is_not_given_is_made_where_the_model_needs_it(sampled, name):
    streams = _streams(sampled.latent["samples"])
    assert len(streams) == (2 if name in NEED_SOUND else 1)
    assert ("The sound is made." in sampled.encoded.text) == (name in NEED_SOUND)
    for heard in streams[1:]:
        assert heard.shape == SOUNDS[name]
        assert heard.isfinite().all()
        assert heard.abs().min() > 0


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("SD 1.5", (1, 32, 2, 2), "expected nothing for SD 1.5"),
        *((name, (1, 4, 8, 8), r"expected a latent \[B, ") for name in WITH_SOUND),
        *((name, (3, *SOUNDS[name][1:]), "expected one, or one for each of 1 videos, got 3") for name in WITH_SOUND),
    ],
)
def test_sound_that_does_not_fit_is_refused(pass_through, InpaintError, name, shape, message):
    with pytest.raises(InpaintError, match=f"^sound: {message}"):
        pass_through(name, sound={"samples": torch.zeros(shape)})


def test_without_a_mask_or_with_a_sentence(recorded, InpaintError, name, model):
    """A latent of another node, without a mask. A model that cannot sample it is named before sampling."""
    latents, scale = TINY[name].family.latents, TINY[name].scale
    size = (scale * HEIGHT // latents.ratio, scale * WIDTH // latents.ratio)
    plain = torch.ones(1, latents.shape.channels, *(1,) * latents.shape.frames, *size)
    prompt = make_prompt(name)
    inputs = {"positive": prompt, "negative": prompt, "latent": {"samples": plain}}
    if name in NEED_SOUND:
        message = "^latent: expected nested latents of a video and its sound for MiniMax H3"
        with pytest.raises(InpaintError, match=message):
            recorded("MendMaskedSampler", model, **inputs)
        return
    sampled, calls = recorded("MendMaskedSampler", model, **inputs)
    assert sampled["samples"].isfinite().all()
    assert len(calls) == 2


def _video(name):
    """A latent of three frames."""
    latents = TINY[name].family.latents
    shape = (1, latents.shape.channels, 3, 6, 8)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", PER_FRAME)
def test_small_masks_leave_the_noise_level_of_frames_alone(recorded, name):
    """The host would give each frame a noise level of its own, and show what is kept without noise."""
    import comfy.sample
    import comfy.samplers

    model, prompt, video = make_tiny(name), make_prompt(name), _video(name)
    mask = torch.zeros(1, 1, 3, 6, 8)
    mask[:, :, 1, 2:4, 2:4], mask[:, :, 2] = 1, 1
    latent = {"samples": video, "noise_mask": mask}
    sampled, calls = recorded(
        "MendMaskedSampler", model, positive=prompt, negative=prompt, latent=latent, scheduler="normal"
    )
    base = model.model
    noise = comfy.sample.prepare_noise(video, 0)
    for call in calls:
        assert len(call[".1"].unique()) == 1
    with torch.inference_mode():
        sigma = comfy.samplers.calculate_sigmas(base.model_sampling, "normal", 2)[:1]
        noisy = base.model_sampling.noise_scaling(sigma, noise, base.process_latent_in(video))
        expected = base.model_sampling.calculate_input(sigma, noisy)
    kept = (mask == 0).expand_as(video)
    torch.testing.assert_close(calls[0][".0"][:, : video.shape[1]][kept], expected[kept])
    assert torch.equal(sampled["samples"][kept], video[kept])


@pytest.mark.parametrize("name", PER_FRAME)
def test_masks_of_whole_frames_keep_the_hosts_noise_levels(recorded, name):
    prompt, video = make_prompt(name), _video(name)
    mask = torch.ones(1, 1, 3, 6, 8)
    mask[:, :, 0] = 0
    inputs = {"positive": prompt, "negative": prompt, "scheduler": "normal", "seed": 0, "denoise": 1.0}
    inputs["latent_image"] = inputs["latent"] = {"samples": video, "noise_mask": mask}
    ours, calls = recorded("MendMaskedSampler", make_tiny(name), **_without(inputs, "latent_image"))
    theirs, expected = recorded("KSampler", make_tiny(name), **_without(inputs, "latent"))
    assert calls[0][".1"].flatten()[0] == 0
    assert len(calls) == len(expected) == 2
    for one, two in zip(calls, expected, strict=True):
        assert one.keys() == two.keys()
        assert all(torch.equal(tensor, two[path]) for path, tensor in one.items())
    assert torch.equal(ours["samples"][:, :, 1:], theirs["samples"][:, :, 1:])
    assert torch.equal(ours["samples"][:, :, 0], video[:, :, 0])


def _without(values, key):
    return {name: value for name, value in values.items() if name != key}


def _hole(name):
    """A sixth of the picture, in whole cells and patches of every model."""
    scale = TINY[name].scale
    hole = torch.zeros(1, scale * HEIGHT, scale * WIDTH)
    hole[:, scale * 32 : scale * 64, scale * 32 : scale * 96] = 1
    return hole


def _cells(name, latents):
    """The hole in the cells of latents, [1, 1, h, w] or [1, 1, 1, h, w]."""
    cells = F.max_pool2d(_hole(name), TINY[name].family.latents.ratio)[:, None]
    return cells if latents.ndim == 4 else cells[:, :, None]


def _picture(name, inside):
    """A dark picture with a striking hole."""
    hole = _hole(name)[..., None]
    dark = torch.rand(*hole.shape[:3], 3, generator=torch.Generator().manual_seed(0)) * 0.3
    return torch.where(hole > 0, torch.tensor(inside), dark)


def _streams(samples):
    return list(samples.unbind()) if getattr(samples, "is_nested", False) else [samples]


def _tensors(value, path=""):
    """All tensors in nested values, by their path. The host's options for the network hold no inputs."""
    if isinstance(value, Tensor):
        return {path: value.clone()}
    if isinstance(value, dict):
        items = [(key, inner) for key, inner in value.items() if key != "transformer_options"]
    elif isinstance(value, list | tuple):
        items = list(enumerate(value))
    else:
        return {}
    return {at: tensor for key, inner in items for at, tensor in _tensors(inner, f"{path}.{key}").items()}


def _beside_the_latent(name, call):
    """What the network is given beside the latent: of its first input, the channels behind those of the latent."""
    channels = TINY[name].family.latents.shape.channels
    beside = {path: tensor for path, tensor in call.items() if not (path == ".0" or path.startswith(".0."))}
    first = call[".0"] if ".0" in call else call[".0.0"]
    return {**beside, ".0": first[:, channels:]}

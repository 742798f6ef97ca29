"""References in Encode for Inpainting, on small models of the host's own classes.

Mutations seen to fail here: Krea 2 without a method; the picture after the references of the prompts; a picture
encoded twice; the hole of another option; the mask beside inverted, or before the picture; further pictures scaled, or
padded to the VAE's cells alone.
"""

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from devtools.models.stand_in_vae import make_stand_in_vae
from devtools.models.tiny_models import TINY, make_prompt, make_tiny, tiny_names
from inpaint.fills import fill_harmonic

NAMES = tiny_names(Path(os.environ["MEND_COMFYUI"]))
REFERRING = [
    name
    for name in NAMES
    if (takes := TINY[name].family.references) and not takes.pictures and name not in ("FLUX.1 Fill", "FLUX.1 Canny")
]
WITHOUT = ("SDXL", "FLUX.1 Fill", "FLUX.1 Canny", "HiDream-O1")
HEIGHT, WIDTH = 96, 128


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Threads cost more than they gain at these sizes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=REFERRING)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def tiny(host_nodes):
    made: dict[str, Any] = {}

    def tiny(name):
        if name not in made:
            made[name] = make_tiny(name)
        return made[name]

    return tiny


def _vae(name):
    latents = TINY[name].family.latents
    return make_stand_in_vae(latents.shape.channels, latents.ratio, latents.shape.frames)


def _picture(height=HEIGHT, width=WIDTH, seed=0):
    return torch.rand(1, height, width, 3, generator=torch.Generator().manual_seed(seed))


def _mask():
    mask = torch.zeros(1, HEIGHT, WIDTH)
    mask[:, 32:64, 32:64] = 1
    return mask


@pytest.fixture
def encode(run, tiny):
    def encode(name, vae=None, model=None, prompt=None, **options):
        prompt = make_prompt(name) if prompt is None else prompt
        given = {"model": model or tiny(name), "vae": vae or _vae(name), "positive": prompt, "negative": prompt}
        return run("MendEncodeInpaint", **{**given, "image": _picture(), "mask": _mask(), **options})

    return encode


def _references(encoded):
    """Those of both prompts, which are alike."""
    positive, negative = (prompt[0][1].get("reference_latents", []) for prompt in encoded.outputs[:2])
    assert len(positive) == len(negative)
    assert all(torch.equal(one, other) for one, other in zip(positive, negative, strict=True))
    return positive


def _referring(name, *latents):
    ((text, entry),) = make_prompt(name)
    return [[text, {**entry, "reference_latents": list(latents)}]]


def _cells(name, height=HEIGHT, width=WIDTH, value=0.5):
    latents = TINY[name].family.latents
    size = (height // latents.ratio, width // latents.ratio)
    return torch.full((1, latents.shape.channels, *(1,) * latents.shape.frames, *size), value)


def test_the_picture_is_seen_by_the_model(encode, run, tiny, name):
    """The network is given the picture's own latent, and makes another result of another one."""
    model, results, seen = tiny(name), [], []
    hook = model.model.diffusion_model.register_forward_pre_hook(
        lambda _, given, named: seen.append(named.get("ref_latents")), with_kwargs=True
    )
    for image in (_picture(), _picture(seed=1)):
        encoded = encode(name, reference="this picture", image=image)
        latent = {**encode(name, reference="none").outputs[2]}
        (reference,) = _references(encoded)
        assert reference.shape == latent["samples"].shape
        positive, negative, _ = encoded.outputs
        given = {"model": model, "positive": positive, "negative": negative, "latent": latent}
        (result,) = run("MendMaskedSampler", **given, steps=1, cfg=1.0, denoise=0.8, seed=1).outputs
        results.append(result["samples"])
        assert torch.equal(seen[-1][0], model.model.process_latent_in(reference))
    hook.remove()
    assert not torch.equal(*results)
    print(f"{name}: {(results[0] - results[1]).abs().max():.2e}; {encoded.text.splitlines()[-1]}")
    method = encoded.outputs[0][0][1].get("reference_latents_method")
    assert method == ("index_timestep_zero" if name == "Krea 2" else None)


def test_auto(encode, name):
    edits = name in ("FLUX.2", "OmniGen2", "JoyImage")
    encoded = encode(name)
    assert len(_references(encoded)) == edits
    assert ("The picture is a reference, since" in encoded.text) == edits
    assert ("No reference: not every" in encoded.text) == (not edits)


def test_auto_knows_edit_models_by_their_tensors(host_nodes, pack):
    """Z-Image Omni and Qwen-Image-Edit 2511, by what only their files have."""
    for name, tensor in (("Qwen-Image", "__index_timestep_zero__"), ("Z-Image", "siglip_embedder.0.weight")):
        model = make_tiny(name)
        taken = pack("host").references_taken(model)
        assert taken is None or not taken.edits
        network = model.model.diffusion_model
        *modules, leaf = tensor.split(".")
        for part in modules:
            network._modules[part] = torch.nn.Module()
            network = network._modules[part]
        network.register_buffer(leaf, torch.zeros(1))
        assert pack("host").references_taken(model).edits, name


def test_auto_reads_the_name_of_the_file(encode, tiny, pack):
    memory = pack("inpaint.vram.memory_plan")
    facts = memory.Facts(file="qwen-image-edit.safetensors", family="qwen-image", label="Qwen-Image", file_bytes=1)
    for file, count in ((facts.file, 1), ("qwen-image.safetensors", 0)):
        model, _ = pack("host").with_facts(
            tiny("Qwen-Image"), _vae("Qwen-Image"), dataclasses.replace(facts, file=file)
        )
        encoded = encode("Qwen-Image", model=model)
        assert len(_references(encoded)) == count
        assert file in encoded.text
    # As newer hosts keep the loader of a MODEL.
    model = tiny("Qwen-Image").clone()
    model.cached_patcher_init = (print, (os.path.join("models", "Qwen-Image-Edit.sft"), {}))
    assert "by the name of the file, Qwen-Image-Edit.sft." in encode("Qwen-Image", model=model).text


def test_the_order_of_pictures(encode):
    """This picture, those of the prompts, and further ones, each at its own size on the model's grid."""
    connected = _cells("Qwen-Image", 64, 80)
    prompt = _referring("Qwen-Image", connected)
    vae = _vae("Qwen-Image")
    encoded = encode(
        *("Qwen-Image", vae),
        prompt=prompt,
        picture_2=torch.cat([_picture(40, 60, 2), _picture(40, 60, 3)]),
        picture_4=_picture(64, 64, 4),
    )
    first, second, *further = _references(encoded)
    assert torch.equal(first, encoded.outputs[2]["samples"])
    assert second is connected
    # 48 x 64: sides of patches of 2 x 2 cells of 8 pixels.
    assert [tuple(latent.shape) for latent in further] == [(1, 16, 1, 6, 8)] * 2 + [(1, 16, 1, 8, 8)]
    assert not torch.equal(further[0], further[1])
    torch.testing.assert_close(further[2], vae.encode(_picture(64, 64, 4)))
    assert "1 reference of another size: 80x64 pixels, where the picture has 128x96." in encoded.text
    assert "The model is given 5 references, and its makers name 3 at most." in encoded.text
    assert prompt[0][1]["reference_latents"] == [connected]


@pytest.mark.parametrize(("choice", "expected"), [("auto", 1), ("as connected", 1), ("this picture", 2), ("none", 0)])
def test_a_connected_reference_of_the_pictures_size(encode, choice, expected):
    connected = _cells("FLUX.2")
    encoded = encode("FLUX.2", prompt=_referring("FLUX.2", connected), reference=choice)
    references = _references(encoded)
    assert len(references) == expected
    assert not references or references[-1] is connected


def _expected(how):
    """The reference's pixels, by their definition."""
    pixels, hole = _picture(), _mask()[..., None] > 0
    if how == "neutral":
        return torch.where(hole, 0.5, pixels)
    if how == "highlighted":
        return torch.where(hole, 0.4 * pixels + 0.6 * torch.tensor([1.0, 0.15, 0.1]), pixels)
    return pixels


@pytest.mark.parametrize("how", ["as it is", "neutral", "highlighted"])
def test_the_hole_of_the_reference(encode, how):
    vae = _vae("FLUX.2")
    encoded = encode("FLUX.2", vae, reference_hole=how)
    torch.testing.assert_close(_references(encoded)[0], vae.encode(_expected(how)), rtol=0, atol=1e-6)
    # What is sampled keeps the picture.
    torch.testing.assert_close(encoded.outputs[2]["samples"], vae.encode(_picture()))


def test_the_mask_is_a_second_picture(encode):
    """White where it is to be repainted; before the pictures that are connected."""
    vae, mask = _vae("FLUX.2"), _mask()[..., None].expand(-1, -1, -1, 3)
    encoded = encode("FLUX.2", vae, reference_hole="mask beside", picture_2=_picture(64, 64, seed=3))
    this, beside, further = _references(encoded)
    torch.testing.assert_close(this, vae.encode(_picture()), rtol=0, atol=1e-6)
    torch.testing.assert_close(beside, vae.encode(mask), rtol=0, atol=1e-6)
    assert further.shape[-2:] == (4, 4)
    assert "The picture is a reference" in encoded.text
    torch.testing.assert_close(encoded.outputs[2]["samples"], vae.encode(_picture()))
    # Two pictures in one pass of the VAE, and the further one.
    assert [call[0] for call in vae.first_stage_model.calls[:2]] == [2, 1]


@pytest.mark.parametrize("how", ["as it is", "filled", "neutral", "highlighted"])
def test_one_picture_with_a_mask_for_each_prompt(encode, how):
    masks = torch.cat([_mask(), _mask().flip(-1)])
    encoded = encode("FLUX.2", mask=masks, reference_hole=how)
    assert len(encoded.outputs[2]["samples"]) == len(_references(encoded)[0]) == 2


def test_a_filled_hole_shows_nothing_of_what_was_there(encode):
    other = torch.where(_mask()[..., None] > 0, 1 - _picture(), _picture())
    one, two = (_references(encode("FLUX.2", image=image, reference_hole="filled"))[0] for image in (_picture(), other))
    assert torch.equal(one, two)
    torch.testing.assert_close(one, _vae("FLUX.2").encode(fill_harmonic(_picture(), _mask())))


@pytest.mark.parametrize(
    ("content", "how", "pictures"),
    [("original", "as it is", 1), ("neutral", "neutral", 1), ("neutral", "as it is", 2), ("original", "filled", 2)],
)
@pytest.mark.parametrize("batch", [1, 2])
def test_no_picture_is_encoded_twice(encode, content, how, pictures, batch):
    vae = _vae("FLUX.2")
    image = torch.cat([_picture(seed=seed) for seed in range(batch)])
    encoded = encode("FLUX.2", vae, image=image, masked_content=content, reference_hole=how)
    assert sum(call[0] for call in vae.first_stage_model.calls) == pictures * batch
    assert len(_references(encoded)[0]) == batch


@pytest.mark.parametrize(
    "name", [name for name in ("SDXL", "FLUX.1 Fill", "FLUX.1 Canny", "HiDream-O1") if name in NAMES]
)
def test_models_without_references(encode, InpaintError, name):
    assert "eference" not in encode(name).text
    with pytest.raises(InpaintError, match=r"^reference: expected a model"):
        encode(name, reference="this picture")
    with pytest.raises(InpaintError, match=r"^picture_2: expected a model"):
        encode(name, picture_2=_picture())


def _wide():
    return {"image": _picture(512, 512), "mask": torch.zeros(1, 512, 512).index_fill(2, torch.arange(64, 96), 1)}


def test_around_the_mask(encode, InpaintError):
    """The reference is rough outside the window, where the sampler does not look."""
    wide = _wide()
    encoded = encode("FLUX.1", **wide, encode_area="around the mask", reference="this picture")
    (reference,) = _references(encoded)
    assert torch.equal(reference, encoded.outputs[2]["samples"])
    assert "Encoded around the mask" in encoded.text
    prompt = _referring("FLUX.1", torch.zeros(1, 16, 8, 8))
    with pytest.raises(InpaintError, match=r'^encode_area: expected references .* by the method "offset"'):
        encode("FLUX.1", **wide, prompt=prompt, encode_area="around the mask", reference="this picture")


def test_a_crop_is_the_reference_as_it_is(run, tiny, name):
    """It has the area, and the multiple of sides, of the table of families, so that nothing scales or pads it."""
    family, picture = TINY[name].family, _picture(300, 451)
    mask = torch.zeros(1, 300, 451)
    mask[:, 100:140, 180:240] = 1
    crop, hole = run("MendCropForInpaint", image=picture, mask=mask, model=tiny(name), vae=_vae(name)).outputs[:2]
    height, width = crop.shape[1:3]
    assert height % family.grid == width % family.grid == 0
    assert width * height == pytest.approx(family.side**2, rel=0.05)
    made = {"model": tiny(name), "vae": _vae(name), "image": crop, "mask": hole}
    prompts = {"positive": make_prompt(name), "negative": make_prompt(name)}
    positive, _, latent = run("MendEncodeInpaint", **made, **prompts, reference="this picture").outputs
    ((_, held),) = positive
    (reference,) = held["reference_latents"]
    ratio = family.latents.ratio
    assert reference.shape[-2:] == latent["samples"].shape[-2:] == (height // ratio, width // ratio)

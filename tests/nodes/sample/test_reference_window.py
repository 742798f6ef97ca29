"""References around the mask, on small models of the host's own classes.

Mutations seen to fail here: references left whole; cut at another place; those of another size cut.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from devtools.models.tiny_models import TINY, make_prompt, make_tiny, tiny_names
from inpaint.core.geometry import Box

NAMES = tiny_names(Path(os.environ["MEND_COMFYUI"]))
REFERRING = [
    name
    for name in NAMES
    if (takes := TINY[name].family.references) and not takes.pictures and name not in ("FLUX.1 Fill", "FLUX.1 Canny")
]
# In cells: a hole in rows 12 to 15 and columns 20 to 23, with 4 cells of context on the grid of 8.
HEIGHT, WIDTH, WINDOW = 32, 40, Box(16, 8, 16, 16)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Threads cost more than they gain at these sizes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _inference():
    """As the host's executor has it."""
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module", params=REFERRING)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def model(host_nodes, name):
    return make_tiny(name)


def _latent(name, seed=0, height=HEIGHT, width=WIDTH):
    latents = TINY[name].family.latents
    shape = (1, latents.shape.channels, *(1,) * latents.shape.frames, height, width)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _mask(name):
    mask = torch.zeros_like(_latent(name)[:, :1])
    mask[..., 12:16, 20:24] = 1
    return mask


def _prompt(name, *references):
    ((text, entry),) = make_prompt(name)
    held: dict[str, Any] = {"reference_latents": list(references)}
    if name == "Krea 2":
        held["reference_latents_method"] = "index_timestep_zero"
    return [[text, {**entry, **held}]]


def _cut(values, window=WINDOW):
    return values[(..., *window.slices)]


@pytest.fixture
def sample(run, model, name):
    def sample(*references, area="around the mask", model=model, cfg=1.0):
        prompt = _prompt(name, *references)
        latent = {"samples": _latent(name), "noise_mask": _mask(name)}
        given = {"model": model, "positive": prompt, "negative": prompt, "latent": latent, "sample_area": area}
        ran = run("MendMaskedSampler", **given, context_cells=4, steps=2, cfg=cfg, denoise=0.9, seed=5)
        return ran.outputs[0]["samples"], ran.text

    return sample


def test_a_window_over_the_whole_is_the_whole(sample, model, name, pack):
    reference = _latent(name, 1)
    whole, _ = sample(reference, area="whole picture")
    window = pack("host").with_window(model, Box(0, 0, WIDTH, HEIGHT))
    part, _ = sample(reference, area="whole picture", model=window)
    assert torch.equal(part, whole)
    # The reference is seen, else the equality says nothing.
    assert not torch.equal(sample(_latent(name, 2), area="whole picture")[0], whole)


def test_it_is_the_cut_picture_sampled_with_the_cut_reference(sample, model, name):
    """The cost is that of the window."""
    import comfy.sample

    reference, latent = _latent(name, 1), _latent(name)
    result, text = sample(reference)
    prompt = _prompt(name, _cut(reference))
    noise = _cut(comfy.sample.prepare_noise(latent, 5))
    # As it is sampled where the prompts are told the size of the whole.
    prompt[0][1].update(width=WIDTH * 8, height=HEIGHT * 8)
    settings = {"denoise": 0.9, "noise_mask": _cut(_mask(name)), "seed": 5}
    alone = comfy.sample.sample(*(model, noise, 2, 1.0, "euler", "normal", prompt, prompt, _cut(latent)), **settings)
    inside = _cut(_mask(name)).bool().expand_as(alone)
    torch.testing.assert_close(_cut(result)[inside], alone[inside], rtol=0, atol=1e-5)
    assert f"Sampled 16x16 of {WIDTH}x{HEIGHT} latent cells." in text


def test_only_what_is_in_the_window_is_seen(sample, name):
    reference = _latent(name, 1)
    result, _ = sample(reference)
    outside = _latent(name, 2)
    outside[(..., *WINDOW.slices)] = _cut(reference)
    assert torch.equal(sample(outside)[0], result)
    inside = reference.clone()
    inside[(..., *WINDOW.slices)] = _cut(_latent(name, 2))
    assert not torch.equal(sample(inside)[0], result)


def test_each_token_of_the_reference_has_the_place_of_the_pictures(sample, model, name):
    """By the positions from which the network makes its rotary embedding: text, then picture and reference."""
    seen = []
    embedders = [each for each in model.model.diffusion_model.modules() if type(each).__name__ == "EmbedND"]
    hooks = [each.register_forward_pre_hook(lambda _, given: seen.append(given[0])) for each in embedders]
    sample(_latent(name, 1))
    for hook in hooks:
        hook.remove()
    if name == "JoyImage":
        assert not embedders  # it makes the embedding by itself, of the sizes alone
        return
    family = TINY[name].family
    tokens = (WINDOW.width * family.latents.ratio // family.grid) ** 2
    if name == "Mage-Flow":
        tokens = WINDOW.width**2  # its patches are of one cell
    ids = max(seen, key=lambda each: each.shape[1])
    assert ids.shape[1] >= 2 * tokens
    one, other = ids[0, -2 * tokens : -tokens], ids[0, -tokens:]
    assert torch.equal(one[:, 1:3], other[:, 1:3])
    assert len(one[:, 1:3].unique(dim=0)) == tokens
    assert not torch.equal(one[:, 0], other[:, 0])


def test_a_reference_of_another_size_stays_whole(sample, model, name):
    other = _latent(name, 1, HEIGHT - 8, WIDTH - 8)
    seen = []
    hook = model.model.diffusion_model.register_forward_pre_hook(
        lambda _, given, named: seen.append(named["ref_latents"]), with_kwargs=True
    )
    result, _ = sample(other)
    hook.remove()
    assert torch.equal(seen[0][0], model.model.process_latent_in(other))
    assert not torch.equal(sample(other + 1)[0], result)


def test_later_references_placed_beside_the_first_are_refused(sample, name, InpaintError):
    if name in ("FLUX.1", "LongCat-Image", "Ovis-Image"):
        with pytest.raises(InpaintError, match=r'2 references placed by the method "offset"'):
            sample(_latent(name, 1), _latent(name, 2, 8, 8))
    else:
        assert sample(_latent(name, 1), _latent(name, 2, 8, 8))[0].isfinite().all()


def test_the_memory_that_is_reported_is_that_of_the_window(sample, name, pack, monkeypatch):
    """The host's formulas count the cells of a reference."""
    seen = []
    reported = pack("host.planning").sampling_report

    def report(model, shape, *prompts):
        seen.append((shape, [entry["reference_latents"][0].shape for ((_, entry),) in prompts]))
        return reported(model, shape, *prompts)

    monkeypatch.setattr(pack("nodes.sample.masked_sampler"), "sampling_report", report)
    _, text = sample(_latent(name, 1))
    ((shape, references),) = seen
    assert references == [shape, shape]
    assert tuple(shape[-2:]) == (16, 16)
    assert "The work for 1 reference picture is included." in text

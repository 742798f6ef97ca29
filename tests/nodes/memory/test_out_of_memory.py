"""Memory that runs out, in every phase that is ours: planned for, tried again once there is room, or said in words.

Mutations seen to fail here: no room made before the next try; every error taken for memory; no end to smaller
tiles, or to tries; halves swapped, with the noise of the first, or with all masks; a batch_index left over; the budget
or the weights left out of the plan; room made for the whole; the given VAE changed.
"""

import pytest
import torch

OOM = {
    "card": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 4.00 GiB"),
    "other card": lambda: RuntimeError("HIP error: out of memory"),
    "CPU": lambda: RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4294967296 bytes"),
    "Python": lambda: MemoryError(),
}
PHASES = ["encode", "sample", "decode"]


@pytest.fixture(autouse=True)
def _inference():
    with torch.inference_mode():
        yield


class Allocator:
    """Stands in front of a function of the host: raises what it is told to, call by call, then lets calls through."""

    # That in front of the same work in tiles, where there is such.
    tiled: "Allocator"

    def __init__(self, real, errors):
        self.real, self.errors, self.calls = real, list(errors), []

    def __call__(self, *arguments, **named):
        self.calls.append(named)
        if self.errors:
            raise self.errors.pop(0)
        return self.real(*arguments, **named)


@pytest.fixture
def picture():
    y, x = torch.linspace(0.1, 0.9, 128), torch.linspace(0.2, 0.8, 128)
    return torch.stack([y[:, None].expand(128, 128), x.expand(128, 128), (y[:, None] + x) / 2], dim=-1)[None]


@pytest.fixture
def mask():
    mask = torch.zeros(1, 128, 128)
    mask[:, 32:96, 40:88] = 1
    return mask


@pytest.fixture
def chain(run, general_model, picture, mask):
    """Runs one phase of an inpaint, by name, with what the others would give it."""
    loaded = general_model
    latent = {"samples": loaded.vae.encode(picture)}

    def encode():
        both = {"positive": loaded.positive, "negative": loaded.negative}
        return run("MendEncodeInpaint", model=loaded.model, vae=loaded.vae, image=picture, mask=mask, **both)

    def sample():
        both = {"positive": loaded.positive, "negative": loaded.negative}
        return run("MendMaskedSampler", model=loaded.model, steps=1, seed=3, latent=latent, **both)

    def decode():
        given = {"vae": loaded.vae, "latent": latent, "image": picture, "mask": mask}
        return run("MendDecodeComposite", **given, decode_area="whole picture")

    return {"encode": encode, "sample": sample, "decode": decode}


@pytest.fixture
def allocate(host_nodes, general_model, monkeypatch):
    """Puts an allocator that fails before a phase, whole and in tiles."""

    def allocate(phase, *errors):
        if phase == "sample":
            stand_in = Allocator(host_nodes.common_ksampler, errors)
            monkeypatch.setattr(host_nodes, "common_ksampler", stand_in)
            return stand_in
        vae = general_model.vae
        stand_in = Allocator(getattr(vae, phase), errors)
        tiled = Allocator(getattr(vae, f"{phase}_tiled"), [])
        # One allocator: what is left of the errors is met by the next try, whole or tiled.
        tiled.errors = stand_in.errors
        stand_in.tiled = tiled
        monkeypatch.setattr(vae, phase, stand_in)
        monkeypatch.setattr(vae, f"{phase}_tiled", tiled)
        return stand_in

    return allocate


@pytest.mark.parametrize("kind", OOM)
@pytest.mark.parametrize("phase", PHASES)
def test_once_out_of_memory_is_tried_again_with_room(chain, allocate, monkeypatch, phase, kind):
    import comfy.model_management as management

    plain = chain[phase]()
    made_room = []
    unload = management.unload_all_models
    monkeypatch.setattr(management, "unload_all_models", lambda: made_room.append(1) or unload())
    stand_in = allocate(phase, OOM[kind]())
    ran = chain[phase]()
    assert made_room == [1]
    if phase == "sample":
        assert len(stand_in.calls) == 2
        assert torch.equal(ran.outputs[0]["samples"], plain.outputs[0]["samples"])
        return
    (sizes,) = stand_in.tiled.calls
    assert sizes["tile_x"] == {"encode": 256, "decode": 32}[phase]
    assert f"Memory ran out, so it was {phase}d in tiles of 256 pixels." in ran.text
    result, expected = (
        (ran.outputs[2]["samples"], plain.outputs[2]["samples"])
        if phase == "encode"
        else (ran.outputs[0], plain.outputs[0])
    )
    torch.testing.assert_close(result, expected, rtol=0, atol=0.02)


@pytest.mark.parametrize("phase", PHASES)
def test_out_of_memory_to_the_end_is_one_error_in_words(chain, allocate, InpaintError, phase):
    stand_in = allocate(phase, *(OOM["card"]() for _ in range(20)))
    with pytest.raises(InpaintError, match=r"^Memory ran out while \w+ing \d+x\d+.*, .* no other model loaded\."):
        chain[phase]()
    tries = len(stand_in.calls) + (0 if phase == "sample" else len(stand_in.tiled.calls))
    assert tries == {"sample": 2, "encode": 4, "decode": 4}[phase], "whole, and tiles of 256, 128 and 64 px"


@pytest.fixture
def batch(inpaint_model, run):
    """Three pictures with a mask each, encoded for a model that is given both."""
    pictures = torch.rand(3, 64, 96, 3, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(3, 64, 96)
    for index in range(3):
        masks[index, 16:48, 8 + 16 * index : 40 + 16 * index] = 1
    both = {"positive": inpaint_model.positive, "negative": inpaint_model.negative}
    images = {"image": pictures, "mask": masks, "vae": inpaint_model.vae, "model": inpaint_model.model}
    positive, negative, latent = run("MendEncodeInpaint", **images, **both).outputs
    return {"positive": positive, "negative": negative, "latent": {**latent, "extra": "carried"}}


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [None, [4, 0, 2]])
def test_a_batch_is_sampled_in_halves(run, inpaint_model, allocate, batch, numbers):
    if numbers is not None:
        batch["latent"]["batch_index"] = numbers
    settings = {"model": inpaint_model.model, "steps": 2, "seed": 3}
    (whole,) = run("MendMaskedSampler", **batch, **settings).outputs
    stand_in = allocate("sample", OOM["card"]())
    ran = run("MendMaskedSampler", **batch, **settings)
    (halved,) = ran.outputs
    assert [len(call["latent"]["samples"]) for call in stand_in.calls] == [3, 2, 1]
    # Of values around 8: how a batch of another size is rounded depends on the processor.
    torch.testing.assert_close(halved["samples"], whole["samples"], rtol=0, atol=1e-2)
    assert halved.keys() == whole.keys()
    assert torch.equal(halved["noise_mask"], whole["noise_mask"])
    others = halved.keys() - {"samples", "noise_mask"}
    assert [halved[key] for key in others] == [whole[key] for key in others]
    assert "Memory ran out, so the batch was sampled in two halves." in ran.text


def test_halves_that_run_out_too_are_one_error_in_words(run, inpaint_model, allocate, batch, InpaintError):
    stand_in = allocate("sample", *(OOM["card"]() for _ in range(5)))
    with pytest.raises(InpaintError, match=r"sampling 12x8 latent cells, batch 3, even in halves, with no other model"):
        run("MendMaskedSampler", model=inpaint_model.model, steps=1, **batch)
    assert len(stand_in.calls) == 2


@pytest.mark.parametrize("phase", PHASES)
def test_it_goes_on_after_that(chain, allocate, InpaintError, phase, monkeypatch):
    with monkeypatch.context():
        stand_in = allocate(phase, *(OOM["card"]() for _ in range(20)))
        with pytest.raises(InpaintError):
            chain[phase]()
    stand_in.errors.clear()
    assert chain[phase]().outputs


@pytest.mark.parametrize("phase", PHASES)
def test_cancelled_while_it_tries_again(chain, allocate, phase):
    import comfy.model_management as management

    stand_in = allocate(phase, OOM["card"](), management.InterruptProcessingException())
    with pytest.raises(management.InterruptProcessingException):
        chain[phase]()
    assert stand_in.errors == []


@pytest.mark.parametrize("phase", PHASES)
def test_another_error_is_not_taken_for_it(chain, allocate, phase):
    stand_in = allocate(phase, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        chain[phase]()
    assert len(stand_in.calls) == 1


# Tiles before it fails


@pytest.fixture
def reserved(monkeypatch):
    """What the host is asked to make room for, call by call."""
    import comfy.model_management as management

    asked = []
    load = management.load_models_gpu

    def noted(models, memory_required=0, **named):
        asked.append(memory_required)
        return load(models, memory_required=memory_required, **named)

    monkeypatch.setattr(management, "load_models_gpu", noted)
    return asked


@pytest.mark.slow
@pytest.mark.parametrize(("tile", "less"), [(384, 0), (256, 1)], ids=["just fits", "a byte less"])
@pytest.mark.parametrize("phase", ["encode", "decode"])
def test_tiles_where_the_whole_would_not_fit(run, pack, general_model, mask, picture, reserved, phase, tile, less):
    """512 px and a budget for tiles of 384: no try that fails, and room is made for a tile and not for the whole."""
    large = torch.nn.functional.interpolate(picture.movedim(-1, 1), size=(512, 512), mode="bilinear").movedim(1, -1)
    large_mask = torch.nn.functional.interpolate(mask[None], size=(512, 512))[0]
    vae = general_model.vae
    size = vae.vae_dtype.itemsize
    each = {"encode": 1767, "decode": 2178}[phase] * size
    import comfy.model_management as management

    budget = each * 384 * 384 + vae.model_size() + int(management.extra_reserved_memory()) - less
    facts = pack("inpaint.vram.memory_plan").Facts("f", "sd15", "SD 1.5", 0, budget=budget)
    model, limited = pack("host").with_facts(general_model.model, vae, facts)
    latent = {"samples": vae.encode(large)}

    def go(which):
        if phase == "decode":
            given = {"vae": which, "latent": latent, "image": large, "mask": large_mask}
            return run("MendDecodeComposite", **given, decode_area="whole picture")
        both = {"positive": general_model.positive, "negative": general_model.negative}
        return run("MendEncodeInpaint", model=model, vae=which, image=large, mask=large_mask, **both)

    whole = go(vae)
    reserved.clear()
    tiled = go(limited)
    assert "in tiles" not in whole.text
    assert f"To stay within the free memory, it was {phase}d in tiles of {tile} pixels." in tiled.text
    assert max(reserved) == each * tile * tile
    place = 2 if phase == "encode" else 0
    results = [out["samples"] if phase == "encode" else out for out in (whole.outputs[place], tiled.outputs[place])]
    torch.testing.assert_close(*results, rtol=0, atol=0.05)
    assert pack("host").facts_of(vae).budget is None, "the VAE that was given is left as it was"


@pytest.mark.slow
def test_the_sampler_says_what_it_needs(run, pack, general_model, picture):
    facts = pack("inpaint.vram.memory_plan").Facts("f", "sd15", "SD 1.5", 0, budget=2**30)
    model, vae = pack("host").with_facts(general_model.model, general_model.vae, facts)
    both = {"positive": general_model.positive, "negative": general_model.negative}
    latent = {"samples": vae.encode(picture)}
    plain = run("MendMaskedSampler", model=general_model.model, steps=1, latent=latent, **both)
    limited = run("MendMaskedSampler", model=model, steps=1, latent=latent, **both)
    for ran in (plain, limited):
        assert ran.text.startswith("Sampling needs up to 1.")
        # A CPU has no elsewhere for weights, whatever the budget.
        assert "offloaded" not in ran.text
        assert "1.00 GiB are free" not in ran.text

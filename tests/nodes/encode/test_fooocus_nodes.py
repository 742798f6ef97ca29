"""Fooocus' patch on the host: its files, its folder, what it does to a small SDXL's weights and to what it predicts.

Mutations seen to fail here: strength or function ignored; a weight not changed in place; the bytes made floats ahead;
the given model patched; patched twice; the feature added to every block, spread over both conditionings, cast to fp8,
or copied with every clone; the hole not hidden, inverted, or sampled where it should be pooled; the VAE's scale; nine
channels taken; other packs' folders moved, their suffixes dropped or "every file" narrowed; the folder looked at only
once; the host's list not read anew; errors of a broken file let through; no word on an empty folder.
"""

import copy
import os
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

HEAD, PATCH = "fooocus_inpaint_head.pth", "inpaint_v26.fooocus.patch"
CPU = torch.device("cpu")
SIZE = (64, 96)
LOW, HIGH = -0.03, 0.05


@pytest.fixture(autouse=True)
def _inference():
    """As the host's executor has it."""
    with torch.inference_mode():
        yield


# ---- a patch in the true layout, and a model for it --------------------------------------------------------------


@pytest.fixture(scope="module")
def content(bare_sdxl):
    """What the patch file holds: bytes and two bounds for each weight, here for a third of them."""
    random = torch.Generator().manual_seed(0)
    return {
        name: (
            torch.randint(0, 256, weight.shape, dtype=torch.uint8, generator=random),
            torch.tensor(LOW),
            torch.tensor(HIGH),
        )
        for name, weight in bare_sdxl.model.model.named_parameters()
        if weight.ndim > 1 and name.split(".")[1] in ("input_blocks", "middle_block", "out")
    }


@pytest.fixture(scope="module")
def folder(host_nodes, tmp_path_factory):
    """A models/inpaint of this file's own, since the nodes list what lies in it."""
    import folder_paths

    path = tmp_path_factory.mktemp("models") / "inpaint"
    path.mkdir()
    _, suffixes = folder_paths.folder_names_and_paths["inpaint"]
    with pytest.MonkeyPatch.context() as paths:
        paths.setattr(folder_paths, "models_dir", str(path.parent))
        paths.setitem(folder_paths.folder_names_and_paths, "inpaint", ([str(path)], set(suffixes)))
        paths.setattr(folder_paths, "filename_list_cache", {})
        yield path


@pytest.fixture(scope="module")
def files(folder, content):
    """Head and patch on disk; the patch with a weight that this model does not have."""
    head = torch.randn(320, 5, 3, 3, generator=torch.Generator().manual_seed(1))
    torch.save({"head": head}, folder / HEAD)
    absent = {"diffusion_model.input_blocks.8.1.proj_in.weight": (torch.zeros(2, 2).byte(), torch.tensor(0.0), HIGH)}
    torch.save(content | absent, folder / PATCH)
    return {"head": HEAD, "patch": PATCH}


@pytest.fixture(scope="module")
def patch(run, files):
    return run("MendLoadFooocusPatch", **files).outputs[0]


@pytest.fixture(scope="module")
def head_alone(pack, patch):
    """Every weight changed by 0."""
    fooocus = pack("inpaint.sampling.fooocus")
    return fooocus.Patch(
        patch.head, {name: fooocus.Delta(delta.steps, 0.0, 0.0) for name, delta in patch.deltas.items()}
    )


@pytest.fixture(scope="module")
def vae(general_model):
    return general_model.vae


@pytest.fixture
def apply(run, bare_sdxl, patch, vae):
    def apply(**inputs):
        inputs = {"model": bare_sdxl.model, "patch": patch, "vae": vae, "image": picture(), "mask": block()} | inputs
        return run("MendApplyFooocusInpaint", **inputs)

    return apply


@pytest.fixture
def sample(run, bare_sdxl):
    """The host's KSampler, one step from noise."""

    def sample(model, latents=1, cells=(8, 12)):
        latent = {"samples": torch.zeros(latents, 4, *cells)}
        words = {"positive": bare_sdxl.positive, "negative": bare_sdxl.negative}
        how = {"seed": 1, "steps": 1, "cfg": 5.0, "sampler_name": "euler", "scheduler": "simple"}
        return run("KSampler", model=model, latent_image=latent, **words, **how).outputs[0]["samples"]

    return sample


def picture(batch=1, channels=3, size=SIZE):
    return torch.rand(batch, *size, channels, generator=torch.Generator().manual_seed(batch))


def block(size=SIZE):
    mask = torch.zeros(1, *size)
    mask[:, 16:41, 24:64] = 1
    return mask


def bits(model):
    return {name: weight.clone() for name, weight in model.model.state_dict().items()}


def same_bits(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def exact(weights, content):
    """The changed weights in float64, by numpy."""
    for name, (steps, low, high) in content.items():
        change = steps.numpy().astype(np.float64) / 255 * (float(high) - float(low)) + float(low)
        yield name, weights[name].double().numpy() + change


def within_rounding(weight, expected):
    """Within two units in the last place of the weight, or of the range of the changes where that is more."""
    unit = torch.finfo(weight.dtype).eps * np.maximum(np.abs(expected), HIGH - LOW)
    return bool((np.abs(weight.double().numpy() - expected) <= 2 * unit).all())


def load_in_full(model):
    import comfy.model_management

    comfy.model_management.load_models_gpu([model], force_full_load=True)


def predicted(model):
    """What the U-Net predicts at one step, for two conditionings of one latent."""
    random = torch.Generator().manual_seed(7)
    x = torch.randn(2, 4, 8, 12, generator=random)
    context, y = torch.randn(2, 77, 2048, generator=random), torch.randn(2, 2816, generator=random)
    options = model.model_options["transformer_options"] | {"cond_or_uncond": [0, 1]}
    unet = model.model.diffusion_model
    return unet(x, torch.full((2,), 500.0), context=context, y=y, transformer_options=options)


# ---- the weights -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_weights_are_patched_and_given_back(apply, bare_sdxl, content):
    before = bits(bare_sdxl.model)
    ran = apply()
    (patched,) = ran.outputs
    assert (
        f"{len(content):,} weights of the model are patched. Weights of the patch that this model lacks: 1" in ran.text
    )
    assert "The mask covers 16.3% of the picture." in ran.text
    assert same_bits(bits(bare_sdxl.model), before), "nothing happens before the host loads it"
    load_in_full(patched)
    now = bits(patched)
    assert all(within_rounding(now[name], expected) for name, expected in exact(before, content))
    assert all(torch.equal(now[name], before[name]) for name in before.keys() - content.keys())
    patched.detach()
    assert same_bits(bits(bare_sdxl.model), before)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_in_half_precision(apply, build_sdxl, content, dtype):
    model = build_sdxl(dtype)
    before = bits(model)
    (patched,) = apply(model=model).outputs
    load_in_full(patched)
    now = bits(patched)
    assert now["diffusion_model.input_blocks.0.0.weight"].dtype == dtype
    assert all(within_rounding(now[name], expected) for name, expected in exact(before, content))
    patched.detach()
    assert same_bits(bits(model), before)


@pytest.mark.slow
def test_weights_that_are_brought_in_at_every_step(apply, bare_sdxl, content):
    """As on a card that is too small: the host changes a copy of each weight when its layer is used."""
    import comfy.ops

    before = bits(bare_sdxl.model)
    (patched,) = apply().outputs
    load_in_full(patched)
    whole = predicted(patched)
    patched.detach()
    patched.patch_model(device_to=CPU, lowvram_model_memory=1)
    brought_in = [name for name in content if torch.equal(patched.model.state_dict()[name], before[name])]
    assert len(brought_in) == len(content)
    layer = patched.model.get_submodule("diffusion_model.middle_block.1.proj_in")
    used, _ = comfy.ops.cast_bias_weight(layer, torch.zeros(1))[:2]
    name = "diffusion_model.middle_block.1.proj_in.weight"
    assert within_rounding(used, dict(exact(before, {name: content[name]}))[name])
    torch.testing.assert_close(predicted(patched), whole, rtol=1e-4, atol=1e-4)
    patched.detach()
    assert same_bits(bits(bare_sdxl.model), before)


def test_newer_hosts_copy_what_a_patch_holds_ahead(pack, content):
    """They call the class with `loaded_keys` and copies of the tensors in `weights`; the bytes stay bytes."""
    import comfy.model_patcher

    name, (steps, low, high) = next(iter(content.items()))
    adapter = pack("host.sampling.fooocus").FooocusDelta({name}, (steps, float(low), float(high)))
    copied = type(adapter)(adapter.loaded_keys, tuple(copy.deepcopy(weight) for weight in adapter.weights))
    weight = torch.randn(steps.shape, generator=torch.Generator().manual_seed(0))
    expected, again = (
        each.calculate_weight(weight.clone(), name, 1.0, 1.0, None, lambda value: value) for each in (adapter, copied)
    )
    assert torch.equal(again, expected)
    lowvram: Any = comfy.model_patcher.LowVramPatch(name, {name: [(1.0, adapter, 1.0, None, None)]})
    if hasattr(lowvram, "prepare"):
        room = lowvram.memory_required()
        assert steps.numel() <= room < steps.numel() + 1024
        lowvram.prepare(torch.empty(room, dtype=torch.uint8), None)
        ((_, ahead, *_),) = lowvram.prepared_patches
        assert ahead.weights[0].dtype == torch.uint8
        assert ahead.weights[0].data_ptr() != steps.data_ptr()
    assert torch.equal(lowvram(weight.clone()), expected)


def test_all_that_the_host_may_ask_of_a_patch(pack):
    """Strength, the model's own strength, a part of a weight, and a function of the change."""
    import comfy.lora

    steps = torch.tensor([[0, 255], [51, 204]], dtype=torch.uint8)
    adapter = pack("host.sampling.fooocus").FooocusDelta({"w"}, (steps, -1.0, 1.0))
    entry = (0.5, adapter, 0.25, (0, 1, 2), lambda value: -value)
    weight = torch.tensor([[8.0, 8], [8, 8], [8, 8]])
    changed = comfy.lora.calculate_weight([entry], weight, "w")
    torch.testing.assert_close(changed, torch.tensor([[8.0, 8], [2.5, 1.5], [2.3, 1.7]]))
    with pytest.raises(ValueError, match=r"^Fooocus inpaint: expected w of \[2, 2\], got \[3, 2\]\. Another node"):
        comfy.lora.calculate_weight([(1.0, adapter, 1.0, None, None)], torch.zeros(3, 2), "w")


def test_other_patches_come_beside_it(apply, bare_sdxl, content):
    """A LoRA of another node, before and after."""
    name = "diffusion_model.middle_block.1.proj_in.weight"
    before = bits(bare_sdxl.model)
    added = torch.full(before[name].shape, 0.5)
    (expected,) = (weight for _, weight in exact(before, {name: content[name]}))
    lora = {name: ("diff", (added,))}
    first = bare_sdxl.model.clone()
    first.add_patches(lora, 1.0)
    (first,) = apply(model=first).outputs
    last = apply().outputs[0].clone()
    last.add_patches(lora, 1.0)
    for model in (first, last):
        load_in_full(model)
        assert within_rounding(bits(model)[name], expected + 0.5)
        model.detach()


# ---- what the model sees -----------------------------------------------------------------------------------------


def record(model, seen):
    """A clone that keeps each input block's output, after the patches before this one."""
    model = model.clone()

    def look(h, transformer_options):
        seen.append((transformer_options["block"], list(transformer_options["cond_or_uncond"]), h.clone()))
        return h

    model.set_model_input_block_patch(look)
    return model


def feature_of(patch, vae, image, mask):
    """By the host's own VAE and SDXL's scale, and a max over each cell."""
    hidden = torch.where(mask[..., None] >= 0.5, 0.5, image[..., :3])
    cells = F.max_pool2d((mask >= 0.5).float()[:, None], 8)
    given = torch.cat([cells, vae.encode(hidden) * 0.13025], dim=1)
    return F.conv2d(F.pad(given, (1, 1, 1, 1), mode="replicate"), patch.head)


@pytest.mark.slow
@pytest.mark.parametrize(("pictures", "latents"), [(1, 1), (1, 2), (2, 2), (2, 4)])
def test_the_head_is_added_to_the_first_block_alone(apply, sample, bare_sdxl, head_alone, vae, pictures, latents):
    """With CFG: both conditionings of a latent get the feature of its picture."""
    image, mask = picture(pictures), block().expand(pictures, -1, -1)
    before: list[Any] = []
    after: list[Any] = []
    (patched,) = apply(model=record(bare_sdxl.model, before), patch=head_alone, image=image, mask=mask).outputs
    sample(record(patched, after), latents)
    expected = feature_of(head_alone, vae, image, mask)
    assert [block for block, *_ in after] == [("input", place) for place in range(4)]
    for (block_of, asked, plain), (_, _, added) in zip(before, after, strict=True):
        assert sorted(asked) == [0, 1]
        if block_of != ("input", 0):
            assert torch.equal(added, plain)
            continue
        assert len(plain) == 2 * latents
        for place in range(2 * latents):
            torch.testing.assert_close(added[place] - plain[place], expected[place % pictures], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_what_is_hidden_plays_no_part_but_the_hole_does(apply, sample):
    image, other = picture(), picture()
    other[:, 16:41, 24:64] = torch.nan
    beside = picture()
    beside[:, :8] = 0
    hole = block()
    hole[:, 0, 0] = 1
    first = sample(apply(image=image).outputs[0])
    assert torch.equal(sample(apply(image=other).outputs[0]), first)
    assert not torch.equal(sample(apply(image=beside).outputs[0]), first)
    assert not torch.equal(sample(apply(mask=hole).outputs[0]), first), "one pixel of a cell"


@pytest.mark.slow
def test_the_model_that_is_given_stays_as_it_is(apply, sample, bare_sdxl, head_alone):
    before = sample(bare_sdxl.model)
    weights = bits(bare_sdxl.model)
    patched, headed = apply().outputs[0], apply(patch=head_alone).outputs[0]
    changed, with_head = sample(patched), sample(headed)
    assert not torch.allclose(changed, before, atol=0.1)
    assert not torch.allclose(with_head, before, atol=0.1)
    assert not torch.allclose(with_head, changed, atol=0.1)
    assert torch.equal(sample(bare_sdxl.model), before)
    assert torch.equal(sample(patched), changed)
    patched.detach()
    assert same_bits(bits(bare_sdxl.model), weights)
    assert bare_sdxl.model.patches == {}
    assert "patches" not in bare_sdxl.model.model_options["transformer_options"]


@pytest.mark.parametrize("channels", [3, 4])
def test_a_picture_of_any_size_with_encode_and_the_masked_sampler(apply, run, bare_sdxl, vae, channels):
    image = picture(channels=channels, size=(61, 83))
    (patched,) = apply(image=image, mask=block()).outputs
    parts = {"model": bare_sdxl.model, "vae": vae, "positive": bare_sdxl.positive, "negative": bare_sdxl.negative}
    positive, negative, latent = run("MendEncodeInpaint", image=image, mask=block(), **parts).outputs
    sampling = {"seed": 1, "steps": 1, "positive": positive, "negative": negative, "latent": latent}
    (plain,) = run("MendMaskedSampler", model=bare_sdxl.model, **sampling).outputs
    (result,) = run("MendMaskedSampler", model=patched, **sampling).outputs
    assert result["samples"].shape == (1, 4, 8, 11)
    assert not torch.allclose(result["samples"], plain["samples"], atol=0.1)
    kept = latent["noise_mask"][..., ::8, ::8].expand_as(latent["samples"]) == 0
    torch.testing.assert_close(result["samples"][kept], latent["samples"][kept], rtol=0, atol=1e-4)


def test_an_empty_mask_is_no_error(apply, sample):
    ran = apply(mask=torch.zeros(1, 64, 64))
    assert "The mask is empty" in ran.text
    assert sample(ran.outputs[0]).isfinite().all()


@pytest.mark.parametrize(
    ("latents", "cells", "message"),
    [
        (
            1,
            (8, 12),
            r"^Fooocus inpaint: expected 2 latents \(one per picture\) or a multiple of that, got 1\. Connect the pi",
        ),
        (
            3,
            (8, 12),
            r"^Fooocus inpaint: expected 2 latents \(one per picture\) or a multiple of that, got 3\. Connect the pi",
        ),
        (
            2,
            (8, 8),
            r"^Fooocus inpaint: expected a latent of 12 x 8 cells, the size of its picture, got 8 x 8\. Connect t",
        ),
    ],
)
def test_another_latent_than_the_pictures(apply, sample, InpaintError, latents, cells, message):
    (patched,) = apply(image=picture(2)).outputs
    with pytest.raises(InpaintError, match=message):
        sample(patched, latents, cells)


def test_the_feature_goes_where_the_host_wants_it_in_its_own_dtype(pack, bare_sdxl):
    """The host asks for the dtype of the weights too, and fp8 would spoil it; its clones share the feature."""
    feature = pack("host.sampling.fooocus").HeadFeature(torch.rand(1, 320, 2, 2))
    model = bare_sdxl.model.clone()
    model.set_model_input_block_patch(feature)
    model = model.clone()
    model.model_patches_to(torch.float8_e4m3fn)
    (held,) = model.model_options["transformer_options"]["patches"]["input_block_patch"]
    assert held.feature is feature.feature
    assert feature.to(torch.device("meta")).feature.is_meta
    assert feature.feature.device == CPU


# ---- what is refused ---------------------------------------------------------------------------------------------


def test_models_it_is_not_made_for(apply, general_model, inpaint_model, build_sdxl, InpaintError):
    for model in (general_model.model, inpaint_model.model, build_sdxl(in_channels=9)):
        with pytest.raises(InpaintError, match=r"^model: expected an SDXL model with 4 input channels, got another\. "):
            apply(model=model)


def test_it_is_applied_once(apply, InpaintError):
    (patched,) = apply().outputs
    with pytest.raises(
        InpaintError, match=r"^model: expected a model without a Fooocus patch, got one with a patch\. A"
    ):
        apply(model=patched.clone())


def test_a_vae_of_another_family(apply, vae, InpaintError):
    wide = copy.copy(vae)
    wide.latent_channels = 16
    with pytest.raises(InpaintError, match=r"^vae: expected latents of 4 channels for SDXL, got 16 channels"):
        apply(vae=wide)


def test_a_patch_for_other_shapes_or_none_of_the_weights(apply, pack, patch, InpaintError):
    fooocus = pack("inpaint.sampling.fooocus")
    name = "diffusion_model.out.2.weight"
    with pytest.raises(InpaintError, match=rf"^model: expected {name} of \[9, 9\], as in the patch, got \[4, 320, 3"):
        apply(patch=fooocus.Patch(patch.head, {name: fooocus.Delta(torch.zeros(9, 9).byte(), 0.0, 1.0)}))
    with pytest.raises(InpaintError, match=r"^model: expected an SDXL model, got one that has none of the 1 weights"):
        apply(patch=fooocus.Patch(patch.head, {"diffusion_model.x": fooocus.Delta(torch.zeros(9).byte(), 0.0, 1.0)}))


# ---- the files ---------------------------------------------------------------------------------------------------


def test_files_are_read_as_data_and_left_as_they_are(run, files, folder, content, monkeypatch):
    import comfy.utils

    monkeypatch.setattr(comfy.utils, "MMAP_TORCH_FILES", True)
    before = {name: (folder / name).read_bytes() for name in files.values()}
    ran = run("MendLoadFooocusPatch", **files)
    assert f"The patch changes {len(content) + 1:,} weights." in ran.text
    (patch,) = ran.outputs
    assert all(torch.equal(patch.deltas[name].steps, content[name][0]) for name in content)
    assert {name: (folder / name).read_bytes() for name in files.values()} == before


class Harm:
    """Would run when it is unpickled."""

    def __reduce__(self):
        return (print, ("harm",))


def test_files_that_are_something_else(run, files, folder, InpaintError, capsys):
    torch.save({"head": Harm()}, folder / "harm.pth")
    (folder / "page.pth").write_text("<!doctype html><html>not found</html>")
    (folder / "short.patch").write_bytes((folder / PATCH).read_bytes()[:5000])
    (folder / "empty.patch").write_bytes(b"")
    refused = {
        "harm.pth": "expected a weights file, got one that cannot be read as weights",
        "page.pth": "expected a model, got a web page",
        "short.patch": "the file is truncated: its end is missing",
        "empty.patch": "the file is empty",
    }
    for name, message in refused.items():
        which = "head" if name.endswith(".pth") else "patch"
        with pytest.raises(InpaintError, match=f"^{name}: {message}"):
            run("MendLoadFooocusPatch", **files | {which: name})
    assert "harm" not in capsys.readouterr().out
    with pytest.raises(InpaintError, match=rf"^head, patch: {PATCH} and {HEAD} are swapped"):
        run("MendLoadFooocusPatch", head=PATCH, patch=HEAD)
    with pytest.raises(InpaintError, match=r"^gone\.patch: no such file in models/inpaint"):
        run("MendLoadFooocusPatch", **files | {"patch": "gone.patch"})
    for name in ("harm.pth", "page.pth", "short.patch", "empty.patch"):
        (folder / name).unlink()


def test_they_are_loaded_with_the_care_that_models_are(run, files, InpaintError, monkeypatch):
    """Not by a PyTorch that runs pickles; where memory runs out, once more, and then in words."""
    import comfy.utils

    load, errors = comfy.utils.load_torch_file, [MemoryError()]

    def short_of_memory(*asked, **named):
        if errors:
            raise errors.pop()
        return load(*asked, **named)

    monkeypatch.setattr(comfy.utils, "load_torch_file", short_of_memory)
    assert run("MendLoadFooocusPatch", **files).outputs
    errors += [MemoryError(), MemoryError()]
    with pytest.raises(InpaintError, match=rf"^{HEAD}: memory ran out while loading, with no other model"):
        run("MendLoadFooocusPatch", **files)
    monkeypatch.setattr(torch, "__version__", "2.5.1")
    with pytest.raises(InpaintError, match=rf"^{HEAD}: expected PyTorch 2\.6 or newer, "):
        run("MendLoadFooocusPatch", **files)


def test_the_likely_files_are_chosen_and_a_new_one_is_noticed(host_nodes, files, folder):
    node = host_nodes.NODE_CLASS_MAPPINGS["MendLoadFooocusPatch"]
    inputs = node.INPUT_TYPES()["required"]
    assert {name: options["default"] for name, (_, options) in inputs.items()} == files
    assert node.validate_inputs(**files) is True
    assert node.validate_inputs(head=None, patch=None) is True
    assert (
        node.validate_inputs(head="x", patch=None)
        == f"head: expected one of {HEAD}, {PATCH}, got x. Choose an option of the list."
    )
    before = node.fingerprint_inputs(**files)
    assert node.fingerprint_inputs(head=None, patch=PATCH) is None
    os.utime(folder / PATCH, (1, 1))
    assert node.fingerprint_inputs(**files) != before


def test_no_files_yet(host_nodes, run, files, InpaintError, monkeypatch, tmp_path):
    import folder_paths

    monkeypatch.setitem(folder_paths.folder_names_and_paths, "inpaint", ([str(tmp_path)], {".pth"}))
    monkeypatch.setattr(folder_paths, "models_dir", str(tmp_path / "nowhere"))
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    node = host_nodes.NODE_CLASS_MAPPINGS["MendLoadFooocusPatch"]
    message = (
        "models/inpaint: expected two files, got none. Download fooocus_inpaint_head.pth and inpaint_v26.fooocus.patch "
        "from huggingface.co/lllyasviel/fooocus_inpaint to models/inpaint."
    )
    assert [options for options, *_ in node.INPUT_TYPES()["required"].values()] in ([[], []], ["COMBO", "COMBO"])
    assert node.validate_inputs(**files) == message
    assert node.validate_inputs(head=None, patch=None) == message
    with pytest.raises(InpaintError, match=message):
        run("MendLoadFooocusPatch", **files)


# ---- the folder, shared with other packs -------------------------------------------------------------------------


def by_the_host(paths, where):
    """As ComfyUI's extra_model_paths.yaml and many packs do; no suffixes: every file."""
    paths.add_model_folder_path("inpaint", where)


def by_merging(paths, where):
    """As comfyui-inpaint-nodes does."""
    folders, suffixes = paths.folder_names_and_paths.get("inpaint", ([], set()))
    folders.append(where)
    suffixes.update([".pt", ".onnx"])
    paths.folder_names_and_paths["inpaint"] = (folders, suffixes)


def by_replacing(paths, where):
    paths.folder_names_and_paths["inpaint"] = ([where], {".onnx"})


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("register", [by_the_host, by_merging, by_replacing])
def test_other_packs_keep_their_folder_and_their_files(pack, monkeypatch, tmp_path, register, order):
    import folder_paths

    host, theirs, ours = pack("host"), tmp_path / "theirs", tmp_path / "models" / "inpaint"
    for place in (theirs, ours):
        place.mkdir(parents=True)
        for name in ("head.pth", "v26.fooocus.patch", "lama.pt", "lama.onnx", "notes.md"):
            (place / f"{place.name}-{name}").touch()
    known = {name: entry for name, entry in folder_paths.folder_names_and_paths.items() if name != "inpaint"}
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", known)
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    monkeypatch.setattr(folder_paths, "models_dir", str(tmp_path / "models"))

    if order == "before":
        register(folder_paths, str(theirs))
        listed_before = folder_paths.get_filename_list("inpaint")
    host.share_inpaint_folder()
    if order == "after":
        first = host.inpaint_names()
        assert first == ["inpaint-head.pth", "inpaint-lama.pt", "inpaint-v26.fooocus.patch"]
        register(folder_paths, str(theirs))
        listed_before = folder_paths.get_filename_list("inpaint")

    names = host.inpaint_names()
    both = [
        f"{place}-{name}" for place in ("inpaint", "theirs") for name in ("head.pth", "lama.pt", "v26.fooocus.patch")
    ]
    assert names == both
    assert set(listed_before) <= set(folder_paths.get_filename_list("inpaint")), "what they listed is listed still"
    folders, suffixes = folder_paths.folder_names_and_paths["inpaint"]
    expected = [str(theirs), str(ours)] if order == "before" or register is by_replacing else [str(ours), str(theirs)]
    assert folders == expected
    assert folder_paths.get_full_path("inpaint", "theirs-head.pth") == str(theirs / "theirs-head.pth")
    host.share_inpaint_folder()
    assert folder_paths.folder_names_and_paths["inpaint"] == (folders, suffixes)
    assert host.inpaint_names() == both


def test_a_list_that_was_read_before_is_read_anew(pack, monkeypatch, tmp_path):
    """Another pack knows the folder too, but no suffix of patches, and the host remembers what it listed."""
    import folder_paths

    (tmp_path / "inpaint").mkdir()
    (tmp_path / "inpaint" / "v26.fooocus.patch").touch()
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "inpaint", ([str(tmp_path / "inpaint")], {".pt"}))
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    monkeypatch.setattr(folder_paths, "models_dir", str(tmp_path))
    assert folder_paths.get_filename_list("inpaint") == []
    assert pack("host").inpaint_names() == ["v26.fooocus.patch"]
    assert folder_paths.folder_names_and_paths["inpaint"][0] == [str(tmp_path / "inpaint")]


def test_the_suffixes_of_the_host_are_not_touched(pack, host_nodes):
    import folder_paths

    pack("host").share_inpaint_folder()
    assert ".patch" not in folder_paths.supported_pt_extensions
    assert ".patch" in folder_paths.folder_names_and_paths["inpaint"][1]

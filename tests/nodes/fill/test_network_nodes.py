"""Networks loaded from models/inpaint, held and run by the host, and pictures filled by them.

Mutations seen to fail here: the network run where it lies, past the host's patcher; the patcher's class looked up when
the pack is imported; a partial load asked for; no memory asked for; float16 for LaMa; what is on the card left there
when memory runs out; the host's interruption kept; the share done not shown; a file's stamp left out.
"""

from __future__ import annotations

import gc
import os
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from devtools.models.checkpoints import write_lama, write_migan

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated:FutureWarning")

LAMA, TINY = "big-lama.pt", "tiny.pt"


@pytest.fixture(scope="module")
def lama(run, network_file):
    loaded = run("MendLoadNetwork", network_name=network_file(LAMA, write_lama))
    return loaded


def picture(height: int = 90, width: int = 120, batch: int = 1, channels: int = 3) -> Tensor:
    return torch.rand(batch, height, width, channels, generator=torch.Generator().manual_seed(0))


def block(height: int = 90, width: int = 120) -> Tensor:
    mask = torch.zeros(1, height, width)
    mask[:, height // 3 : height // 2, width // 3 : width // 2] = 1
    return mask


def untouched(made: Tensor, weight: Tensor, image: Tensor) -> None:
    assert made.dtype == image.dtype
    assert torch.equal(made[weight == 0], image.expand_as(made)[weight == 0])
    assert not torch.equal(made[weight == 1], image.expand_as(made)[weight == 1])
    assert torch.equal(made[..., 3:], image.expand_as(made)[..., 3:])
    assert made.isfinite().all()


def test_big_lama_is_loaded_and_fills(run, lama):
    assert lama.text == "LaMa, 51.0 M parameters, computes in fp32."
    image = picture()
    ran = run("MendInpaintWithNetwork", network=lama.outputs[0], image=image, mask=block())
    made, weight, _ = ran.outputs
    untouched(made, weight, image)
    assert ran.text.startswith("Pasted over ")
    assert "Largest change outside: 0.\nLaMa: 1 hole filled in 1 crop.\nseam" in ran.text.replace("Seam", "seam")


@pytest.mark.slow
def test_it_gives_what_spandrel_gives(run, lama, base):
    from spandrel import ModelLoader

    weights = torch.jit.load(str(base / "models" / "inpaint" / LAMA)).state_dict()
    reference = ModelLoader().load_from_state_dict(
        {name.removeprefix("model."): weight for name, weight in weights.items()}
    )
    reference.eval()
    image, mask = picture(88, 120), block(88, 120)
    (made, _, _) = run(
        "MendInpaintWithNetwork", network=lama.outputs[0], image=image, mask=mask, grow=0, feather=0
    ).outputs
    with torch.no_grad():
        expected = reference(image.movedim(-1, 1), mask[:, None]).movedim(1, -1)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_the_host_holds_it_and_counts_it(run, lama, pack, monkeypatch):
    import comfy.model_management as management

    held = lama.outputs[0]
    management.unload_all_models()
    asked = []
    load = management.load_models_gpu

    def spy(models, **settings):
        asked.append((models, settings))
        return load(models, **settings)

    monkeypatch.setattr(management, "load_models_gpu", spy)
    run("MendInpaintWithNetwork", network=held, image=picture(), mask=block())
    ((models, settings),) = asked
    assert models == [held.patcher]
    # 1,500 bytes a pixel of the crop of 120 x 96.
    assert settings == {"memory_required": 1500 * 120 * 96, "force_full_load": True}
    assert held.patcher in [entry.model for entry in management.current_loaded_models]
    size = sum(tensor.numel() * tensor.itemsize for tensor in held.network.module.state_dict().values())
    assert held.patcher.model_size() == size > 200e6
    management.unload_all_models()
    assert held.patcher not in [entry.model for entry in management.current_loaded_models]


def test_it_goes_when_nothing_needs_it(run, network_file):
    import weakref

    loaded = run("MendLoadNetwork", network_name=network_file(TINY, write_migan, side=16, width=16)).outputs[0]
    run("MendInpaintWithNetwork", network=loaded, image=picture(), mask=block())
    module = weakref.ref(loaded.network.module)
    del loaded
    gc.collect()
    assert module() is None


def test_newer_hosts_choose_the_patcher(run, network_file, monkeypatch):
    """They set the class when they start, after packs may have been imported, and it brings weights in as they are
    used; the network is loaded in full all the same."""
    import comfy.model_patcher

    made = []

    class Chosen(comfy.model_patcher.ModelPatcher):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, **named)
            made.append(self)

    monkeypatch.setattr(comfy.model_patcher, "CoreModelPatcher", Chosen, raising=False)
    loaded = run("MendLoadNetwork", network_name=network_file(TINY, write_migan, side=16, width=16)).outputs[0]
    assert made == [loaded.patcher]
    made, weight, _ = run("MendInpaintWithNetwork", network=loaded, image=picture(), mask=block()).outputs
    untouched(made, weight, picture())


def test_what_the_host_left_behind_is_brought(run, network_file, monkeypatch):
    """Without memory of the card (--novram) the host loads nothing but its own layers."""
    import comfy.model_management as management

    loaded = run("MendLoadNetwork", network_name=network_file(TINY, write_migan, side=16, width=16)).outputs[0]
    monkeypatch.setattr(management, "load_models_gpu", lambda models, **settings: None)
    brought = []
    to = torch.nn.Module.to
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *where: (brought.append(where), to(self, *where))[1])
    run("MendInpaintWithNetwork", network=loaded, image=picture(), mask=block())
    assert set(brought) == {(torch.device("cpu"),)}


@pytest.mark.slow
def test_half_where_host_and_network_have_it(run, network_file, monkeypatch):
    import comfy.model_management as management

    small = network_file("small.pth", write_migan, side=64, width=32)
    full = run("MendLoadNetwork", network_name=small).outputs[0]
    monkeypatch.setattr(management, "should_use_fp16", lambda *a, **k: True)
    loaded = run("MendLoadNetwork", network_name=small)
    assert loaded.text.endswith("computes in fp16.")
    assert {weight.dtype for weight in loaded.outputs[0].network.module.parameters()} == {torch.float16}
    fill = partial(run, "MendInpaintWithNetwork", image=picture(), mask=block())
    torch.testing.assert_close(
        fill(network=loaded.outputs[0]).outputs[0], fill(network=full).outputs[0], rtol=0, atol=5e-3
    )
    assert run("MendLoadNetwork", network_name=network_file(LAMA, write_lama)).text.endswith("computes in fp32.")


# ---- pictures and masks of every kind ----------------------------------------------------------------------------


ODD = {
    "1023 x 769": (picture(769, 1023), block(769, 1023)),
    "RGBA": (picture(channels=4), block()),
    "float16": (picture().half(), block()),
    "a mask of 64 x 64": (picture(), block(64, 64)),
    "a mask without a batch": (picture(), block()[0]),
    "a picture of one pixel's width": (picture(90, 1), torch.ones(90, 1)),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_pictures(run, tiny_network, name):
    image, mask = ODD[name]
    before = image.clone(), mask.clone()
    made, weight, _ = run("MendInpaintWithNetwork", network=tiny_network, image=image, mask=mask).outputs
    untouched(made, weight, image)
    assert torch.equal(image, before[0])
    assert torch.equal(mask, before[1])


def test_a_batch(run, tiny_network):
    images = picture(batch=4)
    fill = partial(run, "MendInpaintWithNetwork", network=tiny_network, mask=block())
    ran = fill(image=images)
    assert "MI-GAN 16: 4 holes filled in 4 crops." in ran.text
    for index in range(4):
        (alone, _, _) = fill(image=images[index : index + 1]).outputs
        torch.testing.assert_close(ran.outputs[0][index], alone[0], rtol=0, atol=1e-6)


def test_an_empty_mask(run, tiny_network):
    ran = run("MendInpaintWithNetwork", network=tiny_network, image=picture(), mask=block() * 0)
    assert torch.equal(ran.outputs[0], picture())
    assert "MI-GAN 16: The mask is empty: nothing was filled." in ran.text


# ---- when memory or patience runs out ----------------------------------------------------------------------------


@pytest.fixture
def crowded(pack, monkeypatch):
    """Lets memory run out at crops of more pixels than this, whatever else is on the card; counts what was put off."""
    import comfy.model_management as management

    state: dict[str, Any] = {"most": 10**9, "unloaded": 0, "tried": []}
    load, unload = management.load_models_gpu, management.unload_all_models

    def full(models, memory_required, **settings):
        state["tried"].append(memory_required // 1500)
        if state["tried"][-1] > state["most"]:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return load(models, memory_required=memory_required, **settings)

    def counted():
        state["unloaded"] += 1
        unload()

    monkeypatch.setattr(management, "load_models_gpu", full)
    monkeypatch.setattr(management, "unload_all_models", counted)
    return state


def test_a_crop_is_made_smaller_where_memory_runs_out(run, lama, crowded):
    crowded["most"] = 120 * 90
    ran = run("MendInpaintWithNetwork", network=lama.outputs[0], image=picture(150, 200), mask=block(150, 200))
    assert "Memory ran out: crops were reduced to " in ran.text
    assert crowded["unloaded"] == 1
    assert len(crowded["tried"]) == 3  # as planned, with nothing else on the card, and smaller
    assert crowded["tried"][0] == crowded["tried"][1] > crowded["tried"][2]
    made, weight, _ = ran.outputs
    untouched(made, weight, picture(150, 200))


def test_no_room_at_all(run, lama, crowded, InpaintError):
    crowded["most"] = 0
    with pytest.raises(
        InpaintError, match=r"^memory ran out while filling a crop of 64x\d+ pixels, with no other model"
    ):
        run("MendInpaintWithNetwork", network=lama.outputs[0], image=picture(), mask=block())


def test_other_errors_are_not_taken_for_it(run, lama, monkeypatch):
    import comfy.model_management as management

    def broken(*models, **settings):
        raise RuntimeError("expected all tensors to be on the same device")

    monkeypatch.setattr(management, "load_models_gpu", broken)
    with pytest.raises(RuntimeError, match="same device"):
        run("MendInpaintWithNetwork", network=lama.outputs[0], image=picture(), mask=block())


def test_it_ends_when_the_user_says_so(run, tiny_network, monkeypatch):
    import comfy.model_management as management

    management.interrupt_current_processing(True)
    with pytest.raises(management.InterruptProcessingException):
        run("MendInpaintWithNetwork", network=tiny_network, image=picture(), mask=block())
    assert not management.processing_interrupted()


def test_it_shows_how_far_it_is(run, tiny_network, monkeypatch):
    import comfy.utils

    shown = []

    class Bar:  # the host's own passes some by where they come fast
        def __init__(self, total: int) -> None:
            self.total = total

        def update_absolute(self, value: int, total: int) -> None:
            assert total == self.total
            shown.append(value / total)

    monkeypatch.setattr(comfy.utils, "ProgressBar", Bar)
    run("MendInpaintWithNetwork", network=tiny_network, image=picture(batch=4), mask=block())
    assert shown == [0, 0.25, 0.5, 0.75, 1]


# ---- files -------------------------------------------------------------------------------------------------------


def test_files_that_are_no_networks(run, base, network_file, InpaintError):
    network_file(TINY, write_migan, side=16, width=16)
    folder = base / "models" / "inpaint"
    contents = {
        "page.pt": b"<!doctype html><html>not found</html>",
        "short.pt": (folder / TINY).read_bytes()[:5000],
        "empty.pth": b"",
        "short.safetensors": b"\x08\x00\x00\x00\x00\x00\x00\x00{",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    torch.save({"w": torch.zeros(3)}, folder / "other.pth")
    refused = {
        "page.pt": "expected a model, got a web page",
        "short.pt": "the file is truncated: its end is missing",
        "empty.pth": "the file is empty",
        "short.safetensors": "expected a weights file, got one that cannot be read as weights",
        "other.pth": "expected a network that fills holes, got 1 tensors, named 'w'",
        "gone.pt": "no such file in models/inpaint",
    }
    try:
        for name, message in refused.items():
            with pytest.raises(InpaintError, match=f"^{name}: {message}"):
                run("MendLoadNetwork", network_name=name)
    finally:
        for name in [*contents, "other.pth"]:
            (folder / name).unlink()


def test_a_pickle_from_before_2020(run, base):
    path = write_migan(base / "models" / "inpaint" / "new.pth", side=16, width=16)
    torch.save(torch.load(path), path.with_name("old.pth"), _use_new_zipfile_serialization=False)
    fill = partial(run, "MendInpaintWithNetwork", image=picture(), mask=block())
    new, old = (
        fill(network=run("MendLoadNetwork", network_name=name).outputs[0]).outputs[0] for name in ("new.pth", "old.pth")
    )
    assert torch.equal(new, old)
    for name in ("new.pth", "old.pth"):
        (base / "models" / "inpaint" / name).unlink()


def test_the_list_holds_what_may_be_a_network(pack, monkeypatch, tmp_path, host_nodes):
    import folder_paths

    (tmp_path / "inpaint").mkdir()
    for name in ("lama.pt", "mat.pth", "MAT.SafeTensors", "best.ckpt", "v26.fooocus.patch", "notes.md", "net.onnx"):
        (tmp_path / "inpaint" / name).touch()
    known = {name: entry for name, entry in folder_paths.folder_names_and_paths.items() if name != "inpaint"}
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", known)
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    monkeypatch.setattr(folder_paths, "models_dir", str(tmp_path))
    assert pack("host").network_names() == ["MAT.SafeTensors", "best.ckpt", "lama.pt", "mat.pth"]
    schema = host_nodes.NODE_CLASS_MAPPINGS["MendLoadNetwork"].define_schema()
    assert schema.inputs[0].default == "lama.pt"


def test_an_empty_folder(run, pack, monkeypatch, host_nodes, InpaintError):
    monkeypatch.setattr(pack("host"), "network_names", lambda: [])
    nothing = "models/inpaint: expected a network, got no file. Download big-lama.pt from "
    assert host_nodes.NODE_CLASS_MAPPINGS["MendLoadNetwork"].validate_inputs(network_name=None).startswith(nothing)
    with pytest.raises(InpaintError, match=f"^{nothing}"):
        run("MendLoadNetwork", network_name="big-lama.pt")


def test_a_file_that_is_replaced_is_read_anew(base, host_nodes, network_file):
    name = network_file(TINY, write_migan, side=16, width=16)
    stamp = partial(host_nodes.NODE_CLASS_MAPPINGS["MendLoadNetwork"].fingerprint_inputs, network_name=name)
    path = base / "models" / "inpaint" / name
    first = stamp()
    assert stamp() == first
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert stamp() != first

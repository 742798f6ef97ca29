"""Networks loaded from their files: each against a forward of its own, and every other file refused.

LaMa is held against spandrel's own loader; MI-GAN against the formulas of its paper, traced and saved as people have
it; MAT against a stand-in for the package that holds it, which the pack does not bring. It was compared once with the
real one, spandrel_extra_arches 0.2.0: equal to the bit in float32, from .pth of both kinds and float16 safetensors.

Mutations seen to fail here: tensors beside the network's read; a prefix not taken off; weights left in float16; a
network left in training; MI-GAN without its noise, without the clamp, with the mask turned round, with the picture in
0..1; half allowed for LaMa; a picture's noise drawn anew for MAT, or torch's own left seeded.
"""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
import types
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from devtools.models.checkpoints.networks import lama, migan, write_lama, write_migan, write_network
from devtools.models.checkpoints.random_weights import Maker, under
from inpaint.core.errors import InpaintError
from inpaint.networks import Grid, Network, load_network

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated:FutureWarning")


def read(path: str):
    """What is no archive, as the host reads it."""
    return load_file(path) if path.endswith(".safetensors") else torch.load(path, weights_only=True)


def load(path: Path) -> Network:
    return load_network(path, read)


def ran(network: Network, image: Tensor, hole: Tensor) -> Tensor:
    with torch.no_grad():
        return network.module(image, hole)


def given(side: int, batch: int = 1, height: int | None = None) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    image = torch.rand(batch, 3, height or side, side, generator=random)
    hole = torch.zeros(batch, 1, height or side, side)
    hole[..., 8:20, 10:30] = 1
    return image, hole


# ---- LaMa --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lama_weights() -> dict[str, Tensor]:
    """With statistics that are none of a norm that has seen nothing."""
    random = torch.Generator().manual_seed(5)
    weights = lama(Maker(0, torch.float32))
    for name, weight in weights.items():
        if name.endswith("running_mean"):
            weight.normal_(std=0.1, generator=random)
        elif name.endswith("running_var"):
            weight.uniform_(0.5, 2, generator=random)
        weight.copy_(weight.half())  # which holds all the others already
    return weights


@pytest.fixture(scope="module")
def by_spandrel(lama_weights) -> Tensor:
    from spandrel import MaskedImageModelDescriptor, ModelLoader

    loaded = ModelLoader().load_from_state_dict(under("model.", lama_weights))
    assert isinstance(loaded, MaskedImageModelDescriptor)
    loaded.eval()  # which its own call leaves out for networks with masks
    with torch.no_grad():
        return loaded(*given(64, height=40))


LAMA_FILES = {
    "big-lama.pt": "model.generator.",
    "spandrel.safetensors": "model.",
    "bare.pth": "",
    "best.ckpt": "generator.",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAMA_FILES)
def test_lama_gives_what_spandrel_gives(tmp_path, lama_weights, by_spandrel, name):
    path = tmp_path / name
    weights: dict[str, Any] = under(LAMA_FILES[name], lama_weights)
    if name == "best.ckpt":
        # As its authors saved it: beside a discriminator, and objects of the trainer.
        weights["discriminator.model0.0.weight"] = torch.zeros(64, 3, 4, 4)
        torch.save({"callbacks": {Callback: {}}, "state_dict": OrderedDict(weights)}, path)
    else:
        write_network(path, weights)
    network = load(path)
    assert (network.label, network.grid, network.half) == ("LaMa", Grid(512, 8, False), False)
    assert torch.equal(ran(network, *given(64, height=40)).clamp(0, 1), by_spandrel)


class Callback:
    pass


@pytest.mark.slow
def test_lama_in_float16_is_computed_in_float32(tmp_path, lama_weights, by_spandrel):
    halves = {f"model.{name}": weight.half() if weight.ndim else weight for name, weight in lama_weights.items()}
    network = load(write_network(tmp_path / "lama.safetensors", halves))
    assert {weight.dtype for weight in network.module.parameters()} == {torch.float32}
    assert torch.equal(ran(network, *given(64, height=40)).clamp(0, 1), by_spandrel)


@pytest.mark.slow
def test_what_lama_sees_in_the_hole_plays_no_part(tmp_path, lama_weights):
    network = load(write_network(tmp_path / "lama.pth", lama_weights))
    image, hole = given(64, batch=2)
    made = ran(network, image, hole)
    assert torch.equal(made, ran(network, image.masked_fill(hole.bool(), 0), hole))
    torch.testing.assert_close(made[:1], ran(network, image[:1], hole[:1]), rtol=0, atol=1e-4)


@pytest.mark.slow
def test_a_lama_of_another_size_is_refused(tmp_path, lama_weights):
    fewer = {name: weight for name, weight in lama_weights.items() if not name.startswith("model.22.")}
    with pytest.raises(
        InpaintError, match=r"^lama\.pth: looks like LaMa, but weights are missing, too many, or of a wr"
    ):
        load(write_network(tmp_path / "lama.pth", fewer))
    wider = lama_weights | {"model.1.ffc.convl2l.weight": torch.zeros(64, 5, 7, 7)}
    with pytest.raises(InpaintError, match=r"looks like LaMa, but .* size mismatch for model\.model\.1\.ffc\.convl2l"):
        load(write_network(tmp_path / "lama.pth", wider))


@pytest.mark.slow
def test_the_written_file_is_laid_out_as_the_one_people_have(tmp_path):
    path = write_lama(tmp_path / "big-lama.pt")
    names = list(torch.jit.load(str(path)).state_dict())
    assert len(names) == 989
    assert names[0] == "model.generator.model.1.bn_l.weight"
    assert "model.generator.model.22.conv2.ffc.convg2g.fu.conv_layer.weight" in names
    assert load(path).label == "LaMa"


# ---- MI-GAN ------------------------------------------------------------------------------------------------------


class Plain(nn.Module):
    """MI-GAN by its formulas, on weights by name, with blurs written out. It takes what the traced file takes: a plane
    of 0.5 where known and -0.5 in the hole, and the known pixels in -1..1; and it gives pictures in -1..1."""

    def __init__(self, weights: dict[str, Tensor], side: int):
        super().__init__()
        self.side = side
        for name, weight in weights.items():
            *path, leaf = name.split(".")
            module: nn.Module = self
            for step in path:
                if step not in module._modules:
                    module.add_module(step, nn.Module())
                module = module.get_submodule(step)
            module.register_buffer(leaf, weight)

    def forward(self, x: Tensor) -> Tensor:
        w = self.state_dict()
        features, levels = {}, [self.side >> step for step in range(int(math.log2(self.side)) - 1)]
        for res in levels:
            at = f"encoder.b{res}"
            if res == self.side:
                x = bounded(F.conv2d(x, w[f"{at}.fromrgb.weight"], w[f"{at}.fromrgb.bias"]))
            features[res] = x = separable(w, f"{at}.conv1", x)
            x = separable(w, f"{at}.conv2", x, down=res > 4)
        image = torch.zeros(1)
        for res in reversed(levels):
            at = f"synthesis.b{res}"
            x = separable(w, f"{at}.conv1", x, up=res > 4) + features[res]
            x = separable(w, f"{at}.conv2", x)
            colors = F.conv2d(x, w[f"{at}.torgb.weight"], w[f"{at}.torgb.bias"])
            image = colors if res == 4 else doubled(image) + colors
        return image


def separable(w: dict[str, Tensor], at: str, x: Tensor, down: bool = False, up: bool = False) -> Tensor:
    x = bounded(F.conv2d(x, w[f"{at}.conv1.weight"], w[f"{at}.conv1.bias"], padding=1, groups=x.shape[1]))
    x = halved(x) if down else x
    x = torch.einsum("oi,bihw->bohw", w[f"{at}.conv2.weight"][:, :, 0, 0], x)
    x = doubled(x) if up else x
    if f"{at}.noise_const" in w:
        x = x + w[f"{at}.noise_const"] * w[f"{at}.noise_strength"]
    return bounded(x)


def bounded(x: Tensor) -> Tensor:
    return (torch.where(x > 0, x, 0.2 * x) * 2**0.5).clamp(-256, 256)


def halved(x: Tensor) -> Tensor:
    """Pairs of pixels and one more on either side, by 1 3 3 1."""
    for dim in (2, 3):
        x = F.pad(x, (1, 1, 0, 0) if dim == 3 else (0, 0, 1, 1))
        count = x.shape[dim] - 3
        x = sum((share / 8 * x.narrow(dim, at, count) for at, share in enumerate((1, 3, 3, 1))), start=torch.zeros(()))
        x = x.index_select(dim, torch.arange(0, count, 2))
    return x


def doubled(x: Tensor) -> Tensor:
    """Each pixel's two halves, three quarters itself and a quarter its neighbour; nothing beyond the border."""
    for dim in (2, 3):
        wide = F.pad(x, (1, 1, 0, 0) if dim == 3 else (0, 0, 1, 1))
        count = x.shape[dim]
        near = 0.75 * x
        first, second = near + 0.25 * wide.narrow(dim, 0, count), near + 0.25 * wide.narrow(dim, 2, count)
        x = torch.stack([first, second], dim + 1).flatten(dim, dim + 1)
    return x


def known_planes(image: Tensor, hole: Tensor) -> Tensor:
    return torch.cat([0.5 - hole, (image * 2 - 1) * (1 - hole)], dim=1)


@pytest.mark.slow
@pytest.mark.parametrize("side", [16, 64])
def test_migan_as_it_was_traced(tmp_path, side):
    weights = migan(Maker(3, torch.float32), side, width=16)
    image, hole = given(side, batch=2)
    traced = torch.jit.trace(Plain(weights, side).eval(), known_planes(image[:1], hole[:1]), check_trace=False)
    path = tmp_path / "migan_traced.pt"
    traced.save(str(path))
    network = load(path)
    assert (network.label, network.grid, network.half) == (f"MI-GAN {side}", Grid(side, side, True), True)
    with torch.no_grad():
        expected = (torch.jit.load(str(path))(known_planes(image, hole)) * 127.5 + 127.5).clamp(0, 255) / 255
    assert expected.std() > 0.02
    torch.testing.assert_close(ran(network, image, hole), expected, rtol=0, atol=1e-5)


def test_migan_bounds_what_is_large(tmp_path):
    weights = migan(Maker(3, torch.float32), 16, width=16)
    weights["encoder.b16.fromrgb.weight"] *= 1e6
    image, hole = given(16)
    expected = (Plain(weights, 16)(known_planes(image, hole)) / 2 + 0.5).clamp(0, 1)
    network = load(write_network(tmp_path / "migan.pth", weights))
    torch.testing.assert_close(ran(network, image, hole), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["migan.pt", "migan.pth", "migan.safetensors"])
def test_migan_from_every_format(tmp_path, name):
    network = load(write_migan(tmp_path / name, 32, width=16))
    expected = load(write_migan(tmp_path / "other.pth", 32, width=16))
    assert torch.equal(ran(network, *given(32)), ran(expected, *given(32)))


def test_migan_in_half(tmp_path):
    network = load(write_migan(tmp_path / "migan.pth", 32, width=32))
    expected = ran(network, *given(32))
    image, hole = given(32)
    with torch.no_grad():
        made = network.module.half()(image.half(), hole.half())
    torch.testing.assert_close(made.float(), expected, rtol=0, atol=2e-3)


def test_the_published_migan_has_the_published_number_of_parameters(tmp_path):
    network = load(write_migan(tmp_path / "migan_512_places2.pt"))
    assert (network.label, network.grid) == ("MI-GAN 512", Grid(512, 512, True))
    # 5.98 M in table 1 of the paper.
    assert sum(weight.numel() for weight in network.module.parameters()) == 5_983_434


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder.b8.conv2.conv1.weight": None}, "looks like MI-GAN, but weights are missing"),
        ({"encoder.b8.conv1.conv2.weight": None}, "looks like MI-GAN, but its level of 8 pixels is missing"),
        ({"encoder.b8.conv1.conv2.weight": torch.zeros(1_000_000, 1)}, "its level of 8 pixels is missing"),
        ({"encoder.b8.conv1.conv2.weight": torch.zeros(1_000_000, 1, 1, 1)}, "size mismatch"),
        ({"synthesis.b16.extra": torch.zeros(1)}, "Unexpected key"),
        (
            {"encoder.b99.fromrgb.weight": torch.zeros(1), "encoder.b99.conv1.conv2.weight": torch.zeros(1)},
            "expected a MI-GAN for 256 or 512 pixels, got one for 99",
        ),
    ],
)
def test_a_damaged_migan(tmp_path, change, message):
    weights = migan(Maker(0, torch.float32), 16, width=8) | change
    path = tmp_path / "migan.pth"
    torch.save({name: weight for name, weight in weights.items() if weight is not None}, path)
    with pytest.raises(InpaintError, match=rf"^migan\.pth: .*{message}"):
        load(path)


# ---- MAT ---------------------------------------------------------------------------------------------------------


class Generator(nn.Module):
    """In the place of MAT's, and called as that is: it gives what it is told apart by, dropping half at random."""

    def __init__(self):
        super().__init__()
        self.synthesis = nn.Module()
        self.synthesis.first_stage = nn.Module()
        self.synthesis.first_stage.conv_first = nn.Module()
        self.synthesis.first_stage.conv_first.conv = nn.Module()
        self.synthesis.first_stage.conv_first.conv.register_buffer("resample_filter", torch.ones(4, 4))
        self.mapping = nn.Linear(512, 3)

    def forward(self, images_in, masks_in, z, c, truncation_psi=1.0, noise_mode="random"):
        assert (c.shape, truncation_psi, noise_mode) == ((len(images_in), 0), 1, "none")
        colors = self.mapping(z).tanh()[:, :, None, None]
        dropped = F.dropout(torch.ones_like(images_in), training=True) - 1
        return images_in * masks_in + (1 - masks_in) * (colors + dropped / 10)


@pytest.fixture
def mat_package(monkeypatch):
    module: Any = types.ModuleType("spandrel_extra_arches.architectures.MAT")
    module.MAT = lambda: types.SimpleNamespace(model=Generator())
    for name in ("spandrel_extra_arches", "spandrel_extra_arches.architectures"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.fixture
def mat_file(tmp_path) -> Path:
    torch.manual_seed(0)
    return write_network(tmp_path / "MAT.pth", Generator().state_dict())


@pytest.mark.slow
def test_mat_draws_the_same_at_every_run(mat_package, mat_file):
    network = load(mat_file)
    assert (network.label, network.grid, network.half) == ("MAT", Grid(512, 512, True), False)
    assert "no commercial use" in network.note
    image, hole = given(512, batch=2)
    torch.manual_seed(7)
    first, after = ran(network, image, hole), torch.rand(1)
    torch.manual_seed(7)
    assert torch.equal(torch.rand(1), after)  # as if nothing had been drawn
    assert torch.equal(ran(network, image, hole), first)
    kept = (hole == 0).expand_as(first)
    torch.testing.assert_close(first[kept], image[kept])
    assert first[~kept].std() > 0.04
    assert first.min() >= 0
    assert first.max() <= 1


def test_mat_without_its_package(monkeypatch, mat_file):
    monkeypatch.setitem(sys.modules, "spandrel_extra_arches", None)
    with pytest.raises(InpaintError) as error:
        load(mat_file)
    assert str(error.value) == (
        "MAT.pth: this is MAT, which needs a package that is not installed. Run this with ComfyUI's Python, and start "
        "ComfyUI again: python -m pip install spandrel_extra_arches\n"
        "MAT's licence (CC BY-NC 4.0) allows no commercial use."
    )


def test_a_damaged_mat(mat_package, tmp_path):
    held = Generator().state_dict() | {"mapping.more": torch.zeros(1)}
    with pytest.raises(InpaintError, match=r"^MAT\.pth: looks like MAT, but weights .*Unexpected key"):
        load(write_network(tmp_path / "MAT.pth", held))


# ---- files that are something else -------------------------------------------------------------------------------


def test_other_networks_are_named_by_what_they_hold(tmp_path):
    with pytest.raises(InpaintError) as error:
        load(write_network(tmp_path / "esrgan.pth", {f"body.{n}.weight": torch.zeros(1) for n in range(1200)}))
    assert str(error.value) == (
        "esrgan.pth: expected a network that fills holes, got 1,200 tensors, named 'body.0.weight', 'body.1.weight', "
        "'body.2.weight' and so on. Supported are LaMa (big-lama.pt, and its weights as .safetensors, .pth or .ckpt), "
        "MI-GAN (migan_traced.pt, migan_512_places2.pt, migan_256_places2.pt) and MAT."
    )
    with pytest.raises(
        InpaintError, match="the head of Fooocus' inpaint patch, which Load Fooocus Inpaint Patch takes"
    ):
        load(write_network(tmp_path / "head.pth", {"head": torch.zeros(320, 5, 3, 3)}))


@pytest.mark.parametrize("held", [[torch.zeros(1)], {"w": (torch.zeros(1), 0.5)}, {}, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_files_without_tensors_by_name(tmp_path, held, zipped):
    torch.save(held, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        InpaintError, match=r"^x\.pth: (the file is damaged: expected a dict|expected a network that .* wit)"
    ):
        load(tmp_path / "x.pth")


def test_a_frozen_torchscript(tmp_path):
    frozen = torch.jit.freeze(torch.jit.script(nn.Conv2d(3, 3, 1).eval()))
    frozen.save(str(tmp_path / "net.pt"))
    with pytest.raises(InpaintError, match=r"got a file without named tensors, such as .* a frozen TorchScript"):
        load(tmp_path / "net.pt")


def test_nothing_in_a_file_in_true_layout_is_run(tmp_path):
    """A whole MI-GAN, and a call beside it: as a plain pickle its tensors alone are read, and the call is not made."""

    class Harm:
        def __reduce__(self):
            return subprocess.call, (["touch", str(tmp_path / "harm")],)

    weights = migan(Maker(0, torch.float32), 16, width=8)
    torch.save(weights | {"harm": Harm()}, tmp_path / "migan.pth")
    assert load(tmp_path / "migan.pth").label == "MI-GAN 16"
    assert not (tmp_path / "harm").exists()
    torch.save(weights | {"harm": Harm()}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    with pytest.raises(pickle.UnpicklingError, match="Unsupported global"):  # which the host's door puts in words
        load(tmp_path / "old.pth")
    assert not (tmp_path / "harm").exists()
    torch.load(tmp_path / "migan.pth", weights_only=False)
    assert (tmp_path / "harm").exists()


def test_nothing_is_converted_that_does_not_fit(tmp_path, monkeypatch):
    """Many names of a small file may stand for one large tensor."""
    large = torch.zeros(1000, 1000, dtype=torch.int8)
    weights = migan(Maker(0, torch.float32), 16, 16)
    torch.save(
        {name: large if name.endswith("bias") else weight for name, weight in weights.items()}, tmp_path / "a.pth"
    )
    monkeypatch.setattr("inpaint.networks.network._as_float32", lambda weight: pytest.fail("was converted"))
    with pytest.raises(InpaintError, match="size mismatch"):
        load(tmp_path / "a.pth")


def test_a_level_with_an_endless_number_is_no_migan(tmp_path):
    level = "encoder.b" + "1" * 5000
    names = (f"{level}.fromrgb.weight", f"{level}.conv1.conv2.weight")
    torch.save({name: torch.zeros(1) for name in names}, tmp_path / "a.pth")
    with pytest.raises(InpaintError):
        load(tmp_path / "a.pth")

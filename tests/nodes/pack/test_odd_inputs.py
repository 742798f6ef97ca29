"""Every odd picture, latent and number through every node that takes one: the right result, or a clear error.

Each input of a node is made odd in turn, all others are plain. Right means: equal to the result of the plain value,
finite, the input untouched, nothing that needs grad. A clear error names the input, what was expected, what came, and
what to do. Masks have a table of their own, test_odd_masks.py. A new node has to join:
`test_every_node_is_in_the_table`.

Mutations seen to fail here: the inputs of one node not checked; a latent of other channels let through; a number that
is NaN; a note left out; a picture in float16 made float32.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

HEIGHT, WIDTH = 24, 32
CELLS = (1, 4, 3, 4)


def picture(seed: int = 0) -> Tensor:
    """A picture whose values are exact in every float dtype."""
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 129, (1, HEIGHT, WIDTH, 3), generator=random) / 128


def hole() -> Tensor:
    mask = torch.zeros(1, HEIGHT, WIDTH)
    mask[:, 8:16, 8:20] = 1
    return mask


def latent(seed: int = 0) -> dict[str, Any]:
    random = torch.Generator().manual_seed(seed)
    return {"samples": torch.randint(-128, 129, CELLS, generator=random) / 64, "batch_index": [0], "extra": "carried"}


# ---- how each node is called -----------------------------------------------------------------------------------------


class Parts:
    """Models and other links, made when they are first asked for."""

    def __init__(self, run: Callable[..., Any], request: pytest.FixtureRequest) -> None:
        self.run, self.request = run, request

    def __getattr__(self, name: str) -> Any:
        return self.request.getfixturevalue(name)

    @property
    def prompts(self) -> dict[str, Any]:
        return {"positive": self.inpaint_model.positive, "negative": self.inpaint_model.negative}

    @property
    def model(self) -> Any:
        return self.inpaint_model.model

    @property
    def vae(self) -> Any:
        return self.inpaint_model.vae

    @property
    def patch(self) -> Any:
        fooocus = self.pack("inpaint.sampling.fooocus")
        nothing = fooocus.Delta(torch.zeros(4, 320, 3, 3, dtype=torch.uint8), 0.0, 0.0)
        return fooocus.Patch(torch.ones(fooocus.HEAD_SHAPE), {"diffusion_model.out.2.weight": nothing})

    def stitch(self, node: str = "MendCropForInpaint", index: int = 2) -> dict[str, Any]:
        outputs = self.run(node, image=picture(), mask=hole(), size="keep").outputs
        return {"stitch": outputs[index], "image": outputs[0]}


TYPES = ("IMAGE", "MASK", "LATENT", "FLOAT", "INT")
Inputs = Callable[[Parts], dict[str, Any]]


def _image(parts: Parts) -> dict[str, Any]:
    return {"image": picture()}


def _mask(parts: Parts) -> dict[str, Any]:
    return {"mask": hole()}


def _both(parts: Parts) -> dict[str, Any]:
    return {"image": picture(), "mask": hole()}


def _unmasked(parts: Parts) -> dict[str, Any]:
    return {**_both(parts), "unmasked_image": picture()}


def _sampled(parts: Parts) -> dict[str, Any]:
    masked = {**latent(), "noise_mask": hole()}
    return {"model": parts.model, **parts.prompts, "latent": masked, "steps": 1, "cfg": 1.0, "seed": 1}


NODES: dict[str, Inputs] = {
    "MendCleanMask": _both,
    "MendInspectMask": _unmasked,
    "MendGrowFeatherMask": _both,
    "MendInpaintMasks": _both,
    "MendSplitMask": _mask,
    "MendCombineMasks": lambda parts: {"mask": hole(), "other": hole()},
    "MendMaskFromColor": _image,
    "MendMaskFromAlpha": lambda parts: {"image": torch.cat([picture(), picture(1)[..., :1]], dim=-1)},
    "MendMaskFromDifference": lambda parts: {"image": picture(), "other": picture(1)},
    "MendPreviewMask": _both,
    "MendCropForInpaint": lambda parts: {**_both(parts), "megapixels": 0.05, "size": "megapixels"},
    "MendCropByBox": lambda parts: {**parts.stitch(), "image": picture(1)},
    "MendStitchCrop": lambda parts: parts.stitch(),
    "MendCropRegions": lambda parts: {**_both(parts), "megapixels": 0.05, "size": "megapixels"},
    "MendStitchRegions": lambda parts: parts.stitch("MendCropRegions"),
    "MendPadForOutpaint": lambda parts: {**_both(parts), "left": 8.0, "right": 0.0, "feather": 4.0},
    # A model that takes no references: test_references.py has what becomes of them.
    "MendEncodeInpaint": lambda parts: {
        **{**_unmasked(parts), **parts.prompts, "model": parts.model, "vae": parts.vae, "reference": "none"},
        **{f"picture_{number}": picture(number) for number in (2, 3, 4)},
    },
    "MendInpaintControlImage": _both,
    "MendApplyFooocusInpaint": lambda parts: {
        **_both(parts),
        **{"model": parts.bare_sdxl.model, "patch": parts.patch, "vae": parts.vae},
    },
    "MendMaskedSampler": _sampled,
    "MendSoftInpaint": lambda parts: {"model": parts.model, "mask": hole()},
    "MendRemoveObject": lambda parts: {"model": parts.model, "mask": hole()},
    "MendDecodeComposite": lambda parts: {**_both(parts), "vae": parts.vae, "latent": latent()},
    "MendComposite": lambda parts: {**_both(parts), "repainted": picture(1)},
    "MendKeepUnedited": lambda parts: {"original": picture(), "edited": picture(1), "mask": hole()},
    "MendSoftCompositeMask": lambda parts: {
        **{"model": parts.model, "before": latent(), "after": latent(1), "mask": hole()},
    },
    "MendSeamScore": _both,
    "MendInpaintReport": lambda parts: {**_both(parts), "crop": picture(1)},
    "MendFillMasked": _both,
    "MendInpaintWithNetwork": lambda parts: {**_both(parts), "network": parts.tiny_network},
    "MendDiffusersInpaint": lambda parts: {
        **{**_both(parts), "pipeline": parts.pipeline, "task": "replace", "prompt": "", "negative_prompt": ""},
        **{"seed": 0, "strength": 0.0, "steps": 1, "megapixels": 0.01},
    },
    "MendEstimateVram": lambda parts: {"model_name": parts.small_checkpoint},
    "MendLoadCheckpoint": lambda parts: {"ckpt_name": parts.small_checkpoint},
    "MendLoadModel": lambda parts: {"model_name": "none", "text_encoder": "none", "vae_name": "none"},
}


# ---- odd values ------------------------------------------------------------------------------------------------------

CLEAR = r"^{}: expected .+, got .+\. [A-Z].+\.$"


@dataclass(frozen=True)
class Odd:
    """What is connected in place of a plain value, and what has to come of it."""

    make: Callable[[Any], Any]
    """Makes it of the plain value."""
    error: bool = True
    """Whether every node refuses it. Otherwise the result is that of the plain value."""
    off: float = 1e-5
    """How far a result may be from that of the plain value."""


PICTURES: dict[str, Odd] = {
    "float16": Odd(Tensor.half, error=False, off=2e-2),
    "bfloat16": Odd(Tensor.bfloat16, error=False, off=6e-2),
    "float64": Odd(Tensor.double, error=False),
    "transposed in memory": Odd(lambda image: image.mT.contiguous().mT, error=False),
    "expanded": Odd(lambda image: image.expand(1, -1, -1, -1), error=False),
    "read-only view": Odd(lambda image: torch.cat([image, image])[1:], error=False),
    "requires grad": Odd(lambda image: image.clone().requires_grad_(), error=False),
    "float8": Odd(lambda image: image.to(torch.float8_e4m3fn)),
    "sparse": Odd(Tensor.to_sparse),
    "nested": Odd(lambda image: torch.nested.nested_tensor([image[0]])),
    "numpy": Odd(Tensor.numpy),
    "uint8": Odd(lambda image: (image * 255).to(torch.uint8)),
    "int64": Odd(Tensor.long),
    "bool": Odd(Tensor.bool),
    "complex": Odd(lambda image: image.to(torch.complex64)),
    "2-D": Odd(lambda image: image[0, ..., 0]),
    "3-D": Odd(lambda image: image[0]),
    "5-D": Odd(lambda image: image[None]),
    "1 channel": Odd(lambda image: image[..., :1]),
    "2 channels": Odd(lambda image: image[..., :2]),
    "5 channels": Odd(lambda image: torch.cat([image, image], dim=-1)[..., :5]),
    "channels first": Odd(lambda image: image[..., :3].movedim(-1, 1)),
    "batch 0": Odd(lambda image: image[:0]),
    "no rows": Odd(lambda image: image[:, :0]),
    "no columns": Odd(lambda image: image[:, :, :0]),
    "list": Odd(Tensor.tolist),
    "text": Odd(lambda image: "photo.png"),
}


def samples(change: Callable[[Tensor], Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda given: {**given, "samples": change(given["samples"])}


def key(name: str, value: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda given: {**given, name: value}


LATENTS: dict[str, Odd] = {
    "float16": Odd(samples(Tensor.half), error=False, off=6e-2),
    "bfloat16": Odd(samples(Tensor.bfloat16), error=False, off=0.2),
    "transposed in memory": Odd(samples(lambda cells: cells.mT.contiguous().mT), error=False),
    "requires grad": Odd(samples(lambda cells: cells.clone().requires_grad_()), error=False),
    "no batch index": Odd(key("batch_index", None), error=False),
    "nothing": Odd(lambda given: {}),
    "without samples": Odd(lambda given: {"noise_mask": hole()}),
    "samples None": Odd(key("samples", None)),
    "None": Odd(lambda given: None),
    "bare tensor": Odd(lambda given: given["samples"]),
    "list": Odd(lambda given: [given]),
    "text": Odd(lambda given: "latent"),
    "numpy": Odd(samples(Tensor.numpy)),
    "sparse": Odd(samples(Tensor.to_sparse)),
    "float8": Odd(samples(lambda cells: cells.to(torch.float8_e4m3fn))),
    "int64": Odd(samples(Tensor.long)),
    "bool": Odd(samples(Tensor.bool)),
    "complex": Odd(samples(lambda cells: cells.to(torch.complex64))),
    "2-D": Odd(samples(lambda cells: cells[0, 0])),
    "3-D": Odd(samples(lambda cells: cells[0])),
    "video": Odd(samples(lambda cells: cells.unsqueeze(2).expand(-1, -1, 2, -1, -1))),
    "6-D": Odd(samples(lambda cells: cells[None, None])),
    "16 channels": Odd(samples(lambda cells: cells.repeat(1, 4, 1, 1))),
    "3 channels": Odd(samples(lambda cells: cells[:, :3])),
    "no channels": Odd(samples(lambda cells: cells[:, :0])),
    "batch 0": Odd(samples(lambda cells: cells[:0])),
    "no rows": Odd(samples(lambda cells: cells[:, :, :0])),
    "batch index too short": Odd(lambda given: {**given, "samples": given["samples"].repeat(2, 1, 1, 1)}),
    "batch index empty": Odd(key("batch_index", [])),
    "batch index a number": Odd(key("batch_index", 0)),
    "batch index below 0": Odd(key("batch_index", [-1])),
    "batch index of fractions": Odd(key("batch_index", [0.5])),
    "batch index a text": Odd(key("batch_index", "0")),
    "noise mask numpy": Odd(key("noise_mask", hole().numpy())),
    "noise mask sparse": Odd(key("noise_mask", hole().to_sparse())),
    "noise mask empty": Odd(key("noise_mask", torch.zeros(1, 0, 3))),
    "noise mask 1-D": Odd(key("noise_mask", torch.zeros(7))),
    "noise mask complex": Odd(key("noise_mask", hole().to(torch.complex64))),
}
ONE_FRAME = samples(lambda cells: cells.unsqueeze(2))


# ---- the checks ------------------------------------------------------------------------------------------------------


def tensors_of(value: Any) -> list[Tensor]:
    """Return the tensors in a value: those of a latent and a conditioning, too, but not those of models."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        return [tensor for part in value.values() for tensor in tensors_of(part)]
    if isinstance(value, (list, tuple)):
        return [tensor for part in value for tensor in tensors_of(part)]
    return []


def copied(value: Any) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors_of(value)]


def check_right(outputs: tuple, plain: tuple, off: float, where: str) -> None:
    assert len(outputs) == len(plain), where
    for ours, meant in zip(map(tensors_of, outputs), map(tensors_of, plain), strict=True):
        for tensor, expected in zip(ours, meant, strict=True):
            assert not tensor.requires_grad, where
            assert tensor.float().isfinite().all(), where
            torch.testing.assert_close(
                tensor.double(), expected.double(), rtol=0, atol=off, msg=lambda text: f"{where}: {text}"
            )
    for number, expected in zip(outputs, plain, strict=True):
        if isinstance(number, float):
            assert math.isclose(number, expected, abs_tol=10 * off, rel_tol=10 * off), where


def kinds(host_nodes: Any, node: str, *names: str) -> list[str]:
    """Return the ids of a node's inputs of these types."""
    types = host_nodes.NODE_CLASS_MAPPINGS[node].INPUT_TYPES()
    return [name for group in types.values() for name, (kind, *_) in group.items() if kind in names]


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """On pictures this small, threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def parts(run, request):
    return Parts(run, request)


def outcome(parts: Parts, InpaintError: type[Exception], node: str, inputs: dict[str, Any]) -> tuple[tuple, str]:
    """Return a node's outputs, and the text of its clear error; "" if it runs. Any other exception is raised."""
    try:
        return parts.run(node, **inputs).outputs, ""
    except InpaintError as error:
        return (), str(error)


def _check(parts: Parts, InpaintError: type[Exception], node: str, name: str, rows: dict[str, Odd]) -> None:
    plain = NODES[node](parts)
    expected = parts.run(node, **plain).outputs
    for row, odd in rows.items():
        where, value = f"{node}, {name}: {row}", odd.make(plain[name])
        before = copied(value) if row not in ("sparse", "noise mask sparse", "nested") else []
        if odd.error:
            _, refusal = outcome(parts, InpaintError, node, {**plain, name: value})
            assert re.search(CLEAR.format(name), refusal), f"{where}: {refusal or 'taken'}"
        else:
            check_right(parts.run(node, **{**plain, name: value}).outputs, expected, odd.off, where)
            for tensor, kept in zip(tensors_of(value), before, strict=True):
                assert torch.equal(tensor, kept), where


IMAGE_NODES = [
    *("MendCleanMask", "MendInspectMask", "MendGrowFeatherMask", "MendInpaintMasks", "MendMaskFromColor"),
    *("MendMaskFromAlpha", "MendMaskFromDifference", "MendPreviewMask", "MendCropForInpaint", "MendCropByBox"),
    *("MendStitchCrop", "MendCropRegions", "MendStitchRegions", "MendPadForOutpaint", "MendEncodeInpaint"),
    *("MendInpaintControlImage", "MendApplyFooocusInpaint", "MendDecodeComposite", "MendComposite", "MendSeamScore"),
    *("MendFillMasked", "MendInpaintWithNetwork", "MendKeepUnedited", "MendInpaintReport", "MendDiffusersInpaint"),
]
MASK_NODES = [
    *(
        "MendCleanMask",
        "MendInspectMask",
        "MendGrowFeatherMask",
        "MendInpaintMasks",
        "MendSplitMask",
        "MendCombineMasks",
    ),
    *("MendPreviewMask", "MendCropForInpaint", "MendStitchCrop", "MendCropRegions", "MendPadForOutpaint"),
    *("MendEncodeInpaint", "MendInpaintControlImage", "MendApplyFooocusInpaint", "MendSoftInpaint", "MendRemoveObject"),
    *("MendDecodeComposite", "MendComposite", "MendSoftCompositeMask", "MendSeamScore", "MendFillMasked"),
    *("MendInpaintWithNetwork", "MendKeepUnedited", "MendInpaintReport", "MendDiffusersInpaint"),
]
LATENT_NODES = ["MendMaskedSampler", "MendDecodeComposite", "MendSoftCompositeMask"]


def test_every_node_is_in_the_table(host_nodes):
    # Inpaint and its result take whole lists: tests/nodes/inpaint has what is odd in them.
    ours = [
        node
        for node, found in host_nodes.NODE_CLASS_MAPPINGS.items()
        if node.startswith("Mend") and not getattr(found, "INPUT_IS_LIST", False)
    ]
    assert {node for node in ours if kinds(host_nodes, node, "IMAGE")} == set(IMAGE_NODES)
    # Sound is for other models: test_families.py has what does not fit.
    assert {node for node in ours if set(kinds(host_nodes, node, "LATENT")) - {"sound"}} == set(LATENT_NODES)
    assert {node for node in ours if kinds(host_nodes, node, "MASK")} == set(MASK_NODES)
    assert {node for node in ours if kinds(host_nodes, node, *TYPES)} == NODES.keys()


# ---- pictures and latents --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("node", IMAGE_NODES)
def test_an_odd_picture(parts, host_nodes, InpaintError, node):
    for name in kinds(host_nodes, node, "IMAGE"):
        _check(parts, InpaintError, node, name, PICTURES)


@pytest.mark.parametrize("node", LATENT_NODES)
def test_an_odd_latent(parts, host_nodes, InpaintError, node):
    for name in kinds(host_nodes, node, "LATENT"):
        _check(parts, InpaintError, node, name, LATENTS)


@pytest.mark.parametrize("node", IMAGE_NODES)
def test_a_picture_with_nan_is_reported_where_it_enters(parts, host_nodes, node):
    plain = NODES[node](parts)
    for name in kinds(host_nodes, node, "IMAGE"):
        for value in (math.nan, math.inf):
            broken = plain[name].clone()
            broken[0, 2, 3, 1] = value
            ran = parts.run(node, **{**plain, name: broken})
            pixels = broken[..., 0].numel()
            assert f"{name}: 1 of {pixels:,} pixels is NaN or infinite. Find the node that made them." in ran.text
    assert "NaN" not in "".join(parts.run(node, **plain).ui.get("text", ()))


@pytest.mark.parametrize("node", LATENT_NODES)
def test_a_latent_with_nan_is_reported_where_it_enters(parts, host_nodes, node):
    plain = NODES[node](parts)
    for name in kinds(host_nodes, node, "LATENT"):
        broken = {**plain[name], "samples": plain[name]["samples"].clone()}
        broken["samples"][0, 0, 0, :2] = torch.nan
        ran = parts.run(node, **{**plain, name: broken})
        assert f"{name}: 2 of 48 values are NaN or infinite. Find the node that made them." in ran.text


def test_an_odd_noise_mask_is_reported_where_it_enters(parts):
    plain = NODES["MendMaskedSampler"](parts)
    labels = hole().byte()
    labels[0, 0, 0] = 2
    broken = hole()
    broken[0, 0, 0] = torch.nan
    for mask, words in ((labels, "like the labels of a segmentation"), (broken, "1 value is NaN or infinite.")):
        ran = parts.run("MendMaskedSampler", **{**plain, "latent": {**plain["latent"], "noise_mask": mask}})
        assert ran.text.startswith("noise mask: ")
        assert words in ran.text


def test_a_pixel_of_nan_does_not_spread_over_the_latent(parts):
    plain = NODES["MendEncodeInpaint"](parts)
    broken = plain["image"].clone()
    broken[0, 0, 0] = torch.nan
    grey = plain["image"].clone()
    grey[0, 0, 0] = 0.5
    ours, meant = (parts.run("MendEncodeInpaint", **{**plain, "image": image}) for image in (broken, grey))
    check_right(ours.outputs, meant.outputs, 0, "grey")
    assert "image: pixels that are NaN or infinite are encoded as grey." in ours.text


# ---- masks and links: what holds for every input ---------------------------------------------------------------------


@pytest.mark.parametrize("node", MASK_NODES)
def test_what_is_no_mask_is_refused_by_every_input(parts, host_nodes, InpaintError, node):
    """Optional masks, too, and those that a choice of the node leaves unused."""
    plain = NODES[node](parts)
    for name in kinds(host_nodes, node, "MASK"):
        for odd in (picture(), torch.zeros(7), hole()[:0], hole().numpy(), hole().to_sparse(), [0, 1]):
            _, refusal = outcome(parts, InpaintError, node, {**plain, name: odd})
            assert re.search(CLEAR.format(name), refusal), f"{name}: {refusal or 'taken'}"


@pytest.mark.parametrize("node", MASK_NODES)
def test_no_result_needs_grad(parts, host_nodes, node):
    plain = NODES[node](parts)
    masks = {name: hole().requires_grad_() for name in kinds(host_nodes, node, "MASK")}
    for tensor in tensors_of(parts.run(node, **{**plain, **masks}).outputs):
        assert not tensor.requires_grad


@pytest.mark.parametrize("node", NODES)
def test_a_link_that_gives_nothing_is_refused(parts, host_nodes, InpaintError, node):
    """As a switch of another pack does."""
    plain = NODES[node](parts)
    for name, (kind, *_) in host_nodes.NODE_CLASS_MAPPINGS[node].INPUT_TYPES()["required"].items():
        if isinstance(kind, str) and kind not in ("FLOAT", "INT", "STRING", "BOOLEAN", "COMBO"):
            with pytest.raises(InpaintError, match=rf"^{name}: expected .+, got (NoneType|nothing)\. Connect"):
                parts.run(node, **{**plain, name: None})


# ---- what the host takes, and this pack does too ---------------------------------------------------------------------


def test_a_latent_that_ksampler_repairs_is_sampled_alike(parts):
    """The host gives an empty latent the model's channels."""
    given = {**_sampled(parts), "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    del given["latent"]
    for odd in (
        {"samples": torch.zeros(2, 16, 3, 4)},
        samples(Tensor.double)(latent()),
        {**latent(), "batch_index": torch.tensor([2])},
        {**latent(), "batch_index": [2, 0, 1]},
    ):
        (ours,) = parts.run("MendMaskedSampler", **given, latent=odd).outputs
        (hosts,) = parts.run("KSampler", **given, latent_image=odd).outputs
        assert torch.equal(ours["samples"], hosts["samples"])


def test_a_picture_with_the_noise_of_several_has_their_masks(parts):
    plain = NODES["MendMaskedSampler"](parts)
    for mask in (hole(), hole().repeat(3, 1, 1)):
        odd = {**plain["latent"], "batch_index": [2, 0, 1], "noise_mask": mask}
        (sampled,) = parts.run("MendMaskedSampler", **{**plain, "latent": odd}).outputs
        assert sampled["samples"].shape[0] == sampled["noise_mask"].shape[0] == 3
        kept = (sampled["noise_mask"][..., ::8, ::8] == 0).expand_as(sampled["samples"])
        assert torch.equal(sampled["samples"][kept], plain["latent"]["samples"].expand(3, -1, -1, -1)[kept])


def test_a_video_of_one_frame_is_a_picture_where_nothing_is_sampled(parts, InpaintError):
    for node in ("MendDecodeComposite", "MendSoftCompositeMask"):
        plain = NODES[node](parts)
        framed = {
            name: ONE_FRAME(value) if name in ("latent", "before", "after") else value for name, value in plain.items()
        }
        check_right(parts.run(node, **framed).outputs, parts.run(node, **plain).outputs, 0, node)
    plain = NODES["MendMaskedSampler"](parts)
    with pytest.raises(
        InpaintError, match=r"^latent: expected latents \[B, 4, h, w\] of .*, got \[1, 4, 1, 3, 4\]\. Encode"
    ):
        parts.run("MendMaskedSampler", **{**plain, "latent": ONE_FRAME(plain["latent"])})


# ---- numbers ---------------------------------------------------------------------------------------------------------

# Most or least values that would take minutes, and what is taken instead.
TOO_MUCH = {
    ("MendMaskedSampler", "steps", 10000): 3,
    ("MendCropForInpaint", "megapixels", 64.0): 2.0,
    ("MendCropRegions", "megapixels", 64.0): 2.0,
    ("MendDiffusersInpaint", "steps", 10000): 3,
    ("MendDiffusersInpaint", "megapixels", 0.0): 0.02,
    ("MendDiffusersInpaint", "megapixels", 64.0): 0.05,
}


def numbers_of(host_nodes: Any, node: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return type and options of a node's number widgets, by id."""
    types = host_nodes.NODE_CLASS_MAPPINGS[node].INPUT_TYPES()
    listed = {name: given for group in ("required", "optional") for name, given in types.get(group, {}).items()}
    return {name: (given[0], given[1]) for name, given in listed.items() if given[0] in ("FLOAT", "INT")}


@pytest.mark.parametrize("node", NODES)
def test_a_number_that_is_none_is_refused(parts, host_nodes, InpaintError, node):
    plain = NODES[node](parts)
    for name in numbers_of(host_nodes, node):
        for value in (math.nan, math.inf, -math.inf, np.float32("nan")):
            with pytest.raises(InpaintError, match=rf"^{name}: expected a number from .* to .*, got {value}\. Set a"):
                parts.run(node, **{**plain, name: value})


@pytest.mark.parametrize("node", [node for node in NODES if not node.startswith("MendLoad")])
def test_the_least_and_the_most(parts, host_nodes, InpaintError, node):
    plain = NODES[node](parts)
    for name, (_, options) in numbers_of(host_nodes, node).items():
        for value in (options["min"], options["max"]):
            value = TOO_MUCH.get((node, name, value), value)
            outputs, refusal = outcome(parts, InpaintError, node, {**plain, name: value})
            assert not refusal or re.search(CLEAR.format(r"[\w ,]+"), refusal), f"{node}, {name} = {value}: {refusal}"
            for tensor in tensors_of(outputs):
                assert tensor.float().isfinite().all(), f"{node}, {name} = {value}"

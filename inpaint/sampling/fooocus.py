"""Fooocus' inpainting for SDXL: a patch that turns a general model into an inpainting model.

The patch changes the model's weights by small amounts. Its head is a convolution over mask and masked latent, whose
output is added to the output of the model's first layer.

Source: Fooocus 2.5 (github.com/lllyasviel/Fooocus): modules/inpaint_worker.py (the head and where it is added),
modules/core.py (what it is fed), modules/lora.py and modules/patch.py (the changes, and how they are stored); the same
in nodes.py of github.com/Acly/comfyui-inpaint-nodes. The files: huggingface.co/lllyasviel/fooocus_inpaint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.errors import InpaintError

HEAD_FILE, PATCH_FILE = "fooocus_inpaint_head.pth", "inpaint_v26.fooocus.patch"
WHERE_FROM = f"Download {HEAD_FILE} and {PATCH_FILE} from huggingface.co/lllyasviel/fooocus_inpaint to models/inpaint."
# A 3x3 convolution from 5 channels (1 of the mask, 4 of the latent) to the 320 of SDXL's first layer.
HEAD_SHAPE = (320, 5, 3, 3)
# The patch names weights as the host does, with this prefix.
PREFIX = "diffusion_model."


class Delta(NamedTuple):
    """The change of one weight, quantised to 8 bits."""

    steps: Tensor
    """uint8, of the weight's shape; 0 = low, 255 = high."""
    low: float | Tensor
    """The lowest change: a number, or float32 that broadcasts to `steps`."""
    high: float | Tensor
    """The highest change: as `low`."""


@dataclass(frozen=True)
class Patch:
    """The contents of the two files."""

    head: Tensor = field(repr=False)
    """[320, 5, 3, 3] float; weight of the head's convolution."""
    deltas: Mapping[str, Delta] = field(repr=False)
    """Changes by the name of the weight."""
    left_out: int = 0
    """Number of entries in the patch file that belong to no weight."""


def change(steps: Tensor, low: float | Tensor, high: float | Tensor, device: torch.device) -> Tensor:
    """Return what is added to a weight: steps / 255 * (high - low) + low.

    Args:
        steps, low, high: as in `Delta`. They are not modified, as they may be memory-mapped from a file.
        device: device of the result. The steps are moved before they are converted, as uint8.

    Returns:
        float32, of the steps' shape. In float16 many steps would be lost, as they are smaller than it can represent.
    """
    low, high = (bound.to(device) if isinstance(bound, Tensor) else bound for bound in (low, high))
    return steps.to(device).float().div_(255).mul_(high - low).add_(low)


def head_feature(head: Tensor, cells: Tensor, latent: Tensor) -> Tensor:
    """Convolve mask and masked latent with the head: 3x3, no bias, the border replicated by one cell.

    Args:
        head: [320, 5, 3, 3] float.
        cells: [B, 1, h, w] of 0 and 1; 1 = the cell contains a masked pixel.
        latent: [B, 4, h, w] of the picture with its masked area grey, in the model's latent scale.

    Returns:
        [B, 320, h, w] float32, on the latent's device.
    """
    inputs = torch.cat([cells.to(latent), latent], dim=1).float()
    return F.conv2d(F.pad(inputs, (1, 1, 1, 1), mode="replicate"), head.to(inputs))


def add_feature(h: Tensor, feature: Tensor, conditionings: int) -> Tensor:
    """Add the head's feature to the output of the model's first layer.

    Args:
        h: [k * N, 320, h, w]; N latents for each of k conditionings, all of one conditioning before the next.
        feature: [B, 320, h, w]. N is a multiple of B, and the latents repeat the pictures in their order.
        conditionings: k.

    Returns:
        Shape, dtype and device of `h`.

    Raises:
        InpaintError: if the feature has another height or width, or N is no multiple of B.
    """
    (_, _, height, width), pictures = feature.shape, len(feature)
    if h.shape[2:] != feature.shape[2:]:
        raise InpaintError(
            f"Fooocus inpaint: expected a latent of {width} x {height} cells, the size of its picture, got "
            f"{h.shape[3]} x {h.shape[2]}. Connect the picture that is sampled to Apply Fooocus Inpaint, at the same "
            "size. Areas or tiles of it cannot be sampled separately."
        )
    latents = len(h) // conditionings
    if latents % pictures or len(h) % pictures:
        raise InpaintError(
            f"Fooocus inpaint: expected {pictures} latents (one per picture) or a multiple of that, got {latents}. "
            "Connect the pictures that are sampled to Apply Fooocus Inpaint."
        )
    return (h.unflatten(0, (-1, pictures)) + feature.to(h)).flatten(0, 1)


# ---- the files ---------------------------------------------------------------------------------------------------


def read_patch(head: Any, patch: Any, head_name: str = HEAD_FILE, patch_name: str = PATCH_FILE) -> Patch:
    """Check the contents of the two files and convert them to a `Patch`.

    Args:
        head: expected to be {"head": [320, 5, 3, 3] float}.
        patch: expected to be {name of a weight: (uint8 tensor, lowest, highest)}.
        head_name, patch_name: names of the files, for error texts.

    Raises:
        InpaintError: if either has other contents.
    """
    if _is_head(patch) and not _is_head(head):
        raise InpaintError(f"head, patch: {head_name} and {patch_name} are swapped. Exchange the two.")
    if not _is_head(head):
        raise InpaintError(f"{head_name}: expected Fooocus' inpaint head, got {_described(head)}. {WHERE_FROM}")
    weight = head["head"]
    if tuple(weight.shape) != HEAD_SHAPE or not weight.is_floating_point() or not weight.isfinite().all():
        raise InpaintError(
            f"{head_name}: expected a head of {list(HEAD_SHAPE)} finite floats, got {_tensor(weight)}. {WHERE_FROM}"
        )
    if not isinstance(patch, dict) or not any(_is_named(key) for key in patch):
        raise InpaintError(f"{patch_name}: expected Fooocus' inpaint patch, got {_described(patch)}. {WHERE_FROM}")
    deltas = {key: _delta(value, key, patch_name) for key, value in patch.items() if _is_named(key)}
    return Patch(weight, deltas, len(patch) - len(deltas))


def check_fits(patch: Patch, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Delta]:
    """Return the changes whose weights the model has.

    Args:
        patch: contents of the two files.
        shapes: shapes of the model's weights, by name.

    Raises:
        InpaintError: if the model has none of these weights, or one of them has another shape.
    """
    deltas = {name: delta for name, delta in patch.deltas.items() if name in shapes}
    if not deltas:
        raise InpaintError(
            f"model: expected an SDXL model, got one that has none of the {len(patch.deltas)} weights that the patch "
            f"changes, such as {next(iter(patch.deltas))}. Load it with a loader of ComfyUI or of this pack."
        )
    for name, delta in deltas.items():
        if tuple(delta.steps.shape) != tuple(shapes[name]):
            raise InpaintError(
                f"model: expected {name} of {list(delta.steps.shape)}, as in the patch, got {list(shapes[name])}. "
                "Choose an SDXL model of the usual size, and not a quantised file that another pack loads."
            )
    return deltas


def _delta(value: Any, key: str, name: str) -> Delta:
    if not isinstance(value, (tuple, list)) or len(value) != 3:
        raise InpaintError(
            f"{name}: expected (uint8 tensor, lowest, highest) for {key[:200]!r}, got {_described(value)}. {WHERE_FROM}"
        )
    steps, *bounds = value
    if not isinstance(steps, Tensor) or steps.dtype != torch.uint8:
        raise InpaintError(f"{name}: expected a uint8 tensor for {key[:200]!r}, got {_tensor(steps)}. {WHERE_FROM}")
    low, high = (_bound(bound, steps, key, name) for bound in bounds)
    if isinstance(low, Tensor) or isinstance(high, Tensor):
        low, high = (torch.as_tensor(bound, dtype=torch.float32) for bound in (low, high))
    return Delta(steps, low, high)


def _bound(bound: Any, steps: Tensor, key: str, name: str) -> float | Tensor:
    """Return the lowest or highest change: a number, or float32 that broadcasts to the steps."""
    tensor = torch.as_tensor(bound) if isinstance(bound, (Tensor, Real)) else torch.tensor(torch.nan)
    fits = tensor.numel() == 1 or _broadcasts(tensor, steps)
    if not fits or tensor.is_complex() or not tensor.isfinite().all():
        raise InpaintError(f"{name}: expected finite bounds for {key[:200]!r}, got {_tensor(bound)}. {WHERE_FROM}")
    return float(tensor) if tensor.numel() == 1 else tensor.float()


def _broadcasts(tensor: Tensor, steps: Tensor) -> bool:
    pairs = zip(reversed(tensor.shape), reversed(steps.shape), strict=False)
    return tensor.ndim <= steps.ndim and all(length in (1, other) for length, other in pairs)


def _is_head(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("head"), Tensor)


def _is_named(key: Any) -> bool:
    return isinstance(key, str) and key.startswith(PREFIX)


def _described(content: Any) -> str:
    if isinstance(content, dict):
        return f"{len(content)} entries, such as {next(iter(content), 'none')!r}"
    return _tensor(content)


def _tensor(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{list(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
    return f"a {type(value).__name__}"

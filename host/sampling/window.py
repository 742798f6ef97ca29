"""Sampling in a window of the latent: all inputs that cover the picture are cropped, and the result is pasted back."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import comfy.utils
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ...inpaint.core.errors import InpaintError
from ...inpaint.core.geometry import Box
from ...inpaint.sampling.window import cut, cut_area, paste
from . import references
from .inputs import model_inputs
from .placed import attributes_of, refuse_placed
from .stages import ORIGINAL

# Name of the wrapper on the MODEL, and of the entry in `transformer_options`.
KEY = "mend_window"
# Conditioning that depends on the place in the picture, and that this module cannot crop.
NOT_CUT = (
    *("gligen", "time_dim_concat", "concat_image", "control_video", "camera_conditions"),
    *("pose_video_latent", "face_video_pixels", "keyframe_idxs", "guide_attention_entries", "vace_frames"),
)
# Conditioning that is cut, or that no model sees.
CUT = ("area", "mask", "concat_latent_image", "concat_mask", "control", ORIGINAL, references.KEY)
# Attributes in which model patches of the host hold a picture.
PICTURES = ("image", "encoded_image")


def with_window(model: Any, window: Box) -> Any:
    """Return a copy of a MODEL that every sampler samples only in a window of the latent.

    The noise is cropped from that of the whole picture. The latent outside the window is unchanged.

    Args:
        model: the MODEL.
        window: in latent cells.

    Raises:
        InpaintError: if the model has picture inputs of its own, whose position relative to the window is unknown.
    """
    patches = model.model_options["transformer_options"].get("patches", {}).values()
    held = any(getattr(patch, name, None) is not None for each in patches for patch in each for name in PICTURES)
    if held or model_inputs(model).own_pictures:
        raise InpaintError(
            "sample_area: expected a model without picture inputs of its own, got one that has them: an "
            'image-to-video model, or a patch such as a model-patch ControlNet. Choose "whole picture".'
        )
    patched = model.clone()
    patched.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, KEY)
    patched.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, KEY, functools.partial(_sample, window))
    return patched


def window_of(transformer_options: Mapping[str, Any]) -> tuple[Box, tuple[int, int]] | None:
    """Return the window and (h, w) of the whole latent, both in latent cells; None if the whole latent is sampled.

    Model patches that hold a tensor of the picture's size crop it to this window.
    """
    return transformer_options.get(KEY)


def _sample(
    window: Box,
    executor: Any,
    noise: Tensor,
    latent_image: Tensor,
    sampler: Any,
    sigmas: Tensor,
    denoise_mask: Tensor | None = None,
    *arguments: Any,
    **named: Any,
) -> Tensor:
    """Wrap one sampling. Its guider has its own copies of the conditioning and of the model options to modify."""
    guider, (height, width) = executor.class_obj, latent_image.shape[-2:]
    whole = height, width
    refuse_placed(guider.model_options, "a patch", height, width)
    controls: dict[int, Any] = {}
    for name, entries in guider.conds.items():
        cuts = (_cut_entry(guider.model_patcher, entry, window, whole, controls) for entry in entries)
        guider.conds[name] = [entry for entry in cuts if entry is not None]
    guider.model_options["transformer_options"][KEY] = (window, whole)
    if "latent_shapes" in named:
        named["latent_shapes"] = [cut(latent_image, window, whole).shape]
    part = executor(
        cut(noise, window, whole),
        cut(latent_image, window, whole),
        sampler,
        sigmas,
        None if denoise_mask is None else cut(denoise_mask, window, whole),
        *arguments,
        **named,
    )
    return paste(latent_image.to(part), part, window)


def _cut_entry(
    model: Any, entry: dict[str, Any], window: Box, whole: tuple[int, int], controls: dict[int, Any]
) -> dict[str, Any] | None:
    """Crop one conditioning entry to the window; None if its area lies outside the window."""
    for name in NOT_CUT:
        if entry.get(name) is not None:
            raise InpaintError(
                f"sample_area: expected conditioning that can be cropped to a window, got one with {name}. "
                'Choose "whole picture".'
            )
    height, width = whole
    # Models with a size input get the size of the whole picture, as without a window.
    cut_entry = {"width": width * 8, "height": height * 8, **entry}
    if "area" in entry:
        area = cut_area(_cells(entry["area"], whole), window)
        if area is None:
            return None
        cut_entry["area"] = area
    if "mask" in entry:
        mask = entry["mask"]
        cut_entry["mask"] = cut(_fitted(mask if mask.ndim > 2 else mask[None], whole, "none"), window, whole)
    for name in ("concat_latent_image", "concat_mask"):
        if entry.get(name) is not None:
            cut_entry[name] = cut(_fitted(entry[name], whole, "center"), window, whole)
    cut_entry |= references.cut_entry(model, entry, window, whole)
    rest = {name: value for name, value in entry.items() if name not in CUT}
    refuse_placed(rest, "conditioning", height, width)
    if entry.get("control") is not None:
        cut_entry["control"] = _cut_control(entry["control"], window, whole, controls)
    return cut_entry


def _cells(area: Sequence[Any], whole: tuple[int, int]) -> Sequence[int]:
    """Convert an area to latent cells. Areas given as fractions of the whole are rounded as the host rounds them."""
    if area[0] != "percentage":
        return area
    if len(area) != 5:
        raise InpaintError(
            'sample_area: expected areas of a picture, got an area of a video in percent. Choose "whole picture".'
        )
    height, width, y, x = (part * side for part, side in zip(area[1:], (*whole, *whole), strict=True))
    return max(1, round(height)), max(1, round(width)), round(y), round(x)


def _fitted(values: Tensor, whole: tuple[int, int], crop: str) -> Tensor:
    """Return values at an integer multiple of the latent's resolution. Others are resized to it, as the host does."""
    height, width = values.shape[-2:]
    if height % whole[0] == 0 and width % whole[1] == 0 and height // whole[0] == width // whole[1]:
        return values
    planes = values if values.ndim > 3 else values[:, None]
    resized = comfy.utils.common_upscale(planes, whole[1], whole[0], "bilinear", crop)
    return resized if values.ndim > 3 else resized[:, 0]


def _cut_control(control: Any, window: Box, whole: tuple[int, int], copies: dict[int, Any]) -> Any:
    """Return a copy of a ControlNet and its predecessors with cropped pictures. The copies share the models.

    copies: the copies so far, by id of the original. Conditionings that share a ControlNet then share its copy.
    """
    if id(control) in copies:
        return copies[id(control)]
    refuse_placed(attributes_of(control), "a ControlNet", *whole)
    times = control.compression_ratio * (1 if control.vae is None else control.vae.spacial_compression_encode())
    copy = copies[id(control)] = control.copy()

    def part(picture: Tensor) -> Tensor:
        if picture.shape[-2:] == (1, 1):
            return picture
        sides = whole[1] * times, whole[0] * times
        return cut(comfy.utils.common_upscale(picture, *sides, control.upscale_algorithm, "center"), window, whole)

    if control.cond_hint_original is not None:
        copy.cond_hint_original = part(control.cond_hint_original)
    copy.extra_concat_orig = [part(picture) for picture in control.extra_concat_orig]
    if control.previous_controlnet is not None:
        copy.set_previous_controlnet(_cut_control(control.previous_controlnet, window, whole, copies))
    return copy

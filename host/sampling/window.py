"""Sampling in a window of the latent: everything that covers the picture is cut alike, and the result put back."""

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
from .inputs import model_inputs

# Under this name.
KEY = "mend_window"
# Conditioning that covers the picture, or places things in it, in ways that are not known here.
NOT_CUT = (
    *("gligen", "reference_latents", "time_dim_concat", "concat_image", "control_video", "camera_conditions"),
    *("pose_video_latent", "face_video_pixels", "keyframe_idxs", "guide_attention_entries", "vace_frames"),
)
# Where the host's patches of a model hold a picture of their own.
PICTURES = ("image", "encoded_image")


def with_window(model: Any, window: Box) -> Any:
    """A MODEL that every sampler samples in this window of the latent, in latent cells, and nowhere else.

    The noise is the whole picture's. What the window leaves out comes out as it went in. The one that is given stays
    as it is.

    Raises:
        InpaintError: if the model takes pictures of its own, whose place in the window is unknown.
    """
    patches = model.model_options["transformer_options"].get("patches", {}).values()
    held = any(getattr(patch, name, None) is not None for each in patches for patch in each for name in PICTURES)
    if held or model_inputs(model).own_pictures:
        raise InpaintError(
            "sampled: expected a model whose inputs all lie on the latent, got one with pictures of its own: for "
            'image to video, or by a patch such as a model-patch ControlNet. Choose "whole picture".'
        )
    patched = model.clone()
    patched.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, KEY)
    patched.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, KEY, functools.partial(_sample, window))
    return patched


def window_of(transformer_options: Mapping[str, Any]) -> tuple[Box, tuple[int, int]] | None:
    """For patches of a model that hold something of the picture's size: the window, and (h, w) of the whole latent.

    None where the whole is sampled.
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
    """Around one whole sampling: its guider holds copies of the conditioning, and model options, that are its own."""
    guider, (height, width) = executor.class_obj, latent_image.shape[-2:]
    whole = height, width
    controls: dict[int, Any] = {}
    for name, entries in guider.conds.items():
        cuts = (_cut_entry(entry, window, whole, controls) for entry in entries)
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
    entry: dict[str, Any], window: Box, whole: tuple[int, int], controls: dict[int, Any]
) -> dict[str, Any] | None:
    """One conditioning, cut; None where it is for an area outside the window."""
    for name in NOT_CUT:
        if entry.get(name) is not None:
            raise InpaintError(
                f"sampled: expected conditioning that can be cut to a window, got one with {name}. "
                'Choose "whole picture".'
            )
    height, width = whole
    # Models that are told the picture's size are told the whole's, as without a window.
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
    if entry.get("control") is not None:
        cut_entry["control"] = _cut_control(entry["control"], window, whole, controls)
    return cut_entry


def _cells(area: Sequence[Any], whole: tuple[int, int]) -> Sequence[int]:
    """An area in latent cells; the host has them as parts of the whole too, and rounds them so."""
    if area[0] != "percentage":
        return area
    if len(area) != 5:
        raise InpaintError(
            'sampled: expected areas of a picture, got one of a film in percent. Choose "whole picture" for it.'
        )
    height, width, y, x = (part * side for part, side in zip(area[1:], (*whole, *whole), strict=True))
    return max(1, round(height)), max(1, round(width)), round(y), round(x)


def _fitted(values: Tensor, whole: tuple[int, int], crop: str) -> Tensor:
    """Values that cover the picture at a multiple of the latent's resolution, resized to it as by the host if not."""
    height, width = values.shape[-2:]
    if height % whole[0] == 0 and width % whole[1] == 0 and height // whole[0] == width // whole[1]:
        return values
    planes = values if values.ndim > 3 else values[:, None]
    resized = comfy.utils.common_upscale(planes, whole[1], whole[0], "bilinear", crop)
    return resized if values.ndim > 3 else resized[:, 0]


def _cut_control(control: Any, window: Box, whole: tuple[int, int], done: dict[int, Any]) -> Any:
    """A ControlNet, and those before it, with its pictures cut. One that several conditionings share stays shared, and
    its model always is."""
    if id(control) in done:
        return done[id(control)]
    times = control.compression_ratio * (1 if control.vae is None else control.vae.spacial_compression_encode())
    own = done[id(control)] = control.copy()

    def part(picture: Tensor) -> Tensor:
        if picture.shape[-2:] == (1, 1):
            return picture
        sides = whole[1] * times, whole[0] * times
        return cut(comfy.utils.common_upscale(picture, *sides, control.upscale_algorithm, "center"), window, whole)

    if control.cond_hint_original is not None:
        own.cond_hint_original = part(control.cond_hint_original)
    own.extra_concat_orig = [part(picture) for picture in control.extra_concat_orig]
    if control.previous_controlnet is not None:
        own.set_previous_controlnet(_cut_control(control.previous_controlnet, window, whole, done))
    return own

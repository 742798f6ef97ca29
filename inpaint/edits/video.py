"""The maps of a video's frames, smoothed over time: an editor moves a video evenly, and an error would flicker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .align import Alignment
from .mapping import Mapping, resize_matrix

# Frames to either side whose median is taken, and the standard deviation in frames of the mean after it.
NEAR, SIGMA = 2, 2.0


def smoothed(alignments: Sequence[Alignment], size: tuple[int, ...], edited: tuple[int, ...]) -> list[Alignment]:
    """Smooth the maps of consecutive frames. A frame without a map of its own gets that of its neighbours.

    Args:
        alignments: one for each frame.
        size, edited: (height, width) of the originals and of the edited pictures.

    Returns:
        as many; `sure` wherever any frame nearby is. A bend of single frames is dropped.
    """
    import cv2

    sure = np.array([each.sure for each in alignments])
    if not sure.any():
        return list(alignments)
    known = np.flatnonzero(sure)
    corners = np.array([each.mapping.without_bend().corners() for each in alignments])
    frames = np.arange(len(alignments))
    for corner in np.ndindex(*corners.shape[1:]):
        corners[(slice(None), *corner)] = np.interp(frames, known, corners[(known, *corner)])
    medians = np.array([np.median(corners[max(0, at - NEAR) : at + NEAR + 1], axis=0) for at in frames])
    weights = np.exp(-0.5 * ((frames[:, None] - frames) / SIGMA) ** 2)
    means = np.einsum("fg,gcx->fcx", weights / weights.sum(axis=1, keepdims=True), medians)
    plain = Mapping(resize_matrix(size, edited), size[1], size[0])
    here = Mapping(np.eye(3), size[1], size[0]).corners().astype(np.float32)
    result = []
    for each, placed in zip(alignments, means, strict=True):
        moved = float(np.linalg.norm(placed - plain.corners(), axis=-1).max())
        matrix = cv2.getPerspectiveTransform(here, placed.astype(np.float32))
        mapping = plain if moved == 0 else Mapping(matrix, size[1], size[0])
        kind = each.kind if each.sure and each.kind != "resize" else "resize" if moved == 0 else "neighbours"
        result.append(replace(each, mapping=mapping, sure=True, displacement=moved, kind=kind))
    return result

"""Edits of one area of a photograph, as people make them, with the area that they changed visibly.

Pictures are [H, W, 3] float64 sRGB in 0..1. Sizes are shares of the shorter side: a photograph may have any size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab

from inpaint.patchmatch import fill_patchmatch

# Delta E 2000 from which a change counts as visible.
VISIBLE = 2.0
# Side in pixels of the gaps that count as part of a hard edit: where new and old happen to agree.
GAP = 7


@dataclass(frozen=True)
class Edit:
    """A photograph before and after an edit."""

    original: np.ndarray
    """[H, W, 3]."""
    edited: np.ndarray
    """[H, W, 3], identical to the original outside the edit."""
    truth: np.ndarray
    """[H, W] bool: what was edited visibly."""


def paste(photo: np.ndarray, other: np.ndarray, random: np.random.Generator) -> Edit:
    """Paste an object of another photograph, with a soft shadow beside it."""
    height, width = photo.shape[:2]
    shape = blob(height, width, random, 0.16)
    side = min(height, width)
    moved = np.roll(shape, (round(0.05 * side), round(0.07 * side)), (0, 1))
    shadow = 1 - 0.45 * cv2.GaussianBlur(moved, (0, 0), 0.025 * side)[..., None]
    edited = shape[..., None] * _fitted(other, photo) + (1 - shape[..., None]) * photo * shadow
    hard = _closed(_visible(photo, edited) & (shape > 0.5))
    return Edit(photo, edited, hard | (_visible(photo, edited)))


def remove(photo: np.ndarray, other: np.ndarray, random: np.random.Generator) -> Edit:
    """Remove an object of another photograph from this one, by a fill with pieces of the picture."""
    height, width = photo.shape[:2]
    shape = blob(height, width, random, 0.13)[..., None]
    original = shape * _fitted(other, photo) + (1 - shape) * photo
    hole = cv2.dilate((shape[..., 0] > 0).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    filled = fill_patchmatch(torch.from_numpy(original)[None].float(), torch.from_numpy(hole)[None])
    edited = np.where(hole[..., None] > 0, filled[0].double().numpy(), original)
    return Edit(original, edited, _closed(_visible(original, edited)))


def recolor(photo: np.ndarray, other: np.ndarray, random: np.random.Generator) -> Edit:
    """Give an area another hue; its lightness stays."""
    shape = blob(photo.shape[0], photo.shape[1], random, 0.17)[..., None]
    lab, angle = rgb2lab(photo), random.uniform(0, 2 * np.pi)
    lab[..., 1] += 30 * np.cos(angle)
    lab[..., 2] += 30 * np.sin(angle)
    edited = shape * lab2rgb(lab) + (1 - shape) * photo
    return Edit(photo, edited, _closed(_visible(photo, edited)))


def text(photo: np.ndarray, other: np.ndarray, random: np.random.Generator) -> Edit:
    """Write two words, in black or white."""
    height, width = photo.shape[:2]
    side = min(height, width)
    thickness, scale = max(2, round(side / 90)), side / 260
    at = (round(width * random.uniform(0.05, 0.2)), round(height * random.uniform(0.35, 0.7)))
    layer = np.zeros((height, width), np.uint8)
    cv2.putText(layer, "Summer sale", at, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness, cv2.LINE_AA)
    ink = layer[..., None] / 255
    color = 0.05 if photo[layer > 0].mean() > 0.5 else 0.97
    edited = ink * color + (1 - ink) * photo
    return Edit(photo, edited, _visible(photo, edited))


def shadow(photo: np.ndarray, other: np.ndarray, random: np.random.Generator) -> Edit:
    """Lay a soft shadow over an area."""
    shape = blob(photo.shape[0], photo.shape[1], random, 0.17)
    soft = cv2.GaussianBlur(shape, (0, 0), 0.03 * min(photo.shape[:2]))[..., None]
    edited = photo * (1 - 0.4 * soft)
    return Edit(photo, edited, _visible(photo, edited))


def relight(photo: np.ndarray, other: np.ndarray, random: np.random.Generator) -> Edit:
    """Put a warm lamp into the picture, whose light covers at most a quarter of the side to either side."""
    height, width = photo.shape[:2]
    y, x = np.mgrid[:height, :width]
    radius = 0.22 * min(height, width)
    row, column = height * random.uniform(0.3, 0.7), width * random.uniform(0.3, 0.7)
    light = np.clip(1 - np.hypot(x - column, y - row) / radius, 0, 1) ** 1.5
    edited = np.clip(photo * (1 + light[..., None] * np.array([0.7, 0.5, 0.25])), 0, 1)
    return Edit(photo, edited, _visible(photo, edited))


def large(photo: np.ndarray, other: np.ndarray, random: np.random.Generator) -> Edit:
    """Replace two fifths of the picture by another photograph."""
    height, width = photo.shape[:2]
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    angle, waves = random.uniform(0, 2 * np.pi), 0.03 * np.sin(7 * (x + y) + random.uniform(0, 6))
    away = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) + waves
    shape = cv2.GaussianBlur((away > np.quantile(away, 0.6)).astype(np.float64), (0, 0), 0.7)[..., None]
    edited = shape * _fitted(other, photo) + (1 - shape) * photo
    return Edit(photo, edited, _closed(_visible(photo, edited)))


EDITS: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], Edit]] = {
    each.__name__: each for each in (paste, remove, recolor, text, shadow, relight, large)
}


def blob(height: int, width: int, random: np.random.Generator, radius: float) -> np.ndarray:
    """Draw an uneven round shape, [H, W] in 0..1 with an edge of one pixel. `radius` in shares of the shorter side."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = x - width * random.uniform(0.3, 0.7), y - height * random.uniform(0.35, 0.65)
    angle, edge = np.arctan2(y, x), np.full(y.shape, radius)
    for waves in range(2, 7):
        edge += radius * random.uniform(-0.12, 0.12) * np.sin(waves * angle + random.uniform(0, 2 * np.pi))
    return np.clip(edge * min(height, width) - np.hypot(x, y) + 0.5, 0, 1)


def _fitted(other: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Resize another photograph to the size of this one."""
    return np.clip(cv2.resize(other, photo.shape[1::-1], interpolation=cv2.INTER_AREA), 0, 1)


def _visible(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    changed = (before != after).any(axis=-1)
    distance = np.zeros(changed.shape)
    distance[changed] = deltaE_ciede2000(rgb2lab(before[changed]), rgb2lab(after[changed]))
    return distance > VISIBLE


def _closed(changed: np.ndarray) -> np.ndarray:
    """Close the gaps of a hard edit, where its pixels happen to be those of the original."""
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (GAP, GAP))
    padded = cv2.copyMakeBorder(changed.astype(np.uint8), GAP, GAP, GAP, GAP, cv2.BORDER_REPLICATE)
    return cv2.morphologyEx(padded, cv2.MORPH_CLOSE, around)[GAP:-GAP, GAP:-GAP] > 0

"""Photographs with edits and disturbances of known truth: the map, the mask, and what is put back.

Mutations seen to fail here: the map not inverted; light not undone; noise measured on the edit too; the edit sampled
where it was, not where it belongs; pixels outside the mask resampled.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from devtools.pictures.edited.cases import cases, reduced
from inpaint.edits import keep_unedited

PHOTOS = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png", "retina.jpg", "ihc.png")
PHOTOS = (*PHOTOS, "hubble_deep_field.jpg")
# An edit, a disturbance, and the least overlap of the mask with the truth.
ROWS = [
    ("paste", "none", 0.9),
    ("large", "vae", 0.95),
    ("remove", "jpeg75", 0.8),
    ("recolor", "gamma", 0.9),
    ("shadow", "field", 0.7),
    ("relight", "tint", 0.7),
    ("text", "shift", 0.75),
    ("paste", "everything", 0.8),
]


def photo(name: str) -> np.ndarray:
    folder = Path(skimage.data.__file__).parent
    return reduced(cv2.imread(str(folder / name))[..., ::-1], 420)


@pytest.fixture(scope="module")
def photos() -> dict[str, np.ndarray]:
    return {name: photo(name) for name in PHOTOS}

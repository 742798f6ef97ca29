"""Make the README's picture of Keep Unedited Pixels: `python -m devtools.publish.before_and_after`.

docs/keep-unedited.jpg shows a photograph whose spoon was taken away by an editor that moved, relit and recompressed all
of it: as it came back, how far it is from the original, and how far the result of Keep Unedited Pixels is.
"""

from __future__ import annotations

import cv2
import numpy as np
import skimage.data
import torch
from PIL import Image

from devtools.pictures.edited.disturbances import everything
from devtools.setup.environment import ROOT
from inpaint.edits import keep_unedited
from inpaint.patchmatch import fill_patchmatch

# Around the spoon, in pixels of scikit-image's photograph of a cup (Pikolo Espresso Bar, CC0), 600 x 400.
SPOON = (
    *((394, 60), (430, 60), (427, 95), (412, 160), (394, 228), (412, 262), (402, 318), (368, 334), (330, 322)),
    *((318, 290), (330, 252), (314, 252), (310, 238), (350, 226), (384, 196), (402, 150), (412, 122), (408, 92)),
)
# Differences are shown so many times as large.
TIMES = 8
GAP, WIDTH, QUALITY = 6, 420, 88


def main() -> None:
    photo = torch.from_numpy(skimage.data.coffee() / np.float32(255))[None]
    edited = torch.from_numpy(everything(_without_spoon(photo)[0].double().numpy(), 2).picture).float()[None]
    kept = keep_unedited(photo, edited)
    print(kept.report())
    panels = [edited, _difference(photo, edited), _difference(photo, kept.image)]
    target = ROOT / "docs" / "keep-unedited.jpg"
    Image.fromarray(_strip(panels)).save(target, quality=QUALITY, optimize=True)
    print(target.relative_to(ROOT))


def _without_spoon(photo: torch.Tensor) -> torch.Tensor:
    mask = np.zeros(photo.shape[1:3], np.float32)
    cv2.fillPoly(mask, [np.array(SPOON)], 1.0)
    return fill_patchmatch(photo, torch.from_numpy(mask)[None])


def _difference(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    return (TIMES * (after - before).abs()).clamp(0, 1)


def _strip(panels: list[torch.Tensor]) -> np.ndarray:
    height, width = panels[0].shape[1:3]
    size = WIDTH, round(WIDTH * height / width)
    white = np.full((size[1], GAP, 3), 255, np.uint8)
    row = []
    for panel in panels:
        small = cv2.resize(panel[0].numpy(), size, interpolation=cv2.INTER_AREA)
        row += [(small * 255).round().clip(0, 255).astype(np.uint8), white]
    return np.hstack(row[:-1])


if __name__ == "__main__":
    main()

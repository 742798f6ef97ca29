"""Crops of photographs for training, and held-out crops for evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import skimage.data
from numpy.lib.format import open_memmap
from PIL import Image

from devtools.pictures.photographs import photographs

SIDE = 256
# Not in the training set, and neither is the demo's own photograph (skimage.data.rocket).
HELD_OUT = (
    *("BytheWater", "Dune", "FallenLeaf", "Kleiber_by_Lukas_Baubkus", "LadyBird", "Storm"),
    *("aitzgorri_by_Aitzol_Berasategi", "life_by_Aitzol_Berasategi"),
)
# Free photographs (CC0, public domain) of scikit-image's wheel. The last three are grey.
SCIKIT_IMAGE = ("astronaut", "chelsea", "coffee", "brick", "grass", "gravel")
# A crop's side is between 1 / LARGEST of the picture's shorter side and the whole of it.
LARGEST = 3.5


def training_crops(path: Path, number: int = 4000, seed: int = 0) -> np.ndarray:
    """Return random crops [number, 256, 256, 3] uint8 of the training photographs. The first call writes `path`.

    Each photograph gives the same number of crops; those of scikit-image are small and give a third of it.
    """
    if not path.exists():
        random = np.random.default_rng(seed)
        files = {name: file for name, file in photographs().items() if name not in HELD_OUT}
        shares = {file: 3 for file in files.values()} | {_scikit_image(name): 1 for name in SCIKIT_IMAGE}
        sources = np.repeat([*shares], [*shares.values()])
        partial = path.with_suffix(".part")
        crops = open_memmap(partial, "w+", np.uint8, (number, SIDE, SIDE, 3))
        order = random.permutation(number)
        places = np.array_split(order, len(sources))
        for source in shares:
            for place, crop in zip(
                np.concatenate([part for part, file in zip(places, sources, strict=True) if file == source]),
                _random_crops(source, random),
                strict=False,
            ):
                crops[place] = crop
        crops.flush()
        partial.rename(path)
    return np.load(path, mmap_mode="r")


def held_out_crops(each: int = 8, seed: int = 1) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and crop, [256, 256, 3] uint8, of photographs that the model was not trained on."""
    random = np.random.default_rng(seed)
    files = photographs()
    for name in HELD_OUT:
        for _, crop in zip(range(each), _random_crops(files[name], random), strict=False):
            yield name, crop


def _random_crops(source: Path, random: np.random.Generator) -> Iterator[np.ndarray]:
    picture = Image.open(source).convert("RGB")
    short = min(picture.size)
    # reducing_gap=2.0 first reduces large crops quickly; the result looks the same.
    while True:
        side = max(short / LARGEST ** random.uniform(0, 1), min(SIDE, short))
        left, top = (random.uniform(0, length - side) for length in picture.size)
        crop = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS, (left, top, left + side, top + side), 2.0)
        yield np.asarray(crop)[:, :: random.choice((-1, 1))]


def _scikit_image(name: str) -> Path:
    (path,) = (p for p in Path(skimage.data.__file__).parent.glob(f"{name}.*") if p.suffix in (".png", ".jpg"))
    return path

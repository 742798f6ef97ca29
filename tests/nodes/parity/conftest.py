"""The picture and mask that all families are given, and how figures are told."""

import pytest
import torch
from skimage import data
from torch import Tensor


@pytest.fixture
def report(record_property):
    """Keep a figure, or what else is to be known, in the test report, and print it."""

    def report(name: str, figure: float | str) -> float | str:
        record_property(name, figure)
        print(f"{name}: {figure if isinstance(figure, str) else format(figure, '.2e')}")
        return figure

    return report


@pytest.fixture(scope="module", autouse=True)
def _no_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def picture() -> Tensor:
    """[1, 128, 192, 3]"""
    return torch.from_numpy(data.astronaut()[0:256:2, 80:464:2].copy())[None].float() / 255


@pytest.fixture(scope="module")
def mask() -> Tensor:
    """[1, 128, 192], an L on the VAE's grid, so that no flip or shift maps it to itself."""
    mask = torch.zeros(1, 128, 192)
    mask[:, 24:96, 40:80] = 1
    mask[:, 64:96, 80:136] = 1
    return mask


@pytest.fixture(scope="module")
def wrong(picture, mask) -> dict[str, tuple[Tensor, Tensor]]:
    """Pictures and masks that are not what they should be, by what is wrong."""
    return {
        "mask inverted": (picture, 1 - mask),
        "mask empty": (picture, torch.zeros_like(mask)),
        "mask a cell to the right": (picture, mask.roll(8, 2)),
        "picture mirrored": (picture.flip(2), mask),
    }

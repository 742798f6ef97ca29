"""What belongs to places in a picture of 88 x 120 cells.

Mutations seen to fail here: names or shapes left out; values that are the same everywhere taken for places.
"""

import pytest
import torch

from inpaint.sampling.placed import is_placed


@pytest.mark.parametrize(
    ("name", "shape", "placed"),
    [
        ("mask", (1, 64, 64), True),
        ("attn_mask", (1, 2640, 1), True),
        ("x", (1, 704, 960), True),
        ("x", (22, 30), True),
        ("x", (1, 704, 960, 3), True),
        ("x", (1, 4, 88, 120), True),
        ("x", (1, 11, 15), True),
        ("x", (1, 77, 768), False),
        ("x", (1, 257, 1280), False),
        ("x", (1, 512, 512), False),
        ("x", (10560,), False),
        ("mask", (2, 2), False),
        ("x", (3, 4), False),
    ],
)
def test_places(name, shape, placed):
    values = torch.arange(float(torch.Size(shape).numel())).view(shape)
    assert is_placed(name, values, 88, 120) is placed
    assert not is_placed(name, torch.ones(shape), 88, 120)

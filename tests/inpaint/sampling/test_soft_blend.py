"""A1111's blend, by a plain computation for every cell.

Mutations seen to fail here: the power taken of the mask's complement; strength and bias swapped; lengths of the mixture
left as they are; 0 to the power of 0 taken for 1.
"""

import pytest
import torch

from inpaint.core.errors import InpaintError
from inpaint.sampling.soft_blend import SoftBlend, blend, repainted


def test_how_much_is_repainted_at_a_noise():
    mask = torch.tensor([0.0, 0.25, 0.5, 1.0])
    assert repainted(mask, 4.0, SoftBlend(1, 0.5)).tolist() == [0, 0.0625, 0.25, 1]  # ^ 2
    assert repainted(mask, 4.0, SoftBlend(0.5, 1)).tolist() == [0, 0.0625, 0.25, 1]
    assert repainted(mask, 4.0, SoftBlend(preservation_strength=0)).tolist() == [0, 1, 1, 1]


def test_every_picture_has_its_own_noise():
    mask = torch.full((2, 1, 1, 1), 0.5)
    assert repainted(mask, torch.tensor([2.0, 6.0]), SoftBlend()).flatten().tolist() == [0.5, 0.125]


@pytest.mark.parametrize("power", [1.0, 4.0])
def test_the_mixture_has_the_mixed_length(power):
    random = torch.Generator().manual_seed(0)
    old, new = torch.randn(2, 2, 4, 3, 3, generator=random, dtype=torch.float64)
    share = torch.rand(2, 1, 3, 3, generator=random, dtype=torch.float64)
    mixed = blend(old, new, share, SoftBlend(transition_contrast_boost=power))
    for b, y, x in ((0, 0, 0), (1, 2, 1), (0, 1, 2)):
        t, a, c = share[b, 0, y, x].item(), old[b, :, y, x].numpy(), new[b, :, y, x].numpy()
        straight = (1 - t) * a + t * c
        length = ((1 - t) * (a @ a) ** (power / 2) + t * (c @ c) ** (power / 2)) ** (1 / power)
        expected = straight / (straight @ straight) ** 0.5 * length
        assert mixed[b, :, y, x].tolist() == pytest.approx(expected.tolist(), rel=1e-3)


def test_the_ends_are_the_two_pictures():
    old, new = torch.randn(2, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    for share, expected in ((0.0, old), (1.0, new)):
        mixed = blend(old, new, torch.full((1, 1, 4, 4), share), SoftBlend())
        assert torch.allclose(mixed, expected, atol=1e-4)


def test_half_precision_and_a_large_boost():
    old, new = torch.randn(2, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0)).half()
    mixed = blend(old, new, torch.full((1, 4, 4, 4), 0.5), SoftBlend(transition_contrast_boost=32))
    assert mixed.dtype == torch.float16
    assert mixed.isfinite().all()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"schedule_bias": -1}, "schedule_bias: expected 0 or more, got -1."),
        ({"preservation_strength": float("nan")}, "preservation_strength: expected 0 or more, got nan."),
        ({"transition_contrast_boost": 0.5}, "transition_contrast_boost: expected 1 or more, got 0.5."),
    ],
)
def test_settings_out_of_range_are_named(setting, message):
    with pytest.raises(InpaintError, match=message):
        SoftBlend(**setting)

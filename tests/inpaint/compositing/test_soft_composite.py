"""A1111's decision what to paste back, beside a plain loop over every cell's surroundings.

Mutations seen to fail here: quantiles of the values instead of their weights; the least width left out; the border
padded with zeros that count; a mask cut instead of stretched; cells of another ratio; the threshold raised inside the
mask; smoothstep for smootherstep.
"""

import math

import pytest
import torch

from inpaint.compositing.soft_composite import Difference, on_pixels, paste_mask, pasted, ranked_mean
from inpaint.core.errors import InpaintError


def _weight(dy, dx):
    least = math.exp(-9 / 2.25)
    return max(0.0, (math.exp(-(dy**2 + dx**2) / 2.25) - least) / (1 - least))


def _slow_ranked_mean(plane, low, high):
    """By hand: values stacked by size, each as thick as its weight; the mean of a slice of the stack."""
    height, width = len(plane), len(plane[0])
    result = [[0.0] * width for _ in range(height)]
    for y in range(height):
        for x in range(width):
            stack = sorted(
                (plane[v][u], _weight(v - y, u - x))
                for v in range(max(0, y - 2), min(height, y + 3))
                for u in range(max(0, x - 2), min(width, x + 3))
            )
            whole = sum(weight for _, weight in stack)
            start, end = whole * low, whole * high
            if end - start < 1:
                start, end = (start + end) / 2 - 0.5, (start + end) / 2 + 0.5
                if end > whole:
                    start, end = whole - 1, whole
                if start < 0:
                    start, end = 0, 1
            at, total, count = 0.0, 0.0, 0.0
            for value, weight in stack:
                part = max(0.0, min(end, at + weight) - max(start, at))
                total, count, at = total + value * part, count + part, at + weight
            result[y][x] = total / count
    return torch.tensor(result)


@pytest.mark.parametrize(("low", "high"), [(0.9, 1.0), (0.25, 0.75), (0.0, 1.0), (0.0, 0.05)])
def test_means_of_a_slice_of_what_is_around(low, high):
    values = torch.rand(2, 6, 9, generator=torch.Generator().manual_seed(0))
    result = ranked_mean(values, low, high)
    for plane, expected in zip(result, values, strict=True):
        assert torch.allclose(plane, _slow_ranked_mean(expected.tolist(), low, high), atol=1e-5)


@pytest.mark.parametrize(("change", "share"), [(0.0, 0.0), (0.5, 0.5), (5.0, 1 - 10 / 101**3)])
def test_an_even_change_is_pasted_by_the_formula(change, share):
    before = torch.zeros(1, 4, 8, 8)
    after = before.clone()
    after[:, 0] = change
    made = pasted(before, after, torch.ones(1, 8, 8), 0.5, Difference())
    assert torch.allclose(made, torch.full((1, 8, 8), share), atol=1e-4)


def test_the_mask_counts_as_far_as_it_is_to():
    before, after = torch.zeros(1, 4, 8, 8), torch.full((1, 4, 8, 8), 0.25)
    mask = torch.linspace(0, 1, 8).expand(1, 8, 8)
    none, half = (pasted(before, after, mask, 0.5, Difference(mask_influence=share)) for share in (0.0, 0.5))
    assert torch.allclose(none, none[:1, :1, :1].expand_as(none), atol=1e-5)
    assert (half.diff(dim=2) > 0).all()
    full = pasted(before, after, mask, 0.5, Difference(mask_influence=1.0))
    assert full[..., -1].min() > 0.999
    assert full[..., 0].max() < 0.001


def test_on_pixels_it_ends_with_the_mask():
    cells = torch.ones(1, 4, 6)
    mask = torch.zeros(1, 30, 45)
    mask[:, 5:20, 7:33] = 0.3
    assert torch.equal(on_pixels(cells, mask, 8), (mask > 0).float())


def test_on_pixels_it_keeps_its_place():
    cells = torch.zeros(1, 4, 6)
    cells[0, 1, 4] = 1
    large = on_pixels(cells, torch.ones(1, 32, 48), 8)
    y, x = (large[0] == large.max()).nonzero().float().mean(dim=0).tolist()
    assert (y, x) == (11.5, 35.5)


BEFORE, AFTER = torch.zeros(1, 4, 8, 11), torch.zeros(1, 4, 8, 11)
AFTER[..., 6:] = 1000  # the right-hand 5 of 11 columns change


@pytest.mark.parametrize(
    "size", [(64, 88), (61, 83), (57, 81), (64, 64), (1, 1), (200, 20), (20, 200), (1, 900), (8, 11)]
)
def test_a_mask_of_any_size_lies_over_the_whole_latent(size):
    made = paste_mask(BEFORE, AFTER, torch.ones(1, *size), 8, 0.5, Difference())
    own_size = size in ((64, 88), (61, 83), (57, 81))
    assert made.shape == (1, *(size if own_size else (64, 88)))
    whole = paste_mask(BEFORE, AFTER, torch.ones(1, 64, 88), 8, 0.5, Difference())
    assert torch.equal(made, whole[:, : made.shape[1], : made.shape[2]])


def test_the_change_is_where_it_is():
    """The ranked means reach two cells beyond the right-hand 5 of 11."""
    made = paste_mask(BEFORE, AFTER, torch.ones(1, 1, 1), 8, 0.5, Difference())[0]
    assert made[:, 4 * 8 + 4 :].min() > 0.9
    assert made[:, : 3 * 8 - 4].max() < 0.1


def test_a_stretched_mask_is_that_of_the_picture():
    whole = torch.zeros(1, 64, 88)
    whole[:, :, 44:] = 1
    half = torch.zeros(1, 32, 44)
    half[:, :, 22:] = 1
    ours, meant = (paste_mask(BEFORE, AFTER, mask, 8, 0.5, Difference(mask_influence=0.5)) for mask in (half, whole))
    torch.testing.assert_close(ours[..., 46:], meant[..., 46:], rtol=0, atol=0.02)
    assert not ours[..., :42].any()


@pytest.mark.parametrize("side", [3, 25, 31, 32])
def test_cells_keep_their_place_in_a_picture_that_is_no_multiple(side):
    """A picture of 25 rows has 4 rows of cells, of 8 pixels each, and not of 7."""
    before, after = torch.zeros(1, 4, -(-side // 8), 4), torch.zeros(1, 4, -(-side // 8), 4)
    after[..., 2:] = 1000
    whole = paste_mask(before, after, torch.ones(1, after.shape[2] * 8, 32), 8, 0.5, Difference())
    assert torch.equal(paste_mask(before, after, torch.ones(1, side, 30), 8, 0.5, Difference()), whole[:, :side, :30])


def test_the_batches_of_latents_and_masks_are_matched():
    three = torch.cat([torch.zeros(1, 64, 88), torch.ones(2, 64, 88)])
    made = paste_mask(BEFORE, AFTER, three, 8, 0.5, Difference())
    assert made.shape == (3, 64, 88)
    assert not made[0].any()
    assert paste_mask(BEFORE, AFTER.repeat(2, 1, 1, 1), three[1:2], 8, 0.5, Difference()).shape == (2, 64, 88)
    with pytest.raises(InpaintError, match=r"^mask: expected 1 mask or 2 \(one per picture\), got 3"):
        paste_mask(BEFORE, AFTER.repeat(2, 1, 1, 1), three, 8, 0.5, Difference())
    for other in (AFTER[..., 1:], AFTER.repeat(1, 4, 1, 1)):
        with pytest.raises(
            InpaintError, match=r"^before, after: expected two .* of the same size, got \[1, 4, 8, 11\]"
        ):
            paste_mask(BEFORE, other, three, 8, 0.5, Difference())
    with pytest.raises(InpaintError, match="before, after: expected two"):
        paste_mask(BEFORE.repeat(3, 1, 1, 1), AFTER.repeat(2, 1, 1, 1), three, 8, 0.5, Difference())


@pytest.mark.parametrize("strength", [-1, float("nan"), float("inf")])
def test_a_wrong_preservation_strength_is_named(strength):
    with pytest.raises(
        InpaintError, match=r"^preservation_strength: expected 0 or more, got .* Use the value that Soft"
    ):
        paste_mask(BEFORE, AFTER, torch.ones(1, 64, 88), 8, strength, Difference())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"mask_influence": 2}, "mask_influence: expected 0 to 1, got 2. Use 0 to go by the change alone."),
        ({"difference_threshold": 0}, "difference_threshold: expected more than 0, got 0. A1111 uses 0.5."),
        ({"difference_contrast": float("inf")}, "difference_contrast: expected more than 0, got inf. A1111 uses 2."),
    ],
)
def test_settings_out_of_range_are_named(setting, message):
    with pytest.raises(InpaintError, match=message):
        Difference(**setting)

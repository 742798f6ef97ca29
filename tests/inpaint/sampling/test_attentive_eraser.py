"""Attentive Eraser by itself: the guided step, which places the mask covers, and attention that does not see them.

Mutations seen to fail here: the predictions swapped, guidance off by one, equal predictions not their own sum; a step
counted too early, too late, or missed by rounding; 0.5 not masked, or less masked; one full mask of several let
through; padding stretched, strokes between the pixels that are looked at, a place half covered taken for free; a window
transposed; everything dropped where every place is masked; masked keys taken for zeros, left in, or the wrong ones
dropped; queries scaled all over, outside the mask, or in place; pictures of a batch in another order.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inpaint.core.errors import InpaintError
from inpaint.core.geometry import Box
from inpaint.sampling import attentive_eraser as eraser


def attend(q, k, v):
    """One head, as its formula is written."""
    return (q @ k.mT / q.shape[-1] ** 0.5).softmax(dim=-1) @ v


def masked_attention(q, k, v, under, query_scale):
    """The authors' form: similarities with keys under the mask are minus infinity, those of queries under it scaled."""
    similarity = q @ k.mT / q.shape[-1] ** 0.5
    similarity = torch.where(under[:, :, None], similarity * query_scale, similarity)
    return similarity.masked_fill(under[:, None], -torch.inf).softmax(dim=-1) @ v


def tensors(batch, places=12, channels=8, dtype=torch.float64):
    random = torch.Generator().manual_seed(batch)
    return torch.randn(3, batch, places, channels, generator=random, dtype=torch.float64).to(dtype).unbind()


def cells_of(*rows):
    """[M, 1, 3, 4] bool: one text for each mask, # where it covers."""
    return torch.tensor([[cell == "#" for cell in text] for text in rows]).view(len(rows), 1, 3, 4)


CORNER, STRIPE, NONE, ALL = "##..##......", "...#...#...#", "." * 12, "#" * 12


# ---- the step ----------------------------------------------------------------------------------------------------


def test_the_step_goes_beyond_the_redirected_prediction():
    plain, redirected = torch.tensor([1.0, 2.0, -1.0]), torch.tensor([1.5, 2.0, 0.0])
    assert eraser.guided(plain, redirected, 9.0).tolist() == [5.5, 2.0, 8.0]
    assert torch.equal(eraser.guided(plain, redirected, 0.0), plain)
    assert torch.equal(eraser.guided(plain, redirected, 1.0), redirected)


def test_the_step_is_the_same_of_noise_and_of_the_clean_latent():
    x, sigma = torch.randn(2, 4, 5, 5, dtype=torch.float64), 3.7
    plain, redirected = torch.randn(2, 2, 4, 5, 5, dtype=torch.float64)
    of_clean = eraser.guided(x - sigma * plain, x - sigma * redirected, 9.0)
    torch.testing.assert_close((x - of_clean) / sigma, eraser.guided(plain, redirected, 9.0))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_two_equal_predictions_are_the_step_bit_for_bit(dtype):
    plain = torch.randn(2, 4, 9, 9).to(dtype)
    step = eraser.guided(plain, plain.clone(), 9.0)
    assert step.dtype == dtype
    assert torch.equal(step, plain)


# ---- what the mask covers ----------------------------------------------------------------------------------------


def test_a_pixel_of_one_half_is_under_the_mask():
    mask = torch.tensor([[[0.0, 0.49, 0.5, 1.0]]])
    assert eraser.hard_mask(mask).tolist() == [[[False, False, True, True]]]
    assert not eraser.hard_mask(torch.zeros(2, 3, 3)).any()


@pytest.mark.parametrize("full", [torch.ones(1, 4, 4), torch.stack([torch.zeros(4, 4), torch.full((4, 4), 0.5)])])
def test_a_full_mask_is_refused(full):
    with pytest.raises(
        InpaintError, match=r"^mask: expected a mask that leaves part of the picture unmasked, got a full one"
    ):
        eraser.hard_mask(full)


@pytest.mark.parametrize(("height", "width"), [(24, 32), (17, 25), (21, 30)])
def test_one_pixel_covers_its_cell(height, width):
    """Of a picture that is padded to 3 x 4 cells, as it is encoded: never moved."""
    for y in range(0, height, 4):
        for x in range(0, width, 4):
            hard = torch.zeros(1, height, width, dtype=torch.bool)
            hard[0, y, x] = True
            cells = eraser.cells_under(hard, (3, 4))
            assert cells.dtype == torch.bool
            assert cells.nonzero().tolist() == [[0, 0, y // 8, x // 8]]


def test_a_mask_of_another_size_is_stretched():
    hard = torch.zeros(2, 5, 5, dtype=torch.bool)
    hard[1, 0, 0] = True
    cells = eraser.cells_under(hard, (10, 15))
    assert cells.shape == (2, 1, 10, 15)
    assert cells.nonzero().tolist() == [[1, 0, y, x] for y in range(2) for x in range(3)]


def test_a_window_of_the_latent():
    hard = torch.rand(2, 64, 80, generator=torch.Generator().manual_seed(0)) > 0.99
    whole, window = eraser.cells_under(hard, (8, 10)), Box(x=3, y=1, width=6, height=5)
    assert torch.equal(eraser.cells_under(hard, (8, 10), window), whole[:, :, 1:6, 3:9])


def test_no_cell_left_is_refused():
    """Though pixels are left: in the whole latent, or in the part that is sampled."""
    everywhere, corner = torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    everywhere[:, ::8, ::8] = True
    corner[:, :16, :16] = True
    for hard, window in ((everywhere, None), (corner, Box(0, 0, 2, 2)), (torch.cat([corner, everywhere]), None)):
        with pytest.raises(
            InpaintError, match=r"^mask: expected at least one latent cell \(8 x 8 pixels\) without a mask"
        ):
            eraser.cells_under(hard, (4, 4), window)
    assert eraser.cells_under(corner, (4, 4)).sum() == 4


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 23), st.integers(2, 23), st.integers(0, 3), st.integers(0, 2**31))
def test_every_place_stands_for_the_cells_that_it_covers(height, width, level, seed):
    """By brute force, at any size that halving with rounding up, as U-Nets halve, leads to."""
    rows, columns = -(-height // 2**level), -(-width // 2**level)
    cells = torch.rand(3, 1, height, width, generator=torch.Generator().manual_seed(seed)) > 0.9
    found = eraser.places_under(cells, (rows, columns))
    assert len(found) == 3
    for mask, places in zip(cells[:, 0].numpy(), found, strict=True):
        expected = np.zeros((rows, columns), bool)
        for y, x in zip(*mask.nonzero(), strict=True):
            for row in {y * rows // height, ((y + 1) * rows - 1) // height}:
                for column in {x * columns // width, ((x + 1) * columns - 1) // width}:
                    expected[row, column] = True
        if expected.all() or not expected.any():
            assert places is None
        else:
            assert places is not None
            assert places.under[:, 0].numpy().tolist() == expected.ravel().tolist()
            assert places.kept.tolist() == np.flatnonzero(~expected).tolist()


# ---- the attention -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query_scale", [1.0, 0.3, 0.0])
@pytest.mark.parametrize("masks", [[CORNER], [CORNER, STRIPE], [STRIPE, CORNER, CORNER]])
@pytest.mark.parametrize("repeats", [1, 2])
def test_dropping_is_masking(masks, repeats, query_scale):
    cells = cells_of(*masks)
    q, k, v = tensors(len(masks) * repeats)
    result = eraser.redirected_attention(attend, q, k, v, eraser.places_under(cells, (3, 4)), query_scale)
    expected = masked_attention(q, k, v, cells.flatten(1).repeat(repeats, 1), query_scale)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)
    assert not torch.allclose(result, attend(q, k, v), atol=1e-2)


@pytest.mark.parametrize("query_scale", [1.0, 0.3])
def test_what_lies_under_the_mask_is_not_seen(query_scale):
    """Other keys and values there, even infinite ones, change no bit; other queries there change those places only."""
    cells = cells_of(CORNER, STRIPE)
    under, places = cells.flatten(1), eraser.places_under(cells, (3, 4))
    q, k, v = tensors(2, dtype=torch.float32)
    before = eraser.redirected_attention(attend, q, k, v, places, query_scale)
    for other in (torch.randn_like(q), torch.full_like(q, torch.inf), torch.full_like(q, torch.nan)):
        hidden_k, hidden_v = (torch.where(under[..., None], other, given) for given in (k, v))
        assert torch.equal(eraser.redirected_attention(attend, q, hidden_k, hidden_v, places, query_scale), before)
    moved = torch.where(under[..., None], torch.randn_like(q), q)
    after = eraser.redirected_attention(attend, moved, k, v, places, query_scale)
    assert torch.equal(after[~under], before[~under])
    assert not torch.isclose(after[under], before[under]).all(dim=-1).any()


def test_a_batch_is_each_picture_alone():
    cells = cells_of(CORNER, STRIPE)
    q, k, v = tensors(4, dtype=torch.float32)
    batch = eraser.redirected_attention(attend, q, k, v, eraser.places_under(cells, (3, 4)), 0.3)
    for row in range(4):
        alone = eraser.places_under(cells[row % 2 :][:1], (3, 4))
        here = slice(row, row + 1)
        result = eraser.redirected_attention(attend, q[here], k[here], v[here], alone, 0.3)
        torch.testing.assert_close(batch[row : row + 1], result, rtol=0, atol=1e-6)


@pytest.mark.parametrize("mask", [NONE, ALL])
def test_attention_is_left_as_it_is_where_no_place_or_every_one_is_under_the_mask(mask):
    places = eraser.places_under(cells_of(mask, CORNER), (3, 4))
    assert places[0] is None
    q, k, v = tensors(2)
    result = eraser.redirected_attention(attend, q, k, v, places, 0.3)
    torch.testing.assert_close(result[0], attend(q, k, v)[0], rtol=0, atol=1e-12)
    assert not torch.allclose(result[1], attend(q, k, v)[1], atol=1e-2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_dtype_is_kept_and_inputs_are_untouched(dtype):
    q, k, v = given = tensors(2, dtype=dtype)
    before = [tensor.clone() for tensor in given]
    result = eraser.redirected_attention(attend, q, k, v, eraser.places_under(cells_of(CORNER), (3, 4)), 0.3)
    assert result.dtype == dtype
    assert result.shape == given[0].shape
    assert all(torch.equal(*pair) for pair in zip(given, before, strict=True))
    exact = masked_attention(q.double(), k.double(), v.double(), cells_of(CORNER).flatten(1), 0.3)
    torch.testing.assert_close(result.double(), exact, rtol=0, atol=16 * torch.finfo(dtype).eps)

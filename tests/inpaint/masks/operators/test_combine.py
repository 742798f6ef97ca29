"""Two masks or a batch made one, by truth table and by rule.

Mutations seen to fail here: the two sides of subtract swapped; add that sums above 1; exclude as a plain difference;
the second mask not stretched; the result in the second's size.
"""

import pytest
import torch

from inpaint.core.errors import InpaintError
from inpaint.masks import combine, combine_all
from inpaint.masks.operators.combine import OPERATIONS

FIRST = torch.tensor([[[0.0, 0.0, 1.0, 1.0, 0.3]]])
OTHER = torch.tensor([[[0.0, 1.0, 0.0, 1.0, 0.6]]])
EXPECTED = {
    "add": [0.0, 1.0, 1.0, 1.0, 0.6],
    "subtract": [0.0, 0.0, 1.0, 0.0, 0.3],
    "intersect": [0.0, 0.0, 0.0, 1.0, 0.3],
    "exclude": [0.0, 1.0, 1.0, 0.0, 0.6],
    "multiply": [0.0, 0.0, 0.0, 1.0, 0.18],
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_truth_table(operation):
    torch.testing.assert_close(combine(FIRST, OTHER, operation)[0, 0], torch.tensor(EXPECTED[operation]))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("first", "other", "batch"), [(1, 3, 3), (3, 1, 3), (2, 2, 2)])
def test_one_serves_many_and_the_first_gives_the_size(operation, first, other, batch):
    combined = combine(torch.ones(first, 6, 9).half(), torch.ones(other, 4, 5), operation)
    assert combined.shape == (batch, 6, 9)
    assert combined.dtype == torch.float16
    assert combined.eq(0 if operation in ("subtract", "exclude") else 1).all()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_batch_is_combined_one_after_another(operation):
    masks = torch.rand(4, 5, 7, generator=torch.Generator().manual_seed(0)).half()
    copy = masks.clone()
    expected = masks[:1]
    for mask in masks[1:]:
        expected = combine(expected, mask, operation)
    combined = combine_all(masks, operation)
    assert combined.dtype == torch.float16
    assert torch.equal(combined, expected)
    assert torch.equal(masks, copy)
    assert torch.equal(combine_all(masks[0], operation), masks[:1])


def test_the_inputs_stay_as_they_were():
    first, other = torch.rand(1, 4, 4), torch.rand(2, 4, 4)
    copies = first.clone(), other.clone()
    for operation in OPERATIONS:
        combine(first, other, operation)
    assert torch.equal(first, copies[0])
    assert torch.equal(other, copies[1])


def test_odd_masks_are_read_and_others_refused():
    assert torch.equal(combine(torch.ones(2, 2), torch.zeros(1, 1, 2, 2, dtype=torch.bool), "add"), torch.ones(1, 2, 2))
    with pytest.raises(InpaintError, match=r"^other: expected \[B, H, W\], got \[3\]"):
        combine(torch.ones(1, 2, 2), torch.ones(3), "add")
    with pytest.raises(InpaintError, match=r"^other: expected 1 mask or 2 \(one per picture\), got 3"):
        combine(torch.ones(2, 2, 2), torch.ones(3, 2, 2), "add")
    with pytest.raises(InpaintError, match=r"^operation: expected one of add, .*, got xor"):
        combine(torch.ones(1, 2, 2), torch.ones(1, 2, 2), "xor")

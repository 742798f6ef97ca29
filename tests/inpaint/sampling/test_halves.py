"""A batch in two halves.

Mutations seen to fail here: the odd picture in the second half; numbers counted anew in the second half; a ControlNet's
prompt cut all the same; tensors of another length cut.
"""

import pytest
import torch

from inpaint.sampling.halves import halves


def _prompt(batch, **more):
    return [[torch.arange(float(batch))[:, None, None], {"pooled_output": torch.zeros(1, 4), **more}]]


@pytest.mark.parametrize(("batch", "sizes"), [(2, [1, 1]), (3, [2, 1]), (4, [2, 2]), (5, [3, 2])])
def test_every_picture_keeps_what_is_its_own(batch, sizes):
    rows = torch.arange(float(batch))
    latent = {"samples": rows[:, None, None, None], "noise_mask": rows[:1, None, None, None], "extra": {"kept": 1}}
    masks, area = rows[:, None, None, None] + 100, (1, 2, 3, 4)
    parts = halves(latent, _prompt(batch, concat_mask=masks, area=area), _prompt(1))
    assert [len(part["samples"]) for part, _ in parts] == sizes
    assert torch.cat([part["samples"] for part, _ in parts]).flatten().tolist() == rows.tolist()
    assert [number for part, _ in parts for number in part["batch_index"]] == list(range(batch))
    for part, (positive, negative) in parts:
        assert part["extra"] is latent["extra"]
        assert part["noise_mask"] is latent["noise_mask"]
        ((text, entry),) = positive
        assert torch.equal(text.flatten(), part["samples"].flatten())
        assert torch.equal(entry["concat_mask"].flatten(), part["samples"].flatten() + 100)
        assert entry["area"] == area
        assert len(entry["pooled_output"]) == len(negative[0][0]) == 1


def test_numbers_that_pictures_have_are_kept():
    parts = halves({"samples": torch.zeros(3, 4, 2, 2), "batch_index": [7, 3, 5]})
    assert [part["batch_index"] for part, _ in parts] == [[7, 3], [5]]


def test_nothing_is_changed():
    latent, prompt = {"samples": torch.zeros(2, 4, 2, 2)}, _prompt(2)
    halves(latent, prompt)
    assert list(latent) == ["samples"]
    assert len(prompt[0][0]) == 2


@pytest.mark.parametrize(
    ("batch", "more"), [(1, {}), (2, {"control": object()})], ids=["one picture", "a ControlNet on the way"]
)
def test_what_cannot_be_cut(batch, more):
    assert halves({"samples": torch.zeros(batch, 4, 2, 2)}, _prompt(1, **more)) == []


def test_several_latents_in_one_are_not_cut():
    class Nested:
        is_nested = True

    assert halves({"samples": Nested()}, [["text", {}]]) == []


def test_references_go_with_their_pictures():
    """One for each picture, and one for all."""
    own, shared = torch.rand(3, 4, 2, 2), torch.rand(1, 4, 5, 5)
    prompt = [[torch.zeros(1, 5, 8), {"reference_latents": [own, shared]}]]
    parts = halves({"samples": torch.zeros(3, 4, 2, 2)}, prompt)
    for (_, (half,)), rows in zip(parts, (slice(0, 2), slice(2, 3)), strict=True):
        first, second = half[0][1]["reference_latents"]
        assert torch.equal(first, own[rows])
        assert second is shared

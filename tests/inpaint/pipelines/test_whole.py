"""Whole pictures through a small pipeline.

Mutations seen to fail: one generator for all of a batch; a group that fails not made one by one.
"""

from dataclasses import replace

import pytest
import torch

from inpaint.core.errors import InpaintError
from inpaint.pipelines import Wish, paint, repaint_all
from inpaint.pipelines.paint import Settings
from inpaint.pipelines.whole import MASKED, Repainted, Whole

# diffusers raises this warning with NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

QUICK = Wish(steps=2, megapixels=0.04, prompt="a red fox")


@pytest.fixture
def picture():
    return torch.rand(1, 70, 90, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mask():
    mask = torch.zeros(1, 70, 90)
    mask[:, 20:50, 30:60] = 1
    return mask


def made(opened, *pictures, **options):
    results = list(repaint_all(opened, pictures, **options))
    assert all(isinstance(result, Repainted) for result in results), results
    return results


@pytest.fixture
def calls(opened, monkeypatch):
    """The arguments of each call of the pipeline."""
    seen = []
    run = type(opened.pipeline).__call__

    def watched(self, **arguments):
        seen.append(arguments)
        return run(self, **arguments)

    watched.__signature__ = paint.inspect.signature(run)  # type: ignore[attr-defined]
    monkeypatch.setattr(type(opened.pipeline), "__call__", watched)
    return seen


def test_outside_nothing_changes(opened, picture, mask):
    (result,) = made(opened, Whole(picture, mask, QUICK))
    kept = result.composite == 0
    assert 0.2 < kept.float().mean() < 0.8
    assert torch.equal(result.image[kept], picture[kept])
    assert not torch.equal(result.image, picture)
    assert "Largest change outside: 0." in " ".join(result.notes)


def test_a_seed_does_not_depend_on_the_batch(opened, picture, mask, calls):
    wishes = [Whole(picture, mask, replace(QUICK, seed=seed)) for seed in (1, 2, 3)]
    together = made(opened, *wishes)
    assert [len(call["prompt"]) for call in calls] == [3]
    alone = [made(opened, wish)[0] for wish in reversed(wishes)][::-1]
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one.image, other.image, atol=1e-4, rtol=0)
    assert (together[0].image - together[1].image).abs().max() > 0.01


def test_crops_of_one_size_go_together(opened, calls):
    picture = torch.rand(1, 160, 320, 3, generator=torch.Generator().manual_seed(0))
    square, strip = torch.zeros(1, 160, 320), torch.zeros(1, 160, 320)
    square[:, 60:90, 60:90] = 1
    strip[:, 70:76, 10:310] = 1
    pictures = [picture, picture.flip(1), picture, picture]
    masks = [square, strip, square, square]
    larger = replace(QUICK, megapixels=0.1)
    wishes = [larger, larger, larger, replace(larger, steps=3)]
    together = made(opened, *map(Whole, pictures, masks, wishes))
    assert sorted(len(call["prompt"]) for call in calls) == [1, 1, 2]
    (alone,) = made(opened, Whole(pictures[1], strip, larger))
    torch.testing.assert_close(together[1].image, alone.image, atol=1e-4, rtol=0)


def test_one_that_fails_does_not_end_the_others(opened, picture, mask, monkeypatch):
    real = opened.pipeline.__class__.encode_prompt

    def poisoned(self, prompt, *rest, **named):
        if "poison" in str(prompt):
            raise ValueError("a bad prompt")
        return real(self, prompt, *rest, **named)

    monkeypatch.setattr(type(opened.pipeline), "encode_prompt", poisoned)
    wishes = [QUICK, replace(QUICK, prompt="poison"), QUICK]
    results = list(repaint_all(opened, [Whole(picture, mask, wish) for wish in wishes]))
    assert [type(result) for result in results] == [Repainted, ValueError, Repainted]


def test_an_empty_mask(opened, picture, mask, calls):
    (result,) = made(opened, Whole(picture, mask * 0, QUICK))
    assert torch.equal(result.image, picture)
    assert not calls
    assert "nothing was repainted" in result.notes[-1]


@pytest.mark.parametrize("task", MASKED)
def test_each_task(opened, picture, mask, calls, task):
    (result,) = made(opened, Whole(picture, mask, replace(QUICK, task=task, prompt="")))
    strength = {"replace": 1.0, "remove": 1.0, "repair": 1.0, "refine": 0.5}[task]
    assert calls[0]["strength"] == strength
    assert calls[0]["num_inference_steps"] == 2 / strength
    assert result.image.isfinite().all()


def test_a_part_of_the_steps(opened, picture, mask, calls):
    """8 steps at denoise 0.8 are the last 8 of 10, as in ComfyUI."""
    steps = []
    wish = replace(QUICK, steps=8, strength=0.8)
    made(opened, Whole(picture, mask, wish), step=lambda done, total: steps.append((done, total)))
    assert calls[0]["num_inference_steps"] == 10
    assert steps == [(done, 8) for done in range(1, 9)]


def test_it_can_be_cancelled(opened, picture, mask):
    class Cancelled(BaseException):
        pass

    def cancel(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        list(repaint_all(opened, [Whole(picture, mask, QUICK)], cancel))


def test_nan_is_told(opened, picture, mask, monkeypatch):
    monkeypatch.setattr(
        "inpaint.pipelines.whole.repaint",
        lambda opened, crops, *_: torch.full((1, *crops[0].image.shape[1:]), torch.nan),
    )
    (result,) = repaint_all(opened, [Whole(picture, mask, QUICK)])
    assert isinstance(result, InpaintError)
    assert "NaN or infinity" in str(result)


def test_memory_that_runs_out(opened, picture, mask, monkeypatch):
    def run_out(self, **_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(type(opened.pipeline), "__call__", run_out)
    crop = paint.Crop(picture[:, :64, :64], mask[:, :64, :64], "", "", 0)
    with pytest.raises(InpaintError, match=r"1 crops of 64x64 at once\. Make them smaller"):
        paint.repaint(opened, [crop], Settings(2, 7.0, None, 1.0))

"""Models in diffusers' layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields

import torch

from ...pipelines import Choice, Opened, Wish, open_pipeline, repaint_all
from ...pipelines.whole import Whole
from .choice import ModelChoice
from .paint import Paint, Painted, Picture

WISHES = tuple(field.name for field in fields(Wish))


def opened(model: ModelChoice) -> Paint:
    """Open a pipeline, on a graphics card if there is one.

    Raises:
        InpaintError: if it cannot be opened.
    """
    assert model.path is not None
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", model.card % torch.cuda.device_count())
    choice = Choice(
        model.path,
        model.config,
        model.allow_download,
        model.dtype,  # type: ignore[arg-type]
        model.offload,  # type: ignore[arg-type]
    )
    pipeline = open_pipeline(choice, device)
    return lambda pictures: _painted(pipeline, pictures)


def _painted(pipeline: Opened, pictures: Iterable[Picture]) -> Iterator[Painted | Exception]:
    whole = [Whole(each.image, each.mask, Wish(**{name: each.values[name] for name in WISHES})) for each in pictures]
    for result in repaint_all(pipeline, whole):
        yield result if isinstance(result, Exception) else Painted(result.image, result.notes)

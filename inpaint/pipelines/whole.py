"""Whole pictures through a pipeline: what the node Inpaint does with a model, with diffusers as the sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from ..compositing.finish import Finish
from ..compositing.paste import max_change
from ..compositing.seam_score import seam, worst
from ..core.checks import match
from ..core.errors import InpaintError
from ..core.geometry import Area, Size, join
from ..crops.crop import Cropped, crop
from ..crops.crop_plan import Context, plan_box
from ..crops.stitch import on_picture, stitch
from ..edits import laid_on_original
from ..fills import fill_harmonic
from ..masks.clean import CleanUp, clean
from ..masks.far_specks import boxes_without_far_specks
from ..model_families.sizes import native_side, side_multiple
from ..patchmatch import fill_patchmatch
from ..tasks.chain import PINHOLE
from ..tasks.table import TASKS, Task, Way
from .opening import Opened
from .paint import Crop, Settings, Step, repaint

# As the nodes of the chain have them: how much a crop shows, and the specks that do not make it larger.
CONTEXT, SPECKS = Context(1.5, 32), 16
FILLS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {"patchmatch": fill_patchmatch, "harmonic": fill_harmonic}
# Tasks that need a mask alone.
MASKED = tuple(name for name in TASKS if name != "extend")


@dataclass(frozen=True)
class Wish:
    """What is asked for. 0, -1 and "" leave the choice to the tables, as in the node Inpaint."""

    task: str = "replace"
    """One of `MASKED`."""
    prompt: str = ""
    """What should be there."""
    negative_prompt: str = ""
    """What should not."""
    seed: int = 0
    """Of the noise."""
    strength: float = 0.0
    """How much of what is there is repainted (denoise)."""
    steps: int = 0
    """Steps."""
    cfg: float = 0.0
    """Classifier-free guidance."""
    megapixels: float = 0.0
    """Size of the crop, of 1024x1024 pixels."""
    grow: float = -1.0
    """Pixels by which the mask is widened."""
    feather: float = -1.0
    """Width of the paste's soft edge in pixels."""


@dataclass(frozen=True)
class Whole:
    """A picture that is to be repainted."""

    image: Tensor
    """[1, H, W, C] in 0..1, C = 3 or 4. Alpha is carried through."""
    mask: Tensor
    """[1, H, W], 1 = repaint."""
    wish: Wish
    """What is asked for."""


@dataclass(frozen=True)
class Repainted:
    """A picture that was repainted."""

    image: Tensor
    """[1, H, W, C]; where the composite mask is 0 bit-identical to the original."""
    composite: Tensor
    """[1, H, W], how much was pasted where."""
    notes: tuple[str, ...]
    """What was done, and how well it fits, a sentence each."""


@dataclass(frozen=True)
class _Ready:
    """A crop that is ready for the pipeline."""

    crop: Crop
    settings: Settings
    cropped: Cropped
    notes: tuple[str, ...]


def repaint_all(
    opened: Opened, pictures: Sequence[Whole], step: Step = lambda done, total: None
) -> Iterator[Repainted | Exception]:
    """Repaint pictures. Crops of one size with the same settings go through the pipeline together.

    Args:
        opened: the pipeline.
        pictures: as many as memory has room for at once.
        step: called after each step of each call.

    Yields:
        one result for each picture, in their order: an exception where it could not be made.
    """
    results: dict[int, Repainted | Exception] = {}
    groups: dict[tuple[object, ...], dict[int, _Ready]] = {}
    for index, picture in enumerate(pictures):
        try:
            ready = _ready(opened, picture)
        except InpaintError as error:
            results[index] = error
            continue
        if isinstance(ready, Repainted):
            results[index] = ready
            continue
        alone = () if opened.route.together else (index,)
        key = (ready.crop.image.shape, ready.settings, *alone)
        groups.setdefault(key, {})[index] = ready
    for group in groups.values():
        results |= _made(opened, group, pictures, step)
    yield from (results[index] for index in range(len(pictures)))


def _made(
    opened: Opened, group: dict[int, _Ready], pictures: Sequence[Whole], step: Step
) -> dict[int, Repainted | Exception]:
    """Repaint crops of one size. If that fails, each is tried alone, so that one cannot end the others."""
    try:
        crops = [ready.crop for ready in group.values()]
        images = repaint(opened, crops, next(iter(group.values())).settings, step)
    except Exception as error:
        if len(group) == 1:
            return {next(iter(group)): error}
        return {
            index: result
            for index, ready in group.items()
            for result in _made(opened, {index: ready}, pictures, step).values()
        }
    return {
        index: _finished(opened, pictures[index], ready, image)
        for (index, ready), image in zip(group.items(), images.split(1), strict=True)
    }


def _ready(opened: Opened, picture: Whole) -> _Ready | Repainted:
    wish, route = picture.wish, opened.route
    task = TASKS[wish.task]
    way = _way(wish, task, route.kind)
    image, mask = match(picture.image, picture.mask)
    mask, changes = clean(mask, _clean_up(wish, task))
    notes = [f"The mask: {'; '.join(changes)}."] if changes else []
    if not mask.any():
        return Repainted(image, mask, (*notes, "The mask is empty: nothing was repainted."))
    family = route.in_table
    boxes, _ = boxes_without_far_specks(mask, SPECKS)
    side = native_side(family)
    target = Area.megapixels(wish.megapixels) if wish.megapixels else Area.square(side)
    size = Size(image.shape[2], image.shape[1])
    plan = plan_box(join(boxes), size, CONTEXT, target, side_multiple(family, family.latents.ratio))
    cropped = crop(image, mask, [plan])
    # A broken pixel is kept where nothing is pasted; the model is shown grey in its place.
    colors = cropped.image[..., :3].float().nan_to_num(0.5, 1.0, 0.0)
    shown = FILLS[way.fill](colors, cropped.mask) if way.fill else colors
    sampling = route.sampling(opened.name)
    settings = Settings(
        wish.steps or sampling.steps, wish.cfg or sampling.cfg, sampling.guidance, wish.strength or way.denoise
    )
    edits = route.kind == "edit"
    own = (task.edit_prompt or task.prompt) if edits else task.prompt
    negative = wish.negative_prompt.strip() or ("" if edits else task.negative)
    made_of = Crop(shown, cropped.mask, wish.prompt.strip() or own, negative, wish.seed)
    fill = f"{way.fill} pre-fill, " if way.fill else ""
    notes.append(f"{opened.label}: {fill}{plan.target} crop, denoise {settings.strength:g}, {settings.steps} steps.")
    return _Ready(made_of, settings, cropped, tuple(notes))


def _way(wish: Wish, task: Task, kind: str) -> Way:
    """Return how the model does the task, as the chain of the node Inpaint does it."""
    ways = task.ways
    way = ways[kind]  # type: ignore[index]
    if not 0 < wish.strength < 1:
        return way
    if wish.task == "replace":
        return TASKS["refine"].ways[kind]  # type: ignore[index]
    return ways["general"] if way.content == "auto" else way


def _clean_up(wish: Wish, task: Task) -> CleanUp:
    return CleanUp(
        grow=task.grow if wish.grow < 0 else wish.grow,
        fill_holes=task.fills_holes,
        max_hole=PINHOLE,
        min_area=CleanUp.min_area if task.fills_holes else 0,
    )


def _finished(opened: Opened, picture: Whole, ready: _Ready, image: Tensor) -> Repainted | Exception:
    wish, task = picture.wish, TASKS[picture.wish.task]
    try:
        if not image.isfinite().all():
            raise InpaintError("the model returned NaN or infinity. Choose another --dtype: float32 is the surest.")
        # Edit models shift and scale what they return.
        align = partial(laid_on_original, light=1.0) if opened.route.kind == "edit" else None
        finish = Finish("multiband", "auto", align=align)
        feather = task.feather if wish.feather < 0 else wish.feather
        stitched = stitch(ready.cropped.stitch, image, feather, finish)
    except InpaintError as error:
        return error
    composite = on_picture(stitched.weights, ready.cropped.stitch.plans)
    original = ready.cropped.stitch.image
    outside = max_change(original, stitched.image, composite == 0)
    pasted = float((composite > 0).float().mean())
    proof = f"Pasted over {pasted:.1%} of the picture. Largest change outside: {outside:g}."
    return Repainted(
        stitched.image,
        composite,
        (*ready.notes, proof, *finish.messages, worst(seam(stitched.image, composite)).report()),
    )

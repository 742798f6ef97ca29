"""Reference pictures of edit models: whether the picture is one, and what a window shows of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from ..core.errors import InpaintError
from ..core.geometry import Box, Size
from ..model_families.family import References
from .window import cut

AUTO, THIS, CONNECTED, NONE = "auto", "this picture", "as connected", "none"
CHOICES = (AUTO, THIS, CONNECTED, NONE)
# Words in names of files by which their makers tell edit models from others. Not "credit", nor "edition".
EDITS = re.compile(r"kontext|(?<!cr)edit(?!ion)", re.IGNORECASE)


class Decision(NamedTuple):
    """Which references a model is given."""

    this: bool
    """Whether the picture is one."""
    connected: bool
    """Whether those of the prompts stay."""
    further: bool
    """Whether the further pictures are."""
    why: str
    """What was decided and why, in one sentence; "" if there is nothing to say."""


def decide(
    choice: str,
    takes: References | None,
    label: str,
    file: str,
    picture: Size,
    connected: Sequence[Size],
    further: int,
) -> Decision:
    """Decide which references a model is given.

    Args:
        choice: one of `CHOICES`.
        takes: how the model takes references; None if it takes none.
        label: the model's name for users.
        file: name of its file; "" if it is unknown.
        picture: size of the encoded picture, in pixels.
        connected: sizes of the references that the prompts have, in pixels.
        further: number of further pictures.

    Raises:
        InpaintError: if pictures are to be references, and the model takes none or no latents.
    """
    if choice == NONE:
        unused = " The further pictures are not used." if further else ""
        removed = " Those of the prompts were removed." if connected else ""
        return Decision(
            False, False, False, f"No reference, as chosen.{removed}{unused}" * bool(takes or connected or unused)
        )
    if choice == THIS or further:
        _check_takes(takes, label, "reference" if choice == THIS else "picture_2")
    if choice == CONNECTED:
        return Decision(False, True, True, _connected_only(len(connected), further) if takes else "")
    if choice == THIS:
        return Decision(True, True, True, _this("as chosen", picture, connected, takes))
    if takes is None or takes.pictures:
        return Decision(False, True, True, "")
    if picture in connected:
        return Decision(False, True, True, "The prompts have a reference of the picture's size: no other was added.")
    if connected:
        return Decision(True, True, True, _this("since the prompts have references", picture, connected, takes))
    if further:
        return Decision(True, True, True, _this("since further pictures are connected", picture, connected, takes))
    if takes.edits:
        return Decision(True, True, True, _this(f"since {label} edits pictures", picture, connected, takes))
    if EDITS.search(file):
        return Decision(True, True, True, _this(f"by the name of the file, {file}", picture, connected, takes))
    return Decision(
        *(False, True, True),
        f"No reference: not every {label} model edits pictures"
        + (f", and the name {file} does not say that this one does" if file else "")
        + f'. If this one does, set reference to "{THIS}".',
    )


def too_many(takes: References | None, count: int) -> str:
    """Return a sentence if the makers of a model name fewer references than it is given, else ""."""
    if takes is None or takes.most is None or count <= takes.most:
        return ""
    return f"The model is given {count} references, and its makers name {takes.most} at most."


def _this(why: str, picture: Size, connected: Sequence[Size], takes: References | None) -> str:
    others = [str(size) for size in connected if size != picture]
    if not others:
        return f"The picture is a reference, {why}."
    return (
        f"The picture is a reference, {why}. The prompts have {_counted(len(others), 'reference')} of another size: "
        f"{', '.join(others)} pixels, where the picture has {picture}. If one shows this picture, {_without(takes)}"
    )


def _without(takes: References | None) -> str:
    """Return what to do against a reference that the text encode node made of a picture, at another size."""
    if takes is not None and takes.read_with_vae:
        return f"crop it to the model's own size: {takes.read_by} asks for the VAE, and scales to a megapixel."
    return "take the VAE off its text encode node, which scales what it encodes."


def _connected_only(connected: int, further: int) -> str:
    of_prompts = _counted(connected, "reference") + " of the prompts"
    return f"{of_prompts[0].upper()}{of_prompts[1:]}" + (f" and {further} further" * bool(further)) + ", as chosen."


def _counted(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'s' * (count != 1)}"


def _check_takes(takes: References | None, label: str, name: str) -> None:
    if takes is None:
        raise InpaintError(
            f"{name}: expected a model that takes reference pictures, got {label}, which takes none. Choose "
            f'reference "{AUTO}", and connect no further pictures.'
        )
    if takes.pictures:
        raise InpaintError(
            f"{name}: expected a model whose references are latents, got {label}, whose are pictures. Set them with "
            f'ComfyUI\'s own node before this one, and choose reference "{CONNECTED}".'
        )


def cut_references(
    references: Sequence[Tensor], method: str, window: Box, whole: Sequence[int], area: str = "sample_area"
) -> list[Tensor]:
    """Cut references of the latent's own size to a window, each at the window's place. Others stay whole.

    A model then finds what was beside a token of the window at the same row and column of the reference, as without
    a window: the rows and columns of both begin at the same number.

    Args:
        references: [B, C, (T,) h, w] each.
        method: how the host places them, see `References.method`.
        window: in latent cells.
        whole: (h, w) of the latent.
        area: name of the widget that chose the window, for the error.

    Raises:
        InpaintError: if the places of references depend on the size of what is cut.
    """
    own = [tuple(reference.shape[-2:]) == tuple(whole) for reference in references]
    # "uxo" begins where the picture ends; "offset" puts each reference after those before it.
    if references and (method == "uxo" or (method == "offset" and any(own) and len(references) > 1)):
        raise InpaintError(
            f"{area}: expected references that can be cut to a window, got "
            f'{_counted(len(references), "reference")} placed by the method "{method}", which puts them beside each '
            'other. Choose "whole picture".'
        )
    return [cut(each, window, whole) if fits else each for each, fits in zip(references, own, strict=True)]

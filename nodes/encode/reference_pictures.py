"""The part of Encode for Inpainting that is about reference pictures."""

from collections.abc import Callable, Sequence
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...host.planning import budget_of, tiled
from ...inpaint.core.geometry import Size
from ...inpaint.fills import fill_harmonic
from ...inpaint.masks.overlay import overlay
from ...inpaint.model_families.sizes import side_multiple
from ...inpaint.sampling.conditioning import Prepared, padded
from ...inpaint.sampling.references import AUTO, CHOICES, Decision, decide, too_many

# The references that the picture and its mask make, by option.
HOLES: dict[str, Callable[[Prepared], list[Tensor]]] = {
    "as it is": lambda prepared: [prepared.pixels],
    "filled": lambda prepared: [fill_harmonic(prepared.pixels.expand(len(prepared.soft), -1, -1, -1), prepared.soft)],
    "neutral": lambda prepared: [prepared.hidden],
    "highlighted": lambda prepared: [overlay(prepared.pixels, prepared.hard)],
    # White is to be removed, as huggingface.co/slopshop/erase-v1 for FLUX.2 Klein 4B has it.
    "mask beside": lambda prepared: [prepared.pixels, prepared.hard[..., None].expand(-1, -1, -1, 3)],
}
AS_IT_IS = next(iter(HOLES))
# The text encoders of edit models count the pictures from 1, which is the picture that is edited.
FURTHER = ("picture_2", "picture_3", "picture_4")


def reference_inputs() -> list[io.Input]:
    """The widgets and inputs for references."""
    return [
        io.Combo.Input(
            "reference",
            options=list(CHOICES),
            default=AUTO,
            tooltip="For edit models, which see pictures beside the one they make. this picture: image is the first "
            "reference, at its own size. as connected: only those that the prompts have. none: not even those. auto: "
            "this picture for models that are known to edit, by structure, file name, or the references of the "
            "prompts.",
        ),
        io.Combo.Input(
            "reference_hole",
            options=list(HOLES),
            default=AS_IT_IS,
            tooltip="What the masked area of the picture shows as a reference. filled: its surroundings, smoothly. "
            "neutral: grey. highlighted: a see-through red, which a prompt can speak of. mask beside: as it is, and "
            "the mask is a second picture, white on black.",
        ),
        *(
            io.Image.Input(
                name,
                tooltip=f"{'One more reference' if number > 2 else 'Another reference'}, picture {number} of a "
                "prompt. Any size: it is not scaled. A batch is as many references.",
            )
            for number, name in enumerate(FURTHER, start=2)
        ),
    ]


def decision(
    model: Any, label: str, choice: str, prompts: Sequence[list], prepared: Prepared, ratio: int, further: int
) -> Decision:
    """Decide which references the prompts get. Arguments: as in `decide`, from what the node has.

    Args:
        ratio: pixels per latent cell, along each side.
        further: number of further pictures.
    """
    sizes = max((host.reference_sizes(prompt, ratio) for prompt in prompts), key=len)
    height, width = prepared.pixels.shape[1:3]
    takes = host.references_taken(model)
    return decide(choice, takes, label, host.file_of(model), Size(width, height), sizes, further)


def encoded_further(model: Any, vae: Any, pictures: Sequence[Tensor]) -> tuple[list[Tensor], list[str]]:
    """Encode further pictures, each at its own size.

    Returns:
        A latent of one picture for each of them; lines for the report.
    """
    latents: list[Tensor] = []
    messages: list[str] = []
    multiple = side_multiple(host.model_inputs(model).family, host.vae_ratio(vae))
    for picture in pictures:
        encoded = host.encode(vae, padded(picture, multiple), budget_of(vae))
        latents += encoded.result.split(1)
        messages += tiled("encoded", encoded)
    return latents, messages


def referring(
    model: Any, prompts: Sequence[list], decided: Decision, this: Sequence[Tensor], further: Sequence[Tensor]
) -> tuple[list[list], list[str]]:
    """Return the prompts with their references, and lines for the report.

    Args:
        decided: which they get.
        this: latents of what `HOLES` makes of the picture; [] if it is no reference.
        further: latents of the further pictures.
    """
    takes = host.references_taken(model)
    given = [host.with_references(prompt, takes, this, decided.connected, further) for prompt in prompts]
    count = max(len(host.reference_sizes(prompt, 1)) for prompt in given)
    return given, [decided.why, too_many(takes, count)]

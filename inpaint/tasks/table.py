"""The tasks of the node Inpaint: one row each, with everything that is chosen for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# Models, by how they inpaint. "inpainting": trained for it, with inputs of its own. "edit": sees the picture as a
# reference. "unet": a general model whose attention can be turned away from an object. "general": any other.
Kind = Literal["inpainting", "edit", "unet", "general"]


@dataclass(frozen=True)
class Way:
    """How a kind of model does a task."""

    denoise: float
    """Denoise of the sampler."""
    content: str = "auto"
    """What the masked area holds before sampling: `masked_content` of Encode for Inpainting."""
    fill: str = ""
    """Fill of the masked area before it is encoded: `method` of Fill Masked Area. "" for none."""
    remover: bool = False
    """Whether Remove Object turns the model's attention away from the masked area."""


@dataclass(frozen=True)
class Task:
    """One task."""

    done: str
    """Begins the report."""
    ways: Mapping[Kind, Way]
    """How each kind of model does it."""
    grow: float = 4.0
    """Pixels by which the mask is widened."""
    fills_holes: bool = True
    """Whether pinholes of the mask are closed, and specks removed."""
    feather: float = 16.0
    """Width of the soft edge of the paste, in pixels."""
    fill: str = ""
    """Fill for the task without a model; "" if it needs one."""
    network: bool = False
    """Whether a network such as LaMa does it."""
    prompt: str = ""
    """Prompt where none is given."""
    edit_prompt: str = ""
    """The same for edit models, which are told what to do."""
    negative: str = "blurry, low quality, watermark, text"
    """Negative prompt where none is given."""


_FILLED = "already filled"
TASKS: Mapping[str, Task] = {
    # What is removed has to leave nothing behind: a wide margin, and a fill from which the model starts.
    "remove": Task(
        done="Removed",
        grow=8.0,
        fill="patchmatch",
        network=True,
        prompt="the same place, empty",
        # The model is shown the fill, so that there is nothing left to remove.
        edit_prompt="Make the picture look natural. Change nothing else.",
        negative="object, person, text, watermark, blurry",
        ways={
            "inpainting": Way(1.0),
            "edit": Way(1.0, _FILLED, "patchmatch"),
            "unet": Way(0.75, _FILLED, "patchmatch", remover=True),
            "general": Way(0.75, _FILLED, "patchmatch"),
        },
    ),
    "replace": Task(
        done="Replaced",
        ways={
            "inpainting": Way(1.0),
            "edit": Way(1.0, "original"),
            # From a smooth fill, so that nothing of the old thing shows through.
            "unet": Way(0.9, _FILLED, "harmonic"),
            "general": Way(0.9, _FILLED, "harmonic"),
        },
    ),
    # Scratches, dust, cracks: thin, and the picture goes on behind them. No speck is too small.
    "repair": Task(
        done="Repaired",
        grow=2.0,
        fills_holes=False,
        feather=8.0,
        fill="harmonic",
        network=True,
        prompt="a clean photograph without scratches",
        edit_prompt="Repair the damage.",
        negative="scratches, dust, cracks, stains, blurry",
        ways={
            "inpainting": Way(1.0),
            "edit": Way(0.8, _FILLED, "harmonic"),
            "unet": Way(0.6, _FILLED, "harmonic"),
            "general": Way(0.6, _FILLED, "harmonic"),
        },
    ),
    # The layout stays: the picture itself is where the model starts.
    "refine": Task(
        done="Refined",
        grow=0.0,
        prompt="high quality, detailed",
        ways={
            "inpainting": Way(0.5, "original"),
            "edit": Way(0.5, "original"),
            "unet": Way(0.4, "original"),
            "general": Way(0.4, "original"),
        },
    ),
    "extend": Task(
        done="Extended",
        feather=0.0,  # the mask of the room is soft already
        fill="patchmatch",
        network=True,
        edit_prompt="Continue the picture beyond its border.",
        ways={
            "inpainting": Way(1.0),
            "edit": Way(1.0, _FILLED, "harmonic"),
            "unet": Way(0.95, _FILLED, "harmonic"),
            "general": Way(0.95, _FILLED, "harmonic"),
        },
    ),
}
# How far the mask of the new room reaches into the picture, in pixels.
EXTEND_FEATHER = 32.0
# Sides to extend.
SIDES: Mapping[str, tuple[str, ...]] = {
    "left and right": ("left", "right"),
    "top and bottom": ("top", "bottom"),
    "all": ("left", "top", "right", "bottom"),
    "left": ("left",),
    "right": ("right",),
    "top": ("top",),
    "bottom": ("bottom",),
}
# ComfyUI's text encode nodes that look at the picture too: the names of their text and picture. They get the crop
# without a VAE, which would scale it to a size of its own. Those that need the VAE, or lists of pictures, are left out.
READERS: Mapping[str, tuple[str, str]] = {
    "TextEncodeQwenImageEdit": ("prompt", "image"),
    "TextEncodeQwenImageEditPlus": ("prompt", "image1"),
}

"""What can run in a process: one row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..values import Input

TASKS = ("remove", "repair")
# Tasks that a model with a prompt does besides.
PROMPTED = ("replace", "remove", "repair", "refine")
METHODS = ("auto", "patchmatch", "harmonic", "edge", "blur", "noise", "telea", "navier-stokes")


@dataclass(frozen=True)
class Kind:
    """One kind of engine that runs here."""

    module: str
    """Module of this folder whose `opened(model)` returns its `Paint`."""
    settings: Mapping[str, Input]
    """What can be set, each with a default."""
    model: str = ""
    """What `--model` names; "" if it has none."""
    needs: tuple[str, ...] = ("torch", "scipy", "cv2")
    """Packages."""
    extra: str = "library"
    """The extra that brings them."""
    processes: int | None = None
    """How many processes there are if nothing is said; None for one a core."""
    loads: bool = False
    """Whether the options for models of diffusers count."""


def number(default: float, least: float, most: float) -> Input:
    return Input("FLOAT", {"default": default, "min": least, "max": most})


def whole(default: int, least: int, most: int) -> Input:
    return Input("INT", {"default": default, "min": least, "max": most})


def choice(*choices: str) -> Input:
    """Return a setting whose first choice is the default."""
    return Input("COMBO", {"default": choices[0]}, choices)


TEXT = Input("STRING", {"default": ""})
SEED = whole(0, 0, 2**64 - 1)
# In pixels. -1: what suits the task.
GROW = number(-1.0, -1.0, 512.0)

KINDS: Mapping[str, Kind] = {
    "fill": Kind(
        "fills",
        {
            "task": choice(*TASKS),
            "method": choice(*METHODS),
            "grow": GROW,
            "patch_size": whole(7, 3, 15),
            "radius": number(3.0, 1.0, 100.0),
            "seed": SEED,
        },
    ),
    "network": Kind(
        "networks",
        {
            "task": choice(*TASKS),
            "grow": GROW,
            "feather": number(4.0, 0.0, 512.0),
            "context_factor": number(2.0, 1.0, 16.0),
            "max_size": whole(1024, 256, 4096),
        },
        model="a file of LaMa, MI-GAN or MAT",
    ),
    "diffusers": Kind(
        "diffusers_models",
        {
            "task": choice(*PROMPTED),
            "prompt": TEXT,
            "negative_prompt": TEXT,
            "seed": SEED,
            # Of all that follow, the least value leaves the choice to task and model.
            "strength": number(0.0, 0.0, 1.0),
            "steps": whole(0, 0, 10000),
            "cfg": number(0.0, 0.0, 100.0),
            "megapixels": number(0.0, 0.0, 64.0),
            "grow": GROW,
            "feather": number(-1.0, -1.0, 512.0),
        },
        model="a folder in diffusers' layout, or a single file",
        needs=("torch", "scipy", "cv2", "diffusers", "transformers", "accelerate"),
        extra="diffusers",
        processes=1,
        loads=True,
    ),
}

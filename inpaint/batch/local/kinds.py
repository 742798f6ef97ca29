"""What can run in a process: one row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..values import Input

TASKS = ("remove", "repair")
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
    at_once: int = 1
    """How many pictures a process is given at once."""


def number(default: float, least: float, most: float) -> Input:
    return Input("FLOAT", {"default": default, "min": least, "max": most})


def whole(default: int, least: int, most: int) -> Input:
    return Input("INT", {"default": default, "min": least, "max": most})


def choice(*choices: str) -> Input:
    """Return a setting whose first choice is the default."""
    return Input("COMBO", {"default": choices[0]}, choices)


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
}

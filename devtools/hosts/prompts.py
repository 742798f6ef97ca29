"""The shipped workflows in API form, with functions to set their inputs."""

import json
from pathlib import Path
from typing import Any

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
COMPOSITES = (
    *("MendDecodeComposite", "MendComposite", "MendStitchCrop", "MendStitchRegions", "MendInpaintWithNetwork"),
    *("MendKeepUnedited", "MendInpaint", "MendDiffusersInpaint"),
)
# The workflow that takes a picture and its edited version, not a picture and a mask.
KEEP_UNEDITED = "keep-unedited"
SUPPORT_NODE = "support"

Prompt = dict[str, Any]

# Padding that tests set in Pad for Outpainting: the shipped workflow's larger padding would be slow to sample.
PADDING: dict[str, str | int] = {"unit": "pixels", "left": 24, "top": 0, "right": 0, "bottom": 16}
# What tests set in Inpaint, for the same reason.
INPAINT: dict[str, int | float] = {"steps": 2, "megapixels": 0.03, "extend_by": 24}
# The same for Inpaint with Diffusers.
DIFFUSERS: dict[str, int | float] = {"steps": 2, "megapixels": 0.03}


def names() -> list[str]:
    """Return the names of the shipped workflows."""
    return sorted(path.stem for path in WORKFLOWS.glob("*.json"))


def load(name: str) -> Prompt:
    """Load the API form of a shipped workflow, as the canvas exported it."""
    return json.loads((WORKFLOWS / "api" / f"{name}.json").read_text(encoding="utf-8"))


def set_input(prompt: Prompt, class_type: str, /, **values: Any) -> None:
    """Set inputs of every node of a class. Does nothing if the prompt has none."""
    for node in prompt.values():
        if node["class_type"] == class_type:
            node["inputs"].update(values)


def set_text(prompt: Prompt, text: str) -> None:
    """Set the text of the nodes titled Prompt. Does nothing if there are none."""
    for node in prompt.values():
        if node["_meta"]["title"] == "Prompt":
            node["inputs"]["text"] = text


def node_of(prompt: Prompt, *class_types: str) -> str:
    """Return the id of the only node of these classes."""
    (found,) = (key for key, node in prompt.items() if node["class_type"] in class_types)
    return found


def padding_of(prompt: Prompt) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the padding of a prompt's picture, by `PADDING` or `INPAINT`: rows (above, below), columns (left, right).

    The shipped workflow of Inpaint that extends does so to the left and right.
    """
    if any(node["inputs"].get("task") == "extend" for node in prompt.values()):
        return (0, 0), (int(INPAINT["extend_by"]), int(INPAINT["extend_by"]))
    padded = any(node["class_type"] == "MendPadForOutpaint" for node in prompt.values())
    top, bottom, left, right = (int(PADDING[side]) if padded else 0 for side in ("top", "bottom", "left", "right"))
    return (top, bottom), (left, right)


def show_support(prompt: Prompt) -> None:
    """Add a node `SUPPORT_NODE` that outputs a picture which is black exactly where the composite mask is 0.

    The mask is thresholded before its conversion to 8 bit, which would turn weights below 1/255 into 0.
    """
    prompt["support-mask"] = {
        "class_type": "ThresholdMask",
        "inputs": {"mask": [node_of(prompt, *COMPOSITES), 1], "value": 0.0},
    }
    prompt["support-image"] = {"class_type": "MaskToImage", "inputs": {"mask": ["support-mask", 0]}}
    prompt[SUPPORT_NODE] = {"class_type": "PreviewImage", "inputs": {"images": ["support-image", 0]}}

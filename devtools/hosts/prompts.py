"""The shipped workflows in API form, made ready to be queued."""

import json
from pathlib import Path
from typing import Any

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
COMPOSITES = ("MendDecodeComposite", "MendComposite", "MendStitchCrop", "MendStitchRegions", "MendInpaintWithNetwork")
SUPPORT_NODE = "support"

Prompt = dict[str, Any]

# What tests set in Pad for Outpainting: the shares of a picture that it ships with would be sampled slowly.
ROOM: dict[str, str | int] = {"unit": "pixels", "left": 24, "top": 0, "right": 0, "bottom": 16}


def names() -> list[str]:
    """Names of the shipped workflows."""
    return sorted(path.stem for path in WORKFLOWS.glob("*.json"))


def load(name: str) -> Prompt:
    """The API form of a shipped workflow, as the canvas gave it."""
    return json.loads((WORKFLOWS / "api" / f"{name}.json").read_text(encoding="utf-8"))


def set_input(prompt: Prompt, class_type: str, **values: Any) -> None:
    """Set inputs of the one node of a class; does nothing where the prompt has none of it."""
    for node in prompt.values():
        if node["class_type"] == class_type:
            node["inputs"].update(values)


def set_text(prompt: Prompt, text: str) -> None:
    """Set what is to be painted; does nothing where the prompt asks for no text."""
    for node in prompt.values():
        if node["_meta"]["title"] == "Prompt":
            node["inputs"]["text"] = text


def node_of(prompt: Prompt, *class_types: str) -> str:
    """Id of the one node of these classes."""
    (found,) = (key for key, node in prompt.items() if node["class_type"] in class_types)
    return found


def room_of(prompt: Prompt) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows above and below, columns on the left and the right, that a prompt with `ROOM` adds to its picture."""
    padded = any(node["class_type"] == "MendPadForOutpaint" for node in prompt.values())
    top, bottom, left, right = (int(ROOM[side]) if padded else 0 for side in ("top", "bottom", "left", "right"))
    return (top, bottom), (left, right)


def show_support(prompt: Prompt) -> None:
    """Have the host also give, as node `SUPPORT_NODE`, a picture that is black exactly where the composite mask is 0.

    It is thresholded before it becomes 8 bit, where weights below 1 of 255 would pass for 0.
    """
    prompt["support-mask"] = {
        "class_type": "ThresholdMask",
        "inputs": {"mask": [node_of(prompt, *COMPOSITES), 1], "value": 0.0},
    }
    prompt["support-image"] = {"class_type": "MaskToImage", "inputs": {"mask": ["support-mask", 0]}}
    prompt[SUPPORT_NODE] = {"class_type": "PreviewImage", "inputs": {"images": ["support-image", 0]}}

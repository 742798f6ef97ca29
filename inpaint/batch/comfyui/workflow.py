"""A workflow in API form, and where pictures enter and leave it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import InpaintError
from ..values import checked
from .client import Prompt
from .host_nodes import Descriptions, described, inputs_of, is_link, nodes_called

# Beside this folder in an installed library; in a checkout, at the root.
SHIPPED = (Path(__file__).parents[1] / "workflows", Path(__file__).parents[3] / "workflows" / "api")
SAVING = ("SaveImage", "SaveImageWebsocket")
RESULT = "mend-batch-result"


@dataclass(frozen=True)
class Workflow:
    """A workflow with its doors."""

    name: str
    """Its name, or its file's."""
    prompt: Prompt
    """The nodes that lead to the result, in API form. The node that saves is not among them."""
    picture: tuple[str, str]
    """Node and input that get the picture's name."""
    mask: tuple[str, str] | None
    """Node and input that get the mask's name; None where the picture brings its mask in its alpha."""
    result: tuple[str, int]
    """Node and output whose picture is the result."""

    def filled(self, values: Mapping[tuple[str, ...], Any]) -> Prompt:
        """Return the prompt with these inputs set."""
        prompt = copy.deepcopy(self.prompt)
        for (node, name), value in values.items():
            prompt[node]["inputs"][name] = value
        return prompt

    def sent(self, prompt: Prompt, picture: str, mask: str | None, over_websocket: bool) -> Prompt:
        """Return the prompt as it is queued.

        Args:
            prompt: from `filled`.
            picture, mask: names of the uploaded files on the host.
            over_websocket: send the result over the websocket; if not, as a temporary file of the host.
        """
        node, name = self.picture
        prompt[node]["inputs"][name] = picture
        if self.mask is not None:
            node, name = self.mask
            prompt[node]["inputs"][name] = mask
        saving = "SaveImageWebsocket" if over_websocket else "PreviewImage"
        prompt[RESULT] = {"class_type": saving, "inputs": {"images": list(self.result)}}
        return prompt


def shipped_names() -> list[str]:
    """Return the names of the shipped workflows."""
    return sorted({path.stem for folder in SHIPPED for path in folder.glob("*.json")})


def load_prompt(name: str) -> tuple[str, Prompt]:
    """Load a workflow in API form: a file, or a shipped one by its name.

    Returns:
        Its name and its nodes by id.

    Raises:
        InpaintError: if it is not there, or not in API form.
    """
    path = Path(name)
    if not name.endswith(".json"):
        found = [folder / f"{name}.json" for folder in SHIPPED if (folder / f"{name}.json").is_file()]
        if not found:
            names = ", ".join(shipped_names())
            raise InpaintError(f"--workflow: expected a file.json or one of {names}, got {name!r}. Choose one.")
        path = found[0]
    try:
        prompt = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InpaintError(f"--workflow: {path} cannot be read: {error.strerror}. Check the path.") from None
    except ValueError as error:
        raise InpaintError(
            f"--workflow: {path} is no JSON: {error}. Export it again by Workflow > Export (API)."
        ) from None
    if isinstance(prompt, dict) and "nodes" in prompt and "links" in prompt:
        raise InpaintError(
            f"--workflow: {path} is in the canvas's own form, which hosts do not queue. Open it in ComfyUI, choose "
            "Workflow > Export (API) and give that file."
        )
    if not isinstance(prompt, dict) or not prompt or not all(_is_node(node) for node in prompt.values()):
        raise InpaintError(
            f"--workflow: {path} is no workflow in API form: expected nodes by id, each with class_type and inputs. "
            "ComfyUI writes it by Workflow > Export (API)."
        )
    return path.stem, prompt


def _is_node(node: object) -> bool:
    return isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)


def open_workflow(
    name: str,
    prompt: Prompt,
    nodes: Descriptions,
    image_node: str | None = None,
    mask_node: str | None = None,
    output_node: str | None = None,
) -> Workflow:
    """Find where pictures enter and leave a workflow.

    Args:
        name: what it is called.
        prompt: in API form.
        nodes: the host's descriptions.
        image_node, mask_node, output_node: id, title or class of the node, where it is not clear.

    Raises:
        InpaintError: if the host lacks a node, or a door is not clear. The message names the candidates.
    """
    check_nodes(prompt, nodes)
    saving = _output(prompt, nodes, output_node)
    (result,) = [value for key, value in prompt[saving]["inputs"].items() if _brings(prompt, nodes, saving, key)][:1]
    kept = ancestors(prompt, result[0])
    pruned = {node: prompt[node] for node in prompt if node in kept}
    loaders = {node: field for node in pruned if (field := _upload_field(pruned, nodes, node))}
    pictures = [node for node in loaders if "IMAGE" in nodes[pruned[node]["class_type"]]["output"]]
    masks = [node for node in loaders if node not in pictures]
    mask: str | None = None
    if mask_node is not None:
        mask = _named(pruned, list(loaders), mask_node, "--mask-node")
    elif masks:
        mask = _only(pruned, masks, "mask", "--mask-node")
    if image_node is not None:
        picture = _named(pruned, pictures, image_node, "--image-node")
    else:
        picture = _only(pruned, [node for node in pictures if node != mask] or pictures, "picture", "--image-node")
    if mask == picture:
        mask = None
    return Workflow(
        name,
        pruned,
        (picture, loaders[picture]),
        None if mask is None else (mask, loaders[mask]),
        (result[0], result[1]),
    )


def check_nodes(prompt: Prompt, nodes: Descriptions) -> None:
    """Check that a host has the nodes of a prompt.

    Raises:
        InpaintError: if one is missing.
    """
    missing = sorted({node["class_type"] for node in prompt.values()} - set(nodes))
    if missing:
        raise InpaintError(f"the host lacks nodes of the workflow: {', '.join(missing)}. Install their packs there.")


def check_choices(prompt: Prompt, nodes: Descriptions) -> None:
    """Check that a host has the models and other choices that are set in a prompt.

    Raises:
        InpaintError: if one is missing.
    """
    for node, given in prompt.items():
        kinds = inputs_of(nodes[given["class_type"]])
        for name, value in given["inputs"].items():
            kind = kinds.get(name)
            if kind and kind.kind == "COMBO" and not is_link(value) and not kind.options.get("image_upload"):
                checked(value, kind, f"{described(prompt, node)}.{name}, which --set {node}.{name}=VALUE sets")


def ancestors(prompt: Prompt, node: str) -> set[str]:
    """Return a node and all whose outputs it needs."""
    found, waiting = set(), [node]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        if current not in prompt:
            raise InpaintError(f"--workflow: a link comes from node {current}, which is not there. Export it again.")
        found.add(current)
        waiting += [value[0] for value in prompt[current]["inputs"].values() if is_link(value)]
    return found


def _output(prompt: Prompt, nodes: Descriptions, named: str | None) -> str:
    """Return the node that saves the result."""
    candidates = [
        node
        for node, given in prompt.items()
        if nodes[given["class_type"]].get("output_node")
        and any(_brings(prompt, nodes, node, key) for key in given["inputs"])
    ]
    if named is not None:
        return _named(prompt, candidates, named, "--output-node")
    saving = [node for node in candidates if prompt[node]["class_type"] in SAVING]
    return _only(prompt, saving or candidates, "result", "--output-node")


def _brings(prompt: Prompt, nodes: Descriptions, node: str, name: str) -> bool:
    """Whether an input of a node gets a picture by a link."""
    value = prompt[node]["inputs"][name]
    kind = inputs_of(nodes[prompt[node]["class_type"]]).get(name)
    return is_link(value) and kind is not None and "IMAGE" in kind.kind.split(",")


def _upload_field(prompt: Prompt, nodes: Descriptions, node: str) -> str | None:
    """Return the input of a node that takes the name of an uploaded picture."""
    for name, kind in inputs_of(nodes[prompt[node]["class_type"]]).items():
        if kind.options.get("image_upload") and not is_link(prompt[node]["inputs"].get(name)):
            return name
    return None


def _named(prompt: Prompt, candidates: list[str], word: str, option: str) -> str:
    found = [node for node in nodes_called(prompt, word) if node in candidates]
    if len(found) != 1:
        raise InpaintError(
            f"{option}: expected one of {_listed(prompt, candidates)}, got {word!r}. Name one by its id."
        )
    return found[0]


def _only(prompt: Prompt, candidates: list[str], what: str, option: str) -> str:
    doors = {"picture": "enters", "mask": "enters", "result": "leaves"}
    if not candidates:
        raise InpaintError(
            f"--workflow: no node where the {what} {doors[what]}. Expected "
            + ("a Save Image." if what == "result" else "a Load Image that leads to the result.")
        )
    if len(candidates) > 1:
        mask = " If one of them loads the mask, name that by --mask-node." if what == "picture" else ""
        raise InpaintError(
            f"--workflow: it is not clear where the {what} {doors[what]}. Name the node by {option}: "
            f"{_listed(prompt, candidates)}.{mask}"
        )
    return candidates[0]


def _listed(prompt: Prompt, nodes: Iterable[str]) -> str:
    return "; ".join(described(prompt, node) for node in nodes) or "no node, for none fits"

"""The inputs of a workflow's nodes that can be set for each picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...core.errors import InpaintError
from ..settings import PROMPT, SEED, SET, Place
from ..table import NAME
from ..values import Input
from .client import Prompt
from .host_nodes import Descriptions, described, inputs_of, is_link, nodes_called, title_of

SEEDS = ("seed", "noise_seed")
PROMPT_TITLE = "Prompt"


@dataclass(frozen=True)
class NodeInputs:
    """As `Places`. A place is a node's id and an input's name."""

    nodes: Prompt
    """The workflow's nodes."""
    descriptions: Descriptions
    """The host's descriptions of nodes."""

    form = "NODE.input=value"

    def find(self, words: str, where: str) -> tuple[Place, Input]:
        word, dot, name = words.rpartition(".")
        if not dot:
            columns = "" if where == SET else f"{NAME}, {PROMPT}, {SEED} or "
            listed = "; ".join(described(self.nodes, node) for node in self.nodes)
            raise InpaintError(
                f"{where}: expected {columns}NODE.input, got {words!r}. NODE is the id, title or class of one of: "
                f"{listed}."
            )
        found = nodes_called(self.nodes, word)
        if len(found) != 1:
            what = "fits several nodes: " if found else "fits no node that leads to the result. There are: "
            listed = "; ".join(described(self.nodes, node) for node in found or self.nodes)
            raise InpaintError(
                f"{where}: expected NODE.input with a node's id, title or class; {word!r} {what}{listed}. Name one by "
                "its id."
            )
        inputs = self._inputs(found[0])
        if name not in inputs:
            raise InpaintError(
                f"{where}: node {described(self.nodes, found[0])} has {', '.join(inputs)}, but no {name!r}. Choose one "
                "of them."
            )
        return (found[0], name), inputs[name]

    def prompt(self) -> Place:
        texts = [
            (node, name)
            for node in self.nodes
            for name, kind in self._inputs(node).items()
            if kind.kind == "STRING" and name in ("prompt", "text") and not self._is_linked(node, name)
        ]
        titled = [place for place in texts if title_of(self.nodes, place[0]) == PROMPT_TITLE]
        for found in (titled, [place for place in texts if place[1] == "prompt"], texts):
            if len(found) == 1:
                return found[0]
        listed = "; ".join(f"{described(self.nodes, node)}.{name}" for node, name in texts) or "none"
        raise InpaintError(
            f"--prompts: it is not clear which input takes the prompt: {listed}. Title the node {PROMPT_TITLE}, or "
            "name the column NODE.input instead of prompt."
        )

    def seeds(self) -> Mapping[Place, int]:
        return {
            (node, name): int(kind.options.get("max", 2**64 - 1))
            for node in self.nodes
            for name, kind in self._inputs(node).items()
            if name in SEEDS and kind.kind == "INT" and not self._is_linked(node, name)
        }

    def _inputs(self, node: str) -> dict[str, Input]:
        return inputs_of(self.descriptions[self.nodes[node]["class_type"]])

    def _is_linked(self, node: str, name: str) -> bool:
        return is_link(self.nodes[node]["inputs"].get(name))

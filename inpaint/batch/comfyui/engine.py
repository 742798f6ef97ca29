"""Pictures through ComfyUI hosts."""

from __future__ import annotations

import argparse
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..crew import Crew
from ..engine import Deliver
from ..manifest import FILE
from ..pairs import Pair
from ..settings import Place, Settings, settings_of
from .client import ANSWER_SECONDS, HostClient, headers_of_environment
from .host_nodes import described, is_link
from .hosts import OVER_WEBSOCKET, ask
from .mask_reach import check_mask_reach
from .node_inputs import NodeInputs
from .worker import FOLDER, KIND, QUEUED, Worker
from .workflow import Workflow, load_prompt, open_workflow


class ComfyUI:
    """As `Engine`: pictures are uploaded to hosts, which run a workflow.

    Args:
        options: of the command line.
        names: names of the pictures.

    Raises:
        InpaintError: if no host answers, or one lacks what the workflow needs; if it is not clear where pictures enter
            and leave the workflow, or it does not use the mask; or if a setting is not there.
    """

    def __init__(self, options: argparse.Namespace, names: Sequence[str]) -> None:
        name, prompt = load_prompt(options.workflow)
        patience = min(ANSWER_SECONDS, options.timeout)
        headers = headers_of_environment()
        self._hosts = hosts = ask(HostClient(url, headers, patience) for url in options.hosts)
        nodes = hosts.any_nodes
        flow = open_workflow(name, prompt, nodes, options.image_node, options.mask_node, options.output_node)
        self._repainting = check_mask_reach(flow, nodes)
        self._settings = settings_of(NodeInputs(flow.prompt, nodes), options.sets, options.prompts, options.seed, names)
        hosts.check(flow.filled(self._settings.common))
        self._workflow, self._shape = flow, _shape(flow)
        # Those that answer know their files; a dry run asks for none.
        self._headers = {} if options.dry_run else hosts.model_headers(_values(flow, self._settings))
        self.facts = {
            "hosts": hosts.versions,
            "workflow": name,
            "workflow_prompt": flow.prompt,
            "models": self._headers,
        }
        self.hands = list(hosts.clients)
        self.at_a_time = QUEUED

    def recorded(self, name: str) -> tuple[Mapping[str, Any], str]:
        own, seed = self._settings.recorded(name, _widgets(self._workflow))
        hashes = {key: self._headers.get(value) if isinstance(value, str) else None for key, value in own.items()}
        files = {f"{key}{FILE}": sorted({*each.values()} - {""}) for key, each in hashes.items() if each}
        known = {key: found for key, found in files.items() if found}
        return {**own, **known, "workflow": self._shape}, seed

    def described(self) -> list[str]:
        flow = self._workflow
        mask = "in the picture's alpha" if flow.mask is None else f"at {described(flow.prompt, flow.mask[0])}"
        users = "; ".join(described(flow.prompt, node) for node in self._repainting)
        return [
            f"Workflow {flow.name}: the picture enters at {described(flow.prompt, flow.picture[0])}.",
            f"The mask enters {mask}; it is used by {users}.",
            f"The result comes from {described(flow.prompt, flow.result[0])}.",
        ]

    def workers(self, crew: Crew, pairs: Mapping[str, Pair], deliver: Deliver) -> Sequence[threading.Thread]:
        return [
            Worker(crew, client, self._workflow, pairs, self._settings, deliver)
            for client in self._hosts.clients.values()
            for _ in range(self.at_a_time)
        ]

    def last_words(self) -> list[str]:
        uploads = QUEUED if self._workflow.mask is None else 2 * QUEUED
        lines = [f"Left on each host until it starts again: up to {uploads} uploads in {KIND}/{FOLDER}."]
        by_file = [url for url in self.hands if url not in self._hosts.over_websocket]
        return lines + [f"Left in {KIND} of {url} too: each result, for it lacks {OVER_WEBSOCKET}." for url in by_file]


def _values(workflow: Workflow, settings: Settings) -> Iterator[Any]:
    """Yield all that is set in the workflow for any picture."""
    for given in workflow.filled(settings.common).values():
        yield from given["inputs"].values()
    for own in settings.own.values():
        yield from own.values()


def _widgets(workflow: Workflow) -> dict[Place, Any]:
    doors = {workflow.picture, workflow.mask}
    return {
        (node, name): value
        for node, given in workflow.prompt.items()
        for name, value in given["inputs"].items()
        if not is_link(value) and (node, name) not in doors
    }


def _shape(workflow: Workflow) -> str:
    """Return a hash of the workflow's nodes and links."""
    shape = {
        node: [given["class_type"], {name: value for name, value in given["inputs"].items() if is_link(value)}]
        for node, given in workflow.prompt.items()
    }
    return hashlib.sha256(json.dumps([shape, workflow.result], sort_keys=True).encode()).hexdigest()

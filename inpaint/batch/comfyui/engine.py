"""Pictures through ComfyUI hosts."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import threading
import urllib.parse
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ...core.errors import InpaintError
from ..crew import Crew
from ..engine import Deliver
from ..pairs import Pair
from ..settings import Place, Settings, settings_of
from .client import ANSWER_SECONDS, HostClient, HostTrouble, Prompt, headers_of_environment
from .host_nodes import Descriptions, described, is_link
from .mask_reach import check_mask_reach
from .node_inputs import NodeInputs
from .worker import FOLDER, KIND, QUEUED, Worker
from .workflow import Workflow, check_choices, load_prompt, open_workflow

MODEL_ENDINGS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf")


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
        self._clients = [HostClient(url, headers_of_environment(), patience) for url in options.hosts]
        hosts, versions = _ask(self._clients)
        nodes = next(iter(hosts.values()))
        self._workflow = open_workflow(name, prompt, nodes, options.image_node, options.mask_node, options.output_node)
        _check_hosts(self._workflow, hosts)
        self._repainting = check_mask_reach(self._workflow, nodes)
        places = NodeInputs(self._workflow.prompt, nodes)
        self._settings: Settings = settings_of(places, options.sets, options.prompts, options.seed, names)
        filled = self._workflow.filled(self._settings.common)
        check_choices(filled, nodes)
        models = _models(filled, list(hosts))
        self._fixed = _fixed(self._workflow, models)
        self.facts = {"hosts": versions, "workflow": name, "workflow_prompt": self._workflow.prompt, "models": models}
        self.hands = [client.url for client in self._clients]
        self.at_a_time = QUEUED

    def recorded(self, name: str) -> tuple[Mapping[str, Any], str]:
        own, seed = self._settings.recorded(name, _widgets(self._workflow))
        return {**own, **self._fixed}, seed

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
            for client in self._clients
            for _ in range(self.at_a_time)
        ]

    def last_words(self) -> list[str]:
        return [f"Left in {KIND}/{FOLDER} of each host until it starts again: up to {QUEUED} uploads."]


def _ask(clients: list[HostClient]) -> tuple[dict[HostClient, Descriptions], dict[str, str]]:
    """Return the nodes of each host that answers, and the versions of all hosts."""
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(_asked, clients))
    known = {client: answer for client, answer in zip(clients, answers, strict=True) if isinstance(answer, tuple)}
    trouble = [str(answer) for answer in answers if isinstance(answer, HostTrouble)]
    if not known:
        raise InpaintError(f"--host: no host answers. {'. '.join(trouble)}. Start ComfyUI, or name its address.")
    for each in trouble:
        print(f"{each}. It is asked again later.", file=sys.stderr)
    versions = {client.url: known[client][0] if client in known else "no answer" for client in clients}
    return {client: nodes for client, (_, nodes) in known.items()}, versions


def _asked(client: HostClient) -> tuple[str, Descriptions] | HostTrouble:
    """Return a host's version and nodes."""
    try:
        return client.system_stats().get("system", {}).get("comfyui_version", ""), client.object_info()
    except HostTrouble as error:
        return error


def _check_hosts(workflow: Workflow, hosts: Mapping[HostClient, Descriptions]) -> None:
    """Check that each host knows each node. One that does not would fail at every picture."""
    classes = {node["class_type"] for node in workflow.prompt.values()}
    for client, nodes in hosts.items():
        if lacking := classes - nodes.keys():
            raise InpaintError(
                f"--host: {client.url} does not know {', '.join(sorted(lacking))}. Install there what {workflow.name} "
                "needs, or leave that host out."
            )


def _models(prompt: Prompt, clients: list[HostClient]) -> dict[str, dict[str, str]]:
    """Return the model files that a prompt names, by node and input: {"name"}, and by host a hash of the file's header.

    Hosts with Mend know the hash of checkpoints and diffusion models; where it is not known it is "".
    """
    models = {
        f"{node}.{name}": {"name": value}
        for node, given in prompt.items()
        for name, value in given["inputs"].items()
        if isinstance(value, str) and value.lower().endswith(MODEL_ENDINGS)
    }
    for model in models.values():
        hashes = {client.url: _header(client, model["name"]) for client in clients}
        if len(set(filter(None, hashes.values()))) > 1:
            print(f"The hosts have different files under the name {model['name']}.", file=sys.stderr)
        model.update(hashes)
    return models


def _header(client: HostClient, name: str) -> str:
    try:
        return client.get_json(f"/mend/estimate?{urllib.parse.urlencode({'model': name})}").get("header", "")
    except HostTrouble:
        return ""


def _fixed(workflow: Workflow, models: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return what is the same for all pictures and changes each: the workflow's shape, and the models' files."""
    files = {f"{place} (file)": sorted(set(filter(None, list(model.values())[1:]))) for place, model in models.items()}
    return {**files, "workflow": _shape(workflow)}


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

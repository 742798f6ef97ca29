"""The hosts before a run: which of them answer, and what nodes and model files they have."""

from __future__ import annotations

import sys
import urllib.parse
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ...core.errors import InpaintError
from .client import HostClient, HostTrouble, Prompt
from .host_nodes import Descriptions
from .workflow import check_choices, check_nodes

OVER_WEBSOCKET = "SaveImageWebsocket"
MODEL_ENDINGS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf")


@dataclass(frozen=True)
class Hosts:
    """What the hosts said of themselves."""

    clients: Mapping[str, HostClient]
    """All hosts by address."""
    nodes: Mapping[str, Descriptions]
    """Descriptions of the nodes of those that answered."""
    versions: Mapping[str, str]
    """Versions of ComfyUI; "no answer" of those that did not answer."""

    @property
    def any_nodes(self) -> Descriptions:
        """The nodes of the first host that answered."""
        return next(iter(self.nodes.values()))

    @property
    def over_websocket(self) -> set[str]:
        """Hosts that can send results over the websocket, so that not even a temporary file stays."""
        return {url for url, nodes in self.nodes.items() if OVER_WEBSOCKET in nodes}

    def check(self, prompt: Prompt) -> None:
        """Check that each host has the nodes, models and other choices of a prompt.

        Raises:
            InpaintError: if one lacks something, with its address.
        """
        for url, nodes in self.nodes.items():
            try:
                check_nodes(prompt, nodes)
                check_choices(prompt, nodes)
            except InpaintError as error:
                where = f"--host: {url}: " if len(self.clients) > 1 else ""
                raise InpaintError(f"{where}{error}") from error

    def model_headers(self, values: Iterable[Any]) -> dict[str, dict[str, str]]:
        """Return the model files among some values: by name, and by host, a hash of the file's header.

        Hosts with Mend know the hash of checkpoints and diffusion models; where it is not known it is "".
        """
        names = {value for value in values if isinstance(value, str) and value.lower().endswith(MODEL_ENDINGS)}
        models = {name: {url: _header(self.clients[url], name) for url in self.nodes} for name in sorted(names)}
        for name, hashes in models.items():
            if len(set(filter(None, hashes.values()))) > 1:
                print(f"The hosts have different files under the name {name}.", file=sys.stderr)
        return models


def ask(clients: Iterable[HostClient]) -> Hosts:
    """Ask hosts what they are. One that does not answer is named, and may answer later.

    Raises:
        InpaintError: if none answers.
    """
    by_url = {client.url: client for client in clients}
    with ThreadPoolExecutor(len(by_url)) as pool:
        answers = dict(zip(by_url, pool.map(_asked, by_url.values()), strict=True))
    known = {url: answer for url, answer in answers.items() if isinstance(answer, tuple)}
    trouble = [str(answer) for answer in answers.values() if isinstance(answer, HostTrouble)]
    if not known:
        raise InpaintError(f"--host: no host answers. {'. '.join(trouble)}. Start ComfyUI, or name its address.")
    for each in trouble:
        print(f"{each}. It is asked again later.", file=sys.stderr)
    versions = {url: known[url][0] if url in known else "no answer" for url in by_url}
    return Hosts(by_url, {url: nodes for url, (_, nodes) in known.items()}, versions)


def _asked(client: HostClient) -> tuple[str, Descriptions] | HostTrouble:
    """Return a host's version and nodes."""
    try:
        return _version(client), client.object_info()
    except HostTrouble as error:
        return error


def _version(client: HostClient) -> str:
    system = client.system_stats().get("system")
    if not isinstance(system, dict):
        raise HostTrouble(f"{client.url}/system_stats is not that of ComfyUI")
    return system.get("comfyui_version", "")


def _header(client: HostClient, name: str) -> str:
    try:
        return client.get_json(f"/mend/estimate?{urllib.parse.urlencode({'model': name})}").get("header", "")
    except HostTrouble:
        return ""

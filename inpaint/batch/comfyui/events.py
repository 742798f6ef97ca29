"""What a host says over its websocket about the prompts of one client: their progress, pictures and ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

# A binary message starts with its type, a big-endian 32-bit number. Type 1 holds the image format (4 bytes: 1 JPEG,
# 2 PNG) and the image.
PREVIEW_IMAGE = 1
HEADER_BYTES = 8

OnEvent = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True)
class NodeFailure:
    """The node that ended a run with an exception."""

    node: str
    """The node's id."""
    class_type: str
    """The node's class."""
    exception: str
    """The exception's type."""
    message: str
    """The exception's message."""
    traceback: str
    """The traceback, as one text."""


@dataclass
class Run:
    """The result of one queued prompt."""

    prompt_id: str
    """The host's id of the prompt."""
    status: Literal["success", "error", "interrupted"] = "success"
    """How the run ended."""
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """UI outputs by node id: {"images": [{"filename", "subfolder", "type"}], "text": [...], ...}."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Seconds by node id, from the start of the node to the start of the next. Cached nodes are absent."""
    cached: list[str] = field(default_factory=list)
    """Ids of the nodes that the host took from its cache."""
    previews: list[bytes] = field(default_factory=list)
    """Pictures that came over the websocket in order of arrival, each an encoded JPEG or PNG: live previews."""
    sent: dict[str, list[bytes]] = field(default_factory=dict)
    """The same by the id of the node that ran: the results of a SaveImageWebsocket are PNG."""
    failure: NodeFailure | None = None
    """The node that failed, if status is "error"."""


class Follower:
    """Reads one prompt's messages into its Run.

    Attributes:
        run: what is known so far.
        ended: whether the prompt has ended.
        started: `time.monotonic()` of its start, None before.
    """

    def __init__(self, run: Run, on_event: OnEvent = lambda kind, data: None) -> None:
        self.run = run
        self.ended = False
        self.started: float | None = None
        self._on_event = on_event
        self._node: str | None = None
        self._since = 0.0

    @property
    def running(self) -> bool:
        """Whether one of the prompt's nodes runs: pictures that come now are its own."""
        return self._node is not None

    def take(self, message: str | bytes) -> None:
        """Read a message.

        Those of other prompts, pictures while no node of this one runs, and what other packs send are passed over.
        """
        if isinstance(message, bytes):
            if self.running and int.from_bytes(message[:4], "big") == PREVIEW_IMAGE:
                self._take_picture(message[HEADER_BYTES:])
            return
        try:
            event = json.loads(message)
        except ValueError:
            return
        data = event.get("data") if isinstance(event, dict) else None
        if not isinstance(data, dict) or data.get("prompt_id") != self.run.prompt_id:
            return
        kind = event.get("type")
        if kind == "execution_start":
            self.started = time.monotonic()
        elif kind == "executing":
            self._start(data["node"])
        elif kind == "executed" and data.get("output"):
            self.run.outputs[data["node"]] = data["output"]
        elif kind == "execution_cached":
            self.run.cached = data["nodes"]
        elif kind == "execution_interrupted":
            self.run.status = "interrupted"
        elif kind == "execution_error":
            self.run.status = "error"
            self.run.failure = NodeFailure(
                data["node_id"],
                data["node_type"],
                data["exception_type"],
                data["exception_message"].strip(),
                "".join(data["traceback"]),
            )
        self._on_event(kind, data)

    def _take_picture(self, picture: bytes) -> None:
        assert self._node is not None
        self.run.previews.append(picture)
        self.run.sent.setdefault(self._node, []).append(picture)
        self._on_event("preview", {"image": picture})

    def _start(self, node: str | None) -> None:
        """Record the start of a node. None is the end of the run."""
        now = time.monotonic()
        if self._node is not None:
            self.run.seconds[self._node] = self.run.seconds.get(self._node, 0) + now - self._since
        self._node, self._since = node, now
        self.ended = node is None

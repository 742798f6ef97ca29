"""A client for ComfyUI's API: queue a prompt, follow it over the websocket, fetch its outputs."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import websocket

# A binary websocket message starts with its type, a big-endian 32-bit number. Type 1 holds the image format (4 bytes)
# and the image.
PREVIEW_IMAGE = 1
HEADER_BYTES = 8

Prompt = dict[str, Any]
OnEvent = Callable[[str, dict[str, Any]], None]


class PromptRejected(Exception):
    """The host did not queue a prompt.

    Attributes:
        error: {"type", "message", "details", ...}.
        node_errors: by node id: {"class_type", "errors": [{"type", "message", "details", ...}], ...}.
    """

    def __init__(self, error: dict[str, Any], node_errors: dict[str, Any]) -> None:
        self.error = error
        self.node_errors = node_errors
        lines = [f"{error.get('message')} {error.get('details')}".strip()]
        for node, report in node_errors.items():
            lines += [f"node {node} ({report['class_type']}): {e['message']} {e['details']}" for e in report["errors"]]
        super().__init__("\n".join(lines))


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
    """Live preview pictures in order of arrival, each an encoded JPEG or PNG."""
    failure: NodeFailure | None = None
    """The node that failed, if status is "error"."""


class HostClient:
    """A client of the ComfyUI server at `url` ("http://127.0.0.1:8188"). Raises urllib's HTTPError on HTTP errors."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def system_stats(self) -> dict[str, Any]:
        return self._get_json("/system_stats")

    def object_info(self, node: str | None = None) -> dict[str, Any]:
        """Return the descriptions of all nodes by id, or that of `node`.

        Raises:
            KeyError: if the host has no such node.
        """
        if node is None:
            return self._get_json("/object_info")
        return self._get_json(f"/object_info/{urllib.parse.quote(node)}")[node]

    def upload_image(self, path: Path, name: str | None = None, subfolder: str = "", kind: str = "input") -> str:
        """Upload a picture to the host's input (or temp, output) folder. Replaces a file of the same name.

        Returns:
            The value for LoadImage's `image`.
        """
        fields = {"subfolder": subfolder, "type": kind, "overwrite": "true"}
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in fields.items()
        ]
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name or path.name}"\r\n'
        parts += [head.encode(), b"Content-Type: application/octet-stream\r\n\r\n", path.read_bytes()]
        parts.append(f"\r\n--{boundary}--\r\n".encode())
        reply = self._post("/upload/image", b"".join(parts), f"multipart/form-data; boundary={boundary}")
        stored = json.loads(reply)
        value = f"{stored['subfolder']}/{stored['name']}" if stored["subfolder"] else stored["name"]
        return value if kind == "input" else f"{value} [{kind}]"

    def queue(self, prompt: Prompt, workflow: dict[str, Any] | None = None, client_id: str | None = None) -> str:
        """Queue a prompt in API form, and return its id.

        Args:
            prompt: by node id: {"class_type", "inputs"}.
            workflow: the UI form, saved in the metadata of output pictures.
            client_id: the client whose websocket gets the events of the run.

        Raises:
            PromptRejected: if the host finds the prompt invalid.
        """
        body: dict[str, Any] = {"prompt": prompt}
        if workflow is not None:
            body["extra_data"] = {"extra_pnginfo": {"workflow": workflow}}
        if client_id is not None:
            body["client_id"] = client_id
        try:
            return json.loads(self._post_json("/prompt", body))["prompt_id"]
        except urllib.error.HTTPError as error:
            if error.code != 400:
                raise
            reply = json.loads(error.read())
            raise PromptRejected(reply["error"], reply["node_errors"] or {}) from None

    def run(
        self,
        prompt: Prompt,
        on_event: OnEvent | None = None,
        timeout: float = 600,
        workflow: dict[str, Any] | None = None,
    ) -> Run:
        """Queue a prompt and wait until it has ended.

        Args:
            prompt: as in `queue`.
            on_event: called with type and data of each websocket event of this prompt. A live preview comes as
                "preview", {"image": bytes}.
            timeout: seconds for the whole run.
            workflow: as in `queue`.

        Raises:
            PromptRejected: as in `queue`.
            TimeoutError: if the prompt has not ended in time. It is not interrupted.
            ConnectionError: if the host closes the connection.
        """
        client_id = uuid.uuid4().hex
        deadline = time.monotonic() + timeout
        socket = websocket.create_connection(
            f"{self.url.replace('http', 'ws', 1)}/ws?clientId={client_id}", timeout=timeout
        )
        try:
            run = Run(self.queue(prompt, workflow, client_id))
            follower = _Follower(run, on_event or (lambda kind, data: None))
            while not follower.ended:
                socket.settimeout(max(deadline - time.monotonic(), 0.001))
                message = socket.recv()
                if not message:
                    raise websocket.WebSocketConnectionClosedException("it closed the websocket")
                follower.take(message)
        except websocket.WebSocketTimeoutException:
            raise TimeoutError(f"the prompt has not ended in {timeout:.0f} s") from None
        except websocket.WebSocketConnectionClosedException as error:
            raise ConnectionError(f"the host closed the connection: {error}") from error
        finally:
            socket.close()
        run.outputs = self.history(run.prompt_id).get("outputs", {})
        return run

    def history(self, prompt_id: str) -> dict[str, Any]:
        """Return the host's record of an ended prompt: {"outputs", "status", "prompt", "meta"}. {} before its end."""
        return self._get_json(f"/history/{prompt_id}").get(prompt_id, {})

    def view(self, image: dict[str, str]) -> bytes:
        """Download the file of a reference in `Run.outputs`: {"filename", "subfolder", "type"}."""
        query = urllib.parse.urlencode({key: image[key] for key in ("filename", "subfolder", "type")})
        return self._get(f"/view?{query}")

    def interrupt(self) -> None:
        """Cancel the prompt that is running."""
        self._post_json("/interrupt", {})

    def free(self) -> None:
        """Unload all models and empty the cache of node results, once no prompt runs."""
        self._post_json("/free", {"unload_models": True, "free_memory": True})

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=60) as reply:
            return reply.read()

    def _get_json(self, path: str) -> dict[str, Any]:
        return json.loads(self._get(path))

    def _post(self, path: str, body: bytes, content_type: str) -> bytes:
        request = urllib.request.Request(self.url + path, body, {"Content-Type": content_type})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.read()

    def _post_json(self, path: str, body: dict[str, Any]) -> bytes:
        return self._post(path, json.dumps(body).encode(), "application/json")


class _Follower:
    """Reads one prompt's websocket messages into its Run."""

    def __init__(self, run: Run, on_event: OnEvent) -> None:
        self.ended = False
        self._run = run
        self._on_event = on_event
        self._node: str | None = None
        self._since = 0.0

    def take(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            if int.from_bytes(message[:4], "big") == PREVIEW_IMAGE:
                image = message[HEADER_BYTES:]
                self._run.previews.append(image)
                self._on_event("preview", {"image": image})
            return
        event = json.loads(message)
        kind, data = event["type"], event["data"]
        if data.get("prompt_id") != self._run.prompt_id:
            return
        if kind == "executing":
            self._start(data["node"])
        elif kind == "execution_cached":
            self._run.cached = data["nodes"]
        elif kind == "execution_interrupted":
            self._run.status = "interrupted"
        elif kind == "execution_error":
            self._run.status = "error"
            self._run.failure = NodeFailure(
                data["node_id"],
                data["node_type"],
                data["exception_type"],
                data["exception_message"].strip(),
                "".join(data["traceback"]),
            )
        self._on_event(kind, data)

    def _start(self, node: str | None) -> None:
        """Record the start of a node. None is the end of the run, whose history is then complete."""
        now = time.monotonic()
        if self._node is not None:
            self._run.seconds[self._node] = self._run.seconds.get(self._node, 0) + now - self._since
        self._node, self._since = node, now
        self.ended = node is None

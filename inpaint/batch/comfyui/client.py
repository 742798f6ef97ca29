"""A client for ComfyUI's API: queue a prompt, follow it over the websocket, fetch its outputs."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any

import websocket

from ...core.errors import InpaintError
from .events import Follower, OnEvent, Run

# Headers for hosts behind a gateway, one "Name: value" a line. An environment variable keeps them out of the process
# list and of reports.
HEADERS_VARIABLE = "MEND_BATCH_HEADERS"
ANSWER_SECONDS = 60
QUOTED = 200

Prompt = dict[str, Any]


class HostTrouble(ConnectionError):
    """A host that is not there, or answers what ComfyUI does not: an HTTP error, a web page, broken JSON.

    Attributes:
        status: the HTTP status, 0 if there is none.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


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


class HostClient:
    """A client of the ComfyUI server at `url` ("http://127.0.0.1:8188").

    Each method raises HostTrouble if the host cannot be reached or answers something else than ComfyUI does.

    Args:
        url: where the host is; "http://" may be left out.
        headers: sent with each request, such as {"Authorization": "Bearer ..."}.
        patience: seconds to wait for an answer.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None, patience: float = ANSWER_SECONDS) -> None:
        self.url = (url if "://" in url else f"http://{url}").rstrip("/")
        self.headers = dict(headers or {})
        self.patience = patience
        self._opener = urllib.request.build_opener(_NoRedirect)

    def system_stats(self) -> dict[str, Any]:
        return self.get_json("/system_stats")

    def object_info(self, node: str | None = None) -> dict[str, Any]:
        """Return the descriptions of all nodes by id, or that of `node`.

        Raises:
            KeyError: if the host has no such node.
        """
        if node is None:
            return self.get_json("/object_info")
        return self.get_json(f"/object_info/{urllib.parse.quote(node)}")[node]

    def has_node(self, node: str) -> bool:
        """Whether the host has a node."""
        return node in self.get_json(f"/object_info/{urllib.parse.quote(node)}")

    def upload_image(self, path: Path, name: str | None = None, subfolder: str = "", kind: str = "input") -> str:
        """Upload a picture file, as `upload` does."""
        return self.upload(path.read_bytes(), name or path.name, subfolder, kind)

    def upload(self, data: bytes, name: str, subfolder: str = "", kind: str = "input") -> str:
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
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
        parts += [head.encode(), b"Content-Type: application/octet-stream\r\n\r\n", data]
        parts.append(f"\r\n--{boundary}--\r\n".encode())
        reply = self._post("/upload/image", b"".join(parts), f"multipart/form-data; boundary={boundary}")
        stored = self._json("/upload/image", reply)
        if not isinstance(stored.get("name"), str):
            raise HostTrouble(f"{self.url}/upload/image took no picture: {stored}"[:QUOTED])
        value = f"{stored['subfolder']}/{stored['name']}" if stored.get("subfolder") else stored["name"]
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
        answer = self._json("/prompt", self._post_json("/prompt", body, accepted=(400,)))
        if "prompt_id" not in answer:
            if not isinstance(answer.get("error"), dict):
                raise HostTrouble(f"{self.url}/prompt refused without a reason of ComfyUI's: {answer}"[:QUOTED])
            raise PromptRejected(answer["error"], answer.get("node_errors") or {})
        return answer["prompt_id"]

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
            HostTrouble: also if the host closes the connection.
        """
        client_id = uuid.uuid4().hex
        deadline = time.monotonic() + timeout
        with self.listen(client_id) as messages:
            run = Run(self.queue(prompt, workflow, client_id))
            follower = Follower(run, on_event or (lambda kind, data: None))
            while not follower.ended:
                message = messages.next(max(deadline - time.monotonic(), 0.001))
                if message is None:
                    raise TimeoutError(f"the prompt has not ended in {timeout:.0f} s")
                follower.take(message)
        run.outputs = self.history(run.prompt_id).get("outputs", {})
        return run

    def listen(self, client_id: str) -> Messages:
        """Open the websocket that gets the events of a client's prompts."""
        return Messages(self, client_id)

    def waiting(self) -> tuple[list[str], list[str]]:
        """Return the ids of the prompts that run, and of those that wait for their turn."""
        queue = self.get_json("/queue")
        return [entry[1] for entry in queue["queue_running"]], [entry[1] for entry in queue["queue_pending"]]

    def history(self, prompt_id: str) -> dict[str, Any]:
        """Return the host's record of an ended prompt: {"outputs", "status", "prompt", "meta"}. {} before its end."""
        return self.get_json(f"/history/{prompt_id}").get(prompt_id, {})

    def forget(self, prompt_id: str) -> None:
        """Delete the record of an ended prompt."""
        self._post_json("/history", {"delete": [prompt_id]})

    def cancel(self, prompt_id: str) -> None:
        """Take a prompt of this client out of the queue, or interrupt it if it runs, and delete its record."""
        self._post_json("/queue", {"delete": [prompt_id]})
        self._post_json("/interrupt", {"prompt_id": prompt_id})
        self.forget(prompt_id)

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

    def get_json(self, path: str) -> dict[str, Any]:
        """Return the JSON object of a route."""
        return self._json(path, self._get(path))

    def _get(self, path: str) -> bytes:
        return self._open(urllib.request.Request(self.url + path, headers=self.headers))

    def _post(self, path: str, body: bytes, content_type: str, accepted: tuple[int, ...] = ()) -> bytes:
        headers = {**self.headers, "Content-Type": content_type}
        return self._open(urllib.request.Request(self.url + path, body, headers), accepted)

    def _post_json(self, path: str, body: dict[str, Any], accepted: tuple[int, ...] = ()) -> bytes:
        return self._post(path, json.dumps(body).encode(), "application/json", accepted)

    def _open(self, request: urllib.request.Request, accepted: tuple[int, ...] = ()) -> bytes:
        """Return the body of an answer whose HTTP status is 200 or one of `accepted`."""
        where = request.full_url.partition("?")[0]
        try:
            with self._opener.open(request, timeout=self.patience) as reply:
                return reply.read()
        except urllib.error.HTTPError as error:
            with error:
                if error.code in accepted:
                    return error.read()
                raise HostTrouble(f"{where} answered {_status(error)}", error.code) from None
        except (OSError, HTTPException) as error:
            raise HostTrouble(f"{where}: {getattr(error, 'reason', None) or error or type(error).__name__}") from None

    def _json(self, path: str, body: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            start = body[:QUOTED].decode("utf-8", "replace").strip()
            kind = "a web page" if start.startswith("<") else "no JSON object"
            raise HostTrouble(
                f"{self.url}{path} answered {kind}: {' '.join(start.split())[:80]!r}. "
                f"Is this ComfyUI? Behind a login, set {HEADERS_VARIABLE}."
            )
        return answer


class Messages:
    """The websocket of a client id, as a context manager. Raises HostTrouble where it cannot be opened or is closed."""

    def __init__(self, client: HostClient, client_id: str) -> None:
        url = f"{client.url.replace('http', 'ws', 1)}/ws?clientId={client_id}"
        self._url = client.url
        try:
            self._socket = websocket.create_connection(
                url, timeout=client.patience, header=client.headers, redirect_limit=0
            )
        except (OSError, websocket.WebSocketException) as error:
            raise HostTrouble(f"{client.url}/ws: {str(error)[:QUOTED]}") from None

    def __enter__(self) -> Messages:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def next(self, seconds: float) -> str | bytes | None:
        """Return the next message, or None if none comes in this time."""
        self._socket.settimeout(seconds)
        try:
            message = self._socket.recv()
        except websocket.WebSocketTimeoutException:
            return None
        except (OSError, websocket.WebSocketException) as error:
            raise HostTrouble(f"{self._url}: the host closed the connection: {error}") from None
        if not message:
            raise HostTrouble(f"{self._url}: the host closed the websocket")
        return message

    def close(self) -> None:
        # Without waiting for the host's farewell, which one that hangs does not send.
        self._socket.shutdown()


def headers_of_environment() -> dict[str, str]:
    """Return the headers of MEND_BATCH_HEADERS, one "Name: value" a line.

    Raises:
        InpaintError: if a line is something else. The message does not repeat it.
    """
    headers = {}
    for number, line in enumerate(os.environ.get(HEADERS_VARIABLE, "").splitlines(), 1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not (colon and name.strip() and value.strip()):
            raise InpaintError(
                f"{HEADERS_VARIABLE}: expected lines like `Authorization: Bearer TOKEN`, but line {number} is not one. "
                "Write a name, a colon and a value."
            )
        headers[name.strip()] = value.strip()
    return headers


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Another address may belong to someone else, who must not get the headers."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def _status(error: urllib.error.HTTPError) -> str:
    """Return an HTTP error as words, with the address that it sends to."""
    target = error.headers.get("Location")
    sent = f", and sends to {target.partition('?')[0]}" if target else ""
    hint = f". Behind a login, set {HEADERS_VARIABLE}" if error.code in (301, 302, 303, 307, 308, 401, 403) else ""
    return f"{error.code} {error.reason}{sent}{hint}"

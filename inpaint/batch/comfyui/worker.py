"""One picture through one host."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any

from ...core.errors import InpaintError
from ..crew import Crew
from ..engine import Deliver, Outcome
from ..files.source import read_source
from ..pairs import Pair
from ..settings import Settings
from .client import HostClient, HostTrouble, PromptRejected
from .events import Follower, Run
from .hosts import OVER_WEBSOCKET
from .workflow import RESULT, Workflow

# Prompts of this program that a host has at a time: one runs, one waits.
QUEUED = 2
# HTTP status of an upload that is larger than the host takes.
TOO_LARGE = 413
# The folder of uploads on a host, in its temporary files: it deletes them when it starts again.
FOLDER, KIND = "mend-batch", "temp"
# Of a look at whether the run was stopped.
LOOK_SECONDS = 1.0
# To wait for an answer of a host that made trouble. Its picture waits as long, so this is far less than for others.
DOUBTFUL_SECONDS = 5.0


class Stopped(Exception):
    """The run was stopped while a picture was being made."""


class Failed(Exception):
    """A host that works could not make a picture."""


class Worker(threading.Thread):
    """Makes pictures through one host until there are no more.

    Args:
        crew: hands out pictures.
        client: the host.
        workflow: what makes them.
        pairs: the pictures by their names.
        settings: what is set for each.
        deliver: takes each outcome that is final. It may make this thread wait.
    """

    def __init__(
        self,
        crew: Crew,
        client: HostClient,
        workflow: Workflow,
        pairs: Mapping[str, Pair],
        settings: Settings,
        deliver: Deliver,
    ) -> None:
        super().__init__(name=f"mend-batch {client.url}", daemon=True)
        self._crew, self._client, self._workflow = crew, client, workflow
        self._pairs, self._settings, self._deliver = pairs, settings, deliver
        # As in `Workflow.sent`; None before the host was asked.
        self._over_websocket: bool | None = None
        # One name for all of its pictures, so that no more than this is left on the host.
        self._slot = uuid.uuid4().hex

    def run(self) -> None:
        url = self._client.url
        while (name := self._crew.next(url)) is not None:
            try:
                self._make(name)
            except Exception as error:  # a fault of ours ends this picture, not the run
                self._crew.dropped()
                self._deliver(Outcome(name, url, 0.0, error=f"{type(error).__name__}: {error}"))

    def _make(self, name: str) -> None:
        url, pair, queued = self._client.url, self._pairs[name], False
        started = time.monotonic()
        try:
            source = read_source(pair.image, pair.mask)
        except InpaintError as error:
            self._crew.dropped()
            self._deliver(Outcome(name, url, 0.0, error=str(error)))
            return
        try:
            if self._crew.hosts[url].rests:
                self._doubtful().system_stats()  # before more is sent to a host that made trouble
            if self._over_websocket is None:
                self._over_websocket = self._client.has_node(OVER_WEBSOCKET)
            picture, mask = self._uploaded(source.upload(), None), None
            if self._workflow.mask is not None:
                picture, mask = self._uploaded(source.upload_picture(), None), self._uploaded(source.upload_mask(), "m")
            prompt = self._workflow.sent(
                self._workflow.filled(self._settings.of(name)), picture, mask, self._over_websocket
            )
            started, queued = time.monotonic(), True
            restored = source.restore(self._result(prompt))
        except Stopped:
            self._crew.dropped()
        except (HostTrouble, TimeoutError) as error:
            if self._crew.troubled(url, name, str(error), blamed=queued):
                self._deliver(Outcome(name, url, time.monotonic() - started, error=str(error)))
        except (Failed, InpaintError) as error:
            if self._crew.failed(url, name):
                self._deliver(Outcome(name, url, time.monotonic() - started, error=str(error)))
        else:
            seconds = time.monotonic() - started
            self._crew.succeeded(url, seconds)
            self._deliver(Outcome(name, url, seconds, restored.data, restored.notes))

    def _uploaded(self, data: bytes, part: str | None) -> str:
        try:
            return self._client.upload(data, f"{self._slot}{part or ''}.png", FOLDER, KIND)
        except HostTrouble as error:
            if error.status != TOO_LARGE:
                raise
            size = -(-len(data) // 2**20)
            raise Failed(
                f"it has {size} MB as PNG, more than the host takes. Start ComfyUI with --max-upload-size {size + 1}"
            ) from None

    def _result(self, prompt: dict[str, Any]) -> bytes:
        """Queue a prompt and return its picture's file."""
        client, id = self._client, uuid.uuid4().hex
        limit = self._crew.limit(client.url)
        with client.listen(id) as messages:
            try:
                run = Run(client.queue(prompt, client_id=id))
            except PromptRejected as error:
                raise Failed(f"the host refused the workflow: {error}") from None
            follower, began = Follower(run), time.monotonic()
            try:
                while not follower.ended:
                    message = messages.next(LOOK_SECONDS)
                    if message is not None:
                        follower.take(message)
                    if self._crew.stopped:
                        raise Stopped
                    if time.monotonic() - began > limit:
                        raise TimeoutError(f"{client.url}: no end after {limit:.0f} s")
            except (Stopped, TimeoutError, HostTrouble):
                # Where only the connection ended, the host goes on with a prompt that nobody waits for.
                with contextlib.suppress(HostTrouble):
                    self._doubtful().cancel(run.prompt_id)
                raise
        found = self._found(run)
        with contextlib.suppress(HostTrouble):
            client.forget(run.prompt_id)
        return found

    def _doubtful(self) -> HostClient:
        """Return a client that does not wait long for the host."""
        return HostClient(self._client.url, self._client.headers, DOUBTFUL_SECONDS)

    def _found(self, run: Run) -> bytes:
        if run.status == "error" and run.failure is not None:
            failure = run.failure
            raise Failed(f"node {failure.node} ({failure.class_type}): {failure.message}")
        if run.status != "success":
            raise Failed(f"the prompt was {run.status} on the host")
        pictures = run.sent.get(RESULT, []) if self._over_websocket else self._stored(run)
        if len(pictures) != 1:
            raise Failed(f"expected one picture from the workflow, got {len(pictures)}")
        return pictures[0]

    def _stored(self, run: Run) -> list[bytes]:
        images = run.outputs.get(RESULT, {}).get("images", [])
        return [self._client.view(image) for image in images]

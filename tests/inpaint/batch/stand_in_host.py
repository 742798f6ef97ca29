"""A stand-in for ComfyUI's API in a thread, which repaints by inverting colors and can be told to misbehave."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import uuid
from typing import Any

import numpy as np
from aiohttp import WSMsgType, web
from PIL import Image

PICTURE, REPAINT, SAVE = "1", "2", "3"
WORKFLOW: dict[str, Any] = {
    PICTURE: {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
    REPAINT: {
        "class_type": "Repaint",
        "inputs": {"image": [PICTURE, 0], "mask": [PICTURE, 1], "seed": 0, "amount": 1.0},
    },
    SAVE: {"class_type": "SaveImage", "inputs": {"images": [REPAINT, 0], "filename_prefix": "a"}},
}
NODES: dict[str, Any] = {
    "LoadImage": {
        "input": {"required": {"image": [["example.png"], {"image_upload": True}]}},
        "output": ["IMAGE", "MASK"],
        "output_node": False,
    },
    "Repaint": {
        "input": {
            "required": {
                **{"image": ["IMAGE"], "mask": ["MASK"], "seed": ["INT", {"min": 0, "max": 2**64 - 1}]},
                "amount": ["FLOAT", {"min": 0.0, "max": 1.0}],
            }
        },
        "output": ["IMAGE"],
        "output_node": False,
    },
    "SaveImage": {
        "input": {"required": {"images": ["IMAGE"], "filename_prefix": ["STRING", {}]}},
        "output": [],
        "output_node": True,
    },
}
PAGE = "<!DOCTYPE html><html>Sign in</html>"
# A picture that begins with this red makes a node fail.
POISON = 255


class StandInHost:
    """A host at `url`, as a context manager.

    Args:
        after: number of prompts that it makes before it misbehaves.
        then: "dies" (closes all connections and its port), "hangs" (takes prompts and says nothing more), "sends pages"
            (answers everything with HTML), "answers 500" (the same with that status), "hangs up" (closes the websocket
            of each prompt that it begins, and keeps the prompt), "freezes" (takes connections and answers nothing), "is
            another" (answers everything with JSON that is not ComfyUI's).
        seconds: that a prompt takes.
        nodes: its descriptions of nodes.
        headers: hashes of the headers of its model files, by name.
        most: bytes of the largest upload that it takes.

    Attributes:
        made: bytes of the uploads that prompts were made of.
        requests: path and headers of each request.
        cancelled: ids of prompts that were taken back.
        queue: prompts that run or wait, by id.
    """

    def __init__(
        self,
        after: int | None = None,
        then: str = "",
        seconds: float = 0.0,
        nodes: dict[str, Any] = NODES,
        headers: dict[str, str] | None = None,
        most: int = 2**26,
    ) -> None:
        self.made: list[bytes] = []
        self.seeds: list[int] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.cancelled: list[str] = []
        self.forgotten: list[str] = []
        self.queue: dict[str, asyncio.Task[None]] = {}
        self._frozen, self._nodes = False, nodes
        self.headers, self._most = headers or {}, most
        self._after, self._then, self._seconds = after, then, seconds
        self._files: dict[str, bytes] = {}
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._outputs: dict[str, Any] = {}
        self._started = threading.Event()

    def __enter__(self) -> StandInHost:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._end, self._turn = asyncio.get_running_loop(), asyncio.Event(), asyncio.Lock()
        self._transports: set[Any] = set()
        app = web.Application(middlewares=[self._watched], client_max_size=self._most)
        app.add_routes(
            [
                web.get("/system_stats", _always({"system": {"comfyui_version": "stand-in"}})),
                web.get("/object_info", _always(self._nodes)),
                web.get("/object_info/{node}", _always({})),
                web.get("/mend/estimate", self._estimate),
                web.get("/ws", self._listen),
                web.get("/view", self._view),
                web.get("/history/{id}", _always({})),
                web.post("/history", self._forget),
                web.post("/queue", self._cancel),
                web.post("/interrupt", _always({})),
                web.post("/upload/image", self._upload),
                web.post("/prompt", self._prompt),
            ]
        )
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.url = f"http://127.0.0.1:{port}"
        self._started.set()
        await self._end.wait()
        # As a process that is killed: no farewells.
        site._server.close()  # type: ignore[union-attr]
        for transport in self._transports:
            transport.abort()

    @web.middleware
    async def _watched(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append((request.path, dict(request.headers)))
        self._transports.add(request.transport)
        if self._misbehaves and self._then == "sends pages":
            return web.Response(text=PAGE, content_type="text/html")
        if self._misbehaves and self._then == "is another":
            return _answer({"system": "another", "nodes": []})
        if self._frozen:
            await self._end.wait()
        if self._misbehaves and self._then == "answers 500":
            return web.Response(status=500)
        return await handler(request)

    @property
    def _misbehaves(self) -> bool:
        return self._after is not None and len(self.made) >= self._after

    async def _listen(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[request.query["clientId"]] = socket
        async for message in socket:
            if message.type == WSMsgType.ERROR:
                break
        self._sockets.pop(request.query["clientId"], None)
        return socket

    async def _view(self, request: web.Request) -> web.Response:
        return web.Response(body=self._files.pop(request.query["filename"]))

    async def _estimate(self, request: web.Request) -> web.Response:
        return _answer({"header": self.headers.get(request.query["model"], "")})

    async def _forget(self, request: web.Request) -> web.Response:
        self.forgotten += (await request.json())["delete"]
        return web.Response()

    async def _cancel(self, request: web.Request) -> web.Response:
        for id in (await request.json())["delete"]:
            self.cancelled.append(id)
            if id in self.queue:
                self.queue[id].cancel()
        return web.Response()

    async def _upload(self, request: web.Request) -> web.Response:
        fields = await request.post()
        file = fields["image"]
        assert isinstance(file, web.FileField)
        self._files[file.filename] = file.file.read()
        return _answer({"name": file.filename, "subfolder": fields["subfolder"]})

    async def _prompt(self, request: web.Request) -> web.Response:
        body = await request.json()
        id = uuid.uuid4().hex
        self.queue[id] = asyncio.create_task(self._run(id, body["prompt"], body["client_id"]))
        self.queue[id].add_done_callback(lambda _: self.queue.pop(id))
        return _answer({"prompt_id": id})

    async def _run(self, id: str, prompt: dict[str, Any], client: str) -> None:
        async with self._turn:
            if self._misbehaves and self._then == "dies":
                self._end.set()
            if self._misbehaves and self._then == "hangs up":
                await self._sockets[client].close()
            if self._misbehaves:
                self._frozen = self._then == "freezes"
                await self._end.wait()
                return
            await self._tell(client, "execution_start", id)
            await asyncio.sleep(self._seconds)
            name = prompt[PICTURE]["inputs"]["image"].partition(" [")[0].rpartition("/")[2]
            upload = self._files[name]
            self.made.append(upload)
            self.seeds.append(prompt[REPAINT]["inputs"]["seed"])
            pixels = np.asarray(Image.open(io.BytesIO(upload)))
            if pixels[0, 0, 0] == POISON:
                failure = {"node_id": REPAINT, "node_type": "Repaint", "exception_type": "ValueError"}
                await self._tell(
                    client, "execution_error", id, **failure, exception_message="too red", traceback=["here"]
                )
            else:
                (result,) = (node for node, each in prompt.items() if each["class_type"] == "PreviewImage")
                file = io.BytesIO()
                Image.fromarray(repainted(pixels)).save(file, "PNG")
                self._files[f"{id}.png"] = file.getvalue()
                images = [{"filename": f"{id}.png", "subfolder": "", "type": "temp"}]
                await self._tell(client, "executed", id, node=result, output={"images": images})
            await self._tell(client, "executing", id, node=None)

    async def _tell(self, client: str, kind: str, id: str, **data: Any) -> None:
        socket = self._sockets.get(client)
        if socket is not None and not socket.closed:
            await socket.send_str(json.dumps({"type": kind, "data": {"prompt_id": id, **data}}))


def repainted(pixels: np.ndarray) -> np.ndarray:
    """Return RGB in which what is transparent of RGBA has the opposite color."""
    return np.where(pixels[..., 3:] < 128, 255 - pixels[..., :3], pixels[..., :3])


def _always(value: Any) -> Any:
    """Return a handler that answers with a value."""

    async def handler(request: web.Request) -> web.Response:
        return _answer(value)

    return handler


def _answer(value: Any) -> web.Response:
    return web.json_response(value)

"""Routes on the host's HTTP server."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any


def add_get_route(path: str, answer: Callable[[Mapping[str, str]], Awaitable[tuple[int, dict[str, Any]]]]) -> None:
    """Answer GET requests with JSON, after the host's own access checks. Does nothing without a running server.

    Args:
        path: the route, such as "/mend/estimate". The host also serves it under /api.
        answer: takes the query parameters; returns HTTP status and JSON body. The host reports its exceptions.
    """
    # Without a running server nobody sends requests, and importing the module would partly start a server.
    module = sys.modules.get("server")
    server = None if module is None else getattr(module.PromptServer, "instance", None)
    if server is None:
        return
    from aiohttp import web

    @server.routes.get(path)
    async def respond(request: web.Request) -> web.Response:
        status, body = await answer(request.query)
        return web.json_response(body, status=status)

"""The host's server, where there is one."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any


def add_get_route(path: str, answer: Callable[[Mapping[str, str]], Awaitable[tuple[int, dict[str, Any]]]]) -> None:
    """Answer GET requests with JSON, behind the host's own checks of who asks.

    Args:
        path: such as "/mend/estimate"; the host serves it under /api too.
        answer: takes the query, gives a status and a body. An error of it is the host's to report.
    """
    # Where the nodes are used without a running server nobody asks, and importing it would start half of one.
    module = sys.modules.get("server")
    server = None if module is None else getattr(module.PromptServer, "instance", None)
    if server is None:
        return
    from aiohttp import web

    @server.routes.get(path)
    async def respond(request: web.Request) -> web.Response:
        status, body = await answer(request.query)
        return web.json_response(body, status=status)

"""The host's HTTP server: routes, and sentences that the page shows on a node."""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from comfy_execution.utils import get_executing_context

from ..inpaint.core.notes import note


def add_get_route(path: str, answer: Callable[[Mapping[str, str]], Awaitable[tuple[int, dict[str, Any]]]]) -> None:
    """Answer GET requests with JSON, after the host's own access checks. Does nothing without a running server.

    Args:
        path: the route, such as "/mend/estimate". The host also serves it under /api.
        answer: takes the query parameters; returns HTTP status and JSON body. The host reports its exceptions.
    """
    server = _running_server()
    if server is None:
        return
    from aiohttp import web

    @server.routes.get(path)
    async def respond(request: web.Request) -> web.Response:
        status, body = await answer(request.query)
        return web.json_response(body, status=status)


def tell(text: str) -> None:
    """Say a sentence from code that any node may run: in the report of one of this pack, else on the node itself."""
    if note(text):
        return
    logging.warning("Mend: %s", text)
    server, context = _running_server(), get_executing_context()
    if server is not None and context is not None:
        server.send_progress_text(text, context.node_id)


def _running_server() -> Any:
    """Return the host's server, or None if none runs. To import its module would partly start one."""
    module = sys.modules.get("server")
    return None if module is None else getattr(module.PromptServer, "instance", None)

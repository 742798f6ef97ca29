"""ComfyUI's real canvas in headless Chromium: open a workflow, read and set its widgets, run it, take a screenshot."""

from __future__ import annotations

import json
import os
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from devtools.setup.environment import NoBrowser, find_chromium

FLAGS = (
    *("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--no-first-run",
)
# Dismisses the first-run template browser and everything that covers the canvas.
SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.Workflow.ShowMissingModelsWarning": False,
    "Comfy.Minimap.Visible": False,
    "Comfy.Graph.CanvasInfo": False,
}
LOCAL_STORAGE = {"vueNodesBannerDismissed": "true"}
# Errors that the host's page prints even without a pack: parts of the text, and ends of the URLs of missing files.
HOST_ERRORS = (
    "Content Security Policy",
    "ComfyApp graph accessed before initialization",
    "Cannot read properties of undefined (reading 'id')\n    at onChange (",
)
HOST_MISSING_FILES = ("/favicon.ico", "/user.css", "/userdata", "/comfy.templates.json")

PAGE_IS_READY = "() => window.app?.vueAppReady && window.app.canvas?.graph?.nodes.length > 0"
LOAD = "([workflow, name]) => app.loadGraphData(workflow, true, true, name)"
WIDGETS = """() => Object.fromEntries(app.graph.nodes.map((node) => [
    node.id,
    Object.fromEntries((node.widgets ?? [])
        .filter((widget) => widget.serialize !== false)
        .map((widget) => [widget.name, widget.value])),
]))"""
SET_WIDGET = """([id, name, value]) => {
    const node = app.graph.getNodeById(id);
    const widget = node.widgets.find((widget) => widget.name === name);
    const before = widget.value;
    widget.value = value;
    widget.callback?.(value, app.canvas, node);
    node.onWidgetChanged?.(name, value, before, widget);
}"""
MISSING_NODES = (
    "() => app.graph.nodes.map((node) => node.type).filter((type) => !LiteGraph.registered_node_types[type])"
)
ADD_NODE = """([type, x, y]) => {
    const node = LiteGraph.createNode(type);
    node.pos = [x, y];
    app.graph.add(node);
    return node.id;
}"""
# Records how each prompt ended, by prompt id.
WATCH_ENDS = """() => {
    window.promptEnds = {};
    for (const event of ["execution_success", "execution_error", "execution_interrupted"])
        app.api.addEventListener(event, ({ detail }) => {
            window.promptEnds[detail.prompt_id] = { event, detail };
        });
}"""
REMEMBER = """() => {
    const tracker = app.extensionManager.workflow.activeWorkflow.changeTracker;
    tracker.captureCanvasState ? tracker.captureCanvasState() : tracker.checkState();
}"""
FRAMES_DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
PICTURES_LOADED = """() => [...app.graph.nodes.flatMap((node) => node.imgs ?? []), ...document.images]
    .every((picture) => picture.complete)"""


class QueueFailed(Exception):
    """A prompt queued from the page did not succeed."""


@dataclass(frozen=True)
class Queued:
    """A prompt that succeeded."""

    prompt_id: str
    """The host's id of the prompt."""
    outputs: dict[str, dict[str, Any]]
    """UI outputs that the page received, by node id."""


class Canvas:
    """The canvas of the host at `url`, as a context manager.

    Args:
        url: a running host, such as "http://127.0.0.1:8188". Changes the settings of its user.
        nodes_2: draw nodes as Vue components ("Nodes 2.0") instead of on the canvas.
        width, height: size of the page in pixels.

    Attributes:
        page: Playwright's page, for anything beyond this class.
        errors: errors that the page printed, without those of `HOST_ERRORS` and `HOST_MISSING_FILES`.
    """

    def __init__(self, url: str, nodes_2: bool = False, width: int = 1800, height: int = 1100) -> None:
        self.url = url
        self.errors: list[str] = []
        self._settings = {**SETTINGS, "Comfy.VueNodes.Enabled": nodes_2}
        self._size = (width, height)
        self._open = ExitStack()

    def __enter__(self) -> Canvas:
        """Open the page. Returns when it shows a graph.

        Raises:
            NoBrowser: if there is no Chromium.
        """
        program = find_chromium()
        if program is None:
            raise NoBrowser("No Chromium or Chrome found. `python dev.py test --web` says how to get one.")
        self._change_settings()
        with ExitStack() as opening:
            playwright = opening.enter_context(sync_playwright())
            # Chromium's sandbox does not start for root.
            as_root = hasattr(os, "geteuid") and os.geteuid() == 0
            flags = [*FLAGS, *(["--no-sandbox"] if as_root else [])]
            browser = opening.enter_context(playwright.chromium.launch(executable_path=program, args=flags))
            width, height = self._size
            self.page: Page = browser.new_page(viewport={"width": width, "height": height})
            self.page.add_init_script(f"Object.assign(localStorage, {json.dumps(LOCAL_STORAGE)})")
            self.page.on("console", self._note_error)
            self.page.on("pageerror", lambda error: self.errors.append(str(error)))
            self.page.goto(self.url)
            self.page.wait_for_function(PAGE_IS_READY, timeout=120_000)
            self.page.evaluate(WATCH_ENDS)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def load_workflow(self, path: Path) -> None:
        """Open a workflow file in UI format, as a person does, and fit it into view."""
        self.page.evaluate(LOAD, [json.loads(path.read_text(encoding="utf-8")), path.stem])
        self.fit_view()

    def api_prompt(self) -> dict[str, Any]:
        """Return the graph in API form, as the page queues it."""
        return self.page.evaluate("async () => (await app.graphToPrompt()).output")

    def saved_workflow(self) -> dict[str, Any]:
        """Return the graph in UI format, as the page saves it."""
        return self.page.evaluate("async () => (await app.graphToPrompt()).workflow")

    def widgets(self) -> dict[int, dict[str, Any]]:
        """Return the values of all saved widgets, by node id and widget name."""
        return {int(node): values for node, values in self.page.evaluate(WIDGETS).items()}

    def set_widget(self, node: int, name: str, value: Any) -> None:
        """Set a widget as a person does, which runs its callback."""
        self.page.evaluate(SET_WIDGET, [node, name, value])

    def missing_nodes(self) -> list[str]:
        """Return node types of the graph that the host does not have."""
        return self.page.evaluate(MISSING_NODES)

    def add_node(self, kind: str, x: float = 0, y: float = 0) -> int:
        """Add a node of a type to the canvas, and return its id."""
        return int(self.page.evaluate(ADD_NODE, [kind, x, y]))

    def clear(self) -> None:
        """Remove all nodes and the outputs of earlier runs."""
        self.page.evaluate("() => app.clean()")

    def queue(self, timeout: float = 120) -> Queued:
        """Queue the graph from the page. Returns when the page has received the end of the run.

        Args:
            timeout: seconds.

        Raises:
            QueueFailed: if the host rejects the prompt, a node fails, or the run is interrupted.
            playwright.sync_api.TimeoutError: if the run has not ended in time.
        """
        with self.page.expect_response(lambda response: response.url.endswith("/prompt")) as answered:
            self.page.evaluate("() => app.queuePrompt(0)")
        answer = answered.value.json()
        if not answered.value.ok:
            raise QueueFailed(f"rejected: {json.dumps(answer, indent=2)}")
        prompt_id = answer["prompt_id"]
        ended = self.page.wait_for_function("(id) => window.promptEnds[id]", arg=prompt_id, timeout=timeout * 1000)
        end = ended.json_value()
        if end["event"] != "execution_success":
            raise QueueFailed(f"{end['event']}: {json.dumps(end['detail'], indent=2)}")
        return Queued(prompt_id, self.page.evaluate("() => app.nodeOutputs"))

    def command(self, name: str) -> None:
        """Run one of the page's commands, as a menu entry or a key does."""
        self.page.evaluate("(name) => app.extensionManager.command.execute(name)", name)

    def remember(self) -> None:
        """Begin a new step of undo if something changed, as the page does after each click and key."""
        self.page.evaluate(REMEMBER)

    def fit_view(self) -> None:
        """Bring the whole graph into view."""
        self.command("Comfy.Canvas.FitView")
        # The move is animated.
        self.page.wait_for_timeout(500)
        self.settle()

    def settle(self) -> None:
        """Wait until pictures in nodes are loaded and the canvas is drawn."""
        self.page.wait_for_function(PICTURES_LOADED)
        self.page.evaluate("() => app.graph.setDirtyCanvas(true, true)")
        self.page.evaluate(FRAMES_DRAWN)

    def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Moves the pointer to the bottom edge, because it may show a tooltip where it rests.
        width, height = self._size
        self.page.mouse.move(width / 2, height - 1)
        self.settle()
        self.page.screenshot(path=path)

    def _change_settings(self) -> None:
        body = json.dumps(self._settings).encode()
        request = urllib.request.Request(f"{self.url}/settings", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=60).close()

    def _note_error(self, message: ConsoleMessage) -> None:
        if message.type != "error" or any(text in message.text for text in HOST_ERRORS):
            return
        address = message.location.get("url", "").split("?")[0]
        if "Failed to load resource" in message.text and address.endswith(HOST_MISSING_FILES):
            return
        self.errors.append(f"{message.text} ({address})")

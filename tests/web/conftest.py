"""A host of the tests' own, and its canvas in headless Chromium, with nodes drawn both ways."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from devtools.hosts.canvas import Canvas
from devtools.hosts.client import HostClient
from devtools.hosts.process import HostProcess
from devtools.models.small_models import SmallModels
from devtools.setup.environment import ROOT
from inpaint.sampling.fooocus import HEAD_FILE, PATCH_FILE

MODES = ("classic", "nodes-2")


@dataclass(frozen=True)
class Photo:
    """pixels: [H, W, 3] uint8. hole: [H, W] bool, a rectangle."""

    pixels: np.ndarray
    hole: np.ndarray

    def with_hole(self) -> np.ndarray:
        """The mask in the alpha channel as the MaskEditor writes it: 0 in the hole, the colors kept."""
        return np.dstack([self.pixels, np.where(self.hole, 0, 255).astype(np.uint8)])


@pytest.fixture(scope="session")
def photo() -> Photo:
    """256x256, so that sampling is quick."""
    hole = np.zeros((256, 256), bool)
    hole[80:140, 150:220] = True
    return Photo(np.asarray(Image.fromarray(data.astronaut()).resize(hole.shape)), hole)


@dataclass(frozen=True)
class NodeInfo:
    """A node as the host describes it to the page: slots and widgets in their order.

    Attributes:
        slots: types by name.
        widgets: options by name.
    """

    messages: dict[str, Any]
    slots: dict[str, str]
    widgets: dict[str, dict[str, Any]]

    @staticmethod
    def of(messages: dict[str, Any]) -> "NodeInfo":
        slots, widgets = {}, {}
        for group, names in messages["input_order"].items():
            for name in names if group != "hidden" else ():
                kind, options = (*messages["input"][group][name], {})[:2]
                # Older nodes give the choices of a combo in place of its type.
                if isinstance(kind, list) or kind in ("BOOLEAN", "COMBO", "FLOAT", "INT", "STRING"):
                    widgets[name] = options
                else:
                    slots[name] = kind
        return NodeInfo(messages, slots, widgets)

    def saved_widgets(self) -> list[str]:
        """Names of the values in a saved workflow, with those of the widgets that the page adds."""
        names = []
        for name, options in self.widgets.items():
            names.append(name)
            if options.get("control_after_generate"):
                names.append("control_after_generate")
            if options.get("image_upload"):
                names.append("upload")
        return names


@dataclass(frozen=True)
class Server:
    """A running host.

    Attributes:
        nodes: all its nodes by id.
        pack: the pack's folder name.
        models: small ones for the workflows.
        folder: for pictures to upload.
    """

    client: HostClient
    nodes: dict[str, NodeInfo]
    pack: str
    models: SmallModels
    folder: Path

    def files(self, workflow: str, mode: str) -> dict[str, str]:
        """Small models for the loader of a workflow, by widget. The names differ by mode, so that neither finds the
        other's results in the host's cache."""
        files = self.models.files(workflow)
        return {widget: name if name == "none" else f"{mode}-{name}" for widget, name in files.items()}

    def upload(self, picture: np.ndarray, name: str) -> str:
        Image.fromarray(picture).save(self.folder / name)
        return self.client.upload_image(self.folder / name)

    def download(self, reference: dict[str, str]) -> np.ndarray:
        """[H, W, C] uint8 of an output."""
        return np.asarray(Image.open(io.BytesIO(self.client.view(reference))))


@pytest.fixture(scope="session")
def server(comfyui, host_pack, photo, tmp_path_factory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("web")
    models = SmallModels(base / "models")
    for file in [file for file in (base / "models").rglob("small-*") if file.is_file()]:
        for mode in MODES:
            file.with_name(f"{mode}-{file.name}").hardlink_to(file)
    # Listed, so that every choice has something to choose; never loaded.
    for name in (HEAD_FILE, PATCH_FILE):
        (base / "models" / "inpaint" / name).touch()
    with HostProcess(comfyui, base, extra_packs=[host_pack]) as host:
        client = HostClient(host.url)
        nodes = {id: NodeInfo.of(messages) for id, messages in client.object_info().items()}
        pack = nodes["MendCleanMask"].messages["python_module"].removeprefix("custom_nodes.")
        server = Server(client, nodes, pack, models, tmp_path_factory.mktemp("pictures"))
        # The picture that the shipped workflows name; every ComfyUI has one.
        server.upload(photo.pixels, "example.png")
        yield server


@dataclass(frozen=True)
class Opened:
    canvas: Canvas
    mode: str


@pytest.fixture(scope="session", params=MODES)
def opened(request, server) -> Iterator[Opened]:
    with Canvas(server.client.url, nodes_2=request.param == "nodes-2") as canvas:
        assert canvas.errors == []
        yield Opened(canvas, request.param)


@pytest.fixture
def mode(opened) -> str:
    return opened.mode


@pytest.fixture
def canvas(opened) -> Iterator[Canvas]:
    """An empty canvas; a test in which the page prints an error fails."""
    opened.canvas.clear()
    opened.canvas.errors.clear()
    yield opened.canvas
    assert opened.canvas.errors == []


@pytest.fixture
def shot(opened, request) -> Callable[[], None]:
    """Keeps a picture of the page under the test's name in test-output/web."""
    name = request.node.name.removeprefix("test_").replace("[", "-").rstrip("]")
    return lambda: opened.canvas.screenshot(ROOT / "test-output" / "web" / f"{name}.png")


@pytest.fixture(scope="session")
def workflows() -> dict[str, Path]:
    """The shipped workflows by name, in UI format; the API form of each lies in api/ beside it."""
    return {path.stem: path for path in sorted((ROOT / "workflows").glob("*.json"))}

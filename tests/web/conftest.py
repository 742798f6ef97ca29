"""A running host and its canvas in headless Chromium, in both node designs."""

import io
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from devtools.hosts.canvas import Canvas
from devtools.hosts.node_info import NodeInfo
from devtools.hosts.process import HostProcess
from devtools.models.small_models import LORA, PIPELINE, SmallModels
from devtools.setup.environment import ROOT
from inpaint.batch.comfyui.client import HostClient
from inpaint.sampling.fooocus import HEAD_FILE, PATCH_FILE

MODES = ("classic", "nodes-2")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group tests by the node design, so that each process of a parallel run opens one canvas."""
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        item.add_marker(pytest.mark.xdist_group(params.get("opened", MODES[0])))


@dataclass(frozen=True)
class Photo:
    """A photograph with a rectangular hole."""

    pixels: np.ndarray
    """[H, W, 3] uint8."""
    hole: np.ndarray
    """[H, W] bool."""

    def with_hole(self) -> np.ndarray:
        """Return [H, W, 4] uint8 as the MaskEditor writes it: alpha is 0 in the hole, colors are unchanged."""
        return np.dstack([self.pixels, np.where(self.hole, 0, 255).astype(np.uint8)])

    def edited(self) -> np.ndarray:
        """Return [H, W, 3] uint8: red in the hole."""
        return np.where(self.hole[..., None], np.array([200, 30, 40], np.uint8), self.pixels)


@pytest.fixture(scope="session")
def photo() -> Photo:
    """A small photograph, 256x256, so that sampling is fast."""
    hole = np.zeros((256, 256), bool)
    hole[80:140, 150:220] = True
    return Photo(np.asarray(Image.fromarray(data.astronaut()).resize(hole.shape)), hole)


@dataclass(frozen=True)
class Server:
    """A running host."""

    client: HostClient
    """Client of the host's API."""
    nodes: dict[str, NodeInfo]
    """All nodes of the host, by id."""
    pack: str
    """The pack's folder name."""
    models: SmallModels
    """Small models for the workflows."""
    folder: Path
    """Folder for pictures to upload."""

    def files(self, workflow: str, mode: str) -> dict[str, str]:
        """Return the small models for a workflow's loader, by widget.

        The names differ by mode, so that no mode gets the other's results from the host's cache.
        """
        files = self.models.files(workflow)
        return {widget: name if name == "none" else f"{mode}-{name}" for widget, name in files.items()}

    def lora(self, mode: str) -> str:
        """Return the name of the small LoRA, as in `files`."""
        return f"{mode}-{LORA}"

    def upload(self, picture: np.ndarray, name: str) -> str:
        Image.fromarray(picture).save(self.folder / name)
        return self.client.upload_image(self.folder / name)

    def download(self, reference: dict[str, str]) -> np.ndarray:
        """Return the pixels of an output, [H, W, C] uint8."""
        return np.asarray(Image.open(io.BytesIO(self.client.view(reference))))


@pytest.fixture(scope="session")
def server(comfyui, host_pack, photo, tmp_path_factory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("web")
    models = SmallModels(base / "models")
    for file in [file for file in (base / "models").rglob("small-*") if file.is_file()]:
        for mode in MODES:
            file.with_name(f"{mode}-{file.name}").hardlink_to(file)
    for mode in MODES:
        folder = base / "models" / "diffusers" / PIPELINE
        shutil.copytree(folder, folder.with_name(f"{mode}-{PIPELINE}"), copy_function=os.link)
    # Listed, so that every choice has something to choose; never loaded.
    for name in (HEAD_FILE, PATCH_FILE):
        (base / "models" / "inpaint" / name).touch()
    with HostProcess(comfyui, base, extra_packs=[host_pack]) as host:
        client = HostClient(host.url)
        nodes = {id: NodeInfo.of(description) for id, description in client.object_info().items()}
        pack = nodes["MendCleanMask"].description["python_module"].removeprefix("custom_nodes.")
        server = Server(client, nodes, pack, models, tmp_path_factory.mktemp("pictures"))
        # The picture that the shipped workflows name; every ComfyUI has one.
        server.upload(photo.pixels, "example.png")
        yield server


@dataclass(frozen=True)
class Opened:
    """An opened canvas."""

    canvas: Canvas
    """The canvas."""
    mode: str
    """The node design, one of MODES."""


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
    """An empty canvas. The test fails if the page prints an error."""
    opened.canvas.clear()
    opened.canvas.errors.clear()
    yield opened.canvas
    assert opened.canvas.errors == []


@pytest.fixture
def shot(opened, request) -> Callable[[], None]:
    """Saves a screenshot of the page under the test's name in test-output/web."""
    name = request.node.name.removeprefix("test_").replace("[", "-").rstrip("]")
    return lambda: opened.canvas.screenshot(ROOT / "test-output" / "web" / f"{name}.png")


@pytest.fixture(scope="session")
def workflows() -> dict[str, Path]:
    """The shipped workflows by name, in UI format. The API forms are in workflows/api."""
    return {path.stem: path for path in sorted((ROOT / "workflows").glob("*.json"))}

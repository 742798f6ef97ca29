"""A running host with the pack, a small checkpoint and an uploaded photograph."""

from pathlib import Path

import pytest

from devtools.checkpoints import write_sd15_inpaint
from devtools.client import HostClient
from devtools.host_process import HostProcess
from devtools.pictures import object_mask, photograph, save_masked

CHECKPOINT = "small-untrained-sd15-inpaint.safetensors"
# Around the top of the rocket: small for speed, and of a size that no VAE's ratio divides.
WINDOW = (261, 90, 384, 231)


@pytest.fixture(scope="session")
def host(comfyui, tmp_path_factory):
    base = tmp_path_factory.mktemp("server")
    checkpoints = base / "models" / "checkpoints"
    checkpoints.mkdir(parents=True)
    write_sd15_inpaint(checkpoints / CHECKPOINT)
    (checkpoints / "truncated.safetensors").write_bytes((checkpoints / CHECKPOINT).read_bytes()[:100_000])
    (checkpoints / "page.safetensors").write_text("<!DOCTYPE html><html>Sign in to download</html>")
    with HostProcess(comfyui, base, arguments=["--preview-method", "latent2rgb"]) as running:
        yield running


@pytest.fixture(scope="session")
def client(host) -> HostClient:
    return HostClient(host.url)


@pytest.fixture(scope="session")
def picture():
    return photograph().crop(WINDOW)


@pytest.fixture(scope="session")
def mask():
    return object_mask().crop(WINDOW)


@pytest.fixture(scope="session")
def upload(client, picture, mask, tmp_path_factory) -> str:
    """Name of the photograph in the host's input folder, with the mask in its alpha as the MaskEditor stores it."""
    return client.upload_image(save_masked(picture, mask, Path(tmp_path_factory.mktemp("input")) / "photo.png"))

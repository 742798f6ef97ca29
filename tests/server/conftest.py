"""A running host with the pack, a small checkpoint and an uploaded photograph."""

from pathlib import Path

import pytest

from devtools.hosts.client import HostClient
from devtools.hosts.process import HostProcess
from devtools.models.small_models import SD15, SmallModels
from devtools.pictures.rocket import object_mask, photograph, save_masked

CHECKPOINT = SD15
# Around the top of the rocket: small for speed, and of a size that no VAE's ratio divides.
WINDOW = (261, 90, 384, 231)


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def small_models(base) -> SmallModels:
    return SmallModels(base / "models")


@pytest.fixture(scope="session")
def host(comfyui, base, small_models, host_pack):
    checkpoints = base / "models" / "checkpoints"
    (checkpoints / "truncated.safetensors").write_bytes((checkpoints / CHECKPOINT).read_bytes()[:100_000])
    (checkpoints / "page.safetensors").write_text("<!DOCTYPE html><html>Sign in to download</html>")
    arguments = ["--preview-method", "latent2rgb"]
    with HostProcess(comfyui, base, arguments=arguments, extra_packs=[host_pack]) as running:
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

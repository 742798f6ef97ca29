"""A running host with the pack, a small checkpoint and an uploaded photograph."""

import os
import struct
import zipfile
from pathlib import Path

import pytest

from devtools.hosts.process import HostProcess
from devtools.models.small_models import SD15, SmallModels
from devtools.pictures.rocket import object_mask, photograph, save_masked
from inpaint.batch.comfyui.client import HostClient

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
    # A class name that cannot be encoded, a file name that is no UTF-8, a shape past all numbers, and a legacy pickle
    # whose nested key takes longer than a life to hash.
    with zipfile.ZipFile(checkpoints / "surrogate.ckpt", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x04\x8c\x03\xed\xa0\x80\x8c\x01b\x93.")
        archive.writestr("archive/data/0", b"1" * 64)
    (checkpoints / os.fsdecode(b"caf\xe9.safetensors")).write_bytes(bytes(50))
    entry = b'{"a":{"dtype":"F16","shape":[%b],"data_offsets":[0,2]}}' % b",".join([b"9223372036854775807"] * 32)
    (checkpoints / "huge.safetensors").write_bytes(struct.pack("<Q", len(entry)) + entry + bytes(2))
    nested = b"".join(b"(h%ch%ch%ctq%c" % (level, level, level, level + 1) for level in range(40))
    (base / "models" / "inpaint").mkdir(parents=True, exist_ok=True)
    for folder, name in (("checkpoints", "nested.ckpt"), ("inpaint", "nested.pth")):
        (base / "models" / folder / name).write_bytes(b"\x80\x02}()q\x00" + nested + b"tK\x01s.")
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

"""Folders and files that can be opened, and those that cannot: nothing is ever asked of a hub."""

import json
import shutil
import socket

import pytest
import torch
from safetensors.torch import save_file

from inpaint.core.errors import InpaintError
from inpaint.pipelines import Choice, open_pipeline, opening


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_a_folder(opened, folder):
    assert opened.label == "SD 1.5 inpainting (9-channel), StableDiffusionInpaintPipeline, float32"
    assert opened.name == "sd15-inpainting"
    assert opened.offload == "none"
    assert opened.pipeline.unet.dtype == opened.dtype == torch.float32


def test_a_dtype(folder):
    half = open_pipeline(Choice(folder, dtype="bfloat16"), torch.device("cpu"))
    assert half.pipeline.unet.dtype == half.pipeline.text_encoder.dtype == torch.bfloat16


def changed(folder, place, **values):
    """Change a configuration."""
    config = json.loads((folder / place).read_text())
    (folder / place).write_text(json.dumps({**config, **values}))


def broken(folder):
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])


REFUSED = {
    "it has no model_index.json. Name the folder that has it.": lambda it: (it / "model_index.json").unlink(),
    "expected one of SD 1.5 inpainting": lambda it: changed(it, "model_index.json", _class_name="WanPipeline"),
    "unet.in_channels 8. Use another model.": lambda it: changed(it, "unet/config.json", in_channels=8),
    "diffusers cannot open it as StableDiffusionInpaintPipeline: ": broken,
    "Check that all of it is there.": lambda it: shutil.rmtree(it / "vae"),
}


@pytest.mark.parametrize("message", list(REFUSED))
def test_a_folder_that_cannot_be_opened(folder, tmp_path, message):
    copy = shutil.copytree(folder, tmp_path / "copy")
    REFUSED[message](copy)
    with pytest.raises(InpaintError) as error:
        open_pipeline(Choice(copy), torch.device("cpu"))
    assert message in str(error.value)


def test_nothing_there(tmp_path):
    with pytest.raises(InpaintError, match=r"model: .*gone is not there\. Check the path\."):
        open_pipeline(Choice(tmp_path / "gone"))


def test_a_single_file_needs_a_folder_of_configurations(tmp_path):
    path = tmp_path / "sd15.safetensors"
    names = ("input_blocks.0.0.weight", "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", "out.2.weight")
    shapes = ((320, 9, 3, 3), (320, 768), (4, 320, 3, 3))
    prefix = "model.diffusion_model."
    save_file({prefix + name: torch.zeros(shape) for name, shape in zip(names, shapes, strict=True)}, path)
    with pytest.raises(InpaintError, match=r"Name a folder that has them \(--config\), or allow the download"):
        open_pipeline(Choice(path), torch.device("cpu"))


def test_what_is_missing_is_named(monkeypatch, folder):
    monkeypatch.setattr(opening.importlib.util, "find_spec", lambda name: None if name == "accelerate" else object())
    with pytest.raises(InpaintError, match=r"accelerate is not installed\. .*mend-inpaint\[diffusers\]"):
        open_pipeline(Choice(folder))

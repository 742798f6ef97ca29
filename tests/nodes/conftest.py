"""The host in this process. It loads the pack with its own loader; nodes are called as its executor calls them."""

import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from devtools.hosts.in_process import import_host
from devtools.hosts.process import prepare_base
from devtools.models.checkpoints import (
    SeparateFiles,
    write_flux_fill,
    write_migan,
    write_sd2_inpaint,
    write_sd15_inpaint,
    write_sdxl,
)
from devtools.models.diffusers_folder import write_sd15

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def base(tmp_path_factory, host_pack) -> Path:
    """Base directory of the host in this process."""
    folder = tmp_path_factory.mktemp("base")
    prepare_base(folder, ROOT, [host_pack])
    return folder


@pytest.fixture(scope="session")
def kept_models() -> set[Path]:
    """Files in the models folder that all test modules share."""
    return set()


@pytest.fixture(scope="module", autouse=True)
def _no_models_left(base, kept_models) -> Iterator[None]:
    """Delete the model files that a test module wrote, so later modules list the same files in any order."""
    before = _files(base / "models")
    yield
    gc.collect()  # models hold themselves, gigabytes of them in a whole run
    left = _files(base / "models") - before - kept_models
    for path in left:
        path.unlink()
    assert not left


@pytest.fixture(scope="session")
def host_nodes(comfyui, base) -> ModuleType:
    """The host's `nodes` module on the CPU. Its mappings include the nodes of the pack and of the test pack."""
    nodes = import_host(comfyui, base)
    for pack in (base / "custom_nodes").iterdir():
        assert asyncio.run(nodes.load_custom_node(str(pack)))
    gc.collect()
    gc.freeze()
    return nodes


@pytest.fixture(scope="session")
def pack(host_nodes) -> Callable[[str], ModuleType]:
    """Returns a module of the pack as the host loaded it: `pack("host")`, `pack("inpaint.core.errors")`."""
    root = host_nodes.NODE_CLASS_MAPPINGS["MendCleanMask"].__module__.partition(".nodes.")[0]
    return lambda name: sys.modules[f"{root}.{name}"]


@pytest.fixture(scope="session")
def InpaintError(pack) -> type[ValueError]:
    return pack("inpaint.core.errors").InpaintError


@dataclass(frozen=True)
class Ran:
    """Results of one node run."""

    outputs: tuple
    """The node's outputs, in order."""
    ui: dict[str, Any]
    """What the node shows; {} if nothing."""

    @property
    def text(self) -> str:
        return "\n".join(self.ui["text"])


@pytest.fixture(scope="session")
def run(host_nodes) -> Callable[..., Ran]:
    """Runs a node by its id, as the host's executor does: `run("MendCleanMask", mask=mask, grow=0)`.

    Missing inputs get the node's defaults. V1 nodes of the host work too.
    """

    def run(node_id: str, **inputs: Any) -> Ran:
        node = host_nodes.NODE_CLASS_MAPPINGS[node_id]
        for group in ("required", "optional"):
            for name, (_, *options) in node.INPUT_TYPES().get(group, {}).items():
                if options and "default" in options[0]:
                    inputs.setdefault(name, options[0]["default"])
        with torch.inference_mode():
            if not hasattr(node, "PREPARE_CLASS_CLONE"):
                return Ran(getattr(node(), node.FUNCTION)(**inputs), {})
            output = node.PREPARE_CLASS_CLONE({}).execute(**inputs)
        ui = output.ui if isinstance(output.ui, dict) or output.ui is None else output.ui.as_dict()
        return Ran(output.result or (), ui or {})

    return run


# Functions that write small untrained models, by name.
SMALL_CHECKPOINTS: dict[str, Callable[[Path], object]] = {
    "sd15-inpaint": write_sd15_inpaint,
    "sd15": partial(write_sd15_inpaint, in_channels=4),
    "sd2-inpaint": write_sd2_inpaint,
    "sdxl-inpaint": write_sdxl,
}
SMALL_SEPARATE = {"flux-fill": write_flux_fill}


@pytest.fixture(scope="session")
def small_files(base, host_nodes, kept_models) -> Callable[[str], Any]:
    """Returns the file name of a small model in models/checkpoints, or its `SeparateFiles`. Written on first use."""

    @cache
    def write(name: str) -> str | SeparateFiles:
        if name in SMALL_SEPARATE:
            before = _files(base / "models")
            names = SMALL_SEPARATE[name](base / "models")
            kept_models.update(_files(base / "models") - before)
            return names
        path = base / "models" / "checkpoints" / f"small-{name}.safetensors"
        SMALL_CHECKPOINTS[name](path)
        kept_models.add(path)
        return path.name

    return write


@pytest.fixture(scope="session")
def small_checkpoint(small_files) -> str:
    """Name of a small untrained SD 1.5 inpainting checkpoint in the host's checkpoints folder."""
    return small_files("sd15-inpaint")


@pytest.fixture(scope="session")
def small_general_checkpoint(small_files) -> str:
    """Name of a small untrained SD 1.5 checkpoint with the four input channels of a general model."""
    return small_files("sd15")


@dataclass(frozen=True)
class Loaded:
    """A loaded small model, its other parts, and conditioning for it."""

    model: Any
    """MODEL in float32."""
    clip: Any
    """CLIP."""
    vae: Any
    """VAE."""
    positive: list
    """Conditioning of a prompt, in the shape that the model expects."""
    negative: list
    """Conditioning of a negative prompt, in the shape that the model expects."""
    messages: list[str]
    """Messages that the host logged while loading."""


@pytest.fixture(scope="session")
def load_small(run, small_files) -> Callable[[str], Loaded]:
    """Loads a small model in float32. It stays in memory as long as the caller holds it.

    For models whose text encoder is too large for tests, the test pack's node makes the conditioning.
    """

    def load(name: str) -> Loaded:
        files = small_files(name)
        # Models are reference cycles: collect those of earlier tests first.
        gc.collect()
        with _logged() as messages:
            if isinstance(files, str):
                model, clip, vae = run("MendLoadCheckpoint", ckpt_name=files, precision="fp32").outputs
            else:
                names = {"model_name": files.diffusion_model, "text_encoder": files.text_encoder, "vae_name": files.vae}
                model, clip, vae = run("MendLoadModel", **names, precision="fp32").outputs
        encode = partial(run, "CLIPTextEncode" if isinstance(files, str) else "TestFluxConditioning", clip=clip)
        (positive,), (negative,) = (encode(text=text).outputs for text in ("a grassy meadow", "blurry"))
        return Loaded(model, clip, vae, positive, negative, messages)

    return load


@pytest.fixture(scope="session")
def inpaint_model(load_small) -> Loaded:
    return load_small("sd15-inpaint")


@pytest.fixture(scope="session")
def general_model(load_small) -> Loaded:
    return load_small("sd15")


@pytest.fixture(scope="session")
def network_file(base, kept_models) -> Callable[..., str]:
    """Writes an untrained network to models/inpaint and returns its name: `network_file("big-lama.pt", write_lama)`."""

    def write(name: str, by: Callable[..., object], **sizes: int) -> str:
        path = base / "models" / "inpaint" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            by(path, **sizes)
            kept_models.add(path)
        return name

    return write


@pytest.fixture(scope="session")
def tiny_network(run, network_file) -> Any:
    """A MI-GAN for pictures of 16x16 pixels, loaded by the host."""
    (network,) = run("MendLoadNetwork", network_name=network_file("tiny.pt", write_migan, side=16, width=16)).outputs
    return network


@pytest.fixture(scope="session")
def pipeline_folder(base, kept_models) -> str:
    """Name of a small SD 1.5 inpainting model in models/diffusers."""
    folder = write_sd15(base / "models" / "diffusers" / "small-sd15-inpaint")
    kept_models.update(path for path in folder.rglob("*") if path.is_file())
    return folder.name


@pytest.fixture(scope="session")
def pipeline(run, pipeline_folder) -> Any:
    """That model, opened."""
    return run("MendLoadDiffusers", model_name=pipeline_folder).outputs[0]


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@contextlib.contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect all messages logged in the `with` block, at any level."""
    messages: list[str] = []
    handler, root = logging.Handler(), logging.getLogger()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield messages
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


@dataclass(frozen=True)
class Bare:
    """A MODEL without text encoder and VAE, with random conditioning."""

    model: Any
    """MODEL."""
    positive: list
    """Random conditioning for the prompt."""
    negative: list
    """Random conditioning for the negative prompt."""


@pytest.fixture(scope="session")
def build_sdxl(host_nodes) -> Callable[..., Any]:
    """Builds an untrained SDXL MODEL of two levels and 45 M parameters, without a file."""
    import comfy.model_base
    import comfy.model_patcher
    import comfy.supported_models

    def build(dtype: torch.dtype = torch.float32, in_channels: int = 4) -> Any:
        config = {
            **{"image_size": 32, "in_channels": in_channels, "out_channels": 4, "model_channels": 320, "dtype": dtype},
            **{"channel_mult": [1, 1], "num_res_blocks": [1, 1], "num_heads": -1, "num_head_channels": 64},
            **{"transformer_depth": [0, 1], "transformer_depth_output": [0, 0, 1, 1], "transformer_depth_middle": 1},
            **{"context_dim": 2048, "adm_in_channels": 2816, "num_classes": "sequential", "legacy": False},
            **{"use_spatial_transformer": True, "use_linear_in_transformer": True, "use_temporal_attention": False},
        }
        base = comfy.model_base.SDXL(comfy.supported_models.SDXL(config)).eval()
        random = torch.Generator().manual_seed(0)
        for weight in base.diffusion_model.parameters():
            weight.data.normal_(std=weight[0].numel() ** -0.5 if weight.ndim > 1 else 0.5, generator=random)
            weight.requires_grad_(False)
        return comfy.model_patcher.ModelPatcher(base, torch.device("cpu"), torch.device("cpu"))

    return build


@pytest.fixture(scope="session")
def bare_sdxl(build_sdxl) -> Bare:
    random = torch.Generator().manual_seed(0)
    words, pooled = torch.randn(2, 1, 77, 2048, generator=random), torch.randn(2, 1, 1280, generator=random)
    conditionings = ([[text, {"pooled_output": whole}]] for text, whole in zip(words, pooled, strict=True))
    return Bare(build_sdxl(), *conditionings)

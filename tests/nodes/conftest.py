"""The host in this process, with the pack loaded by the host's own loader, and its nodes called as it would."""

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

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def base(tmp_path_factory, host_pack) -> Path:
    """The base directory the host in this process runs with."""
    folder = tmp_path_factory.mktemp("base")
    prepare_base(folder, ROOT, [host_pack])
    return folder


@pytest.fixture(scope="session")
def kept_models() -> set[Path]:
    """Files in the models folder that all files of tests share."""
    return set()


@pytest.fixture(scope="module", autouse=True)
def _no_models_left(base, kept_models) -> Iterator[None]:
    """A file of tests takes away the models that it wrote: else what others find listed depends on the order."""
    before = _files(base / "models")
    yield
    left = _files(base / "models") - before - kept_models
    for path in left:
        path.unlink()
    assert not left


@pytest.fixture(scope="session")
def host_nodes(comfyui, base) -> ModuleType:
    """The host's `nodes` module, imported on the CPU, the pack's nodes and the test pack's among its mappings."""
    nodes = import_host(comfyui, base)
    for pack in (base / "custom_nodes").iterdir():
        assert asyncio.run(nodes.load_custom_node(str(pack)))
    return nodes


@pytest.fixture(scope="session")
def pack(host_nodes) -> Callable[[str], ModuleType]:
    """Modules of the pack as the host loaded it: `pack("host")`, `pack("inpaint.core.errors")`."""
    root = host_nodes.NODE_CLASS_MAPPINGS["MendCleanMask"].__module__.partition(".nodes.")[0]
    return lambda name: sys.modules[f"{root}.{name}"]


@pytest.fixture(scope="session")
def InpaintError(pack) -> type[ValueError]:
    return pack("inpaint.core.errors").InpaintError


@dataclass(frozen=True)
class Ran:
    """outputs: as the node gave them. ui: what it shows, {} where nothing."""

    outputs: tuple
    ui: dict[str, Any]

    @property
    def text(self) -> str:
        return "\n".join(self.ui["text"])


@pytest.fixture(scope="session")
def run(host_nodes) -> Callable[..., Ran]:
    """Run a node by its id, as the host's executor does: `run("MendCleanMask", mask=mask, grow=0)`.

    Inputs that are not given take the node's defaults. V1 nodes of the host are run too.
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


# Small untrained models by name, and what writes each.
SMALL_CHECKPOINTS: dict[str, Callable[[Path], object]] = {
    "sd15-inpaint": write_sd15_inpaint,
    "sd15": partial(write_sd15_inpaint, in_channels=4),
    "sd2-inpaint": write_sd2_inpaint,
    "sdxl-inpaint": write_sdxl,
}
SMALL_SEPARATE = {"flux-fill": write_flux_fill}


@pytest.fixture(scope="session")
def small_files(base, host_nodes, kept_models) -> Callable[[str], Any]:
    """Name of a small model's file in models/checkpoints, or its `SeparateFiles`; it is written when first wanted."""

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
    """The same with the four input channels of a general model."""
    return small_files("sd15")


@dataclass(frozen=True)
class Loaded:
    """positive, negative: of two texts, in the shape that the model wants. told: what the host logged meanwhile."""

    model: Any
    clip: Any
    vae: Any
    positive: list
    negative: list
    messages: list[str]


@pytest.fixture(scope="session")
def load_small(run, small_files) -> Callable[[str], Loaded]:
    """Load a small model in float32; the caller holds it.

    The texts of models whose text encoder is too large for tests are those of the test pack's node.
    """

    def load(name: str) -> Loaded:
        files = small_files(name)
        gc.collect()  # models hold themselves; those of an earlier test would stay beside this one
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
    """Writes untrained networks into the host's folder of them: `network_file("big-lama.pt", write_lama)`."""

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
    """A MI-GAN for pictures of 16 pixels, held by the host."""
    (network,) = run("MendLoadNetwork", network_name=network_file("tiny.pt", write_migan, side=16, width=16)).outputs
    return network


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@contextlib.contextmanager
def _logged() -> Iterator[list[str]]:
    """What is logged meanwhile, whatever its level."""
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
    """A MODEL without its other parts, and conditioning of noise in their place."""

    model: Any
    positive: list
    negative: list


@pytest.fixture(scope="session")
def build_sdxl(host_nodes) -> Callable[..., Any]:
    """Makes MODELs: an untrained SDXL of two levels, 45 M parameters, built without a file."""
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

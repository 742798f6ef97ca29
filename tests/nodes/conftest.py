"""The host in this process, with the pack loaded by the host's own loader, and its nodes called as it would."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from devtools.checkpoints import write_sd15_inpaint
from devtools.host_imported import import_host
from devtools.host_process import prepare_base

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    """The base directory the host in this process runs with."""
    folder = tmp_path_factory.mktemp("base")
    prepare_base(folder, ROOT)
    return folder


@pytest.fixture(scope="session")
def host_nodes(comfyui, base) -> ModuleType:
    """The host's `nodes` module, imported on the CPU, the pack's nodes among its mappings."""
    nodes = import_host(comfyui, base)
    (pack,) = (base / "custom_nodes").iterdir()
    assert asyncio.run(nodes.load_custom_node(str(pack)))
    return nodes


@pytest.fixture(scope="session")
def pack(host_nodes) -> Callable[[str], ModuleType]:
    """Modules of the pack as the host loaded it: `pack("host")`, `pack("inpaint.errors")`."""
    root = host_nodes.NODE_CLASS_MAPPINGS["MendCleanMask"].__module__.removesuffix(".nodes.mask")
    return lambda name: sys.modules[f"{root}.{name}"]


@pytest.fixture(scope="session")
def InpaintError(pack) -> type[ValueError]:
    return pack("inpaint.errors").InpaintError


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


@pytest.fixture(scope="session")
def small_checkpoint(base, host_nodes) -> str:
    """Name of a small untrained SD 1.5 inpainting checkpoint in the host's checkpoints folder."""
    write_sd15_inpaint(base / "models" / "checkpoints" / "small-sd15-inpaint.safetensors")
    return "small-sd15-inpaint.safetensors"


@pytest.fixture(scope="session")
def small_general_checkpoint(base, host_nodes) -> str:
    """The same with the four input channels of a general model."""
    write_sd15_inpaint(base / "models" / "checkpoints" / "small-sd15.safetensors", in_channels=4)
    return "small-sd15.safetensors"


@dataclass(frozen=True)
class Loaded:
    model: Any
    clip: Any
    vae: Any
    positive: list
    negative: list


@pytest.fixture(scope="session")
def inpaint_model(run, small_checkpoint) -> Loaded:
    return _load(run, small_checkpoint)


@pytest.fixture(scope="session")
def general_model(run, small_general_checkpoint) -> Loaded:
    return _load(run, small_general_checkpoint)


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


def _load(run: Callable[..., Ran], name: str) -> Loaded:
    model, clip, vae = run("MendLoadCheckpoint", ckpt_name=name).outputs
    (positive,) = run("CLIPTextEncode", clip=clip, text="a grassy meadow").outputs
    (negative,) = run("CLIPTextEncode", clip=clip, text="blurry").outputs
    return Loaded(model, clip, vae, positive, negative)

"""Open a pipeline from a folder in diffusers' layout, or from a single file, without a download."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from ..core.errors import InpaintError, about_file
from ..model_files.checkpoint import read_header
from ..sampling.references import EDITS
from .offload import Offload, apply_offload, offload_for, plan_of
from .routes import Route, labels, route_of, route_of_family

INDEX = "model_index.json"
INSTALL = "python -m pip install 'mend-inpaint[diffusers]'"
# Of the card's generation: from here on it computes in bfloat16.
AMPERE = (8, 0)
# U-Nets were published for float16; transformers overflow in it.
HALF = {"unet": torch.float16, "transformer": torch.bfloat16}
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
# Settings of pipelines that no file has: without the checker no result is blackened.
LEFT_OUT: Mapping[str, Mapping[str, Any]] = {
    "StableDiffusionInpaintPipeline": {"safety_checker": None, "requires_safety_checker": False},
    "StableDiffusionXLInpaintPipeline": {"add_watermarker": False},
}


@dataclass(frozen=True)
class Choice:
    """Which model to open, and how."""

    path: Path
    """A folder in diffusers' layout, or a single file."""
    config: Path | None = None
    """For a single file: a folder with the configurations and tokenizers of its family, in diffusers' layout."""
    allow_download: bool = False
    """Whether diffusers may ask a hub for what is not here."""
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    """What it computes in. auto: half on a graphics card, float32 on a CPU."""
    offload: Literal["auto"] | Offload = "auto"
    """Where weights are that are not in use. auto: as the memory of the card asks for."""
    pixels: int = 0
    """Size of the crops that it is to make at once, for auto; 0 for one crop of the family's own size."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A pipeline that is ready to run."""

    pipeline: Any
    """The pipeline of diffusers."""
    route: Route
    """Its row."""
    name: str
    """The name of the model's file or folder."""
    device: torch.device
    """Where it computes."""
    dtype: torch.dtype
    """What it computes in."""
    offload: Offload
    """Where its weights are."""

    def work(self, pixels: int = 0) -> int:
        """Return the bytes that it needs beside its weights. pixels: as in `Choice`."""
        return plan_of(self.pipeline, self.route, 0, pixels).peak.safe_work

    @property
    def label(self) -> str:
        """What it is, for reports."""
        return f"{self.route.label}, {self.route.pipeline}, {str(self.dtype).removeprefix('torch.')}"


def open_pipeline(
    choice: Choice, device: torch.device | None = None, free: int | None = None, place: bool = True
) -> Opened:
    """Open a pipeline.

    Args:
        choice: the model.
        device: where it is to compute; None for a graphics card if there is one.
        free: bytes of the card that it may use; None for those that are free now.
        place: whether its weights are placed. If not, they stay on the CPU, for the caller to place.

    Raises:
        InpaintError: if diffusers is missing, the model is of no row of `ROUTES`, or something is not here and may not
            be downloaded.
    """
    check_installed()
    path = choice.path
    if not path.exists():
        raise InpaintError(f"model: {path} is not there. Check the path.")
    if device is None:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    route = route_of(*_described(path)) if path.is_dir() else _route_of_file(path)
    dtype = _dtype(choice.dtype, device, route)
    pipeline = _loaded(choice, route, dtype)
    pipeline.set_progress_bar_config(disable=True)
    offload = choice.offload
    if offload == "auto":
        offload = offload_for(pipeline, route, device, free, choice.pixels)
    if place:
        apply_offload(pipeline, offload, device)
    return Opened(pipeline, route, path.name, device, dtype, offload)


def check_installed() -> None:
    """Check that diffusers is installed, without importing it.

    Raises:
        InpaintError: if it is not.
    """
    missing = [name for name in ("diffusers", "transformers", "accelerate") if importlib.util.find_spec(name) is None]
    if missing:
        raise InpaintError(f"diffusers: {', '.join(missing)} is not installed. Install what is missing: {INSTALL}.")


def _described(folder: Path) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the class that a folder was made for, and the configurations of its components."""
    with about_file(folder):
        if not (folder / INDEX).is_file():
            raise InpaintError(
                f"expected a folder in diffusers' layout, but it has no {INDEX}. Name the folder that has it."
            )
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        configs = {
            part.parent.name: json.loads(part.read_text(encoding="utf-8")) for part in folder.glob("*/config.json")
        }
    return index.get("_class_name", ""), configs


def _route_of_file(path: Path) -> Route:
    header = read_header(path)
    references = header.family.references_of(header.names)
    edits = references is not None and not references.pictures and (references.edits or bool(EDITS.search(path.name)))
    route = route_of_family(header.family.id, header.inpaint is not None, edits)
    if route is None:
        raise InpaintError(f"{path.name}: expected one of {labels()}, got {header.label}. Use another model.")
    return route


def _dtype(wanted: str, device: torch.device, route: Route) -> torch.dtype:
    if wanted != "auto":
        return DTYPES[wanted]
    if device.type == "cpu":
        return torch.float32
    half = HALF[route.network]
    if half is torch.bfloat16 and device.type == "cuda" and torch.cuda.get_device_capability(device) < AMPERE:
        return torch.float32  # slow, but right
    return half


def _loaded(choice: Choice, route: Route, dtype: torch.dtype) -> Any:
    """Return diffusers' pipeline, on the CPU."""
    import diffusers

    kind = getattr(diffusers, route.pipeline, None)
    if kind is None:
        raise InpaintError(
            f"diffusers {diffusers.__version__} has no {route.pipeline}, which {route.label} needs. Install a newer "
            f"one: {INSTALL}."
        )
    common = {"dtype": dtype, "local_files_only": not choice.allow_download, **LEFT_OUT.get(route.pipeline, {})}
    path = choice.path
    _quiet(diffusers)
    try:
        if path.is_dir():
            return kind.from_pretrained(path, **common)
        if not hasattr(kind, "from_single_file"):
            raise InpaintError(
                f"{path.name}: diffusers opens {route.label} from folders alone. Use a folder in diffusers' layout."
            )
        if choice.config is None and not choice.allow_download:
            raise InpaintError(
                f"{path.name}: a single file lacks configurations and tokenizers. Name a folder that has them "
                "(--config), or allow the download (--allow-download)."
            )
        config = {} if choice.config is None else {"config": str(choice.config)}
        return kind.from_single_file(str(path), **config, **common)
    except InpaintError:
        raise
    except Exception as error:  # diffusers and its readers raise whatever a file makes them
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InpaintError(
            f"{path.name}: diffusers cannot open it as {route.pipeline}: {reason}. Check that all of it is there."
        ) from error


def _quiet(diffusers: Any) -> None:
    """Leave out bars and remarks about files: what is to be known is in our own reports and errors."""
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
        library.utils.logging.set_verbosity_error()

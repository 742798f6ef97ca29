"""What a checkpoint file holds, read from its header in milliseconds and without loading a weight.

A safetensors file is 8 bytes of header length, a JSON header, then the tensors' bytes without holes. The header is
read here by hand: `safetensors.safe_open` maps the whole file, which fails where the file is larger than memory.
"""

import json
import math
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn

from .checkpoint_families import UNKNOWN, Inpaint, TensorNames, identify, lookalike
from .errors import InpaintError

MAX_HEADER_BYTES = 100_000_000  # the format's own limit
MAX_DIMENSIONS = 32
SAFETENSORS_SUFFIXES = (".safetensors", ".sft")
PICKLE_SUFFIXES = (".ckpt", ".pt", ".pth", ".bin")

DTYPE_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("F16", "BF16", "U16", "I16"), 16),
    **dict.fromkeys(("F32", "U32", "I32"), 32),
    **dict.fromkeys(("F64", "U64", "I64", "C64"), 64),
}

PartName = Literal["diffusion model", "text encoder", "vae", "other"]
PART_PREFIXES: dict[str, PartName] = {
    "first_stage_model.": "vae",
    "vae.": "vae",
    "cond_stage_model.": "text encoder",
    "conditioner.": "text encoder",
    "text_encoder": "text encoder",
    "model_ema.": "other",
}
# Where the diffusion model's tensors stand; "" is a file that holds nothing else.
MODEL_PREFIXES = ("model.diffusion_model.", "net.", "model.", "")


@dataclass(frozen=True)
class Part:
    """One part of a checkpoint: its parameters, its bytes in the file, and bytes by dtype as the file names it."""

    name: PartName
    parameters: int
    bytes: int
    dtypes: Mapping[str, int]


@dataclass(frozen=True)
class CheckpointHeader:
    """The facts of one checkpoint file.

    `family` is a row's id ("sd15", "sdxl", "flux", ... or "unknown"), `label` says it for people. `inpaint` says which
    inpainting inputs the diffusion model itself has: "channels" (mask and masked picture as five more latent
    channels), "fill" (Flux Fill), or None. A pickle has no header that can be read safely: family "unknown", no parts.
    """

    path: Path
    format: Literal["safetensors", "pickle"]
    file_bytes: int
    family: str
    label: str
    inpaint: Inpaint
    parts: tuple[Part, ...] = ()
    tensors: int = 0

    def summary(self) -> str:
        """A few plain lines for people."""
        lines = [f"{self.label}, {_plain_size(self.file_bytes)}"]
        if self.format == "pickle":
            lines.append("A PyTorch pickle: what it holds is known only once it is loaded.")
        for part in self.parts:
            by_size = sorted(part.dtypes, key=lambda dtype: -part.dtypes[dtype])
            dtypes = " and ".join(_plain_dtype(dtype) for dtype in by_size)
            lines.append(f"{part.name}: {part.parameters / 1e6:,.1f} M parameters, {dtypes}, {_plain_size(part.bytes)}")
        return "\n".join(lines)


class _Tensor(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_header(path: str | Path) -> CheckpointHeader:
    """Read what a checkpoint holds: family, native inpainting inputs, size and dtype of each part.

    Args:
        path: a .safetensors or .sft file; or a .ckpt, .pt, .pth or .bin file, of which only the container is checked.

    Raises:
        InpaintError: if the file is missing, truncated, damaged, not what its name says, or holds no diffusion model.

    Source: the safetensors format, https://github.com/huggingface/safetensors#format.
    """
    path = Path(path)
    if not path.is_file():
        raise InpaintError(f"{path.name}: no such file. Choose a file that is in the checkpoints folder.")
    with path.open("rb") as file:
        start = file.read(512)
    _refuse_text(path, start)
    suffix = path.suffix.lower()
    if suffix in PICKLE_SUFFIXES:
        _check_pickle(path, start)
        return CheckpointHeader(path, "pickle", path.stat().st_size, UNKNOWN.id, UNKNOWN.label, UNKNOWN.inpaint)
    if suffix in SAFETENSORS_SUFFIXES:
        return _describe(path, _read_safetensors(path, start))
    known = ", ".join(SAFETENSORS_SUFFIXES + PICKLE_SUFFIXES)
    raise InpaintError(f"{path.name}: expected a {known} file, got {suffix or 'no suffix'}. Choose a checkpoint.")


def _describe(path: Path, tensors: Mapping[str, _Tensor]) -> CheckpointHeader:
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    found = ((prefix, identify(TensorNames(shapes, prefix))) for prefix in MODEL_PREFIXES)
    prefix, family = next(((p, f) for p, f in found if f is not None), (MODEL_PREFIXES[0], UNKNOWN))
    if family is UNKNOWN and not any(name.startswith(prefix) for name in shapes):
        # A family that the table does not know may also come without the usual prefix; what else it might be is known.
        rest = {name: shape for name, shape in shapes.items() if not name.startswith(tuple(PART_PREFIXES))}
        if rest and lookalike(TensorNames(rest)) is None:
            prefix = ""
    if not any(name.startswith(prefix) for name in shapes):
        looks = lookalike(TensorNames(shapes)) or "something else"
        raise InpaintError(
            f"{path.name}: no diffusion model found in it, it looks like {looks}. "
            "Choose a checkpoint: one file with diffusion model, text encoder and VAE."
        )
    parts: dict[PartName, list[_Tensor]] = {"diffusion model": [], "text encoder": [], "vae": [], "other": []}
    for name, tensor in tensors.items():
        own = next((part for start, part in PART_PREFIXES.items() if name.startswith(start)), None)
        parts[own or ("diffusion model" if name.startswith(prefix) else "other")].append(tensor)
    return CheckpointHeader(
        path=path,
        format="safetensors",
        file_bytes=path.stat().st_size,
        family=family.id,
        label=family.label,
        inpaint=family.inpaint,
        parts=tuple(_sum_up(name, part) for name, part in parts.items() if part),
        tensors=len(tensors),
    )


def _sum_up(name: PartName, tensors: Iterable[_Tensor]) -> Part:
    parameters, dtypes = 0, Counter[str]()
    for tensor in tensors:
        parameters += math.prod(tensor.shape)
        dtypes[tensor.dtype] += tensor.end - tensor.begin
    return Part(name, parameters, dtypes.total(), dict(dtypes))


def _read_safetensors(path: Path, start: bytes) -> dict[str, _Tensor]:
    file_bytes = path.stat().st_size
    length = int.from_bytes(start[:8], "little")
    if start.startswith((b"PK\x03\x04", b"\x80\x02")) and start[8:9] != b"{":
        _damaged(path, "a safetensors header", "a PyTorch pickle", "Rename it to end in .ckpt.")
    if len(start) < 8 or not 2 <= length <= MAX_HEADER_BYTES:
        _damaged(path, f"a header of 2 to {MAX_HEADER_BYTES:,} bytes", f"{length:,} bytes")
    if 8 + length > file_bytes:
        _truncated(path, f"start describes {length:,} bytes of header", file_bytes - 8)
    with path.open("rb") as file:
        text = file.read(8 + length)[8:]
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except RecursionError:
        _damaged(path, "a header of flat JSON", "JSON nested too deep to read")
    except ValueError as error:  # not UTF-8, not JSON, a number too long, or a name that stands twice
        _damaged(path, "a header of JSON", str(error))
    if not isinstance(header, dict):
        _damaged(path, "a header that is a JSON object", type(header).__name__)
    header.pop("__metadata__", None)
    tensors = {name: _read_entry(path, name, entry) for name, entry in header.items()}
    _check_layout(path, tensors, file_bytes - 8 - length)
    return tensors


def _read_entry(path: Path, name: str, entry: Any) -> _Tensor:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [begin, end]}:
            pass
        case _:
            _damaged(path, f"dtype, shape and data_offsets of tensor {name!r}", f"{entry}"[:200])
    if dtype not in DTYPE_BITS:
        _damaged(path, f"a known dtype for tensor {name!r}", repr(dtype), "Update Mend, or use an fp16 version of it.")
    if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and 0 <= n < 2**63 for n in [*shape, begin, end]):
        _damaged(path, f"whole numbers from 0 for tensor {name!r}", f"shape {shape}, offsets {begin}, {end}"[:200])
    bits = math.prod(shape) * DTYPE_BITS[dtype]
    if bits != 8 * (end - begin):
        _damaged(path, f"{math.ceil(bits / 8):,} bytes for tensor {name!r} ({dtype} {shape})", f"{end - begin:,}")
    return _Tensor(dtype, tuple(shape), begin, end)


def _check_layout(path: Path, tensors: Mapping[str, _Tensor], data_bytes: int) -> None:
    position = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin != position:
            _damaged(path, f"tensor {name!r} to start at byte {position:,} of the data", f"{tensor.begin:,}")
        position = tensor.end
    if position > data_bytes:
        _truncated(path, f"header describes {position:,} bytes of tensors", data_bytes)
    if position < data_bytes:
        _damaged(path, f"{position:,} bytes of tensors", f"{data_bytes:,}")


def _refuse_text(path: Path, start: bytes) -> None:
    """A failed download often leaves a web page, an error message or a Git LFS pointer under the model's name."""
    if not start:
        raise InpaintError(f"{path.name}: the file is empty. Download it again.")
    if not re.match(rb"(\xef\xbb\xbf)?[\t\r\n -~]{8}", start):  # no model file starts with eight letters
        return
    kind = "a web page" if re.search(rb"<(!doctype|html|head)", start, re.IGNORECASE) else "text"
    raise InpaintError(
        f"{path.name}: expected a model, got {kind} that begins {start.decode('utf-8', 'replace').strip()[:60]!r}. "
        "The download saved a page or a message instead of the file. Download it again, signed in if the site asks."
    )


def _check_pickle(path: Path, start: bytes) -> None:
    if start.startswith(b"PK"):
        if not zipfile.is_zipfile(path):
            raise InpaintError(f"{path.name}: the file is truncated: its end is missing. Download it again.")
        with zipfile.ZipFile(path) as archive:
            if not any(name.endswith("data.pkl") for name in archive.namelist()):
                raise InpaintError(f"{path.name}: expected a PyTorch file, got another zip archive. Unpack it first.")
    elif start[8:9] == b"{":
        _damaged(path, "a PyTorch pickle", "a safetensors file", "Rename it to end in .safetensors.")
    elif not re.match(rb"\x80[\x02-\x05]", start):
        _damaged(path, "a PyTorch pickle", f"bytes {start[:8].hex(' ')}")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    name, count = Counter(name for name, _ in pairs).most_common(1)[0] if pairs else ("", 0)
    if count > 1:
        raise ValueError(f"the name {name!r} {count} times")
    return dict(pairs)


def _truncated(path: Path, described: str, held: int) -> NoReturn:
    raise InpaintError(f"{path.name}: the file is truncated: {described}, the file holds {held:,}. Download it again.")


def _damaged(path: Path, expected: str, got: str, todo: str = "Download it again.") -> NoReturn:
    raise InpaintError(f"{path.name}: the file is damaged: expected {expected}, got {got}. {todo}")


def _plain_dtype(name: str) -> str:
    return re.sub(r"^f(?=\d)", "fp", name.lower()).replace("_", " ")


def _plain_size(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"

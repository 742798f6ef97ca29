"""What one row of the table of model families holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from .latents import Latents
from .tensor_names import TensorNames

# Native inpainting inputs. "channels": five extra latent channels, for mask and masked picture. "fill": FLUX.1 Fill.
# None: no such inputs.
InpaintInputs = Literal["channels", "fill"] | None
Test = Callable[[TensorNames], object]

SD_DTYPES = ("F16", "BF16", "F32")
DIT_DTYPES = ("BF16", "F32")
ANY_DTYPES = ("BF16", "F16", "F32")


class Width(NamedTuple):
    """The length in a tensor that a model's memory factor grows with."""

    tensor: str
    """Name of the tensor."""
    axis: int
    """Axis of the tensor."""
    length: int
    """Length for which the row's factor holds."""


@dataclass(frozen=True)
class Memory:
    """The memory that sampling takes."""

    factor: float
    """`memory_usage_factor` of ComfyUI 0.33.0 (comfy/supported_models.py): scales its estimate for sampling."""
    dtypes: Sequence[str] = SD_DTYPES
    """The dtypes that the model can compute in, the best first, of the same source."""
    width: Width | None = None
    """What `factor` grows with; None if it is the same for all models of the family."""
    numbers: int = 1
    """Numbers that ComfyUI counts per latent cell: all channels for latents that it packs with sound, else 1."""
    cell: float | None = None
    """Bytes per latent cell and byte of the compute dtype, simulated for a whole network on ComfyUI 0.3.75
    (benchmarks/activations.md); None if nobody measured."""
    base: float = 0.0
    """Bytes at any size, in addition to `cell`, of the same source."""
    in_fp16: float = 1.0
    """What `factor` is multiplied by if the model computes in fp16."""


@dataclass(frozen=True)
class References:
    """How a model takes reference pictures."""

    key: str
    """Key of the conditioning that holds them."""
    method: str
    """How ComfyUI places them by default: its name of the method."""
    positions: str
    """The positions that the tokens of a reference get."""
    most: int | None = None
    """The most references that the makers name; None if they name none that is known here."""
    source: str = ""
    """Where they name it."""
    edits: bool = False
    """Whether every model with these tensors edits. Others have the tensors of a model that does not."""
    pictures: bool = False
    """Whether they are pictures, not latents of the model's VAE."""
    asks_for: str = ""
    """ComfyUI's name of the method that the conditioning has to name; "" if it may leave it out."""
    read_by: str = ""
    """ComfyUI's text encode node that looks at the pictures too; "" if the text encoder reads text alone."""
    read_with_vae: bool = False
    """Whether that node asks for the VAE. It then adds a reference of its own, of a megapixel."""


@dataclass(frozen=True)
class Variant:
    """One of several models of a family, told by its tensors."""

    label: str
    """Name of the model for users."""
    test: Test
    """Returns a true value if the tensors are this variant's."""
    inpaint: InpaintInputs = None
    """Native inpainting inputs."""
    classes: Sequence[str] = ()
    """Those of ComfyUI's classes that are this variant alone."""
    references: References | None = None
    """How it takes reference pictures, where that differs from the family's."""
    dtypes: Sequence[str] | None = None
    """The dtypes that it can compute in, where they differ from the family's."""
    own_inputs: bool = False
    """Whether it has inputs for pictures beside the latent; ComfyUI gives such models no references of this pack's."""


@dataclass(frozen=True)
class Family:
    """One row of the table."""

    id: str
    """Id of the family."""
    label: str
    """Name of the model for users."""
    test: Test
    """Returns a true value if the tensors belong to this family. The first row of the table that fits counts."""
    classes: Sequence[str]
    """ComfyUI's classes of the family (comfy/supported_models.py)."""
    latents: Latents
    """The latents that the model works on."""
    side: int
    """Side in pixels of a square with the area that the model was trained at. Video models have the smallest one
    that their makers recommend."""
    grid: int
    """Pixels that the sides of a picture have to be a multiple of."""
    memory: Memory
    """The memory that sampling takes."""
    text_encoder: str = "stable_diffusion"
    """ComfyUI's name of the kind of text encoder (comfy.sd.CLIPType)."""
    inpaint: InpaintInputs = None
    """Native inpainting inputs."""
    references: References | None = None
    """How it takes reference pictures; None if it takes none."""
    variants: Sequence[Variant] = ()
    """Models of the family with another name or other inputs. The first one that fits counts."""
    whole_patches: bool = False
    """Whether ComfyUI's network fails for latents that are no multiple of `grid`. It pads those of other families."""
    side_v_prediction: int | None = None
    """`side` of those models of the family that predict the velocity; None if there are none."""

    def factor(self, names: TensorNames | None = None) -> float:
        """Return the memory factor of a model. names: its tensors; None for a model of the usual width."""
        width = self.memory.width
        length = 0 if width is None or names is None else names.size(width.tensor, width.axis)
        return self.memory.factor * (length / width.length if width is not None and length else 1)

    def variant(self, names: TensorNames) -> Variant:
        """Return the variant that a model is: one of `variants`, or what the row says itself."""
        own = Variant(self.label, self.test, self.inpaint)
        return next((variant for variant in self.variants if variant.test(names)), own)

    def references_of(self, names: TensorNames) -> References | None:
        """Return how a model takes reference pictures; None if it takes none. names: its tensors."""
        return self.variant(names).references or self.references

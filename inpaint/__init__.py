"""Inpainting on torch tensors, without ComfyUI. Installed with pip it is `mend_inpaint`; docs/library.md shows its use.

core          errors, checks, geometry
imaging       resampling, padding, pyramids, Laplace's equation, color names
masks         operators on masks, clean-up, the mask doctor
model_files   headers of model files read as data
compositing   blends, color correction, registration, the seam score
sampling      what sampling with a mask needs, as formulas
vram          whether a model fits a card
fills         holes filled without a model
edits         what was edited in a picture, and the original with nothing but that
crops         crops around masks and their way back, outpainting
patchmatch    holes filled with pieces of the picture
networks      holes filled by LaMa, MI-GAN, MAT
pipelines     models in diffusers' layout, each inpainted by its own pipeline
batch         from a folder of pictures to a folder of results, through ComfyUI hosts or without

A folder imports only folders above it in this list. Public names and folders are imported when they are first used, so
that a program pays for what it uses.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compositing import Finish as Finish
    from .compositing import paste as paste
    from .compositing import seam as seam
    from .core import Area as Area
    from .core import InpaintError as InpaintError
    from .core import Size as Size
    from .core import join as join
    from .core import match as match
    from .crops import Context as Context
    from .crops import crop as crop
    from .crops import crop_regions as crop_regions
    from .crops import pad_for_outpaint as pad_for_outpaint
    from .crops import plan_box as plan_box
    from .crops import stitch as stitch
    from .crops import stitch_regions as stitch_regions
    from .edits import keep_unedited as keep_unedited
    from .fills import fill_harmonic as fill_harmonic
    from .masks import CleanUp as CleanUp
    from .masks import clean as clean
    from .masks import examine as examine
    from .masks import inpaint_masks as inpaint_masks
    from .masks import mask_boxes as mask_boxes
    from .model_files import read_header as read_header
    from .networks import fill_with as fill_with
    from .networks import load_network as load_network
    from .patchmatch import fill_patchmatch as fill_patchmatch

_FOLDERS: dict[str, tuple[str, ...]] = {
    "batch": (),
    "compositing": ("Finish", "paste", "seam"),
    "core": ("Area", "InpaintError", "Size", "join", "match"),
    "crops": ("Context", "crop", "crop_regions", "pad_for_outpaint", "plan_box", "stitch", "stitch_regions"),
    "edits": ("keep_unedited",),
    "fills": ("fill_harmonic",),
    "imaging": (),
    "masks": ("CleanUp", "clean", "examine", "inpaint_masks", "mask_boxes"),
    "model_files": ("read_header",),
    "networks": ("fill_with", "load_network"),
    "patchmatch": ("fill_patchmatch",),
    "pipelines": (),
    "sampling": (),
    "vram": (),
}
_FOLDER_OF = {name: folder for folder, names in _FOLDERS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _FOLDERS:
        return import_module(f".{name}", __name__)
    if name in _FOLDER_OF:
        return getattr(import_module(f".{_FOLDER_OF[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_FOLDERS, *_FOLDER_OF])

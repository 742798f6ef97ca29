"""Models in diffusers' layout, each inpainted by its own pipeline. diffusers is imported when a model is opened.

routes     which pipeline of diffusers inpaints with which models: one row each
opening    a pipeline from a folder or a file, without a download
offload    where its weights are while it runs
paint      crops repainted by a pipeline
whole      whole pictures: cleaned mask, crop, fill, pipeline, stitch
"""

from .offload import apply_offload, offload_for
from .opening import Choice, Opened, open_pipeline
from .paint import Crop, repaint
from .whole import Repainted, Whole, Wish, repaint_all

__all__ = [
    "Choice",
    "Crop",
    "Opened",
    "Repainted",
    "Whole",
    "Wish",
    "apply_offload",
    "offload_for",
    "open_pipeline",
    "repaint",
    "repaint_all",
]

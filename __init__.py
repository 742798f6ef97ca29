"""Mend: inpainting nodes for ComfyUI.

The host imports this file at start-up. Heavy modules, cv2 above all, are imported by the functions that use them.
"""

import importlib.util
import logging
import re


def _load_error() -> str | None:
    """Why this pack cannot load, and the fix, as one sentence. None if it can."""
    if importlib.util.find_spec("comfyui_version") is None:
        if importlib.util.find_spec("folder_paths") is not None:
            return "needs ComfyUI 0.3.75 or newer, this one is older. Update ComfyUI."
        return "this is a ComfyUI custom node pack: put its folder into ComfyUI/custom_nodes."
    from comfyui_version import __version__ as version

    if tuple(int(part) for part in re.findall(r"\d+", version)[:3]) < (0, 3, 75):
        return f"needs ComfyUI 0.3.75 or newer, this is {version}. Update ComfyUI."
    if importlib.util.find_spec("cv2") is None:
        return "needs OpenCV. Run: python -m pip install opencv-python-headless (with the Python that runs ComfyUI)."
    return None


_error = _load_error()
if _error is None:
    from .nodes import comfy_entrypoint

    # Only here: a host that gets no nodes gets no files for its page either.
    WEB_DIRECTORY = "./web"
    __all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
else:
    logging.error("Mend is not loaded: %s", _error)
    NODE_CLASS_MAPPINGS: dict = {}
    __all__ = ["NODE_CLASS_MAPPINGS"]

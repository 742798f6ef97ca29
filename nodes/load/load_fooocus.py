"""Load Fooocus Inpaint Patch."""

from typing import Any

from comfy_api.latest import io

from ... import host
from ...inpaint.core.errors import InpaintError
from ...inpaint.sampling import fooocus
from ..shared.choices import check_choices
from ..shared.file_stamps import stamps
from ..shared.types import FooocusPatch


class LoadFooocusPatch(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        names = host.inpaint_names()
        return io.Schema(
            node_id="MendLoadFooocusPatch",
            display_name="Load Fooocus Inpaint Patch",
            category="Mend/Load",
            description="Loads the two files that make a general SDXL model one for inpainting. They are read as data "
            "only, and checked: a wrong or broken file is named.",
            inputs=[
                io.Combo.Input(
                    "head",
                    options=names,
                    default=next((name for name in names if "head" in name.lower()), None),
                    tooltip=f"{fooocus.HEAD_FILE}, a file in models/inpaint. {fooocus.WHERE_FROM}",
                ),
                io.Combo.Input(
                    "patch",
                    options=names,
                    default=next((name for name in reversed(names) if name.lower().endswith(".patch")), None),
                    tooltip=f"{fooocus.PATCH_FILE}, a file in models/inpaint. {fooocus.WHERE_FROM}",
                ),
            ],
            outputs=[FooocusPatch.Output(display_name="patch", tooltip="For Apply Fooocus Inpaint.")],
        )

    @classmethod
    def validate_inputs(cls, head: str | None, patch: str | None) -> bool | str:
        return _no_file_error() or check_choices(cls, head=head, patch=patch)

    @classmethod
    def fingerprint_inputs(cls, head: str | None, patch: str | None) -> Any:
        return stamps([("inpaint", head), ("inpaint", patch)])

    @classmethod
    def execute(cls, head: str, patch: str) -> io.NodeOutput:
        if error := _no_file_error():
            raise InpaintError(error)
        weights, changes = (host.load_weights(host.model_path("inpaint", name)) for name in (head, patch))
        loaded = fooocus.read_patch(weights, changes, head, patch)
        return io.NodeOutput(loaded, ui={"text": (f"The patch changes {len(loaded.deltas):,} weights.",)})


def _no_file_error() -> str | None:
    """Return the error text if models/inpaint has no file."""
    return None if host.inpaint_names() else f"models/inpaint: expected two files, got none. {fooocus.WHERE_FROM}"

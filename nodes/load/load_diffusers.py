"""Load Diffusers Model: a folder in diffusers' layout, which ComfyUI cannot load."""

from typing import Any

from comfy_api.latest import io

from ... import host
from ...inpaint.core.errors import InpaintError
from ..shared.choices import check_choices
from ..shared.types import PipelineType
from ..shared.widgets import advanced

WHERE = "Put a model's whole folder, which has model_index.json, into models/diffusers, and press R."


class LoadDiffusers(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        names = host.pipeline_names()
        return io.Schema(
            node_id="MendLoadDiffusers",
            display_name="Load Diffusers Model",
            category="Mend/Load",
            description="Loads a model's folder in diffusers' layout, for Inpaint with Diffusers: SD 1.5, SD 2, SDXL, "
            "FLUX.1 Fill, Kontext, FLUX.2 Klein, Qwen-Image, Z-Image, SD 3. Nothing is downloaded.",
            inputs=[
                io.Combo.Input(
                    "model_name",
                    options=names,
                    default=next(iter(names), None),
                    tooltip=f"A folder in models/diffusers. {WHERE}",
                ),
                advanced(
                    io.Combo.Input(
                        "dtype",
                        options=["auto", "float32", "float16", "bfloat16"],
                        default="auto",
                        tooltip="What it computes in. auto: half on a graphics card, float32 without.",
                    )
                ),
            ],
            outputs=[PipelineType.Output(display_name="pipeline", tooltip="For Inpaint with Diffusers.")],
        )

    @classmethod
    def validate_inputs(cls, model_name: str | None, dtype: str | None = None) -> bool | str:
        return _nothing_there() or check_choices(cls, model_name=model_name, dtype=dtype)

    @classmethod
    def fingerprint_inputs(cls, model_name: str | None, dtype: str | None = None) -> Any:
        return None if model_name is None else (host.pipeline_stamp(model_name), dtype)

    @classmethod
    def execute(cls, model_name: str, dtype: str = "auto") -> io.NodeOutput:
        if error := _nothing_there():
            raise InpaintError(error)
        held = host.hold_pipeline(model_name, dtype)
        placed = "" if held.opened.offload == "none" else f" Its weights are offloaded: {held.opened.offload}."
        return io.NodeOutput(held, ui={"text": (f"{held.opened.label}.{placed}",)})


def _nothing_there() -> str | None:
    """Return the error text if models/diffusers has no pipeline."""
    return None if host.pipeline_names() else f"models/diffusers: expected a model's folder, got none. {WHERE}"

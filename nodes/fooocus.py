"""Fooocus' inpainting patch: its files are loaded in Mend/Load, and a model is patched in Mend/Encode."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from .. import host
from ..inpaint.core.errors import InpaintError
from ..inpaint.masks import pool
from ..inpaint.masks.clean import coverage
from ..inpaint.sampling import conditioning, fooocus
from ..inpaint.sampling.latent_formats import LatentShape, check_vae
from .choices import check_choices
from .load import stamps
from .planning import budget_of, tiled

FooocusPatch = io.Custom("MEND_FOOOCUS_PATCH")


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
        return _nothing_there() or check_choices(cls, head=head, patch=patch)

    @classmethod
    def fingerprint_inputs(cls, head: str | None, patch: str | None) -> Any:
        return stamps([("inpaint", head), ("inpaint", patch)])

    @classmethod
    def execute(cls, head: str, patch: str) -> io.NodeOutput:
        if nothing := _nothing_there():
            raise InpaintError(nothing)
        weights, changes = (host.load_weights(host.model_path("inpaint", name)) for name in (head, patch))
        loaded = fooocus.read_patch(weights, changes, head, patch)
        return io.NodeOutput(loaded, ui={"text": (f"The patch changes {len(loaded.deltas):,} weights.",)})


class ApplyFooocusInpaint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendApplyFooocusInpaint",
            display_name="Apply Fooocus Inpaint",
            category="Mend/Encode",
            description="Makes a general SDXL model one for inpainting, for this picture and this mask: it sees what "
            "is around the hole. The model that is given stays as it is.",
            inputs=[
                io.Model.Input("model", tooltip="An SDXL model; none for inpainting, and none of few steps."),
                FooocusPatch.Input("patch", tooltip="From Load Fooocus Inpaint Patch."),
                io.Vae.Input("vae", tooltip="The VAE that belongs to the model."),
                io.Image.Input("image", tooltip="The picture, the same as for Encode for Inpainting."),
                io.Mask.Input(
                    "mask",
                    tooltip="The same as for Encode for Inpainting. The model does not see what is 0.5 and more.",
                ),
            ],
            outputs=[io.Model.Output(display_name="model", tooltip="For the sampler.")],
        )

    @classmethod
    def execute(cls, model: Any, patch: fooocus.Patch, vae: Any, image: Tensor, mask: Tensor) -> io.NodeOutput:
        if not host.is_general_sdxl(model):
            raise InpaintError(
                "model: expected an SDXL model with 4 input channels, which the Fooocus patch is made for. Models for "
                "inpainting need none, and others inpaint through Encode for Inpainting."
            )
        if host.has_fooocus(model):
            raise InpaintError("model: expected one without a Fooocus patch, got one that has it. Apply it once.")
        deltas = fooocus.check_fits(patch, host.weight_shapes(model))

        check_vae("SDXL", "SDXL", LatentShape(4, frames=False), LatentShape(*host.vae_latents(vae)))
        prepared = conditioning.prepare(image, mask, host.vae_ratio(vae))
        encoded = host.encode(vae, prepared.hidden, budget_of(vae))
        latent = host.in_model_scale(model, encoded.result)
        feature = fooocus.head_feature(patch.head, pool(prepared.hard, latent.shape), latent)
        told = [_report(len(deltas), patch), coverage(prepared.hard), *tiled("encoded", encoded)]
        return io.NodeOutput(host.with_fooocus(model, deltas, feature), ui={"text": ("\n".join(told),)})


def _nothing_there() -> str | None:
    return None if host.inpaint_names() else f"models/inpaint: expected two files, got none. {fooocus.WHERE_FROM}"


def _report(patched: int, patch: fooocus.Patch) -> str:
    told = f"{patched:,} weights of the model are patched."
    missing = len(patch.deltas) + patch.left_out - patched
    return f"{told} {missing:,} that the patch changes are not in this model." if missing else told

"""Apply Fooocus Inpaint."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...host.planning import budget_of, tiled
from ...inpaint.core.errors import InpaintError
from ...inpaint.masks import pool
from ...inpaint.masks.clean import coverage
from ...inpaint.model_families.latents import LatentShape
from ...inpaint.model_families.unets import SDXL
from ...inpaint.model_families.vae_check import check_vae
from ...inpaint.sampling import conditioning, fooocus
from ..shared.types import FooocusPatch


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
                "model: expected an SDXL model with 4 input channels, got another. The Fooocus patch fits only those: "
                "use Encode for Inpainting instead. Inpainting models need no patch."
            )
        if host.has_fooocus(model):
            raise InpaintError("model: expected a model without a Fooocus patch, got one with a patch. Apply it once.")
        deltas = fooocus.check_fits(patch, host.weight_shapes(model))

        check_vae(SDXL.latents, SDXL.label, LatentShape(*host.vae_latents(vae)))
        prepared = conditioning.prepare(image, mask, host.vae_ratio(vae))
        encoded = host.encode(vae, prepared.hidden, budget_of(vae))
        latent = host.in_model_scale(model, encoded.result)
        feature = fooocus.head_feature(patch.head, pool(prepared.hard, latent.shape), latent)
        messages = [_report(len(deltas), patch), coverage(prepared.hard), *tiled("encoded", encoded)]
        return io.NodeOutput(host.with_fooocus(model, deltas, feature), ui={"text": ("\n".join(messages),)})


def _report(patched: int, patch: fooocus.Patch) -> str:
    message = f"{patched:,} weights of the model are patched."
    missing = len(patch.deltas) + patch.left_out - patched
    return f"{message} Weights of the patch that this model lacks: {missing:,}." if missing else message

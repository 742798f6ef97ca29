"""Keep Outside Mask: let the host's samplers keep what the noise mask leaves out, in every stage."""

from typing import Any

from comfy_api.latest import io

from ... import host


class KeepOutside(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendKeepOutside",
            display_name="Keep Outside Mask",
            category="Mend/Sample",
            description="For ComfyUI's own samplers, most of all in several stages (KSampler Advanced, split sigmas, "
            "two expert models): what the noise mask leaves out stays as it was, bit for bit. Masked Sampler and Soft "
            "Inpaint do this by themselves.",
            inputs=[io.Model.Input("model", tooltip="The model of one stage. Any will do.")],
            outputs=[io.Model.Output(display_name="model", tooltip="For any sampler.")],
        )

    @classmethod
    def execute(cls, model: Any) -> io.NodeOutput:
        return io.NodeOutput(host.with_latent_preserved_outside_mask(model))

"""Inpaint with Network: fill the masked area with LaMa, MI-GAN or MAT."""

from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...inpaint.core.checks import match
from ..shared.crop_inputs import stitch_outputs, stitched
from ..shared.types import NetworkType
from ..shared.widgets import all_advanced, pixels


class InpaintWithNetwork(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendInpaintWithNetwork",
            display_name="Inpaint with Network",
            category="Mend/Fill",
            description="Fills the masked area with a network, without a prompt: removes objects, people, wires, text "
            "and scratches in a second or so. Each hole is seen in a crop at the picture's own scale. Beyond the mask "
            "and its soft edge every pixel stays bit-identical.",
            inputs=[
                NetworkType.Input("network", tooltip="From Load Inpaint Network."),
                io.Image.Input("image", tooltip="The picture, or several. Alpha is carried through."),
                io.Mask.Input("mask", tooltip="What is to be filled: an object with its shadow. Every pixel above 0."),
                pixels("grow", 4.0, "Widen the mask by this, in pixels: the rim of what is removed goes with it."),
                pixels(
                    "feather",
                    4.0,
                    "Width in pixels of the soft edge around the grown mask. 0 mixes by the mask's own values.",
                ),
                *all_advanced(
                    io.Float.Input(
                        "context_factor",
                        default=2.0,
                        min=1.0,
                        max=16.0,
                        step=0.05,
                        tooltip="How much of the picture the network sees: 2 is twice as wide and high as the hole. It "
                        "sees 512x512 pixels at least.",
                    ),
                    io.Int.Input(
                        "max_size",
                        default=1024,
                        min=256,
                        max=4096,
                        step=8,
                        tooltip="Longest side in pixels of what LaMa is shown. A larger crop is reduced to it: lower "
                        "means less detail, and more of a plan in large holes. MI-GAN and MAT have one size.",
                    ),
                ),
            ],
            outputs=stitch_outputs(),
        )

    @classmethod
    def execute(
        cls,
        network: host.HeldNetwork,
        image: Tensor,
        mask: Tensor,
        grow: float,
        feather: float,
        context_factor: float = 2.0,
        max_size: int = 1024,
    ) -> io.NodeOutput:
        from ...inpaint.networks import fill_with

        image, mask = match(image, mask)
        filled = fill_with(
            host.runner(network),
            network.network.grid,
            image,
            mask,
            grow=grow,
            feather=feather,
            context=context_factor,
            most=max_size,
            progress=host.progress_bar(),
        )
        messages = [f"{network.network.label}: {sentence}" for sentence in filled.messages()]
        return stitched(image, filled.image, filled.mask, filled.unusable, messages)

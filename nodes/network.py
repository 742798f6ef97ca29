"""Networks that fill holes: their files are loaded in Mend/Load, and pictures are filled in Mend/Fill."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from .. import host
from ..inpaint.core.checks import match
from ..inpaint.core.errors import InpaintError
from ..inpaint.core.units import plain_dtype
from .choices import check_choices
from .crop_shared import stitch_outputs, stitched
from .load import stamps
from .widgets import all_advanced, pixels

NetworkType = io.Custom("MEND_NETWORK")
WHERE_FROM = (
    "Download big-lama.pt from github.com/Sanster/models/releases/tag/add_big_lama to models/inpaint, and press R."
)


class LoadNetwork(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        names = host.network_names()
        return io.Schema(
            node_id="MendLoadNetwork",
            display_name="Load Inpaint Network",
            category="Mend/Load",
            description="Loads a small network that fills holes by itself, without a prompt: LaMa, MI-GAN or MAT. The "
            "file is read as data only: nothing in it is run, TorchScript included.",
            inputs=[
                io.Combo.Input(
                    "network_name",
                    options=names,
                    default=next((name for name in names if "lama" in name.lower()), None),
                    tooltip=f"A file in models/inpaint: big-lama.pt, migan_traced.pt or another. {WHERE_FROM}",
                ),
            ],
            outputs=[NetworkType.Output(display_name="network", tooltip="For Inpaint with Network.")],
        )

    @classmethod
    def validate_inputs(cls, network_name: str | None) -> bool | str:
        return _nothing_there() or check_choices(cls, network_name=network_name)

    @classmethod
    def fingerprint_inputs(cls, network_name: str | None) -> Any:
        return stamps([("inpaint", network_name)])

    @classmethod
    def execute(cls, network_name: str) -> io.NodeOutput:
        # Imported when one is loaded: most sessions load none.
        from ..inpaint.networks import load_network

        if nothing := _nothing_there():
            raise InpaintError(nothing)
        network = load_network(host.model_path("inpaint", network_name), host.load_weights)
        held = host.hold_network(network)
        parameters = sum(weight.numel() for weight in network.module.parameters())
        told = [f"{network.label}, {parameters / 1e6:,.1f} M parameters, computes in {plain_dtype(held.computes_in)}."]
        return io.NodeOutput(held, ui={"text": ("\n".join([*told, *filter(None, [network.note])]),)})


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
        from ..inpaint.networks import fill_with

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
        told = [f"{network.network.label}: {sentence}" for sentence in filled.told()]
        return stitched(image, filled.image, filled.mask, filled.unusable, told)


def _nothing_there() -> str | None:
    return None if host.network_names() else f"models/inpaint: expected a network, got no file. {WHERE_FROM}"

"""Load Inpaint Network: LaMa, MI-GAN, MAT."""

from typing import Any

from comfy_api.latest import io

from ... import host
from ...inpaint.core.errors import InpaintError
from ...inpaint.core.units import plain_dtype
from ..shared.choices import check_choices
from ..shared.file_stamps import stamps
from ..shared.types import NetworkType

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
        return _no_file_error() or check_choices(cls, network_name=network_name)

    @classmethod
    def fingerprint_inputs(cls, network_name: str | None) -> Any:
        return stamps([("inpaint", network_name)])

    @classmethod
    def execute(cls, network_name: str) -> io.NodeOutput:
        # Imported here because most sessions load no network.
        from ...inpaint.networks import load_network

        if error := _no_file_error():
            raise InpaintError(error)
        network = load_network(host.model_path("inpaint", network_name), host.load_weights)
        held = host.hold_network(network)
        parameters = sum(weight.numel() for weight in network.module.parameters())
        messages = [
            f"{network.label}, {parameters / 1e6:,.1f} M parameters, computes in {plain_dtype(held.computes_in)}."
        ]
        return io.NodeOutput(held, ui={"text": ("\n".join([*messages, *filter(None, [network.note])]),)})


def _no_file_error() -> str | None:
    """Return the error text if models/inpaint has no file for a network."""
    return None if host.network_names() else f"models/inpaint: expected a network, got no file. {WHERE_FROM}"

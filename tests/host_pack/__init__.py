"""Test-only nodes, placed beside the pack on a host that tests run. Never shipped.

They stand in for what tests cannot have: the text encoders of newer models are 5 GB and more.
"""

import hashlib

import torch
from comfy_api.latest import ComfyExtension, io

FLUX_TEXT = (1, 256, 4096)
FLUX_POOLED = (1, 768)


class FluxConditioning(io.ComfyNode):
    """Takes the place of CLIP Text Encode, with the same inputs; only the class of the node is changed."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TestFluxConditioning",
            display_name="Flux Conditioning (test only)",
            category="Mend/Test",
            description="Random numbers in the shape that T5-XXL and CLIP-L give to Flux; the same for the same text.",
            inputs=[
                io.String.Input("text", multiline=True, tooltip="Picks the numbers."),
                io.Clip.Input("clip", optional=True, tooltip="Not used."),
            ],
            outputs=[io.Conditioning.Output(display_name="conditioning", tooltip="For Flux only.")],
        )

    @classmethod
    def execute(cls, text: str, clip: object = None) -> io.NodeOutput:
        digest = hashlib.sha256(text.encode()).digest()
        random = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
        embedding = torch.randn(FLUX_TEXT, generator=random)
        return io.NodeOutput([[embedding, {"pooled_output": torch.randn(FLUX_POOLED, generator=random)}]])


class TestExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [FluxConditioning]


async def comfy_entrypoint() -> TestExtension:
    return TestExtension()

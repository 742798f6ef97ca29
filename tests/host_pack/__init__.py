"""Test-only nodes, placed beside the pack on a host that tests run. Never shipped.

They stand in for what tests cannot have: the text encoders of newer models are 5 GB and more.
"""

import hashlib

import torch
from comfy_api.latest import ComfyExtension, io

FLUX_TEXT, FLUX_POOLED = (1, 256, 4096), (1, 768)
# Of 16 words: three layers of Mistral Small 3 side by side, three of Qwen3 4B, and Qwen2.5-VL 7B.
FLUX2_TEXT, KLEIN_TEXT, QWEN_TEXT = (1, 16, 15360), (1, 16, 7680), (1, 16, 3584)


def _conditioning(text: str, shape: tuple[int, ...], pooled: tuple[int, ...] | None = None) -> list:
    """Return random numbers; the same for the same text."""
    digest = hashlib.sha256(text.encode()).digest()
    random = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    embedding = torch.randn(shape, generator=random)
    return [[embedding, {} if pooled is None else {"pooled_output": torch.randn(pooled, generator=random)}]]


def _stand_in(name: str, model: str, shape: tuple[int, ...], pooled: tuple[int, ...] | None = None) -> type:
    """Make a node that takes the place of CLIP Text Encode, with the same inputs; only its class is changed."""

    class Conditioning(io.ComfyNode):
        @classmethod
        def define_schema(cls) -> io.Schema:
            return io.Schema(
                node_id=f"Test{name}Conditioning",
                display_name=f"{model} Conditioning (test only)",
                category="Mend/Test",
                description=f"Random numbers in the shape that {model} is given; the same for the same text.",
                inputs=[
                    io.String.Input("text", multiline=True, tooltip="Picks the numbers."),
                    io.Clip.Input("clip", optional=True, tooltip="Not used."),
                ],
                outputs=[io.Conditioning.Output(display_name="conditioning", tooltip=f"For {model} only.")],
            )

        @classmethod
        def execute(cls, text: str, clip: object = None) -> io.NodeOutput:
            return io.NodeOutput(_conditioning(text, shape, pooled))

    return Conditioning


class QwenEditConditioning(io.ComfyNode):
    """Takes the place of ComfyUI's Text Encode Qwen Image Edit Plus, with the same inputs."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TestQwenEditConditioning",
            display_name="Qwen-Image-Edit Conditioning (test only)",
            category="Mend/Test",
            description="Random numbers in the shape that Qwen2.5-VL gives to Qwen-Image-Edit.",
            inputs=[
                io.Clip.Input("clip", optional=True, tooltip="Not used."),
                io.String.Input("prompt", multiline=True, tooltip="Picks the numbers."),
                io.Vae.Input("vae", optional=True, tooltip="Not used."),
                *(io.Image.Input(f"image{i}", optional=True, tooltip="Not used.") for i in (1, 2, 3)),
            ],
            outputs=[io.Conditioning.Output(display_name="conditioning", tooltip="For Qwen-Image-Edit only.")],
        )

    @classmethod
    def execute(cls, prompt: str, **unused: object) -> io.NodeOutput:
        return io.NodeOutput(_conditioning(prompt, QWEN_TEXT))


class TestExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            _stand_in("Flux", "FLUX.1", FLUX_TEXT, FLUX_POOLED),
            _stand_in("Flux2", "FLUX.2", FLUX2_TEXT),
            _stand_in("Klein", "FLUX.2 Klein", KLEIN_TEXT),
            QwenEditConditioning,
        ]


async def comfy_entrypoint() -> TestExtension:
    return TestExtension()

"""Identify the model family of a file by the names and shapes of its tensors.

Each family is one row of a table. The tests follow the host's own detection (`comfy/model_detection.py`), narrowed to
the image models that people inpaint with. The host may know more families than the table.
"""

import re
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

Inpaint = Literal["channels", "fill"] | None

# Published Flux files name this tensor `scale`; newer hosts save it as `weight`.
KEY_NORM = r"^double_blocks\.0\.img_attn\.norm\.key_norm\.(scale|weight)$"


class TensorNames:
    """Names and shapes of the tensors under one prefix of a file. The prefix is removed from the names."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], prefix: str = "") -> None:
        self.shapes = {k.removeprefix(prefix): v for k, v in shapes.items() if k.startswith(prefix)}

    def has(self, *names: str) -> bool:
        """Whether all these tensors exist."""
        return all(name in self.shapes for name in names)

    def some(self, pattern: str) -> str | None:
        """Return the first name that matches a regular expression, or None."""
        return next(filter(re.compile(pattern).search, self.shapes), None)

    def size(self, name: str | None, axis: int) -> int:
        """Return the length of one axis, or 0 if there is no such tensor or axis."""
        shape = self.shapes.get(name or "", ())
        return shape[axis] if axis < len(shape) else 0

    def unet(self, width: int, context: int) -> bool:
        """Whether this is a UNet (original or diffusers names). A ControlNet lacks an output layer and does not match.

        Args:
            width: output channels of the first layer.
            context: channels of the text embedding.
        """
        first, last = ("conv_in", "conv_out") if self.has("conv_in.weight") else ("input_blocks.0.0", "out.2")
        if not self.has(f"{last}.weight") or self.size(f"{first}.weight", 0) != width:
            return False
        return self.size(self.some(r"attn2\.to_k\.weight$"), 1) == context

    def unet_inputs(self) -> int:
        """Return the number of input channels of a UNet."""
        return self.size("input_blocks.0.0.weight", 1) or self.size("conv_in.weight", 1)

    def flux(self, inputs: int = 0) -> bool:
        """Whether this is a Flux model with this many input channels; 0 = any number."""
        found = self.some(KEY_NORM) is not None and self.has("final_layer.linear.weight")
        return found and inputs in (0, self.size("img_in.weight", 1))

    def hunyuan(self) -> bool:
        """Whether this is a HunyuanVideo or HunyuanImage model."""
        return self.some(r"^txt_in\.individual_token_refiner\.") is not None


class Family(NamedTuple):
    """One row of the table. The first row whose test is true is the family of a file."""

    id: str
    """Id of the family."""
    label: str
    """Name of the model for users."""
    inpaint: Inpaint
    """Native inpainting inputs, as in `CheckpointHeader.inpaint`."""
    test: Callable[[TensorNames], object]
    """Returns a true value if the tensors belong to this family."""


UNKNOWN = Family("unknown", "Unknown model family", None, lambda names: True)
FAMILIES = (
    Family("sd3", "Stable Diffusion 3", None, lambda n: n.has("joint_blocks.0.context_block.attn.qkv.weight")),
    Family("chroma", "Chroma", None, lambda n: n.some(r"^distilled_guidance_layer\.")),
    Family("flux2", "FLUX.2", None, lambda n: n.has("double_stream_modulation_img.lin.weight")),
    # Hunyuan blocks have the names of Flux blocks, so these rows come before Flux.
    Family("hunyuan-image", "HunyuanImage 2.1", None, lambda n: n.hunyuan() and not n.size("img_in.proj.weight", 4)),
    Family("hunyuan-video", "HunyuanVideo", None, lambda n: n.hunyuan()),
    Family("flux", "FLUX.1 Fill", "fill", lambda n: n.flux(inputs=384)),
    Family("flux", "FLUX.1 Canny or Depth", None, lambda n: n.flux(inputs=128)),
    Family("flux", "FLUX.1 dev", None, lambda n: n.flux() and n.some(r"^guidance_in\.")),
    Family("flux", "FLUX.1 schnell", None, lambda n: n.flux()),
    Family("qwen-image", "Qwen-Image", None, lambda n: n.has("txt_norm.weight", "img_in.weight")),
    Family("z-image", "Z-Image", None, lambda n: n.size("cap_embedder.1.weight", 0) == 3840),
    Family("lumina2", "Lumina 2", None, lambda n: n.size("cap_embedder.1.weight", 0) == 2304),
    Family("wan", "Wan", None, lambda n: n.has("head.modulation", "patch_embedding.weight")),
    Family("svd", "Stable Video Diffusion", None, lambda n: n.unet(320, 1024) and n.some(r"\.time_stack\.")),
    Family("sd15", "Stable Diffusion 1.5", None, lambda n: n.unet(320, 768)),
    Family("sd2", "Stable Diffusion 2", None, lambda n: n.unet(320, 1024)),
    Family("sdxl", "SDXL", None, lambda n: n.unet(320, 2048)),
    Family("sdxl-refiner", "SDXL refiner", None, lambda n: n.unet(384, 1280)),
    Family("x4-upscaler", "Stable Diffusion x4 upscaler", None, lambda n: n.unet(256, 1024)),
)
# Families that have variants with more input channels than the four of the latent.
VARIED = ("sd15", "sd2", "sdxl")
# By number of input channels: the label's suffix and the native inpainting inputs.
VARIANTS: dict[int, tuple[str, Inpaint]] = {
    9: (" inpainting (9-channel)", "channels"),
    8: (" editing (8-channel)", None),
}
# Patterns of tensor names in files that contain no diffusion model.
LOOKALIKES = {
    "a LoRA": r"lora[._]|\.(hada|lokr)_w|\.oft_blocks",
    "a ControlNet": r"control_model\.|controlnet_|input_hint_block\.",
    "a text encoder": r"text_model\.encoder\.|^(encoder|decoder)\.block\.0\.layer\.|^model\.layers\.0\.self_attn\.",
    "a VAE": r"^(first_stage_model\.|vae\.)?(encoder|decoder|taesd_decoder)\.",
    "an embedding": r"^(emb_params|clip_[lgh]|\*)$",
}


def identify(names: TensorNames) -> Family | None:
    """Return the family of a diffusion model, or None if no row matches."""
    family = next((row for row in FAMILIES if row.test(names)), None)
    if family is None or family.id not in VARIED:
        return family
    variant, inpaint = VARIANTS.get(names.unet_inputs(), ("", None))
    return family._replace(label=family.label + variant, inpaint=inpaint)


def lookalike(names: TensorNames) -> str | None:
    """Name the kind of a file without a diffusion model ("a LoRA"); None if no pattern matches."""
    return next((what for what, pattern in LOOKALIKES.items() if names.some(pattern)), None)

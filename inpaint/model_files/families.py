"""Which model family a file holds, told from the names and shapes of its tensors alone.

Each family is one row of a table. The tests follow the host's own detection (`comfy/model_detection.py`), narrowed to
the image models that people inpaint with; the host may know more families than the table.
"""

import re
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

Inpaint = Literal["channels", "fill"] | None

# Published Flux files name it scale; newer hosts save it as weight.
KEY_NORM = r"^double_blocks\.0\.img_attn\.norm\.key_norm\.(scale|weight)$"


class TensorNames:
    """Tensor names and shapes of one file, with the prefix taken off."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], prefix: str = "") -> None:
        self.shapes = {k.removeprefix(prefix): v for k, v in shapes.items() if k.startswith(prefix)}

    def has(self, *names: str) -> bool:
        return all(name in self.shapes for name in names)

    def some(self, pattern: str) -> str | None:
        return next(filter(re.compile(pattern).search, self.shapes), None)

    def size(self, name: str | None, axis: int) -> int:
        """Length of one axis; 0 where there is no such tensor or axis."""
        shape = self.shapes.get(name or "", ())
        return shape[axis] if axis < len(shape) else 0

    def unet(self, width: int, context: int) -> bool:
        """A UNet (original or diffusers names) of this first width and text width; a ControlNet has no output."""
        first, last = ("conv_in", "conv_out") if self.has("conv_in.weight") else ("input_blocks.0.0", "out.2")
        if not self.has(f"{last}.weight") or self.size(f"{first}.weight", 0) != width:
            return False
        return self.size(self.some(r"attn2\.to_k\.weight$"), 1) == context

    def unet_inputs(self) -> int:
        return self.size("input_blocks.0.0.weight", 1) or self.size("conv_in.weight", 1)

    def flux(self, inputs: int = 0) -> bool:
        found = self.some(KEY_NORM) is not None and self.has("final_layer.linear.weight")
        return found and inputs in (0, self.size("img_in.weight", 1))

    def hunyuan(self) -> bool:
        return self.some(r"^txt_in\.individual_token_refiner\.") is not None


class Family(NamedTuple):
    """One row of the table; the first row whose test is true names the family."""

    id: str
    label: str
    inpaint: Inpaint
    test: Callable[[TensorNames], object]


UNKNOWN = Family("unknown", "Unknown model family", None, lambda names: True)
FAMILIES = (
    Family("sd3", "Stable Diffusion 3", None, lambda n: n.has("joint_blocks.0.context_block.attn.qkv.weight")),
    Family("chroma", "Chroma", None, lambda n: n.some(r"^distilled_guidance_layer\.")),
    Family("flux2", "FLUX.2", None, lambda n: n.has("double_stream_modulation_img.lin.weight")),
    # Their blocks have the names of Flux's.
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
# Families that come with more input channels than the latent's four, and what those mean.
VARIED = ("sd15", "sd2", "sdxl")
VARIANTS: dict[int, tuple[str, Inpaint]] = {
    9: (" inpainting (9-channel)", "channels"),
    8: (" editing (8-channel)", None),
}
LOOKALIKES = {
    "a LoRA": r"lora[._]|\.(hada|lokr)_w|\.oft_blocks",
    "a ControlNet": r"control_model\.|controlnet_|input_hint_block\.",
    "a text encoder": r"text_model\.encoder\.|^(encoder|decoder)\.block\.0\.layer\.|^model\.layers\.0\.self_attn\.",
    "a VAE": r"^(first_stage_model\.|vae\.)?(encoder|decoder|taesd_decoder)\.",
    "an embedding": r"^(emb_params|clip_[lgh]|\*)$",
}


def identify(names: TensorNames) -> Family | None:
    """The family of one diffusion model, or None."""
    family = next((row for row in FAMILIES if row.test(names)), None)
    if family is None or family.id not in VARIED:
        return family
    variant, inpaint = VARIANTS.get(names.unet_inputs(), ("", None))
    return family._replace(label=family.label + variant, inpaint=inpaint)


def lookalike(names: TensorNames) -> str | None:
    """What a file without a diffusion model looks like, in a few words; None where nothing we know."""
    return next((what for what, pattern in LOOKALIKES.items() if names.some(pattern)), None)

"""Menu Mend/Encode: a picture and a mask made into what a model inpaints from."""

from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from .. import host
from ..inpaint import conditioning
from ..inpaint.checks import match
from ..inpaint.geometry import Size, pad_image, pad_mask
from ..inpaint.masks import pool
from .choices import check_choices
from .planning import budget_of, tiled

# The seed of the noise content. The sampler's own seed varies the result; this only has to be another one.
NOISE_SEED = 0x4D656E64


class EncodeInpaint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendEncodeInpaint",
            display_name="Encode for Inpainting",
            category="Mend/Encode",
            description="Prepares picture and mask for sampling, for every kind of model. It finds out by itself "
            "whether the model has inpainting inputs of its own (9-channel SD 1.5, SD 2, SDXL; Flux Fill) and sets "
            "them.",
            inputs=[
                io.Model.Input("model", tooltip="The model that will sample. It is only looked at, not changed."),
                io.Conditioning.Input("positive", tooltip="What should be there."),
                io.Conditioning.Input("negative", tooltip="What should not."),
                io.Vae.Input("vae", tooltip="The VAE that belongs to the model."),
                io.Image.Input(
                    "image", tooltip="The picture. Any size: it is padded at the right and bottom, never moved."
                ),
                io.Mask.Input("mask", tooltip="White (1) is repainted. A soft mask repaints in part."),
                io.Combo.Input(
                    "masked_content",
                    options=["original", "neutral", "noise"],
                    default="original",
                    tooltip="What the masked area holds before sampling. original: the picture. neutral: grey, which "
                    "saves one VAE pass with inpainting models (use denoise 1.0). noise: random latents (use a high "
                    "denoise).",
                ),
                io.Boolean.Input(
                    "noise_mask",
                    default=True,
                    tooltip="Hold the latents outside the mask while sampling. Only models with inpainting inputs "
                    "can do without; for all others it must stay on.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    display_name="positive", tooltip="With the model's inpainting inputs, if it has any."
                ),
                io.Conditioning.Output(
                    display_name="negative", tooltip="With the model's inpainting inputs, if it has any."
                ),
                io.Latent.Output(display_name="latent", tooltip="For the Masked Sampler, or any other."),
            ],
        )

    @classmethod
    def validate_inputs(cls, masked_content: str | None) -> bool | str:
        return check_choices(cls, masked_content=masked_content)

    @classmethod
    def execute(
        cls,
        model: Any,
        positive: list,
        negative: list,
        vae: Any,
        image: Tensor,
        mask: Tensor,
        masked_content: str,
        noise_mask: bool,
    ) -> io.NodeOutput:
        image, mask = match(image, mask)
        batch, height, width = image.shape[:3]
        size = Size(width, height).to_multiple(host.vae_ratio(vae))
        pixels = pad_image(image[..., :3], size)
        soft = pad_mask(mask, size).to(pixels)
        hard = conditioning.binary(soft)
        inputs = host.inpaint_inputs(model)

        # A model with inpaint inputs also needs the hidden picture encoded; neutral content is that very encoding.
        hidden = conditioning.hide(pixels, hard)
        if masked_content == "neutral":
            pictures = hidden
        elif inputs is None:
            pictures = pixels
        else:
            pictures = torch.cat([pixels, hidden])
        encoded = host.encode(vae, pictures, budget_of(vae))
        samples, hidden_samples = encoded.result[:batch], encoded.result[-batch:]
        cells = pool(soft, samples.shape)
        if masked_content == "noise":
            noise = host.latent_noise(model, samples.shape, NOISE_SEED)
            samples = conditioning.replace_masked(samples, noise, cells)

        if inputs is not None:
            # Fill folds the mask's pixels into channels itself; a 9-channel model takes one value to a cell.
            concat_mask = hard[:, None] if inputs == "fill" else pool(hard, samples.shape)
            values = {"concat_latent_image": hidden_samples, "concat_mask": concat_mask}
            positive = host.set_conditioning(positive, values)
            negative = host.set_conditioning(negative, values)
        latent = {"samples": samples}
        if noise_mask:
            latent["noise_mask"] = cells
        told = "\n".join([_report(inputs, noise_mask, cells), *tiled("encoded", encoded)])
        return io.NodeOutput(positive, negative, latent, ui={"text": (told,)})


def _report(inputs: host.InpaintInputs | None, noise_mask: bool, cells: Tensor) -> str:
    kind = {
        "channels": "Inpainting model with 9 channels: it is given the mask and the picture without the masked area.",
        "fill": "Flux Fill: it is given the mask in full resolution and the picture without the masked area.",
        None: "General model: it inpaints through the noise mask alone.",
    }[inputs]
    cell_count = f"{float((cells > 0).float().mean()):.1%} of the latent is repainted."
    if not noise_mask:
        cell_count = "No noise mask: the whole latent is repainted."
    return f"{kind}\n{cell_count}"

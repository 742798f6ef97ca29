"""Pictures with a hole in them, each the way one inpainting ControlNet was trained to see it.

Sources, by what they do to a picture in 0..1 where its mask is above 0.5:

SD 1.5 inpaint       -1, which no picture has: gradio_inpaint.py of github.com/lllyasviel/ControlNet-v1-1-nightly;
                     make_inpaint_condition in diffusers' ControlNet guide.
SDXL Union ProMax    0 (black): promax/controlnet_union_test_inpainting.py of github.com/xinsir6/ControlNetPlus.
Flux AliMama         0, which is -1 in the -1..1 of a VAE, and 1 - mask beside its latent: prepare_image_with_mask in
                     github.com/alimama-creative/FLUX-Controlnet-Inpainting.
SD 3 AliMama         the same: diffusers' StableDiffusion3ControlNetInpaintingPipeline.
Qwen-Image InstantX  the same: diffusers' QwenImageControlNetInpaintPipeline.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.checks import check_choice, check_fits
from .conditioning import binary

# What a hidden pixel is, in the 0..1 of an IMAGE.
HIDDEN = {
    "SD 1.5 inpaint": -1.0,
    "SDXL Union ProMax": 0.0,
    "Flux AliMama": 0.0,
    "SD 3 AliMama": 0.0,
    "Qwen-Image InstantX": 0.0,
}


def control_image(image: Tensor, mask: Tensor, control_net: str) -> tuple[Tensor, Tensor]:
    """A picture whose hole is marked for an inpainting ControlNet, and that hole as a mask.

    Args:
        image: [B, H, W, C] float, C = 3 or 4; ControlNets take no alpha, so it is left out.
        mask: [B, H, W] float in 0..1, as many as pictures. The hole is where it is 0.5 or more, as for every other
            model of this pack; the sources hide above 0.5.
        control_net: a key of `HIDDEN`.

    Returns:
        the picture [B, H, W, 3], dtype and device of `image`, -1 or 0 in the hole and unchanged outside it; the mask
        [B, H, W] of 0 and 1, on the same device, at the picture's size. The host's ControlNetInpaintingAliMamaApply
        rounds what it multiplies the picture with, but hands a soft mask on as it is; of this one both are right. It
        multiplies, too, and NaN times 0 is NaN: here what was hidden is gone before.

    Raises:
        InpaintError: if `image` is not a picture, `mask` does not fit it, or `control_net` is unknown.
    """
    check_choice("control_net", control_net, HIDDEN)
    check_fits(image, mask)
    hole = binary(mask).to(image.device)
    return torch.where(hole[..., None] > 0, HIDDEN[control_net], image[..., :3]), hole

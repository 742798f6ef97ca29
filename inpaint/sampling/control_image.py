"""Control images for inpainting ControlNets: pictures whose hole is marked as in the ControlNet's training.

The value of a hidden pixel (mask above 0.5) of a picture in 0..1, and its source:

SD 1.5 inpaint       -1, which no picture contains: gradio_inpaint.py of github.com/lllyasviel/ControlNet-v1-1-nightly;
                     make_inpaint_condition in diffusers' ControlNet guide.
SDXL Union ProMax    0 (black): promax/controlnet_union_test_inpainting.py of github.com/xinsir6/ControlNetPlus.
Flux AliMama         0, which is -1 in the -1..1 range of a VAE; 1 - mask goes beside its latent:
                     prepare_image_with_mask in github.com/alimama-creative/FLUX-Controlnet-Inpainting.
SD 3 AliMama         the same: diffusers' StableDiffusion3ControlNetInpaintingPipeline.
Qwen-Image InstantX  the same: diffusers' QwenImageControlNetInpaintPipeline.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.checks import check_choice, check_fits
from .conditioning import binary

# Value of the hidden pixels, by ControlNet. The other pixels of the IMAGE are in 0..1.
HIDDEN = {
    "SD 1.5 inpaint": -1.0,
    "SDXL Union ProMax": 0.0,
    "Flux AliMama": 0.0,
    "SD 3 AliMama": 0.0,
    "Qwen-Image InstantX": 0.0,
}


def control_image(image: Tensor, mask: Tensor, control_net: str) -> tuple[Tensor, Tensor]:
    """Mark the hole of a picture for an inpainting ControlNet.

    Args:
        image: [B, H, W, C] float in 0..1, C = 3 or 4. Alpha is dropped, as ControlNets take none.
        mask: [B, H, W] float in 0..1, one per picture. The hole is where it is 0.5 or more, as for every other model of
            this pack; the sources hide above 0.5.
        control_net: a key of `HIDDEN`.

    Returns:
        picture: [B, H, W, 3], dtype and device of `image`. -1 or 0 in the hole, unchanged outside it.
        mask: [B, H, W] of 0 and 1, at the picture's size, on the same device. The host's
            ControlNetInpaintingAliMamaApply multiplies the picture with a rounded mask, but passes a soft mask on
            unrounded. A mask of 0 and 1 is right for both.

    NaN in the hole does not survive. In the host's multiplication it would: NaN times 0 is NaN.

    Raises:
        InpaintError: if `image` is no IMAGE, `mask` does not fit it, or `control_net` is unknown.
    """
    check_choice("control_net", control_net, HIDDEN)
    check_fits(image, mask)
    hole = binary(mask).to(image.device)
    return torch.where(hole[..., None] > 0, HIDDEN[control_net], image[..., :3]), hole

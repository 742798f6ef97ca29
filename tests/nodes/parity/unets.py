"""Build and run diffusers' inpaint pipelines of the Stable Diffusion families.

`timestep_spacing="trailing"` matches the host's `simple` schedule for step counts that divide 1000.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    EulerDiscreteScheduler,
    StableDiffusionInpaintPipeline,
    StableDiffusionXLInpaintPipeline,
    UNet2DConditionModel,
)
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
from torch import Tensor

from devtools.models.checkpoints import UNET, VAE
from devtools.models.checkpoints.unets import SD15, SDXL, WIDTH
from inpaint.pipelines import Crop, Opened, repaint
from inpaint.pipelines.paint import Settings
from inpaint.pipelines.routes import ROUTES
from tests.nodes.parity.common import STEPS, filled, read, tiny_vae

CFG = 7.0
NOISE_SCHEDULE = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1}
PARTS = {
    "noisy latents": torch.arange(0, 4),
    "mask latents": torch.arange(4, 5),
    "masked picture's latents": torch.arange(5, 9),
}
SD15_UNET = {
    "block_out_channels": (WIDTH, WIDTH),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": SD15.text_width,
    "attention_head_dim": 8,
}
SDXL_UNET = {
    "block_out_channels": (WIDTH, WIDTH, WIDTH),
    "layers_per_block": 2,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "reverse_transformer_layers_per_block": (1, 1, 1),
    "cross_attention_dim": SDXL.text_width,
    "attention_head_dim": WIDTH // 64,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": SDXL.vector_width,
}
NONE_OF_SD15 = ("text_encoder", "tokenizer", "safety_checker", "feature_extractor")
NONE_OF_SDXL = ("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")


def pipeline(path: Path, sdxl: bool = False) -> Any:
    """Return diffusers' pipeline with the weights of a small checkpoint, without text encoders."""
    weights = read(path, UNET)
    settings: dict[str, Any] = {"sample_size": 64, "in_channels": weights[f"{UNET}input_blocks.0.0.weight"].shape[1]}
    settings |= SDXL_UNET if sdxl else SD15_UNET
    unet = filled(
        lambda: UNet2DConditionModel(**settings), lambda made: convert_ldm_unet_checkpoint(weights, made.config)
    )
    parts = {
        "unet": unet,
        "vae": tiny_vae({name.removeprefix(VAE): tensor for name, tensor in read(path, VAE).items()}),
        "scheduler": EulerDiscreteScheduler(**NOISE_SCHEDULE, timestep_spacing="trailing"),
    }
    if sdxl:
        return StableDiffusionXLInpaintPipeline(**parts, **dict.fromkeys(NONE_OF_SDXL), add_watermarker=False)
    return StableDiffusionInpaintPipeline(**parts, **dict.fromkeys(NONE_OF_SD15), requires_safety_checker=False)


@dataclass(frozen=True)
class Theirs:
    """A run of diffusers."""

    first_input: Tensor
    """The UNet's input at the first step, [B, C, h, w]."""
    mask: Tensor
    """The pipeline's mask at latent size, [B, 1, h, w]."""
    masked_latents: Tensor
    """The pipeline's latents of the masked picture, [B, 4, h, w]."""
    vector: Tensor | None
    """Input of SDXL's layer for picture size and pooled text, for the prompt, [B, 2816]. None for other families."""
    calls: int
    """Number of UNet calls."""
    result: Tensor
    """The sampled latents, in the model's scale."""


def run_theirs(
    pipeline: Any,
    loaded: Any,
    picture: Tensor,
    mask: Tensor,
    steps: int = STEPS,
    start: Tensor | None = None,
    noise: int | None = None,
    **options: Any,
) -> Theirs:
    """Run a pipeline of diffusers.

    Args:
        loaded: the model whose conditioning is used.
        picture: [B, H, W, 3] in 0..1.
        mask: [B, H, W] in 0..1; 1 = repaint.
        start: the first x, [B, 4, h, w]. None: the pipeline makes its own noise.
        noise: seed of the pipeline's own noise.
        options: further arguments of the pipeline.
    """
    batch = len(picture)
    inputs: list[Tensor] = []
    vectors: list[Tensor] = []
    seen: dict[str, Tensor] = {}
    pipeline.scheduler.set_timesteps(steps)
    if start is not None:
        options["latents"] = start / pipeline.scheduler.init_noise_sigma
    if noise is not None:
        options["generator"] = torch.Generator().manual_seed(noise)
    prompts = {"prompt_embeds": loaded.positive, "negative_prompt_embeds": loaded.negative}
    options |= {name: text[0][0].expand(batch, -1, -1) for name, text in prompts.items()}
    unet = pipeline.unet
    hooks = [unet.register_forward_pre_hook(lambda module, given: inputs.append(given[0][:batch].clone()))]
    if unet.config.addition_embed_type == "text_time":
        pooled = {"pooled_prompt_embeds": loaded.positive, "negative_pooled_prompt_embeds": loaded.negative}
        options |= {name: text[0][1]["pooled_output"].expand(batch, -1) for name, text in pooled.items()}
        # The prompt is the second half of the batch.
        hooks += [
            unet.add_embedding.register_forward_pre_hook(
                lambda module, given: vectors.append(given[0][-batch:].clone())
            )
        ]

    def at_step_end(pipeline, step, timestep, tensors):
        seen.update({name: tensors[name][:batch] for name in ("mask", "masked_image_latents")})
        return {}

    pipeline.set_progress_bar_config(disable=True)
    output = pipeline(
        image=picture.movedim(-1, 1),
        mask_image=mask[:, None],
        height=picture.shape[1],
        width=picture.shape[2],
        num_inference_steps=steps,
        guidance_scale=CFG,
        output_type="latent",
        callback_on_step_end=at_step_end,
        callback_on_step_end_tensor_inputs=["mask", "masked_image_latents"],
        **options,
    )
    for hook in hooks:
        hook.remove()
    vector = vectors[0] if vectors else None
    return Theirs(inputs[0], seen["mask"], seen["masked_image_latents"], vector, len(inputs), output.images)


def sampled(pipeline: Any, label: str, loaded: Any, picture: Tensor, mask: Tensor, start: Tensor, cfg: float) -> Tensor:
    """Sample a crop by `inpaint.pipelines`, with the host's conditioning and start. Returns latents [1, 4, h, w].

    Args:
        label: of the pipeline's row.
        others: as in `run_theirs`.
    """
    pipeline.scheduler.set_timesteps(STEPS)
    texts = {"prompt_embeds": loaded.positive, "negative_prompt_embeds": loaded.negative}
    more = {name: text[0][0] for name, text in texts.items()}
    if pipeline.unet.config.addition_embed_type == "text_time":
        pooled = {"pooled_prompt_embeds": loaded.positive, "negative_pooled_prompt_embeds": loaded.negative}
        more |= {name: text[0][1]["pooled_output"] for name, text in pooled.items()}
    more |= {"latents": start / pipeline.scheduler.init_noise_sigma, "output_type": "latent"}
    opened = opened_as(pipeline, label)
    crop = Crop(picture, mask, "", "", 0)
    settings = Settings(STEPS, cfg, None, 1.0)
    return repaint(opened, [crop], settings, prompt=None, negative_prompt=None, **more).movedim(-1, 1)


def opened_as(pipeline: Any, label: str) -> Opened:
    """Return a pipeline as `open_pipeline` would."""
    route = next(route for route in ROUTES if route.label == label)
    pipeline.set_progress_bar_config(disable=True)
    return Opened(pipeline, route, "small", torch.device("cpu"), torch.float32, "none")

"""A small untrained model in diffusers' layout, written without a download."""

from __future__ import annotations

import json
from pathlib import Path

import torch

# The words of its tokenizer are single letters: 256 bytes as CLIP's byte table writes them, each also at a word's end.
START, END = "<|startoftext|>", "<|endoftext|>"
PLACES, TEXT_WIDTH, WIDTH = 77, 768, 32


def write_sd15(folder: Path, channels: int = 9, seed: int = 0) -> Path:
    """Write a pipeline of SD 1.5 with a U-Net of two levels, a TAESD and a text encoder of one layer, some 30 MB.

    Args:
        folder: where it goes.
        channels: of the U-Net's input: 9 for inpainting, 4 for a general model.
        seed: of the weights.
    """
    from diffusers import (
        AutoencoderTiny,
        EulerDiscreteScheduler,
        StableDiffusionInpaintPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer, words = _tokenizer(folder / "tokenizer")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = UNet2DConditionModel(
            sample_size=64,
            in_channels=channels,
            block_out_channels=(WIDTH, WIDTH),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=TEXT_WIDTH,
            attention_head_dim=8,
        )
        text = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=words,
                hidden_size=TEXT_WIDTH,
                intermediate_size=TEXT_WIDTH,
                num_hidden_layers=1,
                num_attention_heads=12,
                max_position_embeddings=PLACES,
                bos_token_id=words - 2,
                eos_token_id=words - 1,
                pad_token_id=words - 1,
            )
        )
        vae = AutoencoderTiny()
    scheduler = EulerDiscreteScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        steps_offset=1,
        timestep_spacing="trailing",
    )
    pipeline = StableDiffusionInpaintPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return folder


def _tokenizer(folder: Path) -> tuple[object, int]:
    """Write a CLIP tokenizer without merges. Returns it and the number of its words."""
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), START, END]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=PLACES), len(words)

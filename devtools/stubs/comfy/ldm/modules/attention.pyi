"""Attention and the transformers of U-Nets."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

class BasicTransformerBlock(nn.Module):
    disable_self_attn: bool
    attn1: Any

class SpatialTransformer(nn.Module):
    # An nn.ModuleList of these.
    transformer_blocks: Sequence[BasicTransformerBlock]

class SpatialVideoTransformer(SpatialTransformer): ...

# One of several, by what the host was started with.
def optimized_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    heads: int,
    mask: Tensor | None = None,
    attn_precision: torch.dtype | None = None,
    skip_reshape: bool = False,
    skip_output_reshape: bool = False,
    *,
    transformer_options: Mapping[str, Any] | None = None,
) -> Tensor: ...

"""The U-Net of SD 1.5, SD 2 and SDXL."""

from collections.abc import Iterable, Sequence

from torch import nn

class UNetModel(nn.Module):
    # An nn.ModuleList of an nn.Sequential each.
    output_blocks: Sequence[Iterable[nn.Module]]

"""Measure the GPU memory that a piece of work takes."""

from __future__ import annotations

import gc


class Meter:
    """GPU memory of its `with` block, in bytes.

    Args:
        dynamic: the host uses dynamic VRAM. torch does not allocate its weights, so `taken` counts.

    Attributes:
        allocated: peak of the memory that torch allocated.
        reserved: peak of the memory that torch reserved.
        taken: decrease of the driver's free memory over the block.
        ran_out: whether an allocation failed, even if the work went on.
        measured: `taken` with dynamic VRAM, else `allocated`.
    """

    def __init__(self, dynamic: bool) -> None:
        self.dynamic = dynamic
        self.allocated = self.reserved = self.taken = 0
        self.ran_out = False

    def __enter__(self) -> Meter:
        # Imported late: a host that uses the GPU must be imported before torch.
        import torch

        self.cuda = torch.cuda
        gc.collect()
        self.cuda.synchronize()
        self.cuda.empty_cache()
        self.cuda.reset_peak_memory_stats()
        self.free, _ = self.cuda.mem_get_info()
        self.misses = self.cuda.memory_stats().get("num_ooms", 0)
        return self

    def __exit__(self, *_: object) -> None:
        self.cuda.synchronize()
        self.allocated = self.cuda.max_memory_allocated()
        self.reserved = self.cuda.max_memory_reserved()
        self.taken = self.free - self.cuda.mem_get_info()[0]
        self.ran_out = self.cuda.memory_stats().get("num_ooms", 0) > self.misses

    @property
    def measured(self) -> int:
        return self.taken if self.dynamic else self.allocated

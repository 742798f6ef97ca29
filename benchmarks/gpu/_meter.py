"""What a card gives out while something runs."""

from __future__ import annotations

import gc


class Meter:
    """Bytes of the card in its `with` block.

    allocated, reserved: the most that torch gave out, and that it held. taken: how much less the driver has free
    afterwards. ran_out: whether torch found no memory on the way, even if the work went on. measured: what counts.

    Args:
        dynamic: weights are not torch's, so what the driver says counts.
    """

    def __init__(self, dynamic: bool) -> None:
        self.dynamic = dynamic
        self.allocated = self.reserved = self.taken = 0
        self.ran_out = False

    def __enter__(self) -> Meter:
        # Not before: where a host computes on the card, it comes first.
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

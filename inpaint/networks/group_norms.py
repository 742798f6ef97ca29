"""Group norms with statistics of another run: a part of a picture is then worked on as if with the whole around it.

Group norms divide by the spread of the whole picture. A part that is worked on alone is lighter, darker or flatter by
the difference of its own spread. Statistics of a small copy of the whole take most of that away, as in the fast mode of
Tiled VAE (github.com/pkuliyi2015/multidiffusion-upscaler-for-automatic1111).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Statistics(NamedTuple):
    """Mean and standard deviation, each [B, groups]."""

    spread: Tensor
    mean: Tensor


class GroupNorms:
    """The group norms of a network, which may have none."""

    def __init__(self, network: nn.Module) -> None:
        self.norms = [module for module in network.modules() if isinstance(module, nn.GroupNorm)]
        # One entry for each time that a norm ran: a network may work in several steps, on frames of a video.
        self.recorded: dict[nn.GroupNorm, list[Statistics]] = {}

    def __bool__(self) -> bool:
        return bool(self.norms)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep the statistics of what the network is given inside this context; of an earlier one they are dropped."""
        self.recorded = {norm: [] for norm in self.norms}

        def keep(norm: nn.GroupNorm) -> Callable[..., None]:
            return lambda _, given, result: self.recorded[norm].append(_statistics(given[0], norm.num_groups))

        with self._hooked(keep):
            yield

    @contextmanager
    def replaying(self) -> Iterator[None]:
        """Normalize by the statistics kept, in their order, and from the first again after the last."""
        ran = dict.fromkeys(self.norms, 0)

        def replace(norm: nn.GroupNorm) -> Callable[..., Tensor]:
            def normalized(_: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> Tensor:
                kept = self.recorded[norm]
                assert kept, "a group norm ran that did not run while recording"
                wanted = kept[ran[norm] % len(kept)]
                ran[norm] += 1
                return _renormalized(norm, given[0], result, wanted)

            return normalized

        with self._hooked(replace):
            yield

    @contextmanager
    def _hooked(self, hook_for: Callable[[nn.GroupNorm], Callable[..., Tensor | None]]) -> Iterator[None]:
        with ExitStack() as stack:
            for norm in self.norms:
                stack.callback(norm.register_forward_hook(hook_for(norm)).remove)
            yield


def _statistics(values: Tensor, groups: int) -> Statistics:
    """Measure [B, C, ...]."""
    grouped = values.unflatten(1, (groups, -1)).flatten(2)
    # The spread, not the variance: in float16 that one would be infinite from 256 on.
    return Statistics(*torch.std_mean(grouped, dim=2, correction=0))


def _renormalized(norm: nn.GroupNorm, given: Tensor, result: Tensor, wanted: Statistics) -> Tensor:
    """Return what a group norm would have made of `given` [B, C, ...] with the statistics wanted.

    Args:
        result: what it made with those of `given`.
    """
    own = _statistics(given, norm.num_groups)
    root = (wanted.spread.float() ** 2 + norm.eps).sqrt()
    scale = (own.spread.float() ** 2 + norm.eps).sqrt() / root
    shift = (own.mean.float() - wanted.mean.float()) / root

    def by_channel(values: Tensor) -> Tensor:
        every = values.repeat_interleave(result.shape[1] // norm.num_groups, dim=1)
        return every.reshape(*every.shape, *[1] * (result.ndim - 2))

    # result = weight * normalized + bias, so what is missing can be added to it.
    weight, bias = (
        values.detach().to(result.device, torch.float32).reshape(1, -1, *[1] * (result.ndim - 2))
        for values in (norm.weight, norm.bias)
    )
    scale, shift = by_channel(scale), by_channel(shift)
    return result.mul(scale.to(result)).add_((bias - bias * scale + weight * shift).to(result))

"""Shared by both trainings: steps that can be interrupted and resumed with the same result, and a log of the loss."""

from __future__ import annotations

import copy
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from tqdm import tqdm

from devtools.whole_file import whole_file

Network = TypeVar("Network", bound=nn.Module)

SAVE_SECONDS = 180
# A batch is split into this many parts, each in its own thread. Threads that wait for each other within every layer
# would be slow on a busy machine.
PARTS = 2
WARM_UP = 200  # steps
LET_OUT = 0.55  # last share of the steps, over which the learning rate falls to 0


class Trainer(Generic[Network]):
    """Minimizes a loss, and keeps a running mean of the weights, which is the result.

    Args:
        network: trained in place.
        folder, name: where the state `<name>.pt` and the log `<name>.csv` (step, seconds, loss per line) are kept.
        rate: the highest learning rate.
        keep: decay of the running mean per step.
    """

    def __init__(self, network: Network, folder: Path, name: str, rate: float, keep: float = 0.998) -> None:
        self.network = network.train().requires_grad_(True).to(memory_format=torch.channels_last)
        self.mean = copy.deepcopy(network).requires_grad_(False)
        self.path, self.log = folder / f"{name}.pt", folder / f"{name}.csv"
        self.rate, self.keep = rate, keep
        self.optimizer = torch.optim.AdamW(network.parameters(), rate, betas=(0.9, 0.99), weight_decay=0.01)
        self.workers = ThreadPoolExecutor(PARTS, initializer=partial(torch.set_num_threads, 1))
        self.step, self.seconds = 0, 0.0
        if self.path.exists():
            state = torch.load(self.path)
            self.network.load_state_dict(state["network"])
            self.mean.load_state_dict(state["mean"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds = state["step"], state["seconds"]
        if self.log.exists():
            # Steps after the last saved state are run again, so their lines are removed.
            lines = [line for line in self.log.read_text().splitlines() if int(line.split(",")[0]) <= self.step]
            self.log.write_text("".join(f"{line}\n" for line in lines))

    def run(self, loss: Callable[[int, int], Tensor], steps: int, minutes: float) -> bool:
        """Continue the training. Ctrl-C ends it after the current step; the state is saved.

        Args:
            loss: takes a step and a part of its batch, and returns the loss. These two numbers seed all its randomness.
            steps: total number of steps. The learning rate falls over the last of them.
            minutes: stop after this time.

        Returns:
            Whether all steps are done.
        """
        stopped = threading.Event()
        previous = signal.signal(signal.SIGINT, lambda *_: stopped.set())
        begun = saved = time.monotonic()
        before, recent = self.seconds, []
        with tqdm(total=steps, initial=self.step, desc=self.path.stem, mininterval=5) as bar:
            while self.step < steps and time.monotonic() - begun < 60 * minutes and not stopped.is_set():
                value = self._step(loss, steps)
                recent.append(value)
                self.seconds = before + time.monotonic() - begun
                bar.update()
                if self.step % 20 == 0:
                    average = sum(recent) / len(recent)
                    recent.clear()
                    bar.set_postfix_str(f"loss {average:.4f}")
                    with self.log.open("a") as file:
                        file.write(f"{self.step},{self.seconds:.0f},{average:.5f}\n")
                if time.monotonic() - saved > SAVE_SECONDS:
                    self.save()
                    saved = time.monotonic()
        signal.signal(signal.SIGINT, previous)
        self.save()
        return self.step >= steps

    def save(self) -> None:
        state: dict[str, Any] = {"network": self.network.state_dict(), "mean": self.mean.state_dict()}
        state |= {"optimizer": self.optimizer.state_dict(), "step": self.step, "seconds": self.seconds}
        with whole_file(self.path) as file:
            torch.save(state, file)

    def _step(self, loss: Callable[[int, int], Tensor], steps: int) -> float:
        rate = self.rate * min(1, (self.step + 1) / WARM_UP, (1 - self.step / steps) / LET_OUT)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        weights: list[Tensor] = [*self.network.parameters()]

        def part(number: int) -> tuple[float, tuple[Tensor, ...]]:
            value = loss(self.step, number)
            return value.item(), torch.autograd.grad(value, weights)

        values, slopes = zip(*self.workers.map(part, range(PARTS)), strict=True)
        for weight, *parts in zip(weights, *slopes, strict=True):
            weight.grad = torch.stack(parts).mean(dim=0)
        nn.utils.clip_grad_norm_(weights, 1.0)
        self.optimizer.step()
        self.step += 1
        keep = min(self.keep, self.step / (self.step + 20))
        with torch.no_grad():
            torch._foreach_lerp_([*self.mean.parameters()], weights, 1 - keep)
        return sum(values) / PARTS

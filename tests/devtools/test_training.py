"""The demo's trainings: what an interrupted one goes on from.

Mutations seen to fail here: the step, the running mean or the optimizer not kept; Ctrl-C that ends it before it is
saved; lines of the log left that are done again; latents of another encoder taken.
"""

import os
import signal

import numpy as np
import pytest
import torch
from torch import nn

from demo import train
from demo.pairs import pairs
from demo.trainer import Trainer


def _trainer(folder):
    torch.manual_seed(0)
    return Trainer(nn.Conv2d(2, 2, 3), folder, "small", rate=0.01)


class _Loss:
    """`at` is called before each step with its number."""

    def __init__(self, trainer, at=lambda step: None):
        self.trainer, self.at = trainer, at

    def __call__(self, step, part):
        if part == 0:
            self.at(step)
        values = torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(2 * step + part))
        return (self.trainer.network(values) - 1).square().mean()


def _weights(trainer):
    return torch.cat([each.flatten() for network in (trainer.network, trainer.mean) for each in network.parameters()])


def _steps(trainer):
    return [int(line.split(",")[0]) for line in trainer.log.read_text().splitlines()]


def test_a_training_in_pieces_is_the_training_in_one(tmp_path):
    for folder in ("whole", "pieces"):
        (tmp_path / folder).mkdir()
    whole = _trainer(tmp_path / "whole")
    assert whole.run(_Loss(whole), 60, minutes=1)

    before = signal.getsignal(signal.SIGINT)
    first = _trainer(tmp_path / "pieces")
    assert not first.run(_Loss(first, lambda step: step == 24 and os.kill(os.getpid(), signal.SIGINT)), 60, minutes=1)
    assert first.step == 25
    assert signal.getsignal(signal.SIGINT) is before
    # As if it had been ended by force, later than its state was saved.
    with first.log.open("a") as file:
        file.write("40,1,0.5\n")
    second = _trainer(tmp_path / "pieces")
    assert second.step == 25
    assert _steps(second) == [20]
    assert second.run(_Loss(second), 60, minutes=1)
    assert torch.equal(_weights(second), _weights(whole))
    assert _steps(second) == _steps(whole) == [20, 40, 60]


def test_each_encoder_has_latents_of_its_own(tmp_path):
    crops = np.random.default_rng(0).integers(0, 255, (8, 256, 256, 3)).astype(np.uint8)
    encoders = [nn.Conv2d(3, 4, 8, 8) for _ in range(2)]
    made = [pairs(tmp_path, encoder, crops, 8, bfloat16=False) for encoder in (*encoders, encoders[0])]
    assert torch.equal(made[0].latents, made[2].latents)
    assert not torch.equal(made[0].latents, made[1].latents)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("what", ["unet", "keep"])
def test_nothing_goes_on_from_what_was_never_trained(tmp_path, monkeypatch, what):
    monkeypatch.setattr(train, "FOLDER", tmp_path)
    monkeypatch.setattr(train, "training_crops", lambda path: None)
    monkeypatch.setattr(train.os, "nice", lambda by: None)
    monkeypatch.setattr(train.torch, "set_num_threads", lambda number: None)
    monkeypatch.setattr(train.weights, "save", lambda *networks: pytest.fail("written"))
    monkeypatch.setattr("sys.argv", ["train", what])
    with pytest.raises(SystemExit, match="train vae` first"):
        train.main()

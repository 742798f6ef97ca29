"""Pictures on a cluster, by Ray."""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.errors import InpaintError
from ..crew import Crew
from ..engine import Deliver
from ..local.asked import Asked
from ..local.job import Job
from ..pairs import Pair
from .stream import Stream

# Of the cluster that is started where none is named.
LOCAL = "local"
# Results that wait here to be written: the stream waits for them.
WAITING = 16


class Cluster:
    """As `Engine`: pictures are made by the actors of a Ray cluster. This process alone writes.

    Args:
        options: of the command line.
        names: names of the pictures.

    Raises:
        InpaintError: if Ray is missing or the cluster does not answer, or as `Asked` does.
    """

    at_a_time = WAITING

    def __init__(self, options: argparse.Namespace, names: Sequence[str]) -> None:
        missing = [name for name in ("ray", "pandas", "pyarrow", "fsspec") if importlib.util.find_spec(name) is None]
        if missing:
            raise InpaintError(
                f"--engine ray: needs {', '.join(missing)}. Install them: python -m pip install "
                "'mend-inpaint[batch,ray]'."
            )
        self._kind, self._asked = options.of, Asked(options.of, options, names)
        self._actors, self._gpus = _range(options.actors), options.gpus_per_actor
        self._address = options.address
        if not options.dry_run:
            _connect(self._address)
        self.hands = [f"ray {self._address}"]
        self.facts = self._asked.facts

    def recorded(self, name: str) -> tuple[Mapping[str, Any], str]:
        return self._asked.recorded(name)

    def described(self) -> list[str]:
        least, most = self._actors
        return [f"Engine ray, {self._asked.described()} Cluster {self._address}, {least} to {most} actors."]

    def workers(self, crew: Crew, pairs: Mapping[str, Pair], deliver: Deliver) -> Sequence[threading.Thread]:
        def job_of(name: str) -> Job:
            return self._asked.job_of(pairs[name])

        choice = self._asked.choice
        return [Stream(crew, self.hands[0], self._kind, choice, self._actors, self._gpus, job_of, deliver)]

    def last_words(self) -> list[str]:
        return []


def _range(text: str) -> tuple[int, int]:
    least, _, most = text.partition(":")
    try:
        found = int(least), int(most or least)
    except ValueError:
        found = 0, 0
    if not 1 <= found[0] <= found[1]:
        raise InpaintError(f"--actors: expected MIN:MAX, both 1 or more, got {text!r}. 1:4 starts one to four.")
    return found


def _connect(address: str) -> None:
    """Connect to a cluster, or start one here. Its authentication is left as it is."""
    import ray

    # So that workers of this computer find this library where it is not installed.
    root = str(Path(__file__).parents[__package__.count(".") + 1])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    try:
        ray.init(
            address=None if address == LOCAL else address,
            runtime_env={"env_vars": {"PYTHONPATH": paths}},
            log_to_driver=False,
            logging_level=logging.ERROR,
            ignore_reinit_error=True,
            include_dashboard=False if address == LOCAL else None,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InpaintError(f"--address: {address}: {error}. Start the cluster, or name its address.") from error

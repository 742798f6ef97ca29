"""What runs in a process: it opens its kind of engine, and makes the pictures that it is sent."""

from __future__ import annotations

import importlib
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

import numpy as np
import torch

from ...core.errors import InpaintError
from ..files.source import Source, read_source
from .choice import ModelChoice
from .job import Job, Made
from .kinds import KINDS
from .paint import Paint, Painted, Picture


def serve(connection: Connection, kind: str, model: ModelChoice, threads: int) -> None:
    """Make pictures until the other end is closed. Sends "" when it is ready, or why it cannot be.

    Args:
        connection: brings lists of `Job`, takes lists of `Made`.
        kind: one of `KINDS`.
        model: what is to be opened.
        threads: how many this process is to use.
    """
    # Ctrl-C reaches all of a terminal's processes. The one that gives out the work decides what is to be done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    try:
        paint = importlib.import_module(f".{KINDS[kind].module}", __package__).opened(model)
    except InpaintError as error:
        connection.send(str(error))
        return
    except Exception as error:  # readers of models raise whatever a broken file makes them
        connection.send(f"--model: {model.path} cannot be loaded: {type(error).__name__}: {error}. Check the file.")
        return
    connection.send("")
    # At the end of the other process, killed or not.
    try:
        while True:
            connection.send(made(paint, connection.recv()))
    except (EOFError, ConnectionError):
        return


def made(paint: Paint, jobs: Sequence[Job]) -> list[Made]:
    """Read pictures, repaint them, and return them as files."""
    began = time.perf_counter()
    results: dict[str, Made] = {}
    sources: dict[str, Source] = {}
    for job in jobs:
        try:
            sources[job.name] = read_source(job.image, job.mask)
        except InpaintError as error:
            results[job.name] = Made(error=str(error))
    pictures = (_picture(sources[job.name], job) for job in jobs if job.name in sources)
    for name, painted in zip(sources, paint(pictures), strict=True):
        seconds = (time.perf_counter() - began) / len(jobs)
        results[name] = _file(sources[name], painted, seconds)
    return [results[job.name] for job in jobs]


def _picture(source: Source, job: Job) -> Picture:
    image, mask = (torch.from_numpy(values / np.float32(255))[None] for values in (source.rgb, source.mask))
    return Picture(image, mask, job.values)


def _file(source: Source, painted: Painted | Exception, seconds: float) -> Made:
    if isinstance(painted, InpaintError):
        return Made(error=str(painted), seconds=seconds)
    if isinstance(painted, Exception):
        return Made(error=f"{type(painted).__name__}: {painted}", seconds=seconds)
    try:
        rgb = painted.image[0].mul(255).round_().clamp_(0, 255).byte().numpy()
        restored = source.restored(rgb, painted.notes)
    except InpaintError as error:
        return Made(error=str(error), seconds=seconds)
    return Made(restored.data, restored.notes, seconds=seconds)

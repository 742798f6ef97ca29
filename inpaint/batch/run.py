"""A whole run, from the options to the report."""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import os
import queue
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..core.errors import InpaintError
from .crew import Crew
from .engine import Engine, Outcome
from .engines import open_engine
from .files.atomic import remove_parts, write_atomic
from .files.source import read_source
from .manifest import FOLDER, MANIFEST, Manifest, Record
from .pairs import Pair, find_pairs
from .plan import plan_run, planned_records
from .progress import Progress
from .report import summary, write_report

# Between looks at the hosts' states, in seconds.
LOOK = 0.5
# Given to the hosts to take back what they make when the run is stopped. One that is frozen would hold the end up.
LAST_SECONDS = 10.0


def run(options: argparse.Namespace) -> int:
    """Make the pictures. Returns the exit status: 0, or 1 if a picture failed or waits, or 130 after Ctrl-C.

    Raises:
        InpaintError: if the run cannot begin.
    """
    pairs = find_pairs(options.images, options.masks, options.mask_suffix, options.recursive, options.output)
    _check_apart(options.output, options.masks, pairs)
    engine = open_engine(options, [pair.name for pair in pairs])
    if options.dry_run:
        _say_plan(engine, pairs)
        return 0
    _check_writable(options.output)
    with Manifest(options.output / FOLDER / MANIFEST) as manifest:
        before = manifest.records()
        if before and not options.resume:
            raise InpaintError(
                f"--output: {options.output} has a run with {len(before)} pictures. Go on with it by --resume, "
                "or choose another folder."
            )
        planned = planned_records(pairs, engine)
        for folder in {options.output / FOLDER, *((options.output / name).parent for name in planned)}:
            remove_parts(folder)
        todo, skipped = plan_run(manifest, before, planned, pairs, options.output)
        manifest.note(pack=_version(), engine=options.engine, **engine.facts)
        started = time.monotonic()
        stopped = _make(manifest, todo[: options.limit], pairs, engine, options)
        records = [record for record in manifest.records().values() if record.name in planned]
        lines = summary(records, skipped, time.monotonic() - started)
        write_report(records, manifest.facts(), options.output, options.output / FOLDER)
    if todo:
        lines += engine.last_words()
    print("\n".join([*lines, f"Report: {options.output / FOLDER}"]))
    if stopped:
        return 130
    return int(any(record.state != "done" for record in records))


def _check_apart(output: Path, masks: str | None, pairs: list[Pair]) -> None:
    """Check that no result would take the place of a picture or mask, now or when masks are looked for again."""
    pairs = [pair for pair in pairs if not pair.error]
    sources = {Path(os.path.abspath(path)) for pair in pairs for path in (pair.image, pair.mask) if path is not None}
    if any(Path(os.path.abspath(output / pair.name)) in sources for pair in pairs):
        raise InpaintError(f"--output: {output} holds the pictures themselves. Choose another folder.")
    if masks is not None and Path(masks).resolve() == output.resolve():
        raise InpaintError(f"--output: {output} holds the masks. Choose another folder.")


def _check_writable(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InpaintError(f"--output: {output} cannot be made: {error.strerror}. Choose another folder.") from error
    if not os.access(output, os.W_OK):
        raise InpaintError(f"--output: {output} cannot be written to. Choose another folder.")


def _version() -> str:
    try:
        return importlib.metadata.version("mend-inpaint")
    except importlib.metadata.PackageNotFoundError:
        return "checkout"


def _make(
    manifest: Manifest,
    todo: list[Record],
    pairs: list[Pair],
    engine: Engine,
    options: argparse.Namespace,
) -> bool:
    """Make pictures and write them down. Returns whether Ctrl-C ended it."""
    planned = {record.name: record for record in todo}
    crew = Crew(engine.hands, list(planned), options.retry, options.timeout)
    outcomes: queue.Queue[Outcome] = queue.Queue(engine.at_a_time * len(engine.hands))
    workers = engine.workers(crew, {pair.name: pair for pair in pairs}, outcomes.put)
    for worker in workers:
        worker.start()
    try:
        with Progress(len(todo), crew) as progress, _ctrl_c(crew, progress):
            while not outcomes.empty() or any(worker.is_alive() for worker in workers):
                if crew.stopped_for(LAST_SECONDS):
                    break
                try:
                    outcome = outcomes.get(timeout=LOOK)
                except queue.Empty:
                    progress.look()
                    continue
                record = _written(manifest, planned[outcome.name], outcome, options.output)
                progress.step(record.state == "failed")
                if record.error:
                    progress.say(_about(record.name, record.error))
            stopped = crew.stopped
    finally:
        crew.stop()
    for url, host in crew.hosts.items():
        if host.trouble:
            print(f"{url} {host.state}: {host.trouble}", file=sys.stderr)
    return stopped


@contextmanager
def _ctrl_c(crew: Crew, progress: Progress) -> Iterator[None]:
    """Let the first Ctrl-C stop the crew, never within the writing of a result, and the second raise."""

    def stop(*_: object) -> None:
        if crew.stopped:
            raise KeyboardInterrupt
        crew.stop()
        progress.say("Stopping: what is made now is taken back from the hosts. Ctrl-C again ends at once.")

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _written(manifest: Manifest, record: Record, outcome: Outcome, output: Path) -> Record:
    """Write a result and its record. Whatever ends the program, the file is whole and the record true."""
    record = replace(record, host=outcome.host, seconds=round(outcome.seconds, 3), notes="\n".join(outcome.notes))
    if outcome.error:
        record = replace(record, state="failed", error=outcome.error)
    else:
        record = replace(record, state="writing", output_hash=hashlib.sha256(outcome.data).hexdigest())
        manifest.put(record)
        try:
            write_atomic(output / record.output, outcome.data)
            record = replace(record, state="done", replaces="")
        except InpaintError as error:
            record = replace(record, state="failed", error=str(error), output_hash="")
    manifest.put(record)
    return record


def _say_plan(engine: Engine, pairs: list[Pair]) -> None:
    print("\n".join(engine.described()))
    broken = 0
    for pair in pairs:
        seed = engine.recorded(pair.name)[1]
        said = f"mask {pair.mask or 'in its alpha'}" + (f", seed {seed}" if seed else "")
        if error := pair.error or _why_unreadable(pair):
            said, broken = error, broken + 1
        print(_about(pair.name, said))
    print(f"{len(pairs) - broken} pictures to make, {broken} cannot be made. Nothing was written.")


def _about(name: str, said: str) -> str:
    """Return what is said of a picture after its name, which errors about its file begin with."""
    return f"{name}: {said.removeprefix(f'{Path(name).name}: ')}"


def _why_unreadable(pair: Pair) -> str:
    try:
        read_source(pair.image, pair.mask)
    except InpaintError as error:
        return str(error)
    return ""

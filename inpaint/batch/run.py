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
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.errors import InpaintError
from .client import HostClient, HostTrouble, Prompt, headers_of_environment
from .crew import QUEUED, Crew, Job
from .files.atomic import write_atomic
from .host_nodes import Descriptions, described
from .manifest import Manifest, Record
from .mask_reach import check_mask_reach
from .pairs import Pair, find_pairs
from .plan import plan_run, planned_records
from .progress import Progress
from .report import summary, write_report
from .settings import Settings, settings_of
from .worker import FOLDER as UPLOADS
from .worker import KIND, Order, Outcome, Worker
from .workflow import Workflow, check_choices, load_prompt, open_workflow

# In the output folder: the manifest and the report.
FOLDER, MANIFEST = "mend-batch", "manifest.sqlite"
OVER_WEBSOCKET = "SaveImageWebsocket"
# Between looks at the hosts' states, in seconds.
LOOK = 0.5
MODEL_ENDINGS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf")


def run(options: argparse.Namespace) -> int:
    """Make the pictures. Returns the exit status: 0, or 1 if a picture failed or waits, or 130 after Ctrl-C.

    Raises:
        InpaintError: if the run cannot begin.
    """
    pairs = find_pairs(options.images, options.masks, options.mask_suffix, options.recursive, options.output)
    _check_apart(options.output, options.masks, pairs)
    name, prompt = load_prompt(options.workflow)
    clients = [HostClient(url, headers_of_environment()) for url in options.hosts]
    nodes, facts = _ask(clients)
    workflow = open_workflow(name, prompt, nodes, options.image_node, options.mask_node, options.output_node)
    repainting = check_mask_reach(workflow, nodes)
    settings = settings_of(workflow, nodes, options.sets, options.prompts, options.seed, [pair.name for pair in pairs])
    check_choices(workflow.filled(settings.common), nodes)
    models = _models(workflow.filled(settings.common), clients)
    facts |= {"pack": _version(), "workflow": name, "workflow_prompt": workflow.prompt, "models": models}
    if options.dry_run:
        _say_plan(workflow, repainting, pairs, settings)
        return 0
    _check_writable(options.output)
    with Manifest(options.output / FOLDER / MANIFEST) as manifest:
        before = manifest.records()
        if before and not options.resume:
            raise InpaintError(
                f"--output: {options.output} has a run with {len(before)} pictures. Go on with it by --resume, "
                "or choose another folder."
            )
        planned = planned_records(pairs, workflow, settings, models)
        todo, skipped = plan_run(manifest, before, planned, pairs, options.output)
        manifest.note(**facts)
        started = time.monotonic()
        stopped = _make(manifest, todo[: options.limit], pairs, workflow, settings, clients, options)
        records = [record for record in manifest.records().values() if record.name in planned]
        lines = summary(records, skipped, time.monotonic() - started)
        write_report(records, manifest.facts(), options.output, options.output / FOLDER)
    if todo:
        lines.append(f"Left in {KIND}/{UPLOADS} of each host until it starts again: up to {QUEUED} uploads.")
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


def _ask(clients: list[HostClient]) -> tuple[Descriptions, dict[str, Any]]:
    """Return the nodes of the first host that answers, and what is known of all."""
    versions, nodes, trouble = {}, None, []
    for client in clients:
        try:
            versions[client.url] = client.system_stats()["system"].get("comfyui_version", "")
            nodes = nodes or client.object_info()
        except HostTrouble as error:
            trouble.append(str(error))
            versions[client.url] = "no answer"
    if nodes is None:
        raise InpaintError(f"--host: no host answers. {'. '.join(trouble)}. Start ComfyUI, or name its address.")
    for each in trouble:
        print(f"{each}. It is asked again later.", file=sys.stderr)
    return nodes, {"hosts": versions}


def _version() -> str:
    try:
        return importlib.metadata.version("mend-inpaint")
    except importlib.metadata.PackageNotFoundError:
        return "checkout"


def _models(prompt: Prompt, clients: list[HostClient]) -> dict[str, dict[str, str]]:
    """Return the model files that a prompt names, by node and input: {"name"}, and by host a hash of the file's header.

    Hosts with Mend know the hash of checkpoints and diffusion models; where it is not known it is "".
    """
    models = {
        f"{node}.{name}": {"name": value}
        for node, given in prompt.items()
        for name, value in given["inputs"].items()
        if isinstance(value, str) and value.lower().endswith(MODEL_ENDINGS)
    }
    for model in models.values():
        hashes = {client.url: _header(client, model["name"]) for client in clients}
        if len(set(filter(None, hashes.values()))) > 1:
            print(f"The hosts have different files under the name {model['name']}.", file=sys.stderr)
        model.update(hashes)
    return models


def _header(client: HostClient, name: str) -> str:
    try:
        return client.get_json(f"/mend/estimate?{urllib.parse.urlencode({'model': name})}").get("header", "")
    except HostTrouble:
        return ""


def _broken(pairs: list[Pair]) -> int:
    return sum(bool(pair.error) for pair in pairs)


def _make(
    manifest: Manifest,
    todo: list[Record],
    pairs: list[Pair],
    workflow: Workflow,
    settings: Settings,
    clients: list[HostClient],
    options: argparse.Namespace,
) -> bool:
    """Make pictures and write them down. Returns whether Ctrl-C ended it."""
    by_name, planned = {pair.name: pair for pair in pairs}, {record.name: record for record in todo}
    crew = Crew([client.url for client in clients], [Job(name) for name in planned], options.retry, options.timeout)
    outcomes: queue.Queue[Outcome] = queue.Queue(QUEUED * len(clients))

    def order(name: str) -> Order:
        return Order(by_name[name].image, by_name[name].mask, settings.of(name))

    workers = [
        Worker(crew, client, workflow, order, over_websocket, outcomes.put)
        for client, over_websocket in ((client, _over_websocket(client)) for client in clients)
        for _ in range(QUEUED)
    ]
    for worker in workers:
        worker.start()
    try:
        with Progress(len(todo), crew) as progress, _ctrl_c(crew, progress):
            while any(worker.is_alive() for worker in workers) or not outcomes.empty():
                try:
                    outcome = outcomes.get(timeout=LOOK)
                except queue.Empty:
                    progress.look()
                    continue
                record = _written(manifest, planned[outcome.name], outcome, options.output)
                progress.step(record.state == "failed")
                if record.error:
                    progress.say(f"{record.name}: {record.error}")
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


def _over_websocket(client: HostClient) -> bool:
    """Whether a host can send results over the websocket, so that not even a temporary file stays."""
    try:
        client.object_info(OVER_WEBSOCKET)
    except (HostTrouble, KeyError):
        return False
    return True


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


def _say_plan(workflow: Workflow, repainting: list[str], pairs: list[Pair], settings: Settings) -> None:
    prompt = workflow.prompt
    print(f"Workflow {workflow.name}: the picture enters at {described(prompt, workflow.picture[0])}.")
    mask = "in the picture's alpha" if workflow.mask is None else f"at {described(prompt, workflow.mask[0])}"
    print(f"The mask enters {mask}; it is used by {'; '.join(described(prompt, node) for node in repainting)}.")
    print(f"The result comes from {described(prompt, workflow.result[0])}.")
    for pair in pairs:
        what = pair.error or f"mask {pair.mask or 'in its alpha'}, seed {settings.seed_of(pair.name)}"
        print(f"{pair.name}: {what}")
    print(f"{len(pairs) - _broken(pairs)} pictures to make, {_broken(pairs)} cannot be made. Nothing was written.")

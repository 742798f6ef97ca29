"""A plan as sentences for the user, and as a table."""

from __future__ import annotations

from pathlib import PurePath

from ..core.units import plain_size
from ..model_files.quantization import COMFYUI
from .memory_plan import Job, MemoryRequirements, Plan, needed

LESS_EXACT = "half the memory, a little less exact"


def sentences(plan: Plan) -> list[str]:
    """Return what the plan does, why, and what it costs. The first sentence says whether the model fits."""
    job, machine, requirements = plan.job, plan.machine, plan.requirements
    free = f"{plain_size(machine.free)} are free"
    size = f"{job.width}x{job.height}" + (f", batch {job.batch}" if job.batch > 1 else "")
    loader = []
    if requirements.loader != COMFYUI:
        loader = [f"ComfyUI by itself cannot load this file. Use {requirements.loader}."]
    if plan.strategy == "refused":
        least = needed(requirements, job, machine)
        messages = [f"Does not fit at {size}: it needs at least {plain_size(least)}, {free}."]
        small = needed(requirements, Job(512, 512), machine)
        if small < least:
            messages.append(f"At 512x512 it needs at least {plain_size(small)}.")
        close = f"Close other programs that use the {machine.memory}, or choose a smaller file."
        return [*messages, close, *loader, *without(absent(requirements))]
    verdicts = {
        "all resident": "Fits: no weights are offloaded." if machine.offloads else "Fits.",
        "small offload": "Fits with some weights offloaded.",
        "another file": f"Fits with another file: {PurePath(requirements.file).name}.",
        "fp8 weights": f"Fits with the weights cast to fp8: {LESS_EXACT}.",
        "partial offload": "Fits with some weights offloaded.",
        "tiled VAE": "Fits with the VAE in tiles: some seconds slower.",
        "lower resolution": "Does not fit at the requested size.",
    }
    messages = [verdicts[plan.strategy]]
    if plan.strategy == "lower resolution":
        messages.append(f"The largest size that fits is {job.width}x{job.height}.")
    if plan.other_file and plan.strategy != "another file":
        messages.append(f"The file is {PurePath(requirements.file).name}.")
    messages.append(f"At {size} it needs up to {plain_size(plan.peak.safe)} (in {plan.peak.name}), {free}.")
    if requirements.in_fp8 and plan.strategy != "fp8 weights":
        messages.append(f"The weights are cast to fp8: {LESS_EXACT}.")
    if plan.text_offloaded:
        messages.append(
            f"{plain_size(plan.text_offloaded)} of the text encoder are offloaded: "
            f"about {plain_seconds(plan.text_seconds)} more per prompt."
        )
    if plan.offloaded:
        messages.append(_offloaded(plan))
    if requirements.text and not machine.text_on_card:
        messages.append("The text encoder runs on the CPU.")
    if plan.tile:
        messages.append(f"The VAE runs in tiles of {plan.tile} pixels.")
    if not plan.batched_cfg:
        messages.append("With CFG, a step computes the positive and the negative prompt one after the other.")
    return messages + loader + without(absent(requirements))


def _offloaded(plan: Plan) -> str:
    share = 1 - plan.offloaded / plan.requirements.model
    resident = "Almost all" if share > 0.995 else f"{share:.0%}"
    seconds = f"about {plain_seconds(plan.call_seconds)} more per step"
    if not plan.batched_cfg:
        seconds += f", {plain_seconds(plan.step_seconds)} with CFG"
    if plan.machine.dynamic:
        return (
            f"{resident} of the diffusion model can stay on the card. ComfyUI loads the other "
            f"{plain_size(plan.offloaded)} when they are used: {seconds}."
        )
    return f"{resident} of the diffusion model stay on the card, {plain_size(plan.offloaded)} are offloaded: {seconds}."


def plain_seconds(seconds: float) -> str:
    """Return a time for users: "0.04 s", "1.3 s"."""
    if seconds < 0.01:
        return "0.01 s"
    return f"{seconds:.2f} s" if seconds < 0.1 else f"{seconds:.1f} s"


def absent(requirements: MemoryRequirements) -> list[str]:
    """Return the names of the parts that the requirements do not include."""
    # A model that works on pixels has no VAE.
    vae = requirements.vae or requirements.ratio == 1
    return [name for name, count in (("text encoder", requirements.text), ("VAE", vae)) if not count]


def without(parts: list[str]) -> list[str]:
    """Report the parts that a file does not contain; an empty list if there are none."""
    if not parts:
        return []
    them = "them from separate files" if parts[1:] else "one from a separate file"
    return [f"No {' and no '.join(parts)} in this file. Load {them}."]


def table(plan: Plan) -> str:
    """Return a table with a line per phase: weights, work, expected total and safe total, in GiB."""
    lines = [f"{'GiB':26}{'weights':>9}{'work':>7}{'expected':>10}{'safe':>7}"]
    for phase in plan.phases:
        figures = (phase.weights, phase.expected_work, phase.expected, phase.safe)
        weights, work, expected, safe = (f"{figure / 2**30:.2f}" for figure in figures)
        lines.append(f"{phase.name:26}{weights:>9}{work:>7}{expected:>10}{safe:>7}")
    return "\n".join(lines)

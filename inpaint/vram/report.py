"""A plan as sentences for the user, and as a table."""

from __future__ import annotations

from pathlib import PurePath

from ..core.units import plain_size
from .memory_plan import Job, MemoryRequirements, Plan, needed

# Actual throughput of PCIe 3 x16 and PCIe 4 x8.
BYTES_A_SECOND = 12e9


def sentences(plan: Plan) -> list[str]:
    """Return what the plan does and why. The first sentence says whether the model fits."""
    job, machine, requirements = plan.job, plan.machine, plan.requirements
    free = f"{plain_size(machine.free)} are free"
    size = f"{job.width}x{job.height}" + (f", batch {job.batch}" if job.batch > 1 else "")
    if plan.strategy == "refused":
        least = needed(requirements, job, machine)
        messages = [f"Does not fit at {size}: it needs at least {plain_size(least)}, {free}."]
        small = needed(requirements, Job(512, 512), machine)
        if small < least:
            messages.append(f"At 512x512 it needs at least {plain_size(small)}.")
        return [
            *messages,
            "Close other programs that use the card, or choose a smaller file.",
            *without(absent(requirements)),
        ]
    verdicts = {
        "all resident": "Fits: no weights are offloaded.",
        "another file": f"Fits with another file: {PurePath(requirements.file).name}.",
        "fp8 weights": "Fits with fp8 weights: half the memory, slightly less precise.",
        "partial offload": "Fits with some weights offloaded.",
        "tiled VAE": "Fits with the VAE in tiles.",
        "lower resolution": "Does not fit at the requested size.",
    }
    messages = [verdicts[plan.strategy]]
    if plan.strategy == "lower resolution":
        messages.append(f"The largest size that fits is {job.width}x{job.height}.")
    messages.append(f"At {size} it needs up to {plain_size(plan.peak.safe)} (in {plan.peak.name}), {free}.")
    if requirements.in_fp8 and plan.strategy != "fp8 weights":
        messages.append("The weights are kept in fp8: half the memory, slightly less precise.")
    if plan.text_offloaded:
        offloaded, seconds = plain_size(plan.text_offloaded), plan.text_offloaded / BYTES_A_SECOND
        messages.append(f"{offloaded} of the text encoder are offloaded: about {seconds:.1f} s more per prompt.")
    if plan.offloaded:
        share, seconds = 1 - plan.offloaded / requirements.model, plan.offloaded / BYTES_A_SECOND
        messages.append(
            f"{share:.0%} of the diffusion model can stay on the card. ComfyUI loads the other "
            f"{plain_size(plan.offloaded)} when they are used: about {seconds:.1f} s more per step."
            if machine.dynamic
            else f"{share:.0%} of the diffusion model stay on the card, {plain_size(plan.offloaded)} are offloaded: "
            f"about {seconds:.1f} s more per step."
        )
    if requirements.text and not machine.text_on_card:
        messages.append("The text encoder runs on the CPU.")
    if plan.tile:
        messages.append(f"The VAE runs in tiles of {plan.tile} pixels.")
    if not plan.batched_cfg:
        messages.append("With CFG, each step computes the positive and the negative prompt one after the other.")
    return messages + without(absent(requirements))


def absent(requirements: MemoryRequirements) -> list[str]:
    """Return the names of the parts that the requirements do not include."""
    return [name for name, count in (("text encoder", requirements.text), ("VAE", requirements.vae)) if not count]


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

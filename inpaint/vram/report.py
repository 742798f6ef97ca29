"""A plan in plain words, and as a table."""

from __future__ import annotations

from pathlib import PurePath

from ..core.units import plain_size
from .plan import BATCHED_CFG, SAMPLING, Job, MemoryRequirements, Plan, needed

# What PCIe 3 x16 and PCIe 4 x8 really carry.
BYTES_A_SECOND = 12e9


def sentences(plan: Plan) -> list[str]:
    """What will be done and why, the verdict first."""
    job, machine, needs = plan.job, plan.machine, plan.needs
    free = f"{plain_size(machine.free)} are free"
    size = f"{job.width}x{job.height}" + (f", batch {job.batch}" if job.batch > 1 else "")
    if plan.strategy == "refused":
        least = needed(needs, job, machine)
        messages = [f"Does not fit at {size}: {plain_size(least)} have to be free at the least, {free}."]
        small = needed(needs, Job(512, 512), machine)
        if small < least:
            messages.append(f"At 512x512 it would be {plain_size(small)}.")
        return [*messages, "Close other programs that use the card, or choose a smaller file.", *without(absent(needs))]
    said = {
        "all resident": "Fits: all of it stays on the card.",
        "another file": f"Fits with another of the files: {PurePath(needs.file).name}.",
        "fp8 weights": "Fits with its weights in fp8: half the memory, a little less exact.",
        "partial offload": "Fits in part.",
        "tiled VAE": "Fits with the VAE in tiles.",
        "lower resolution": "Does not fit at the size asked for.",
    }
    messages = [said[plan.strategy]]
    if plan.strategy == "lower resolution":
        messages.append(f"The largest that does is {job.width}x{job.height}.")
    messages.append(f"At {size} the most it needs is {plain_size(plan.peak.safe)} ({plan.peak.name}), {free}.")
    if needs.in_fp8 and plan.strategy != "fp8 weights":
        messages.append("Its weights are kept in fp8: half the memory, a little less exact.")
    if plan.text_offloaded:
        offloaded, seconds = plain_size(plan.text_offloaded), plan.text_offloaded / BYTES_A_SECOND
        messages.append(f"{offloaded} of the text encoder are brought in for each text: about {seconds:.1f} s more.")
    if plan.offloaded:
        share, seconds = 1 - plan.offloaded / needs.model, plan.offloaded / BYTES_A_SECOND
        messages.append(
            f"The host brings weights in as they are used: {share:.0%} of the diffusion model can stay on the card, "
            f"{plain_size(plan.offloaded)} come again at a step, about {seconds:.1f} s."
            if machine.dynamic
            else f"{share:.0%} of the diffusion model stay on the card, {plain_size(plan.offloaded)} are brought in at "
            f"every step: about {seconds:.1f} s a step more."
        )
    if needs.text and not machine.text_on_card:
        messages.append("The text encoder works on the CPU.")
    if plan.tile:
        messages.append(f"The VAE works in tiles of {plan.tile} px.")
    if not plan.batched_cfg:
        messages.append("With CFG the two halves of a step are computed one after the other.")
    return messages + without(absent(needs))


def absent(needs: MemoryRequirements) -> list[str]:
    """The parts that nothing was counted for."""
    return [name for name, count in (("text encoder", needs.text), ("VAE", needs.vae)) if not count]


def without(parts: list[str]) -> list[str]:
    """What to say of parts that a model comes without: nothing where there are none."""
    if not parts:
        return []
    them = "them from files of their own" if parts[1:] else "one from a file of its own"
    return [f"Without {' and '.join(parts)}: none in this file. Load {them}."]


def table(plan: Plan) -> str:
    """A line for each phase: weights, work, and what is expected and safe, in GiB."""
    lines = [f"{'GiB':26}{'weights':>9}{'work':>7}{'expected':>10}{'safe':>7}"]
    for phase in plan.phases:
        figures = (phase.weights, phase.expected_work, phase.expected, phase.safe)
        weights, work, expected, safe = (f"{figure / 2**30:.2f}" for figure in figures)
        name = {SAMPLING: "sampling", BATCHED_CFG: "sampling, CFG at once"}.get(phase.name, phase.name)
        lines.append(f"{name:26}{weights:>9}{work:>7}{expected:>10}{safe:>7}")
    return "\n".join(lines)

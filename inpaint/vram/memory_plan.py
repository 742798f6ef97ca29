"""Whether a model fits on a card, phase by phase, and which fallback step to take if it does not. All sizes in bytes.

One phase runs at a time, and the host moves the weights of the previous phase off the card if it needs the memory. So
the largest phase counts, not the sum. Each phase has two figures: *expected*, the memory likely in use at its peak, and
*safe*, the memory that the host sets aside for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from ..core.units import plain_size

GIB = 2**30
# The host keeps at least this free for any computation (comfy.model_management.minimum_inference_memory).
LEAST_WORK = int(0.8 * GIB)
# Working memory of text encoders. No figures are published; it is small beside `LEAST_WORK`.
TEXT_WORK = 64 * 2**20
# Sides of VAE tiles in pixels, the largest first. Smaller tiles would show seams.
TILES = (1024, 768, 512, 384, 256)
# Smallest longer side of a picture, in pixels. Models make nothing useful below it.
LEAST_SIDE = 256

Strategy = Literal[
    "all resident", "another file", "fp8 weights", "partial offload", "tiled VAE", "lower resolution", "refused"
]
# The parts whose weights may stay in RAM, from where the host copies them to the card while it uses them.
Offload = Literal["nothing", "text encoder", "everything"]


class Work(NamedTuple):
    """Bytes that a computation takes beside its weights. Units are latent cells or pixels."""

    expected: float
    """Bytes per unit that are likely in use at the peak, in addition to `base`."""
    safe: float
    """Bytes per unit that the host sets aside."""
    base: float = 0.0
    """Bytes likely in use at any size."""


@dataclass(frozen=True)
class MemoryRequirements:
    """The memory that a model needs."""

    label: str
    """The model's common name."""
    text: int
    """Bytes of the text encoders' weights on the card."""
    model: int
    """Bytes of the diffusion model's weights on the card."""
    vae: int
    """Bytes of the VAE's weights on the card."""
    largest: int
    """Bytes of the diffusion model's largest layer."""
    sampling: Work
    """Work of sampling, per latent cell of the batch."""
    encode: Work
    """Work of VAE encoding, per pixel of one picture."""
    decode: Work
    """Work of VAE decoding, per pixel of one picture."""
    ratio: int = 8
    """Pixels per latent cell, along each side."""
    grid: int = 64
    """Pixels that the sides of a picture have to be a multiple of."""
    model_fp8: int | None = None
    """Bytes of the diffusion model's weights in fp8; None if they cannot be converted, or are in fp8 already."""
    in_fp8: bool = False
    """Whether `model` is the size in fp8, after a conversion."""
    file: str = ""
    """Path of the diffusion model's file."""


@dataclass(frozen=True)
class Machine:
    """The device that a plan is for: a graphics card, or a CPU."""

    name: str
    """Name for reports."""
    free: int
    """Bytes that models may use."""
    reserve: int
    """Bytes of `free` that the host leaves to other programs."""
    dynamic: bool = False
    """Whether the host uses dynamic VRAM: it loads weights as they are used, not the offloaded part at every step."""
    offloads: bool = True
    """Whether weights may be offloaded. A CPU has nowhere to offload to."""
    fp8: bool = True
    """Whether weights can be kept in fp8."""
    text_on_card: bool = True
    """Whether text encoders run on the card. For old cards, the host runs them on the CPU."""


@dataclass(frozen=True)
class Facts:
    """What a loader passes on about a model. It does not include whether the model fits."""

    file: str
    """Name of the diffusion model's file."""
    family: str
    """Id of the diffusion model's family."""
    label: str
    """The diffusion model's common name."""
    file_bytes: int
    """Bytes of all files of the model."""
    weights: str = ""
    """dtype that the diffusion model's weights are kept in on this computer; "" if unknown before loading."""
    compute: str = ""
    """dtype that the diffusion model computes in; "" if unknown before loading."""
    vae: str = ""
    """dtype of the VAE; "" if unknown before loading."""
    budget: int | None = None
    """Bytes of the card that may be used; None for all that are free."""


@dataclass(frozen=True)
class Job:
    """The pictures to make."""

    width: int
    """Width in pixels."""
    height: int
    """Height in pixels."""
    batch: int = 1
    """Number of pictures sampled at once."""


class Phase(NamedTuple):
    """The memory of one phase, in bytes."""

    name: str
    """`TEXT`, `ENCODE`, `SAMPLING`, `BATCHED_CFG` or `DECODE`."""
    weights: int
    """Weights on the card."""
    expected_work: int
    """Memory likely in use beside the weights, at the peak."""
    safe_work: int
    """Memory that the host sets aside beside the weights."""
    reserve: int
    """Memory that the host leaves to other programs."""

    @property
    def expected(self) -> int:
        """Memory likely in use at the peak."""
        return self.weights + self.expected_work

    @property
    def safe(self) -> int:
        """Memory that has to be free for the phase."""
        return self.weights + self.safe_work + self.reserve


@dataclass(frozen=True)
class Plan:
    """How a job runs on a machine."""

    strategy: Strategy
    """The first fallback step that is safe."""
    requirements: MemoryRequirements
    """Requirements of the variant that is used."""
    job: Job
    """The job as requested, or a smaller one."""
    machine: Machine
    """The machine that the plan is for."""
    phases: tuple[Phase, ...]
    """All phases, in the order in which they run."""
    offloaded: int = 0
    """Bytes of the diffusion model that are offloaded, and copied to the card at every sampling step."""
    text_offloaded: int = 0
    """Bytes of the text encoder that are offloaded, and copied to the card for every text."""
    tile: int | None = None
    """Side of the VAE's tiles in pixels; None for whole pictures."""
    batched_cfg: bool = True
    """Whether both halves of CFG are computed in one batch."""

    @property
    def fits(self) -> bool:
        """Whether the job runs at the requested size, in any way."""
        return self.strategy not in ("lower resolution", "refused")

    @property
    def counted(self) -> list[Phase]:
        """The phases that have to fit. Batched CFG does not: the host computes its halves separately instead."""
        return [phase for phase in self.phases if phase.name != BATCHED_CFG]

    @property
    def peak(self) -> Phase:
        """The phase that runs and has the largest safe total."""
        return max(self.phases if self.batched_cfg else self.counted, key=lambda phase: phase.safe)


def make_plan(variants: Sequence[MemoryRequirements], job: Job, machine: Machine) -> Plan:
    """Return the plan with the first fallback step that is safe on this machine.

    The steps, in order: all weights resident; another file; fp8 weights; some weights offloaded; the VAE in tiles; a
    smaller picture; refused.

    Args:
        variants: requirements of the same model from different files, the preferred one first.
        job: the pictures to make.
        machine: the device.
    """
    first, *others = variants
    others.sort(key=lambda requirements: -requirements.model)
    attempts: list[tuple[Strategy, MemoryRequirements, Offload]] = [("all resident", first, "nothing")]
    attempts += [("another file", requirements, "nothing") for requirements in others]
    if machine.fp8:
        in_fp8 = [
            replace(v, model=v.model_fp8, model_fp8=None, in_fp8=True) for v in variants if v.model_fp8 is not None
        ]
        attempts += [("fp8 weights", requirements, "nothing") for requirements in in_fp8]
    smallest = min((requirements for _, requirements, _ in attempts), key=lambda requirements: requirements.model)
    most_offload = _most_offload(machine)
    if machine.offloads:
        # A smaller diffusion model does not help if the text encoder is too large. Offloading the text encoder costs
        # no quality, so all variants are tried again with it, in the same order.
        attempts += [("partial offload", requirements, "text encoder") for _, requirements, _ in attempts]
        attempts += [("partial offload", smallest, "everything")]
    for strategy, requirements, offload in attempts:
        plan = _plan(strategy, requirements, job, machine, offload=offload)
        if _safe(plan):
            return plan
    for _, requirements, offload in attempts:
        for tile in TILES:
            plan = _plan("tiled VAE", requirements, job, machine, tile, offload)
            if _safe(plan):
                return plan
    for smaller in _smaller(job, smallest.grid):
        # The smallest tiles need the least memory. If they do not fit, no others do.
        if _safe(_plan("lower resolution", smallest, smaller, machine, TILES[-1], most_offload)):
            tiles = (None, *TILES)
            plans = (_plan("lower resolution", smallest, smaller, machine, tile, most_offload) for tile in tiles)
            return next(plan for plan in plans if _safe(plan))
    return _plan("refused", smallest, job, machine, TILES[-1], most_offload)


@dataclass(frozen=True)
class Ram:
    """The computer's main memory, in bytes."""

    total: int
    """Installed memory."""
    available: int
    """Memory that programs can still take."""
    swap: int
    """Size of the swap space."""


def ram_trouble(files: Sequence[int], ram: Ram) -> tuple[bool, str] | None:
    """Check whether files of these sizes, in bytes, fit into RAM.

    Returns:
        None if they fit. Otherwise whether loading is impossible, and a sentence for the user.
    """
    largest, total = max(files), sum(files)
    if largest > ram.total + ram.swap:
        # Linux refuses to map a file that is larger than RAM and swap together. Files are mapped one at a time.
        both = plain_size(ram.total + ram.swap)
        return True, f"A file needs {plain_size(largest)}, RAM and swap together are {both}: it cannot be opened."
    if total > ram.available:
        available = plain_size(ram.available)
        return False, f"The files need {plain_size(total)} of RAM, {available} are available: loading will be slow."
    return None


def needed(requirements: MemoryRequirements, job: Job, machine: Machine) -> int:
    """Return the bytes that have to be free to run this job at all: all that can be is offloaded, the VAE in tiles."""
    smallest = _plan("refused", requirements, job, replace(machine, free=0), TILES[-1], _most_offload(machine))
    layers = _least_resident(requirements) if machine.offloads else 0
    return max(phase.safe + (layers if phase.name == SAMPLING else 0) for phase in smallest.counted)


TEXT, ENCODE, DECODE = "text encode", "VAE encode", "VAE decode"
SAMPLING, BATCHED_CFG = "sampling", "sampling, batched CFG"


def _plan(
    strategy: Strategy,
    requirements: MemoryRequirements,
    job: Job,
    machine: Machine,
    tile: int | None = None,
    offload: Offload = "nothing",
) -> Plan:
    cells = -(-job.width // requirements.ratio) * -(-job.height // requirements.ratio) * job.batch
    pixels = job.width * job.height
    if tile is not None:
        pixels = min(job.width, tile) * min(job.height, tile)
    sampling = _work(requirements.sampling, cells)
    free = machine.free - machine.reserve
    text, model = requirements.text if machine.text_on_card else 0, requirements.model
    text_resident = max(0, min(text, free - LEAST_WORK)) if offload != "nothing" else text
    model_resident = max(0, min(model, free - sampling[1])) if offload == "everything" else model
    figures_by_phase = {
        TEXT: (text_resident, TEXT_WORK, LEAST_WORK) if machine.text_on_card else (0, 0, 0),
        ENCODE: (requirements.vae, *_work(requirements.encode, pixels)),
        SAMPLING: (model_resident, *sampling),
        BATCHED_CFG: (model_resident, *_work(requirements.sampling, 2 * cells)),
        DECODE: (requirements.vae, *_work(requirements.decode, pixels)),
    }
    phases = tuple(Phase(name, *figures, machine.reserve) for name, figures in figures_by_phase.items())
    # The host batches both halves of CFG if 1.5 times its formula is free. `LEAST_WORK` plays no part in this rule.
    batched_cfg = 1.5 * requirements.sampling.safe * 2 * cells < machine.free - model_resident
    return Plan(
        strategy, requirements, job, machine, phases, model - model_resident, text - text_resident, tile, batched_cfg
    )


def _safe(plan: Plan) -> bool:
    enough_resident = plan.requirements.model - plan.offloaded >= _least_resident(plan.requirements)
    return enough_resident and all(phase.safe <= plan.machine.free for phase in plan.counted)


def _most_offload(machine: Machine) -> Offload:
    return "everything" if machine.offloads else "nothing"


def _least_resident(requirements: MemoryRequirements) -> int:
    """Return the bytes of weights that have to fit: while one layer works, the host loads the next ones."""
    return min(3 * requirements.largest, requirements.model)


def _work(work: Work, units: int) -> tuple[int, int]:
    """Return the expected and the safe bytes of work on so many units."""
    expected = work.base + work.expected * units
    return int(expected), int(max(LEAST_WORK, work.safe * units, expected))


def _smaller(job: Job, grid: int) -> Iterator[Job]:
    """Yield smaller and smaller sizes of the picture, in its proportions as far as the grid allows."""
    longest = max(job.width, job.height)
    for side in range((longest - 1) // grid * grid, LEAST_SIDE - 1, -grid):
        width, height = (max(grid, round(length * side / longest / grid) * grid) for length in (job.width, job.height))
        yield replace(job, width=width, height=height)

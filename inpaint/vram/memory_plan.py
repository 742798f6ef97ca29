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
from ..model_families.vaes import Work
from ..model_files.quantization import COMFYUI

GIB = 2**30
# The host keeps at least this free for any computation (comfy.model_management.minimum_inference_memory).
LEAST_WORK = int(0.8 * GIB)
# Working memory of text encoders. No figures are published; it is small beside `LEAST_WORK`.
TEXT_WORK = 64 * 2**20
# Sides of VAE tiles in pixels, the largest first. Smaller tiles would show seams.
TILES = (1024, 768, 512, 384, 256)
# Smallest longer side of a picture, in pixels. Models make nothing useful below it.
LEAST_SIDE = 256
# Rate at which offloaded weights are copied to the card, in bytes a second: PCIe 3 x16 and PCIe 4 x8 in practice.
BUS_RATE = 12e9
# The most seconds a step that copying may take before another file or fp8 weights are the better choice.
SMALL_OFFLOAD = 0.5
# Weights are not cast to fp8 if they are too large by less than this share.
LEAST_SHORTAGE = 0.1

Strategy = Literal[
    "all resident",
    "small offload",
    "another file",
    "fp8 weights",
    "partial offload",
    "tiled VAE",
    "lower resolution",
    "refused",
]
# The parts whose weights may stay in RAM, from where the host copies them to the card while it uses them.
Offload = Literal["nothing", "text encoder", "everything"]


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
    loader: str = COMFYUI
    """What loads that file."""


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

    @property
    def memory(self) -> str:
        """What the memory is called: that of a card, or of the computer, which a CPU and Apple's GPUs use."""
        return "card" if self.offloads else "memory"


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
    """Bytes of the diffusion model that are offloaded, and copied to the card at every call of the model."""
    text_offloaded: int = 0
    """Bytes of the text encoder that are offloaded, and copied to the card for every text."""
    tile: int | None = None
    """Side of the VAE's tiles in pixels; None for whole pictures."""
    batched_cfg: bool = True
    """Whether both halves of CFG are computed in one batch."""

    other_file: bool = False
    """Whether another file is used than the preferred one."""

    @property
    def call_seconds(self) -> float:
        """Seconds that copying offloaded weights takes at every call of the model, at `BUS_RATE`."""
        return self.offloaded / BUS_RATE

    @property
    def step_seconds(self) -> float:
        """The same for a step with CFG, which calls the model twice if the halves are not batched."""
        return self.call_seconds * (1 if self.batched_cfg else 2)

    @property
    def text_seconds(self) -> float:
        """Seconds that copying offloaded weights takes for every text, at `BUS_RATE`."""
        return self.text_offloaded / BUS_RATE

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


class _Attempt(NamedTuple):
    """A way to run a job, without tiles."""

    strategy: Strategy
    requirements: MemoryRequirements
    offload: Offload
    most_seconds: float = float("inf")
    """The most that copying offloaded weights may cost at every step."""


def make_plan(variants: Sequence[MemoryRequirements], job: Job, machine: Machine) -> Plan:
    """Return the plan with the first fallback step that is safe on this machine.

    The steps, in order:

    1. All weights are resident.
    2. Some weights are offloaded, which costs at most `SMALL_OFFLOAD` seconds a step, with CFG.
    3. Another file, resident or with as little offloaded.
    4. The weights are cast to fp8. Not for a shortage below `LEAST_SHORTAGE`, if weights can be offloaded; and not with
       dynamic VRAM, where ComfyUI loads weights as they are used.
    5. More weights of the smallest variant are offloaded.
    6. The VAE runs in tiles, with the first of the steps above that fits.
    7. The largest picture that fits.
    8. Refused.

    Args:
        variants: requirements of the same model from different files, the preferred one first.
        job: the pictures to make.
        machine: the device.
    """
    plan = _first_that_fits(_attempts(variants, job, machine), job, machine)
    return replace(plan, other_file=plan.requirements.file != variants[0].file)


def _first_that_fits(attempts: Sequence[_Attempt], job: Job, machine: Machine) -> Plan:
    for tiles in ((None,), TILES):
        for strategy, requirements, offload, most_seconds in attempts:
            for tile in tiles:
                plan = _plan("tiled VAE" if tile else strategy, requirements, job, machine, tile, offload)
                if _safe(plan) and plan.step_seconds <= most_seconds:
                    return plan
    smallest, most_offload = attempts[-1].requirements, _most_offload(machine)
    for smaller in _smaller(job, smallest.grid):
        # The smallest tiles need the least memory. If they do not fit, no others do.
        if _safe(_plan("lower resolution", smallest, smaller, machine, TILES[-1], most_offload)):
            plans = (
                _plan("lower resolution", smallest, smaller, machine, tile, most_offload) for tile in (None, *TILES)
            )
            return next(plan for plan in plans if _safe(plan))
    return _plan("refused", smallest, job, machine, TILES[-1], most_offload)


def _attempts(variants: Sequence[MemoryRequirements], job: Job, machine: Machine) -> list[_Attempt]:
    """Return steps 1 to 5 of `make_plan`, for these variants. The last one needs the least memory."""
    first, *others = variants
    attempts = _whole_or_nearly(first, "all resident", "small offload", machine)
    for other in sorted(others, key=lambda requirements: -requirements.model):
        attempts += _whole_or_nearly(other, "another file", "another file", machine)
    for requirements in variants if machine.fp8 and not machine.dynamic else ():
        if requirements.model_fp8 is not None and _shortage(requirements, job, machine) >= LEAST_SHORTAGE:
            cast = replace(requirements, model=requirements.model_fp8, model_fp8=None, in_fp8=True)
            attempts += [_Attempt("fp8 weights", cast, "nothing")]
            attempts += [_Attempt("fp8 weights", cast, "text encoder")] if machine.offloads else []
    smallest = min((attempt.requirements for attempt in attempts), key=lambda requirements: requirements.model)
    strategy: Strategy = "partial offload" if machine.offloads else attempts[0].strategy
    return [*attempts, _Attempt(strategy, smallest, _most_offload(machine))]


def _whole_or_nearly(
    requirements: MemoryRequirements, whole: Strategy, nearly: Strategy, machine: Machine
) -> list[_Attempt]:
    small = [_Attempt(nearly, requirements, "everything", SMALL_OFFLOAD)] if machine.offloads else []
    return [_Attempt(whole, requirements, "nothing"), *small]


def _shortage(requirements: MemoryRequirements, job: Job, machine: Machine) -> float:
    """Return the share of the diffusion model's weights that cannot be resident; 1 if the machine cannot offload."""
    if not machine.offloads:
        return 1.0
    plan = _plan("partial offload", requirements, job, machine, offload="everything")
    return plan.offloaded / max(requirements.model, 1)


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
    batched = _work(requirements.sampling, 2 * cells)
    # With dynamic VRAM, the host evicts weights rather than split a batch.
    batched_resident = max(0, min(model_resident, free - batched[1])) if machine.dynamic else model_resident
    figures_by_phase = {
        TEXT: (text_resident, TEXT_WORK, LEAST_WORK) if machine.text_on_card else (0, 0, 0),
        ENCODE: (requirements.vae, *_work(requirements.encode, pixels)),
        SAMPLING: (model_resident, *sampling),
        BATCHED_CFG: (batched_resident, *batched),
        DECODE: (requirements.vae, *_work(requirements.decode, pixels)),
    }
    phases = tuple(Phase(name, *figures, machine.reserve) for name, figures in figures_by_phase.items())
    # The host batches both halves of CFG if 1.5 times its formula is free. `LEAST_WORK` plays no part in this rule.
    # With dynamic VRAM, weights that it could evict count as free.
    taken = 0 if machine.dynamic else model_resident
    batched_cfg = 1.5 * requirements.sampling.safe * 2 * cells < machine.free - taken
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
    return int(expected), int(max(LEAST_WORK, work.safe_base + work.safe * units, expected))


def _smaller(job: Job, grid: int) -> Iterator[Job]:
    """Yield smaller and smaller sizes of the picture, in its proportions as far as the grid allows."""
    longest = max(job.width, job.height)
    for side in range((longest - 1) // grid * grid, LEAST_SIDE - 1, -grid):
        width, height = (max(grid, round(length * side / longest / grid) * grid) for length in (job.width, job.height))
        yield replace(job, width=width, height=height)

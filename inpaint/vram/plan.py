"""Whether a model fits a card, phase by phase, and what gives way where it does not. Bytes in, bytes out.

One phase runs at a time and the host takes the last one's weights off the card where it needs the room, so what counts
is the largest phase and not their sum. Each has two figures: *expected*, what is likely to be in use at its peak, and
*safe*, what the host sets aside for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from ..core.units import plain_size

GIB = 2**30
# What the host keeps free for any computation, however small (comfy.model_management.minimum_inference_memory).
LEAST_WORK = int(0.8 * GIB)
# Of what text encoders need to work, nothing is published; they are small beside `LEAST_WORK`.
TEXT_WORK = 64 * 2**20
# Sides of the tiles a VAE is given, in pixels, the largest first; below the last the seams would show.
TILES = (1024, 768, 512, 384, 256)
# Pictures are not made smaller than this, in pixels: models make nothing of them.
LEAST_SIDE = 256

Strategy = Literal[
    "all resident", "another file", "fp8 weights", "partial offload", "tiled VAE", "lower resolution", "refused"
]
# Whose weights wait in the computer's own memory and are brought onto the card while they are used.
Offload = Literal["nothing", "text encoder", "everything"]


class Work(NamedTuple):
    """Memory of a computation beside its weights, in bytes: base + units x expected or safe."""

    expected: float
    safe: float
    base: float = 0.0


@dataclass(frozen=True)
class MemoryRequirements:
    """What a model needs.

    label: what people know it by. text, model, vae: bytes of weights as they lie on the card. model_fp8: those of the
    diffusion model in fp8, None where it cannot be had or is so already; in_fp8: whether `model` is these. largest:
    bytes of its largest layer. sampling: for each latent cell of each picture. encode, decode: for each pixel of one
    picture. ratio: pixels to a latent cell, along each side. grid: what sides have to be multiples of, pixels. file:
    where the diffusion model comes from.
    """

    label: str
    text: int
    model: int
    vae: int
    largest: int
    sampling: Work
    encode: Work
    decode: Work
    ratio: int = 8
    grid: int = 64
    model_fp8: int | None = None
    in_fp8: bool = False
    file: str = ""


@dataclass(frozen=True)
class Machine:
    """free: bytes of the card that models may use. reserve: bytes the host leaves alone, part of `free`.

    dynamic: the host brings weights in as they are used, and not what does not fit at every step. offloads: weights
    may wait elsewhere; a CPU has no elsewhere. fp8: weights can be kept in fp8. text_on_card: text encoders work on
    the card too; for old cards the host leaves them to the CPU.
    """

    name: str
    free: int
    reserve: int
    dynamic: bool = False
    offloads: bool = True
    fp8: bool = True
    text_on_card: bool = True


@dataclass(frozen=True)
class Facts:
    """What a loader hands on about a model: facts, and no verdict on what fits.

    file: its name. family, label: of the diffusion model. file_bytes: of all its files. weights, compute, vae: dtypes
    on this computer, "" where nothing was known before loading. budget: bytes of the card that may be used, None for
    all.
    """

    file: str
    family: str
    label: str
    file_bytes: int
    weights: str = ""
    compute: str = ""
    vae: str = ""
    budget: int | None = None


@dataclass(frozen=True)
class Job:
    """width, height: in pixels. batch: pictures at once."""

    width: int
    height: int
    batch: int = 1


class Phase(NamedTuple):
    """weights: on the card. expected_work, safe_work: beside them. reserve: what is left to other programs. Bytes."""

    name: str
    weights: int
    expected_work: int
    safe_work: int
    reserve: int

    @property
    def expected(self) -> int:
        return self.weights + self.expected_work

    @property
    def safe(self) -> int:
        return self.weights + self.safe_work + self.reserve


@dataclass(frozen=True)
class Plan:
    """What will be done.

    rung: the first step of the ladder that is safe. needs: of the variant that is taken. job: as asked for, or smaller.
    moved: bytes of weights that are brought onto the card at every step of sampling. text_moved: those of the text
    encoder that are, for each text. tile: side of the VAE's tiles in pixels, None where it works on whole pictures.
    together: whether both halves of CFG are computed at once.
    """

    strategy: Strategy
    needs: MemoryRequirements
    job: Job
    machine: Machine
    phases: tuple[Phase, ...]
    offloaded: int = 0
    text_offloaded: int = 0
    tile: int | None = None
    batched_cfg: bool = True

    @property
    def fits(self) -> bool:
        """At the size that was asked for, in any way."""
        return self.strategy not in ("lower resolution", "refused")

    @property
    def counted(self) -> list[Phase]:
        """The phases that have to fit: all but the one that the host replaces by its halves."""
        return [phase for phase in self.phases if phase.name != BATCHED_CFG]

    @property
    def peak(self) -> Phase:
        """The largest of the phases that will run."""
        return max(self.phases if self.batched_cfg else self.counted, key=lambda phase: phase.safe)


def make_plan(variants: Sequence[MemoryRequirements], job: Job, machine: Machine) -> Plan:
    """The first step of the ladder that is safe on this machine.

    The ladder: all resident; another of the files; fp8 weights; a part of the weights brought in at every step; the VAE
    in tiles; a smaller picture; no.

    Args:
        variants: the same model from different files, the preferred one first.
        job: what is to be made.
        machine: where.
    """
    first, *others = variants
    others.sort(key=lambda needs: -needs.model)
    ways: list[tuple[Strategy, MemoryRequirements, Offload]] = [("all resident", first, "nothing")]
    ways += [("another file", needs, "nothing") for needs in others]
    if machine.fp8:
        narrowed = [
            replace(v, model=v.model_fp8, model_fp8=None, in_fp8=True) for v in variants if v.model_fp8 is not None
        ]
        ways += [("fp8 weights", needs, "nothing") for needs in narrowed]
    smallest, least = min((needs for _, needs, _ in ways), key=lambda needs: needs.model), _least_offload(machine)
    if machine.offloads:
        # No smaller diffusion model makes up for a text encoder that is too large: that alone costs no quality.
        ways += [("partial offload", needs, "text encoder") for _, needs, _ in ways]
        ways += [("partial offload", smallest, "everything")]
    for strategy, needs, offload in ways:
        plan = _plan(strategy, needs, job, machine, offload=offload)
        if _safe(plan):
            return plan
    for _, needs, offload in ways:
        for tile in TILES:
            plan = _plan("tiled VAE", needs, job, machine, tile, offload)
            if _safe(plan):
                return plan
    for smaller in _smaller(job, smallest.grid):
        # The smallest tiles need the least: where they do not fit, nothing does.
        if _safe(_plan("lower resolution", smallest, smaller, machine, TILES[-1], least)):
            plans = (_plan("lower resolution", smallest, smaller, machine, tile, least) for tile in (None, *TILES))
            return next(plan for plan in plans if _safe(plan))
    return _plan("refused", smallest, job, machine, TILES[-1], least)


@dataclass(frozen=True)
class Ram:
    """total, available, swap: bytes of the computer's own memory, and of what it may swap to."""

    total: int
    available: int
    swap: int


def ram_trouble(files: Sequence[int], ram: Ram) -> tuple[bool, str] | None:
    """What is wrong with loading files of these sizes, in bytes: whether it cannot work at all, and a sentence."""
    largest, total = max(files), sum(files)
    if largest > ram.total + ram.swap:
        # Linux refuses to map a file that memory and swap together could not hold; files are mapped one by one.
        both = plain_size(ram.total + ram.swap)
        return True, f"A file takes {plain_size(largest)}, RAM and swap together are {both}: it cannot be opened."
    if total > ram.available:
        have = plain_size(ram.available)
        return False, f"The files take {plain_size(total)} of RAM, {have} are available: loading will be slow."
    return None


def needed(needs: MemoryRequirements, job: Job, machine: Machine) -> int:
    """Bytes that have to be free for this job in any way at all: weights brought in where they can be, the VAE in
    tiles."""
    least = _plan("refused", needs, job, replace(machine, free=0), TILES[-1], _least_offload(machine))
    layers = _least_resident(needs) if machine.offloads else 0
    return max(phase.safe + (layers if phase.name == SAMPLING else 0) for phase in least.counted)


TEXT, ENCODE, DECODE = "text encode", "VAE encode", "VAE decode"
SAMPLING, BATCHED_CFG = "sampling", "sampling, batched CFG"


def _plan(
    strategy: Strategy,
    needs: MemoryRequirements,
    job: Job,
    machine: Machine,
    tile: int | None = None,
    offload: Offload = "nothing",
) -> Plan:
    cells = -(-job.width // needs.ratio) * -(-job.height // needs.ratio) * job.batch
    pixels = job.width * job.height
    if tile is not None:
        pixels = min(job.width, tile) * min(job.height, tile)
    sampling = _work(needs.sampling, cells)
    room = machine.free - machine.reserve
    text, model = needs.text if machine.text_on_card else 0, needs.model
    text_here = max(0, min(text, room - LEAST_WORK)) if offload != "nothing" else text
    model_here = max(0, min(model, room - sampling[1])) if offload == "everything" else model
    works = {
        TEXT: (text_here, TEXT_WORK, LEAST_WORK) if machine.text_on_card else (0, 0, 0),
        ENCODE: (needs.vae, *_work(needs.encode, pixels)),
        SAMPLING: (model_here, *sampling),
        BATCHED_CFG: (model_here, *_work(needs.sampling, 2 * cells)),
        DECODE: (needs.vae, *_work(needs.decode, pixels)),
    }
    phases = tuple(Phase(name, *figures, machine.reserve) for name, figures in works.items())
    # The host asks for half as much again as its formula says before it computes both halves at once; the least that
    # it keeps free otherwise has no part in that.
    batched_cfg = 1.5 * needs.sampling.safe * 2 * cells < machine.free - model_here
    return Plan(strategy, needs, job, machine, phases, model - model_here, text - text_here, tile, batched_cfg)


def _safe(plan: Plan) -> bool:
    enough_resident = plan.needs.model - plan.offloaded >= _least_resident(plan.needs)
    return enough_resident and all(phase.safe <= plan.machine.free for phase in plan.counted)


def _least_offload(machine: Machine) -> Offload:
    return "everything" if machine.offloads else "nothing"


def _least_resident(needs: MemoryRequirements) -> int:
    """Where weights are brought in, the host keeps room for the next layers while one is at work."""
    return min(3 * needs.largest, needs.model)


def _work(work: Work, units: int) -> tuple[int, int]:
    expected = work.base + work.expected * units
    return int(expected), int(max(LEAST_WORK, work.safe * units, expected))


def _smaller(job: Job, grid: int) -> Iterator[Job]:
    """The same picture smaller and smaller, in its proportions as far as the grid allows."""
    longest = max(job.width, job.height)
    for side in range((longest - 1) // grid * grid, LEAST_SIDE - 1, -grid):
        width, height = (max(grid, round(length * side / longest / grid) * grid) for length in (job.width, job.height))
        yield replace(job, width=width, height=height)

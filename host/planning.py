"""From the names of files to a memory plan: what Estimate VRAM, the loaders and the route have in common."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..inpaint.core.errors import InpaintError
from ..inpaint.core.units import plain_size
from ..inpaint.model_files.checkpoint import CheckpointHeader, read_header, read_part
from ..inpaint.vram.cards import as_machine, card_of
from ..inpaint.vram.needs import FAMILIES, OTHER, VAES, Dtypes, HostFacts, dtypes_on, requirements_of, stored_dtype
from ..inpaint.vram.plan import GIB, LEAST_WORK, Job, Machine, Plan, Ram, make_plan, ram_trouble
from ..inpaint.vram.report import sentences, table
from . import memory
from .models.budget import budget_holds
from .models.detection import detect_model, facts_of
from .models.dtypes import dtypes_here
from .models.files import checkpoint_names, diffusion_model_names, gguf_names
from .models.files import model_path as path_in
from .sampling.samplers import sampling_memory
from .vae import VaeResult

HERE = "this computer"
IN_FILE = "in its file"


def model_names() -> list[str]:
    """Checkpoints, then diffusion models by themselves, GGUF files too."""
    return list(_models())


def model_path(name: str) -> str:
    """Where the file of one of `model_names` is.

    Raises:
        InpaintError: if there is none of this name.
    """
    return path_in(*_models().get(name, ("diffusion_models", name)))


def _models() -> dict[str, tuple[str, str]]:
    """Folder and name of each model by what it is listed as: its name, with the folder where that is a checkpoint's."""
    listed = {name: ("checkpoints", name) for name in checkpoint_names()}
    for name in dict.fromkeys(diffusion_model_names() + gguf_names()):
        listed[f"diffusion_models/{name}" if name in listed else name] = ("diffusion_models", name)
    return listed


def plan_for(
    path: str,
    job: Job,
    card: str = HERE,
    budget: float = 0.0,
    text_encoders: Sequence[str] = (),
    vae: str | None = None,
    others: Sequence[str] = (),
    weights: str | None = None,
) -> Plan:
    """The plan for a model's file.

    Args:
        path: of a checkpoint or a diffusion model.
        job: what is to be made.
        card: of `CARDS`, or `HERE`.
        budget: GiB that may be used at most; 0 for all that is free.
        text_encoders, vae: files of their own.
        others: further files of the same model, to take where the first does not fit.
        weights: the dtype that the weights are to be kept in; None for the host's choice.

    Raises:
        InpaintError: if a file cannot be read, is not what it is given for, or is a legacy pickle, of which nothing is
            known; or if `others` are of another model.
    """
    machine = Machine(*memory.this_computer()) if card == HERE else as_machine(card, memory.dynamic_vram())
    if budget:
        machine = replace(machine, free=min(machine.free, int(budget * GIB)))
    texts = [read_part(file, "text encoder") for file in text_encoders]
    part = None if vae is None else read_part(vae, "vae")
    variants = []
    first, *rest = (read_header(file) for file in (path, *others))
    for header in (first, *rest):
        if not header.parts:
            raise InpaintError(f"{header.path.name}: an old PyTorch pickle, so nothing is known before it is loaded.")
        if header.label != first.label:
            raise InpaintError(
                f"{header.path.name}: expected the same model as {first.path.name} ({first.label}), got "
                f"{header.label}. Choose another file of it."
            )
        facts, dtypes = detected(header, card, weights)
        needs = requirements_of(header, dtypes, facts, texts, part, flash=card != HERE or memory.flash_attention())
        # Who asks for a precision does not want another.
        variants.append(needs if weights is None else replace(needs, model_fp8=None))
    return make_plan(variants, job, machine)


def detected(header: CheckpointHeader, card: str = HERE, weights: str | None = None) -> tuple[HostFacts, Dtypes]:
    """What the host says of a model, and the dtypes it will take. weights: as in `plan_for`."""
    family = FAMILIES.get(header.family, OTHER)
    known = detect_model(header)
    facts = family.host if known is None else HostFacts(*known)
    if card != HERE:
        return facts, dtypes_on(card_of(card), header, facts, weights)
    model = header.part("diffusion model")
    stored = None if header.quantised else stored_dtype(model)
    vae = VAES[family.vae].dtypes
    return facts, Dtypes(*dtypes_here(model.parameters, stored, facts.supported, vae, weights))


def budget_of(carrier: Any) -> int | None:
    """Bytes of the card that a MODEL or VAE may use by its loader; None for all that is free."""
    facts = facts_of(carrier)
    return None if facts is None else facts.budget


def tiled(done: str, worked: VaeResult) -> list[str]:
    """What to say of work on a VAE: nothing where it was done whole."""
    if worked.tile is None:
        return []
    why = "Memory ran out, so it was" if worked.ran_out else "To stay within the memory that is free, it was"
    return [f"{why} {done} in tiles of {worked.tile} pixels."]


def sampling_report(model: Any, shape: Sequence[int]) -> str:
    """How sampling a latent of this shape will lie on the card, by the memory that is free now, in a sentence."""
    weights, work = sampling_memory(model, shape)
    computer = memory.this_computer()
    budget = budget_of(model) if budget_holds() else None
    free = computer.free if budget is None else min(computer.free, budget)
    needed = weights + max(work, LEAST_WORK) + computer.reserve
    messages = f"Sampling needs up to {plain_size(needed)}, {plain_size(free)} are free."
    offloaded = min(weights, needed - free)
    if offloaded > 0 and computer.offloads:
        often = "as they are used" if computer.dynamic else "at every step"
        messages += f" {plain_size(offloaded)} of the model are brought in {often}."
    return messages


def report(plan: Plan, files: Sequence[str], card: str = HERE) -> str:
    """What a node shows of a plan."""
    messages = sentences(plan)
    if card == HERE and (trouble := trouble_of(files)):
        messages.append(trouble[1])
    return "\n".join([*messages, "", table(plan)])


def trouble_of(files: Sequence[str]) -> tuple[bool, str] | None:
    """What is wrong with loading these files into the memory of this computer, as `ram_trouble` has it."""
    return ram_trouble([Path(file).stat().st_size for file in files], Ram(*memory.ram()))

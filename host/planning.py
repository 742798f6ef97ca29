"""Plan memory from file names. Shared by Estimate VRAM, the loaders and the HTTP route."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..inpaint.core.cache import weak_cache
from ..inpaint.core.errors import InpaintError, short_name
from ..inpaint.core.units import plain_size
from ..inpaint.model_families.latents import latents_of
from ..inpaint.model_families.table import UNKNOWN, family_of, label_of
from ..inpaint.model_files.checkpoint import LEGACY_PICKLE, CheckpointHeader, read_header, read_part
from ..inpaint.model_files.quantization import COMFYUI, GGUF_PACK
from ..inpaint.vram.cards import as_machine, card_of
from ..inpaint.vram.memory_plan import GIB, LEAST_WORK, Job, Machine, Plan, Ram, make_plan, ram_trouble
from ..inpaint.vram.report import sentences, table
from ..inpaint.vram.requirements import Dtypes, HostFacts, dtypes_on, facts_of_family, requirements_of, stored_dtype
from . import memory
from .models.budget import budget_holds
from .models.detection import Detected, detect_model, facts_of
from .models.dtypes import dtypes_here
from .models.files import checkpoint_names, diffusion_model_names, gguf_names
from .models.files import model_path as path_in
from .models.vae_kinds import vae_here
from .sampling.memory_use import sampling_memory
from .vae import VaeResult

HERE = "this computer"
IN_FILE = "in its file"


def model_names() -> list[str]:
    """List the checkpoints, then the diffusion model files, including GGUF."""
    return list(_models())


def model_path(name: str) -> str:
    """Return the path of one of `model_names`.

    Raises:
        InpaintError: if there is no such file.
    """
    return path_in(*_models().get(name, ("diffusion_models", name)))


def _models() -> dict[str, tuple[str, str]]:
    """Return folder and name of each model, by its listed name.

    A diffusion model with the name of a checkpoint is listed with its folder.
    """
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
    """Plan the memory of one job with a model.

    Args:
        path: file of a checkpoint or a diffusion model.
        job: size and batch to sample.
        card: a card of `CARDS`, or `HERE` for this computer.
        budget: limit in GiB; 0 = all free memory.
        text_encoders, vae: separate files of these parts.
        others: other files of the same model, used if the first does not fit.
        weights: dtype to store the weights in; None = the host's choice.

    Raises:
        InpaintError: if a file cannot be read, does not contain the expected part, or is a legacy pickle, whose content
            is unknown; or if one of `others` contains another model.
    """
    machine = Machine(*memory.this_computer()) if card == HERE else as_machine(card, memory.dynamic_vram())
    if budget:
        machine = replace(machine, free=min(machine.free, int(budget * GIB)))
    texts = [read_part(file, "text encoder") for file in text_encoders]
    part = None if vae is None else read_part(vae, "vae")
    variants = []
    first, *rest = (recognized(read_header(file)) for file in (path, *others))
    for header in (first, *rest):
        if not header.parts:
            raise InpaintError(f"{short_name(header.path)}: {LEGACY_PICKLE}")
        if header.label != first.label:
            raise InpaintError(
                f"{short_name(header.path)}: expected the same model as {short_name(first.path)} ({first.label}), got "
                f"{header.label}. Choose another file of that model."
            )
        facts, dtypes = detected(header, card, weights)
        requirements = requirements_of(
            header, dtypes, facts, texts, part, flash=card != HERE or memory.flash_attention()
        )
        # A requested precision is not replaced by fp8.
        variants.append(requirements if weights is None else replace(requirements, model_fp8=None))
    return make_plan(variants, job, machine)


def detected(header: CheckpointHeader, card: str = HERE, weights: str | None = None) -> tuple[HostFacts, Dtypes]:
    """Return the host's facts about a model and the dtypes it will use.

    Args:
        header: the model's file.
        card, weights: as in `plan_for`.
    """
    facts = facts_of_family(header.family, header.names, header.variant.dtypes)
    known = _detected(header)
    if known is not None:
        facts = facts._replace(factors=known.factors, supported=known.supported, ratio=known.ratio or facts.ratio)
        if header.family.id == UNKNOWN.id and (latents := latents_of(known.format)) is not None:
            facts = facts._replace(ratio=latents.ratio, vae=latents.vae)
    facts = facts._replace(vae=vae_here(facts.vae))
    if card != HERE:
        return facts, dtypes_on(card_of(card), header, facts, weights)
    model = header.part("diffusion model")
    stored = None if header.quantization else stored_dtype(model)
    return facts, Dtypes(*dtypes_here(model.parameters, stored, facts.supported, facts.vae.dtypes, weights))


@weak_cache
def recognized(header: CheckpointHeader) -> CheckpointHeader:
    """Return a header with the family that the host recognizes in the file, if its tensors say another to us."""
    known = _detected(header)
    ours = header.family.classes
    # Families without a class of their own are told by their tensors alone.
    if known is None or known.model_class in ours or (not ours and header.family.id != UNKNOWN.id):
        return header
    family, label = family_of(known.model_class), label_of(known.model_class)
    if family.id == UNKNOWN.id:
        family, label = UNKNOWN, header.label if label == known.model_class else label
    return replace(header, family=family, variant=replace(family.variant(header.names), label=label))


def _detected(header: CheckpointHeader) -> Detected | None:
    """Return what the host detects; None for a legacy pickle, and for files of other packs' formats."""
    quantization = header.quantization
    if not header.parts or (quantization is not None and quantization.loader not in (COMFYUI, GGUF_PACK)):
        return None
    return detect_model(header)


def budget_of(carrier: Any) -> int | None:
    """Return the bytes that its loader allows a MODEL or VAE to use; None = all free memory."""
    facts = facts_of(carrier)
    return None if facts is None else facts.budget


def tiled(done: str, worked: VaeResult) -> list[str]:
    """Report that a VAE worked in tiles; an empty list if it did not.

    Args:
        done: past participle for the sentence: "encoded" or "decoded".
        worked: the result of the VAE.
    """
    if worked.tile is None:
        return []
    why = "Memory ran out, so it was" if worked.ran_out else "To stay within the free memory, it was"
    return [f"{why} {done} in tiles of {worked.tile} pixels."]


def sampling_report(
    model: Any, shape: Sequence[int], positive: Sequence[Any] = (), negative: Sequence[Any] = ()
) -> str:
    """Report the memory that a sampling needs, how much is free, and how much is offloaded. Args: `sampling_memory`."""
    use, computer = sampling_memory(model, shape, positive, negative), memory.this_computer()
    budget = budget_of(model) if budget_holds() else None
    free = computer.free if budget is None else min(computer.free, budget)
    weights = use.weights + use.others
    needed = weights + max(use.work, LEAST_WORK) + computer.reserve
    message = f"Sampling needs up to {plain_size(needed)}, {plain_size(free)} are free."
    if use.others:
        message += f" {plain_size(use.others)} of it are for ControlNets and patches."
    if use.references:
        message += f" The work for {use.references} reference picture{'s' * (use.references > 1)} is included."
    offloaded = min(weights, needed - free)
    if offloaded > 0 and computer.offloads:
        when = "when they are used" if computer.dynamic else "at every step"
        message += f" {plain_size(offloaded)} of the model are offloaded and loaded {when}."
    if use.left_out:
        message += f" Not counted: {', '.join(use.left_out)}."
    return message


def report(plan: Plan, files: Sequence[str], card: str = HERE) -> str:
    """Return the report of a plan that a node shows: sentences, then a table."""
    messages = sentences(plan)
    if card == HERE and (trouble := trouble_of(files)):
        messages.append(trouble[1])
    return "\n".join([*messages, "", table(plan)])


def trouble_of(files: Sequence[str]) -> tuple[bool, str] | None:
    """Check whether this computer has the RAM to load these files. Returns the result of `ram_trouble`."""
    return ram_trouble([Path(file).stat().st_size for file in files], Ram(*memory.ram()))

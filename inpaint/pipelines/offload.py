"""Where a pipeline's weights are while it runs, as the memory of the card asks for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor

from ..model_families.vaes import Work
from ..model_files.quantization import COMFYUI
from ..vram.memory_plan import GIB, Job, Machine, MemoryRequirements, make_plan
from ..vram.requirements import facts_of_family
from .routes import Route

# none: all on the card. model: each component while it is used. group: each layer, and the next one meanwhile.
# sequential: each layer, one after the other: the least memory, and far slower.
Offload = Literal["none", "model", "group", "sequential"]
# Left to other programs on the card, in bytes.
RESERVE = int(0.5 * GIB)
MIB = 2**20


def offload_for(pipeline: Any, route: Route, device: torch.device, pixels: int = 0) -> Offload:
    """Choose where a pipeline's weights are.

    Args:
        pipeline: of diffusers, on the CPU.
        route: its row.
        device: where it is to compute.
        pixels: size of all crops that it makes at once; 0 for one of the family's own size.
    """
    if device.type != "cuda":
        return "none"
    free, _ = torch.cuda.mem_get_info(device)
    return planned(_bytes(pipeline), _largest(pipeline, route), route, _size(pipeline, route), free, pixels)


def planned(weights: dict[str, int], largest: int, route: Route, size: int, free: int, pixels: int = 0) -> Offload:
    """Choose as `offload_for` does.

    Args:
        weights: bytes of each component.
        largest: bytes of the largest layer of the network that samples.
        route: the pipeline's row.
        size: bytes of a number that it computes with.
        free: bytes of the card that are free.
        pixels: as in `offload_for`.
    """
    family = route.in_table
    facts, memory = facts_of_family(family), family.memory
    # The planner's own estimate of attention that never stores its whole matrix.
    safe = facts.factors["F32"] * memory.numbers * MIB * 0.01 * size
    vae, network = weights.get("vae", 0), weights.get(route.network, 0)
    needs = MemoryRequirements(
        label=route.label,
        text=sum(weights.values()) - vae - network,
        model=network,
        vae=vae,
        largest=largest,
        sampling=Work(safe if memory.cell is None else memory.cell * size, safe, memory.base),
        encode=Work(*(count * size for count in facts.vae.encode)),
        decode=Work(*(count * size for count in facts.vae.decode)),
        ratio=facts.ratio,
        grid=family.grid,
        loader=COMFYUI,
    )
    side = round((pixels or family.side**2) ** 0.5)
    # Both halves of the guidance run in one batch.
    job = Job(side, side, 2)
    plan = make_plan([needs], job, Machine("card", free, RESERVE, fp8=False))
    if plan.fits and not plan.offloaded:
        work = max(phase.safe_work for phase in plan.phases)
        together = sum(weights.values()) + work + RESERVE <= free
        return "none" if together else "model"
    return "group"


def apply_offload(pipeline: Any, offload: Offload, device: torch.device) -> None:
    """Place a pipeline's weights."""
    if offload == "none":
        pipeline.to(device)
    elif offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    elif offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=device)
    else:
        pipeline.enable_group_offload(
            onload_device=device, offload_device=torch.device("cpu"), offload_type="leaf_level", use_stream=True
        )


def _modules(pipeline: Any) -> dict[str, torch.nn.Module]:
    return {name: part for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}


def _bytes(pipeline: Any) -> dict[str, int]:
    return {name: _size_of(part.parameters()) for name, part in _modules(pipeline).items()}


def _largest(pipeline: Any, route: Route) -> int:
    layers = _modules(pipeline)[route.network].modules()
    return max((_size_of(layer.parameters(recurse=False)) for layer in layers), default=0)


def _size_of(weights: Iterable[Tensor]) -> int:
    return sum(weight.numel() * weight.element_size() for weight in weights)


def _size(pipeline: Any, route: Route) -> int:
    return next(_modules(pipeline)[route.network].parameters()).element_size()

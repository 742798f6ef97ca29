"""Where a pipeline's weights are while it runs, as the memory of the card asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from ..model_families.vaes import Work
from ..model_files.quantization import COMFYUI
from ..vram.memory_plan import GIB, Job, Machine, MemoryRequirements, Plan, make_plan
from ..vram.requirements import facts_of_family
from .routes import Route

# none: all on the card. model: each component while it is used. group: each layer, and the next one meanwhile.
# sequential: each layer, one after the other: the least memory, and far slower.
Offload = Literal["none", "model", "group", "sequential"]
# Left to other programs on the card, in bytes.
RESERVE = int(0.5 * GIB)
MIB = 2**20


def offload_for(pipeline: Any, route: Route, device: torch.device, free: int | None = None, pixels: int = 0) -> Offload:
    """Choose where a pipeline's weights are.

    Args:
        pipeline: of diffusers, on the CPU.
        route: its row.
        device: where it is to compute.
        free: bytes of the card that it may use; None for those that are free now.
        pixels: size of all crops that it makes at once; 0 for one of the family's own size.
    """
    if device.type != "cuda":
        return "none"
    return chosen(plan_of(pipeline, route, torch.cuda.mem_get_info(device)[0] if free is None else free, pixels))


def chosen(plan: Plan) -> Offload:
    """Choose as `offload_for` does, by a plan."""
    if not plan.fits or plan.offloaded:
        return "group"
    needs = plan.requirements
    # diffusers keeps all components on the card, the host one at a time.
    together = needs.text + needs.model + needs.vae + plan.peak.safe_work + RESERVE
    return "none" if together <= plan.machine.free else "model"


def plan_of(pipeline: Any, route: Route, free: int, pixels: int = 0) -> Plan:
    """Plan the memory of a pipeline. Arguments as in `offload_for`."""
    network = _modules(pipeline)[route.network]
    size = next(network.parameters()).element_size()
    weights = {name: _size_of(part.parameters()) for name, part in _modules(pipeline).items()}
    largest = max((_size_of(layer.parameters(recurse=False)) for layer in network.modules()), default=0)
    return planned(weights, largest, route, size, free, pixels)


def planned(weights: Mapping[str, int], largest: int, route: Route, size: int, free: int, pixels: int = 0) -> Plan:
    """Plan as `plan_of` does.

    Args:
        weights: bytes of each component.
        largest: bytes of the largest layer of the network that samples.
        route: the pipeline's row.
        size: bytes of a number that it computes with.
        free, pixels: as in `offload_for`.
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
    return make_plan([needs], Job(side, side, 2), Machine("card", free, RESERVE, fp8=False))


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


def _size_of(weights: Iterable[Tensor]) -> int:
    return sum(weight.numel() * weight.element_size() for weight in weights)

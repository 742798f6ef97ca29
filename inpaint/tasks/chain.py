"""The chain of nodes that does a task: what the node Inpaint expands to, and what Replace by Its Chain shows.

Node ids are names here; nothing of a host is imported.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import InpaintError
from ..model_families.sampling import Sampling
from .models import Model
from .table import EXTEND_FEATHER, READERS, SIDES, TASKS, Task, Way

AUTO = "auto"
# Pixels of the largest hole of a mask that is closed.
PINHOLE = 400
# What a fill is called in the report.
FILLS = {"patchmatch": "PatchMatch", "harmonic": "harmonic"}


@dataclass(frozen=True)
class Given:
    """An input of the node Inpaint: what is connected there, or typed."""

    name: str
    """Its id."""


@dataclass(frozen=True)
class Out:
    """An output of a step."""

    step: str
    """Id of the step."""
    number: int = 0
    """Number of the output."""

    def of(self, number: int) -> Out:
        """Return another output of the step."""
        return Out(self.step, number)


@dataclass(frozen=True)
class Step:
    """One node of a chain."""

    id: str
    """Its id in the chain, such as "crop": the same in every run."""
    node: str
    """Id of its class."""
    inputs: Mapping[str, Any]
    """Values, `Given` or `Out`. Inputs that are left out have the node's defaults."""


@dataclass(frozen=True)
class Chain:
    """The nodes that do a task, in the order in which they run."""

    steps: tuple[Step, ...]
    """The nodes."""
    image: Out
    """The picture that comes out."""
    mask: Out
    """How much was pasted where."""
    report: Out
    """The report."""


@dataclass(frozen=True)
class Wish:
    """What the node Inpaint was asked for. 0, -1, "" and "auto" leave the choice to the tables."""

    task: str
    """One of `TASKS`."""
    connected: Collection[str] = ()
    """Names of the inputs that are connected."""
    model: Model | None = None
    """The connected model."""
    prompt: str = ""
    """Prompt."""
    negative_prompt: str = ""
    """Negative prompt."""
    strength: float = 0.0
    """Denoise; 0 for the task's."""
    extend_sides: str = next(iter(SIDES))
    """Which sides to extend, one of `SIDES`."""
    megapixels: float = 0.0
    """Size of the crop, of 1024x1024 pixels; 0 for the model's."""
    steps: int = 0
    """Steps; 0 for the model's."""
    cfg: float = 0.0
    """Guidance; 0 for the model's."""
    sampler_name: str = AUTO
    """Sampler."""
    scheduler: str = AUTO
    """Scheduler."""
    grow: float = -1.0
    """Pixels by which the mask is widened; -1 for the task's."""
    feather: float = -1.0
    """Width of the paste's soft edge in pixels; -1 for the task's."""


@dataclass
class _Builder:
    """Collects the steps of a chain."""

    steps: list[Step] = field(default_factory=list)

    def add(self, name: str, of: str, /, **inputs: Any) -> Out:
        """Add a step. Inputs of None are left out.

        Args:
            name: id of the step.
            of: id of the node's class.
            inputs: of the node.

        Returns:
            its first output.
        """
        self.steps.append(Step(name, of, {key: value for key, value in inputs.items() if value is not None}))
        return Out(name)


def chain_for(wish: Wish) -> Chain:
    """Build the chain for a task.

    Raises:
        InpaintError: if the task is unknown, or needs what is not connected.
    """
    task = TASKS.get(wish.task)
    if task is None:
        raise InpaintError(f"task: expected one of {', '.join(TASKS)}, got {wish.task!r}. Choose one of them.")
    if "mask" not in wish.connected and wish.task != "extend":
        raise InpaintError(f"mask: expected a mask for {wish.task}, got none. Connect one: white (1) is repainted.")
    if wish.model is not None:
        return _with_model(wish, task, wish.model)
    if "network" in wish.connected:
        if not task.network:
            raise InpaintError(
                f"model: expected a model for {wish.task}, got only a network, which paints without a prompt. Connect "
                f"model, clip and vae, or choose {_tasks_for(network=True)}."
            )
        return _with_network(wish, task)
    if not task.fill:
        raise InpaintError(
            f"model: expected a model for {wish.task}, got none. Connect model, clip and vae, or choose "
            f"{_tasks_for(network=False)}, which work without."
        )
    return _without_model(wish, task)


def _tasks_for(network: bool) -> str:
    return ", ".join(name for name, task in TASKS.items() if (task.network if network else task.fill))


def _start(build: _Builder, wish: Wish, task: Task, extend_fill: str) -> tuple[Given | Out, Out]:
    """Add what comes first: the clean mask, or the room that is to be painted. Returns picture and mask."""
    if wish.task == "extend":
        sides = {side: Given("extend_by") if side in SIDES[wish.extend_sides] else 0.0 for side in SIDES["all"]}
        pad = build.add(
            "pad",
            "MendPadForOutpaint",
            image=Given("image"),
            mask=Given("mask") if "mask" in wish.connected else None,
            unit="pixels",
            fill=extend_fill,
            feather=EXTEND_FEATHER,
            **sides,
        )
        return pad, pad.of(1)
    clean = build.add(
        "clean",
        "MendCleanMask",
        mask=Given("mask"),
        image=Given("image"),
        grow=task.grow if wish.grow < 0 else Given("grow"),
        fill_holes=task.fills_holes,
        # Not more than pinholes: what a ring surrounds is to stay.
        max_hole=PINHOLE if task.fills_holes else None,
        min_area=None if task.fills_holes else 0,
    )
    return Given("image"), clean


def _without_model(wish: Wish, task: Task) -> Chain:
    build = _Builder()
    image, mask = _start(build, wish, task, "edge")
    filled = build.add("fill", "MendFillMasked", image=image, mask=mask, method=task.fill, seed=Given("seed"))
    # Outside the mask a fill is the picture: there is nothing to mix.
    pasted = build.add("paste", "MendComposite", image=image, repainted=filled, mask=mask, feather=0.0)
    return _chain(build, task, pasted, f"{FILLS[task.fill]} fill")


def _with_network(wish: Wish, task: Task) -> Chain:
    build = _Builder()
    image, mask = _start(build, wish, task, "reflect")
    pasted = build.add(
        "network",
        "MendInpaintWithNetwork",
        network=Given("network"),
        image=image,
        mask=mask,
        grow=0.0,  # the mask is widened already
        feather=None if wish.feather < 0 else Given("feather"),
    )
    return _chain(build, task, pasted, "network")


def _with_model(wish: Wish, task: Task, model: Model) -> Chain:
    _check_parts(wish)
    build, way, vae = _Builder(), _way(wish, task, model), Given("vae")
    image, mask = _start(build, wish, task, "edge")
    if way.content == "original":
        # An editor may have erased the picture under the mask: it is brought back.
        image = build.add("inspect", "MendInspectMask", mask=Given("mask"), image=image, repair=True).of(2)
    area = {"size": "megapixels", "megapixels": Given("megapixels")} if wish.megapixels else {}
    crop = build.add("crop", "MendCropForInpaint", image=image, mask=mask, model=Given("model"), vae=vae, **area)
    hole = crop.of(1)
    start = build.add("fill", "MendFillMasked", image=crop, mask=hole, method=way.fill) if way.fill else crop
    positive, negative = _prompts(build, wish, task, model, way, start)
    encoded = build.add(
        "encode",
        "MendEncodeInpaint",
        model=Given("model"),
        positive=positive,
        negative=negative,
        vae=vae,
        image=start,
        mask=hole,
        masked_content=way.content,
    )
    sampled = build.add(
        "sample",
        "MendMaskedSampler",
        model=_prepared(build, model.sampling, way, hole),
        positive=encoded,
        negative=encoded.of(1),
        latent=encoded.of(2),
        seed=Given("seed"),
        **_settings(wish, model.sampling, way),
    )
    pasted = build.add(
        "stitch",
        "MendStitchCrop",
        stitch=crop.of(2),
        image=build.add("decode", "VAEDecode", samples=sampled, vae=vae),
        feather=task.feather if wish.feather < 0 else Given("feather"),
        # Edit models shift and scale what they return.
        align=True if model.kind == "edit" else None,
        registration="full" if model.kind == "edit" else None,
    )
    told = [f"{FILLS[way.fill]} pre-fill"] if way.fill else []
    told += ["the object out of the model's attention"] if way.remover else []
    told += ["{crop} crop", f"denoise {wish.strength or way.denoise:g}"]
    told += [f"{wish.steps or model.sampling.steps} steps"]
    return _chain(build, task, pasted, ", ".join(told), cropped=crop)


def _way(wish: Wish, task: Task, model: Model) -> Way:
    """Return how the model does the task."""
    way = task.ways[model.kind]
    if not 0 < wish.strength < 1:
        return way
    # A part of what is there stays: of the picture itself, or of a fill. Grey or a blur would show.
    if wish.task == "replace":
        return TASKS["refine"].ways[model.kind]
    return task.ways["general"] if way.content == "auto" else way


def _check_parts(wish: Wish) -> None:
    if "vae" not in wish.connected:
        raise InpaintError("vae: expected the model's VAE, got none. Connect the loader's vae output.")
    if "clip" not in wish.connected and "positive" not in wish.connected:
        raise InpaintError(
            "clip: expected a text encoder for the prompt, got none. Connect the loader's clip output, or a "
            "conditioning to positive."
        )


def _prompts(build: _Builder, wish: Wish, task: Task, model: Model, way: Way, picture: Out) -> tuple[Any, Any]:
    """Add the text encoders. Returns the positive and the negative conditioning."""
    edits, guidance = model.kind == "edit", model.sampling.guidance
    positive: Given | Out = Given("positive")
    if "positive" not in wish.connected:
        own = (task.edit_prompt or task.prompt) if edits else task.prompt
        positive = _encoded(build, "prompt", model, Given("prompt") if wish.prompt.strip() else own, picture)
        if guidance is not None:
            positive = build.add("guidance", "FluxGuidance", conditioning=positive, guidance=guidance)
    if "negative" in wish.connected:
        return positive, Given("negative")
    if "clip" not in wish.connected or not _uses_negative(wish, model.sampling, way):
        # It is not read; there has to be one.
        return positive, build.add("no_negative", "ConditioningZeroOut", conditioning=positive)
    text = Given("negative_prompt") if wish.negative_prompt.strip() else "" if edits else task.negative
    return positive, _encoded(build, "negative_prompt", model, text, picture)


def _uses_negative(wish: Wish, sampling: Sampling, way: Way) -> bool:
    # Remove Object has guidance of its own, and reads no negative prompt.
    return (wish.cfg or sampling.cfg) != 1 and not way.remover


def _encoded(build: _Builder, name: str, model: Model, text: Given | str, picture: Out) -> Out:
    """Add a text encoder; one that sees the picture, if the model's does."""
    if model.reader:
        prompt, image = READERS[model.reader]
        return build.add(name, model.reader, **{"clip": Given("clip"), prompt: text, image: picture})
    return build.add(name, "CLIPTextEncode", clip=Given("clip"), text=text)


def _prepared(build: _Builder, sampling: Sampling, way: Way, hole: Out) -> Given | Out:
    """Add what changes the model before it samples. Returns the model."""
    model: Given | Out = Given("model")
    if sampling.shift is not None:
        model = build.add("shift", "ModelSamplingAuraFlow", model=model, shift=sampling.shift)
    if sampling.flux_shift is not None:
        shift = sampling.flux_shift
        model = build.add("shift", "ModelSamplingFlux", model=model, max_shift=shift, base_shift=shift)
    return build.add("remover", "MendRemoveObject", model=model, mask=hole) if way.remover else model


def _settings(wish: Wish, sampling: Sampling, way: Way) -> dict[str, Any]:
    """Return the sampler's settings."""
    return {
        "steps": Given("steps") if wish.steps else sampling.steps,
        "cfg": Given("cfg") if wish.cfg else sampling.cfg,
        "sampler_name": sampling.sampler if wish.sampler_name == AUTO else Given("sampler_name"),
        "scheduler": sampling.scheduler if wish.scheduler == AUTO else Given("scheduler"),
        "denoise": Given("strength") if wish.strength else way.denoise,
    }


def _chain(build: _Builder, task: Task, pasted: Out, told: str, cropped: Out | None = None) -> Chain:
    """Add the report, and return the chain."""
    report = build.add(
        "report",
        "MendInpaintReport",
        image=pasted,
        mask=pasted.of(1),
        done=f"{task.done}: {told}",
        report=pasted.of(2),
        crop=cropped,
    )
    return Chain(tuple(build.steps), pasted, pasted.of(1), report)

"""Menu Mend/Load: load models after planning from their headers."""

import os
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

from comfy_api.latest import io

from ... import host
from ...host.planning import detected, plan_for, recognized, trouble_of
from ...inpaint.core.errors import InpaintError, short_name
from ...inpaint.model_families.sizes import native_side
from ...inpaint.model_files.checkpoint import LEGACY_PICKLE, CheckpointHeader, read_header
from ...inpaint.model_files.quantization import COMFYUI
from ...inpaint.model_files.stored_file import read_stored
from ...inpaint.vram.memory_plan import GIB, Facts, Job, Plan
from ...inpaint.vram.report import sentences, without
from ..shared.choices import check_choices
from ..shared.file_stamps import stamp, stamps
from ..shared.widgets import all_advanced, budget_gib

# Dtypes of the weights, by widget option.
PRECISIONS = {"auto": None, "fp16": "F16", "bf16": "BF16", "fp32": "F32", "fp8 e4m3": "F8_E4M3"}
NONE = "none"


class _Loader(io.ComfyNode):
    """Base of loaders: models stay cached while ComfyUI keeps the node instance."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = host.kept_models()


class LoadCheckpoint(_Loader):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendLoadCheckpoint",
            display_name="Load Inpaint Checkpoint",
            category="Mend/Load",
            description="Loads a checkpoint and says what it is: family, whether it was trained for inpainting, the "
            "size of each part, and whether it will fit. The file's header is read first, so a broken or wrong file is "
            "named at once.",
            inputs=[
                io.Combo.Input(
                    "ckpt_name",
                    options=host.checkpoint_names(),
                    tooltip="A file in models/checkpoints. Both inpainting checkpoints and general ones work.",
                ),
                *_how_to_load("models/checkpoints"),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
        )

    @classmethod
    def validate_inputs(cls, ckpt_name: str | None, precision: str | None = None) -> bool | str:
        return check_choices(cls, ckpt_name=ckpt_name, precision=precision)

    @classmethod
    def fingerprint_inputs(cls, ckpt_name: str | None, other_files: str | None = "", **rest: Any) -> Any:
        return stamps([("checkpoints", name) for name in [ckpt_name, *_names(other_files)]])

    @classmethod
    def execute(
        cls, ckpt_name: str, precision: str = "auto", budget_gb: float = 0.0, other_files: str = ""
    ) -> io.NodeOutput:
        path = host.model_path("checkpoints", ckpt_name)
        others = [host.model_path("checkpoints", name) for name in _names(other_files)]
        chosen = _choose(path, others, precision, budget_gb)
        model, clip, vae = _load_once(
            cls, (*stamp(chosen.path), chosen.weights), lambda: host.load_checkpoint(chosen.path, chosen.weights)
        )
        return _loaded(model, clip, vae, chosen, [chosen.path], budget_gb)


class LoadModel(_Loader):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendLoadModel",
            display_name="Load Inpaint Model",
            category="Mend/Load",
            description="Loads a model that comes as separate files, as Flux Fill and all newer ones do: diffusion "
            "model, text encoders and VAE. It finds out by itself which kind of text encoder the model wants.",
            inputs=[
                io.Combo.Input(
                    "model_name",
                    options=host.diffusion_model_names(),
                    tooltip="A file in models/diffusion_models.",
                ),
                io.Combo.Input(
                    "text_encoder",
                    options=host.text_encoder_names(),
                    tooltip="A file in models/text_encoders: T5-XXL for Flux.",
                ),
                io.Combo.Input(
                    "text_encoder_2",
                    options=[NONE, *host.text_encoder_names()],
                    default=NONE,
                    tooltip="A second one, where the model has two: CLIP-L for Flux.",
                ),
                io.Combo.Input("vae_name", options=host.vae_names(), tooltip="A file in models/vae."),
                *_how_to_load("models/diffusion_models"),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
        )

    @classmethod
    def validate_inputs(
        cls,
        model_name: str | None,
        text_encoder: str | None,
        text_encoder_2: str | None,
        vae_name: str | None,
        precision: str | None = None,
    ) -> bool | str:
        return check_choices(
            cls,
            model_name=model_name,
            text_encoder=text_encoder,
            text_encoder_2=text_encoder_2,
            vae_name=vae_name,
            precision=precision,
        )

    @classmethod
    def fingerprint_inputs(
        cls,
        model_name: str | None,
        text_encoder: str | None,
        text_encoder_2: str | None,
        vae_name: str | None,
        other_files: str | None = "",
        **rest: Any,
    ) -> Any:
        models = [("diffusion_models", name) for name in [model_name, *_names(other_files)]]
        texts = [("text_encoders", name) for name in (text_encoder, text_encoder_2) if name != NONE]
        return stamps([*models, *texts, ("vae", vae_name)])

    @classmethod
    def execute(
        cls,
        model_name: str,
        text_encoder: str,
        text_encoder_2: str,
        vae_name: str,
        precision: str = "auto",
        budget_gb: float = 0.0,
        other_files: str = "",
    ) -> io.NodeOutput:
        path = host.model_path("diffusion_models", model_name)
        others = [host.model_path("diffusion_models", name) for name in _names(other_files)]
        texts = [host.model_path("text_encoders", name) for name in (text_encoder, text_encoder_2) if name != NONE]
        vae_path = host.model_path("vae", vae_name)
        chosen = _choose(path, others, precision, budget_gb, texts, vae_path)
        clip_type = chosen.header.family.text_encoder
        files = [chosen.path, *texts, vae_path]

        def load() -> tuple[Any, Any, Any]:
            model = host.load_diffusion_model(chosen.path, chosen.weights)
            return model, host.load_text_encoders(texts, clip_type), host.load_vae(vae_path)

        key = (*(part for file in files for part in stamp(file)), chosen.weights, clip_type)
        model, clip, vae = _load_once(cls, key, load)
        return _loaded(model, clip, vae, chosen, files, budget_gb)


def _how_to_load(folder: str) -> list[io.Input]:
    return all_advanced(
        io.Combo.Input(
            "precision",
            options=list(PRECISIONS),
            default="auto",
            tooltip="What the diffusion model's weights are kept in. auto: as ComfyUI chooses, or cast to fp8 if "
            "nothing that costs less makes it fit.",
        ),
        budget_gib(),
        io.String.Input(
            "other_files",
            default="",
            tooltip=f"Further files of the same model in {folder}, such as smaller ones, with commas between. The best "
            "that fits is loaded.",
        ),
    )


def _outputs() -> list[io.Output]:
    return [
        io.Model.Output(display_name="model", tooltip="The diffusion model."),
        io.Clip.Output(display_name="clip", tooltip="The text encoder, for CLIP Text Encode."),
        io.Vae.Output(display_name="vae", tooltip="Between pictures and latents."),
    ]


class _Chosen:
    """The file to load, the dtype of its weights (None: the host's choice), and messages that explain the choice.

    `messages_at` gives the messages for another side of the picture; None if nothing could be planned.
    """

    def __init__(
        self,
        header: CheckpointHeader,
        weights: str | None,
        messages: list[str],
        messages_at: Callable[[int], list[str]] | None = None,
    ) -> None:
        self.header, self.path, self.weights, self.messages = header, str(header.path), weights, messages
        self.messages_at = messages_at


def _choose(
    path: str,
    others: Sequence[str],
    precision: str,
    budget_gb: float,
    text_encoders: Sequence[str] = (),
    vae: str | None = None,
) -> _Chosen:
    for file in map(read_header, (path, *others)):
        _check_quantization(file)
    header, weights = recognized(read_header(path)), PRECISIONS[precision]
    parts = [*text_encoders, *([vae] if vae else [])]
    old = [file.path.name for file in map(read_stored, parts) if file.format == "legacy pickle"]
    if old or not header.parts:
        return _Chosen(header, weights, [f"{name}: {LEGACY_PICKLE}" for name in old])

    def planned(side: int) -> Plan:
        job = Job(side, side)
        return plan_for(
            path, job, budget=budget_gb, text_encoders=text_encoders, vae=vae, others=others, weights=weights
        )

    # Planned at the native size. The sampler reports again for the actual size.
    plan = planned(native_side(header.family))
    trouble = trouble_of([plan.requirements.file, *parts])
    if trouble is not None and trouble[0]:
        raise InpaintError(f"{short_name(header.path)}: {trouble[1]}")
    if plan.strategy == "refused":
        raise InpaintError(f"{short_name(header.path)}: {' '.join(sentences(plan))}")
    about_ram = [trouble[1]] if trouble else []
    return _Chosen(
        recognized(read_header(plan.requirements.file)),
        "F8_E4M3" if plan.requirements.in_fp8 else weights,
        [*sentences(plan), *about_ram],
        lambda side: [*sentences(planned(side)), *about_ram],
    )


def _check_quantization(file: CheckpointHeader) -> None:
    quantization = file.quantization
    if quantization is None:
        return
    if quantization.loader != COMFYUI:
        raise InpaintError(
            f"{short_name(file.path)}: ComfyUI cannot load {quantization.label} files. Use {quantization.loader}."
        )
    if not host.loads_quantized(quantization):
        raise InpaintError(
            f"{short_name(file.path)}: this version of ComfyUI cannot load {quantization.label} weights. Update "
            "ComfyUI, or choose another file of the model."
        )


def _load_once(node: type[io.ComfyNode], key: Hashable, load: Callable[[], tuple[Any, Any, Any]]) -> tuple[Any, ...]:
    return host.kept_models().load_once(node.hidden.unique_id, (node.hidden.prompt or {}).keys(), key, load)


def _names(listed: str | None) -> list[str]:
    return [name.strip() for name in re.split(r"[,\n]", listed or "") if name.strip()]


def _bytes(files: Sequence[str]) -> int:
    return sum(os.path.getsize(file) for file in files)


def _loaded(model: Any, clip: Any, vae: Any, chosen: _Chosen, files: Sequence[str], budget_gb: float) -> io.NodeOutput:
    header = chosen.header
    messages = chosen.messages
    side = native_side(header.family, host.model_inputs(model).v_prediction)
    if chosen.messages_at is not None and side != native_side(header.family):
        messages = chosen.messages_at(side)  # only the weights say that a model predicts the velocity
    messages = [header.summary(), *messages]
    facts = Facts(
        file=header.path.name,
        family=header.family.id,
        label=header.label,
        file_bytes=_bytes(files),
        budget=int(budget_gb * GIB) or None,
    )
    if header.parts:
        _, dtypes = detected(header, weights=chosen.weights)
        facts = replace(facts, weights=dtypes.weights, compute=dtypes.compute, vae=dtypes.vae)
    else:
        messages += without(host.missing(clip, vae))
    model, vae = host.with_facts(model, vae, facts)
    return io.NodeOutput(model, clip, vae, ui={"text": ("\n".join(messages),)})

"""Menu Mend/Inpaint: one node for a task. It expands to a chain of the pack's other nodes."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ... import host
from ...inpaint.core.errors import InpaintError
from ...inpaint.tasks.chain import AUTO, Chain, Given, Out, Wish, chain_for
from ...inpaint.tasks.models import Model, model_of
from ...inpaint.tasks.table import SIDES, TASKS
from ..shared.types import NetworkType
from ..shared.widgets import all_advanced, count, pixels

# Inputs that a chain is built by; all others are only passed on.
WISHES = (
    *("task", "prompt", "negative_prompt", "strength", "extend_sides", "steps", "cfg", "sampler_name", "scheduler"),
    *("megapixels", "grow", "feather"),
)
PROMPTS = ("prompt", "negative_prompt")


class Inpaint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendInpaint",
            display_name="Inpaint",
            category="Mend/Inpaint",
            description="Removes, replaces, repairs, refines or extends: the whole way from a painted picture to the "
            "result. With a model it paints; without one it fills from the surroundings, or by a network. Beyond the "
            "mask and its soft edge every pixel stays bit-identical.",
            # All of a list at once: the chain's nodes go through lists themselves.
            is_input_list=True,
            enable_expand=True,
            inputs=[
                io.Image.Input("image", tooltip="The picture, or several. Any size."),
                io.Mask.Input("mask", optional=True, tooltip="White (1) is repainted. extend needs none."),
                io.Combo.Input(
                    "task",
                    options=list(TASKS),
                    default="remove",
                    tooltip="remove: what is masked goes, with or without a model. replace: the prompt says what "
                    "should be there. repair: scratches and damage, with or without a model. refine: the same thing "
                    "anew, its layout stays. extend: the picture goes on beyond its border.",
                ),
                io.String.Input(
                    "prompt",
                    default="",
                    multiline=True,
                    tooltip="What should be there. Edit models take an instruction. Empty: what suits the task.",
                ),
                io.String.Input(
                    "negative_prompt",
                    default="",
                    multiline=True,
                    tooltip="What should not. Empty: what suits the task.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=True,
                    tooltip="Another seed gives another result.",
                ),
                io.Float.Input(
                    "strength",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much of what is there is repainted (denoise). 0: what suits task and model.",
                ),
                io.Model.Input("model", optional=True, tooltip="Any image model. Connect its clip and vae as well."),
                io.Clip.Input("clip", optional=True, tooltip="Its text encoder, for the prompts."),
                io.Vae.Input("vae", optional=True, tooltip="Its VAE."),
                NetworkType.Input(
                    "network",
                    optional=True,
                    tooltip="LaMa, MI-GAN or MAT, in the place of a model: for remove, repair and extend.",
                ),
                io.Combo.Input(
                    "extend_sides", options=list(SIDES), optional=True, tooltip="For extend: where room is added."
                ),
                io.Float.Input(
                    "extend_by",
                    default=256.0,
                    min=0.0,
                    max=8192.0,
                    step=8.0,
                    optional=True,
                    tooltip="For extend: pixels to add on each of these sides.",
                ),
                *all_advanced(
                    io.Conditioning.Input("positive", tooltip="A prompt that was encoded before, instead of prompt."),
                    io.Conditioning.Input("negative", tooltip="The same for the negative prompt."),
                    count("steps", 0, "Steps. 0: what the model's makers use.", most=10000),
                    io.Float.Input(
                        "cfg",
                        default=0.0,
                        min=0.0,
                        max=100.0,
                        step=0.1,
                        tooltip="Classifier-free guidance. 0: what the model's makers use.",
                    ),
                    io.Combo.Input(
                        "sampler_name",
                        options=[AUTO, *host.sampler_names()],
                        default=AUTO,
                        tooltip="auto: what the model's makers use.",
                    ),
                    io.Combo.Input(
                        "scheduler",
                        options=[AUTO, *host.scheduler_names()],
                        default=AUTO,
                        tooltip="auto: what the model's makers use.",
                    ),
                    io.Float.Input(
                        "megapixels",
                        default=0.0,
                        min=0.0,
                        max=64.0,
                        step=0.01,
                        tooltip="The mask and its surroundings are painted at this size, of 1024x1024 pixels. 0: what "
                        "the model was trained on. Smaller takes less memory and time.",
                    ),
                    pixels("grow", -1.0, "Widen the mask by this many pixels. -1: what suits the task.", least=-1.0),
                    pixels(
                        "feather",
                        -1.0,
                        "Width in pixels of the soft edge of the paste. -1: what suits the task.",
                        least=-1.0,
                    ),
                ),
            ],
            outputs=[
                io.Image.Output(display_name="image", is_output_list=True, tooltip="The whole picture."),
                io.Mask.Output(
                    display_name="composite_mask", is_output_list=True, tooltip="How much was repainted where."
                ),
                io.String.Output(
                    display_name="report", is_output_list=True, tooltip="What was done, and how well it fits."
                ),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.dynprompt],
        )

    @classmethod
    def execute(cls, **inputs: list[Any]) -> io.NodeOutput:
        # Inputs that are not connected come as [None], or not at all.
        first = {name: values[0] for name, values in inputs.items() if len(values) and values[0] is not None}
        _check_wishes(inputs)
        here = cls.hidden.dynprompt, cls.hidden.unique_id
        model = _model(first["model"], host.loaded_file(*here)) if "model" in first else None
        wishes = {name: first[name] for name in WISHES if name in first}
        wish = Wish(connected=first.keys() - wishes.keys(), model=model, **wishes)
        return _expanded(chain_for(wish), {**first, **host.inputs_as_sent(*here)})


def _check_wishes(inputs: dict[str, list[Any]]) -> None:
    """Check that one chain serves all of a list. Prompts may differ, if none is empty."""
    for name in WISHES:
        values = inputs.get(name, [])
        if len(set(values)) > 1 and not (name in PROMPTS and all(value.strip() for value in values)):
            raise InpaintError(
                f"{name}: expected one value for all pictures, got {len(set(values))} different ones. Connect one, or "
                "use a node for each."
            )


def _model(model: Any, loaded: str) -> Model:
    """Return what a chain needs to know of a MODEL. loaded: the file that its loader names, "" if unknown."""
    inputs = host.model_inputs(model)
    unet = bool(host.redirectable_blocks(model)) and not host.predicts_by_itself(model)
    takes, file = host.references_taken(model), host.file_of(model) or loaded
    return model_of(inputs.family, host.variant_of(model), inputs.inpaint, takes, unet, file)


def _expanded(chain: Chain, sent: dict[str, Any]) -> io.NodeOutput:
    """Return the chain as a graph.

    Args:
        chain: the chain.
        sent: inputs of the node Inpaint. Links stay links, so that a node of the chain runs again only if what it
            reads has changed.
    """
    graph = host.new_graph()
    made: dict[str, Any] = {}
    for step in chain.steps:
        inputs = {name: _value(value, made, sent) for name, value in step.inputs.items()}
        made[step.id] = graph.node(step.node, step.id, **host.with_defaults(step.node, inputs))
    ends = {"image": chain.image, "mask": chain.mask, "report": chain.report}
    result = graph.node("MendInpaintResult", "result", **{name: _value(end, made, sent) for name, end in ends.items()})
    return io.NodeOutput(*(result.out(number) for number in range(len(ends))), expand=graph.finalize())


def _value(value: Any, made: dict[str, Any], sent: dict[str, Any]) -> Any:
    if isinstance(value, Out):
        return made[value.step].out(value.number)
    return sent.get(value.name) if isinstance(value, Given) else value

"""Inpaint with Diffusers: the whole way from a painted picture to the result, with a pipeline of diffusers."""

from collections.abc import Callable
from functools import partial

import torch
from comfy_api.latest import io
from torch import Tensor

from ... import host
from ...inpaint.core.checks import match
from ..shared.choices import check_choices
from ..shared.notes import reported
from ..shared.types import PipelineType
from ..shared.widgets import all_advanced, count, pixels

TASKS = ("replace", "remove", "repair", "refine")


class InpaintWithDiffusers(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MendDiffusersInpaint",
            display_name="Inpaint with Diffusers",
            category="Mend/Inpaint",
            description="Inpaint, with a model from Load Diffusers Model. Mask, crop, fill, blend and report are the "
            "same; only the sampler is diffusers'. Beyond the mask and its soft edge every pixel stays bit-identical.",
            inputs=[
                PipelineType.Input("pipeline", tooltip="From Load Diffusers Model."),
                io.Image.Input("image", tooltip="The picture, or several. Any size."),
                io.Mask.Input("mask", tooltip="White (1) is repainted."),
                io.Combo.Input(
                    "task",
                    options=list(TASKS),
                    default=TASKS[0],
                    tooltip="replace: the prompt says what should be there. remove: what is masked goes. repair: "
                    "scratches and damage. refine: the same thing anew, its layout stays.",
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
                    tooltip="Another seed gives another result. Each next picture of a batch has the next one.",
                ),
                io.Float.Input(
                    "strength",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much of what is there is repainted (denoise). 0: what suits task and model.",
                ),
                *all_advanced(
                    count("steps", 0, "Steps. 0: what the model's makers use.", most=10000),
                    io.Float.Input(
                        "cfg",
                        default=0.0,
                        min=0.0,
                        max=100.0,
                        step=0.1,
                        tooltip="Classifier-free guidance. 0: what the model's makers use.",
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
                io.Image.Output(display_name="image", tooltip="The whole picture."),
                io.Mask.Output(display_name="composite_mask", tooltip="How much was repainted where."),
                io.String.Output(display_name="report", tooltip="What was done, and how well it fits."),
            ],
        )

    @classmethod
    def validate_inputs(cls, task: str | None) -> bool | str:
        return check_choices(cls, task=task)

    @classmethod
    def execute(
        cls,
        pipeline: host.HeldPipeline,
        image: Tensor,
        mask: Tensor,
        task: str,
        prompt: str,
        negative_prompt: str,
        seed: int,
        strength: float,
        steps: int = 0,
        cfg: float = 0.0,
        megapixels: float = 0.0,
        grow: float = -1.0,
        feather: float = -1.0,
    ) -> io.NodeOutput:
        from ...inpaint.pipelines import Repainted, Whole, Wish, repaint_all

        image, mask = match(image, mask)
        count = max(len(image), len(mask))
        report = host.progress_bar()
        made: list[Repainted] = []
        for number in range(count):
            wish = Wish(
                task=task,
                prompt=prompt,
                negative_prompt=negative_prompt,
                seed=(seed + number) % 2**64,
                strength=strength,
                steps=steps,
                cfg=cfg,
                megapixels=megapixels,
                grow=grow,
                feather=feather,
            )
            one = Whole(image[number % len(image)][None], mask[number % len(mask)][None], wish)
            host.make_room(pipeline, round(megapixels * 2**20))
            step = partial(_step, report, number, count)
            (result,) = repaint_all(pipeline.opened, [one], step)
            if isinstance(result, Exception):
                raise result
            made.append(result)
        report(count, count)
        notes = [
            f"Picture {number}: {note}" if count > 1 else note
            for number, each in enumerate(made, 1)
            for note in each.notes
        ]
        return reported(
            torch.cat([each.image for each in made]), torch.cat([each.composite for each in made]), messages=notes
        )


def _step(report: Callable[[float, float], None], number: int, count: int, done: int, total: int) -> None:
    """Report a step of one picture of several."""
    report(number + done / total, count)

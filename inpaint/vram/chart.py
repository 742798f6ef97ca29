"""A plan as a bar chart: the memory of each phase beside the free memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .memory_plan import BATCHED_CFG, GIB, SAMPLING, Plan

WIDTH, ROW, TOP, LEFT, RIGHT = 640, 34, 64, 150, 64
DARK, LINE, GREY, TEXT = (30, 32, 38), (70, 74, 84), (150, 154, 164), (228, 230, 236)
WEIGHTS, WORK, SAFE, TOO_MUCH = (92, 142, 214), (240, 176, 80), (86, 90, 100), (224, 90, 84)
NAMES = {SAMPLING: "sampling", BATCHED_CFG: "sampling, CFG"}


def picture(plan: Plan) -> Tensor:
    """Draw a bar for each phase (weights, expected work, safe total) and a line at the free memory.

    Returns:
        [1, H, 640, 3] float in 0..1.
    """
    from PIL import Image, ImageDraw, ImageFont

    height = TOP + ROW * len(plan.phases) + 58
    image = Image.new("RGB", (WIDTH, height), DARK)
    draw = ImageDraw.Draw(image)
    small, large = ImageFont.load_default(13), ImageFont.load_default(17)
    machine, job = plan.machine, plan.job
    shown = plan.phases if plan.batched_cfg else plan.counted
    axis_end = max(machine.free, *(phase.safe for phase in shown), 1) * 1.04
    bar_width = WIDTH - LEFT - RIGHT

    def at(count: float) -> float:
        return LEFT + bar_width * count / axis_end

    draw.text((16, 12), _shortened(plan.requirements.label, large, WIDTH - 32), TEXT, large)
    size = f"{job.width}x{job.height}" + (f", batch {job.batch}" if job.batch > 1 else "")
    draw.text((16, 36), f"{size} on {machine.name}: {plan.strategy}", TOO_MUCH if not plan.fits else GREY, small)
    end = TOP + ROW * len(plan.phases)
    draw.line((at(machine.free), TOP, at(machine.free), end + 4), TEXT, 2)
    for row, phase in enumerate(plan.phases):
        top, bottom = TOP + ROW * row + 6, TOP + ROW * (row + 1) - 6
        middle = (top + bottom) / 2
        unused = phase not in plan.counted and not plan.batched_cfg
        draw.text((16, middle), NAMES.get(phase.name, phase.name), GREY if unused else TEXT, small, anchor="lm")
        if unused:
            draw.text((LEFT, middle), "not used: one CFG half at a time", GREY, small, anchor="lm")
            continue
        draw.rectangle((LEFT, top, at(phase.safe), bottom), TOO_MUCH if phase.safe > machine.free else SAFE)
        draw.rectangle((LEFT, top + 3, at(phase.expected), bottom - 3), WORK)
        draw.rectangle((LEFT, top + 3, at(phase.weights), bottom - 3), WEIGHTS)
        figure, place = f"{phase.safe / GIB:.1f}", (at(phase.safe) + 6, middle)
        # A dark background keeps the number readable where the line of the free memory crosses it.
        box = draw.textbbox(place, figure, small, anchor="lm")
        draw.rectangle((box[0] - 2, top, box[2] + 2, bottom), DARK)
        draw.text(place, figure, TEXT, small, anchor="lm")
    under = min(at(machine.free), WIDTH - 50)
    draw.text((under, end + 6), f"{machine.free / GIB:.1f} GiB free", TEXT, small, anchor="ma")
    left = 16
    for color, name in ((WEIGHTS, "weights"), (WORK, "expected work"), (SAFE, "safe total")):
        draw.rectangle((left, height - 22, left + 10, height - 12), color)
        draw.text((left + 16, height - 17), name, GREY, small, anchor="lm")
        left += 34 + int(draw.textlength(name, small))
    return torch.from_numpy(np.asarray(image).copy())[None].float() / 255


def _shortened(text: str, font: Any, width: int) -> str:
    while font.getlength(text) > width:
        text = text[:-4] + "..."
    return text

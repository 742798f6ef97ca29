"""Cropping and stitching compared with the host's own nodes and with the minimal memory traffic.

python dev.py bench crop                                 all rows, some minutes on two cores
python dev.py bench crop --quick                         the smallest pictures only
python dev.py bench crop --markdown benchmarks/crop.md   also writes the figures to a file
"""

from __future__ import annotations

import argparse
import importlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.shared.host import extra_nodes, host_folder
from benchmarks.shared.peak import peak_bytes
from benchmarks.shared.tables import Report, machine
from benchmarks.shared.timing import PAIRS, SLOW_PAIRS, measure
from inpaint.compositing import max_change
from inpaint.compositing.finish import Finish
from inpaint.compositing.seam_score import seam, worst
from inpaint.core.alloc import copy_of
from inpaint.core.checks import match
from inpaint.core.geometry import Area, Size, join
from inpaint.core.threads import one_thread
from inpaint.crops.box_path import plan_path
from inpaint.crops.crop import Cropped, crop
from inpaint.crops.crop_plan import Context, Plan, plan_box
from inpaint.crops.regions import CroppedRegions, crop_regions, stitch_regions
from inpaint.crops.stitch import Stitched, on_picture, stitch
from inpaint.imaging.kernels import Span
from inpaint.imaging.resample import resample
from inpaint.masks.boxes import mask_boxes

BOUND_REACH = 1.5
MASK_SHARE = 0.05
CONTEXT = Context(1.5)
NATIVE = Area.square(1024)
FEATHER = 16.0
# Size of the picture, and number of frames.
CASES = ((Size(1024, 1024), 1), (Size(2048, 2048), 1), (Size(4096, 4096), 1), (Size(1280, 720), 16))
PICTURES = ("astronaut", "coffee", "chelsea", "rocket", "immunohistochemistry", "retina")
# Side of a crop, and the side that it is scaled to and back.
ROUND_TRIPS = ((256, 1024), (256, 512), (256, 300), (256, 200))


@dataclass(frozen=True)
class Case:
    """Frames whose mask is a disc of a twentieth of their area, and the crop around it."""

    picture: Size
    """Size of a frame."""
    frames: int
    """Number of frames."""
    native: bool
    """Whether the crop is scaled to about 1024 x 1024. If False, it keeps the picture's scale."""

    def __str__(self) -> str:
        return f"{self.picture}" + (f" x{self.frames}" if self.frames > 1 else "")

    @cached_property
    def image(self) -> Tensor:
        return torch.rand(self.frames, self.picture.height, self.picture.width, 3)

    @cached_property
    def mask(self) -> Tensor:
        radius = math.sqrt(MASK_SHARE * self.picture.width * self.picture.height / math.pi)
        y, x = torch.meshgrid(torch.arange(self.picture.height), torch.arange(self.picture.width), indexing="ij")
        away = (x - self.picture.width * 0.45) ** 2 + (y - self.picture.height * 0.5) ** 2
        return (away < radius**2).float()[None]

    @cached_property
    def plan(self) -> Plan:
        return plan_box(mask_boxes(self.mask)[0], self.picture, CONTEXT, NATIVE if self.native else None)

    @cached_property
    def cropped(self) -> Cropped:
        return crop(self.image, self.mask, self.plan)

    @cached_property
    def weight(self) -> Tensor:
        return stitch(self.cropped.stitch, self.cropped.image, FEATHER).weights

    @property
    def limit(self) -> int:
        """Bytes of one output and two crops with masks, each at the larger of its size before and after scaling."""
        plan = self.plan
        largest = max(plan.target.width * plan.target.height, plan.box.width * plan.box.height)
        return 4 * self.frames * (2 * 4 * largest + 3 * self.picture.width * self.picture.height)

    def crop(self) -> Cropped:
        return crop(self.image, self.mask, self.plan)

    def stitch(self) -> Stitched:
        return stitch(self.cropped.stitch, self.cropped.image, FEATHER)

    def stitch_by_values(self) -> Stitched:
        """Stitch without a feather."""
        return stitch(self.cropped.stitch, self.cropped.image, 0)

    def crop_node(self) -> Cropped:
        """Do everything that the crop node does."""
        image, mask = match(self.image, self.mask)
        box = join(mask_boxes(mask))
        return crop(image, mask, plan_box(box, self.picture, CONTEXT, NATIVE if self.native else None))

    def stitch_node(self, blend: str, color: str) -> tuple:
        """Do everything that the stitch node does: finish, composite mask, largest change outside, and seam score."""
        record = self.cropped.stitch
        made = stitch(record, self.cropped.image, FEATHER, Finish(blend, color))
        composite = on_picture(made.weights, record.plans).expand(self.frames, -1, -1)
        kept = composite == 0
        figures = kept.count_nonzero(), max_change(record.image, made.image, kept)
        del kept
        return made, composite, figures, worst(seam(made.image, composite))


class Host:
    """The host's own nodes. They do not crop the mask, and the composite receives our feathered weight."""

    def __init__(self) -> None:
        # Imported first, as the host's main does: comfy later puts another module `utils` in front on the path.
        sys.path.insert(0, str(host_folder()))
        importlib.import_module("utils.install_util")
        self._crop = extra_nodes("nodes_images.py")("ImageCrop")
        masks = extra_nodes("nodes_mask.py")
        self._scale, self._composite = masks("ImageScale"), masks("ImageCompositeMasked")

    def crop(self, case: Case, method: str) -> Any:
        box, target = case.plan.box, case.plan.target
        (part,) = _result(self._crop(case.image, box.width, box.height, box.x, box.y))
        return _result(self._scale(part, method, target.width, target.height, "disabled")) if case.native else part

    def stitch(self, case: Case, method: str) -> Any:
        box, part = case.plan.box, case.cropped.image
        if case.native:
            (part,) = _result(self._scale(part, method, box.width, box.height, "disabled"))
        return _result(self._composite(case.image, part, box.x, box.y, False, case.weight))


def _result(output: Any) -> tuple:
    return getattr(output, "result", output)


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev.py bench crop", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the smallest pictures only")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="keep what is printed in a file as well")
    options = parser.parse_args()
    pictures = CASES[:1] if options.quick else CASES
    cases = [Case(picture, frames, native) for picture, frames in pictures for native in (False, True)]

    report = Report()
    report.say("# Crop and stitch, side by side")
    report.say()
    report.say(machine(host_folder()))
    report.say()
    report.say(
        f"Each row runs both in turn, and who goes first alternates: {PAIRS} pairs, {SLOW_PAIRS} where one run takes "
        "over a second. Figures are median [lower quartile-upper quartile], times in ms, ratios taken pair by pair. "
        f"The mask is a disc of {MASK_SHARE:.0%} of the picture, its box {CONTEXT.factor} times as large with its "
        "context; the target is the picture's own scale, or about 1024 x 1024. float32 throughout."
    )
    host = Host()
    with torch.inference_mode():
        _beside_host(report, cases, host)
        missed = _beside_bound(report, cases)
        _beside_resize(report, cases)
        _videos(report, cases)
        _nodes(report, cases)
        over = _memory(report, cases, host)
        _quality(report)
    report.heading("Reach")
    report.point(not missed, f"within {BOUND_REACH}x of the bound, by the lower quartile")
    for row in missed:
        report.say(f"  - {row}")
    report.point(not over, "no more than two crops and an output beside the input")
    for row in over:
        report.say(f"  - {row}")
    if options.markdown:
        report.write(options.markdown)


def _beside_host(report: Report, cases: list[Case], host: Host) -> None:
    report.heading("Beside the host's ImageCrop, ImageScale and ImageCompositeMasked")
    report.say("The ratio is host / ours: more is better. The host crops no mask, makes no feather, and at its own")
    report.say("scale hands a view on where we copy. Its bicubic has no antialiasing; its lanczos goes through 8 bit.")
    report.say("It works on all threads, which wait for each other where the machine is not idle; ours on one.")
    report.table(what=6, picture=13, target=11, method=8, ours_ms=22, host_ms=24, host_by_ours=22)
    for case in cases:
        for method in ("bicubic", "lanczos") if case.native else ("-",):
            pairs = measure(case.crop, partial(host.crop, case, method))
            report.row("crop", case, case.plan.target, method, pairs.our_ms, pairs.other_ms, pairs.faster)
            pairs = measure(case.stitch, partial(host.stitch, case, method))
            report.row("stitch", case, case.plan.target, method, pairs.our_ms, pairs.other_ms, pairs.faster)


def _beside_bound(report: Report, cases: list[Case]) -> list[str]:
    report.heading("Beside the memory that is written at the least")
    report.say(
        "The bound of a box is one pass over the mask; of a crop, one copy of what it hands on, masks and all; of"
    )
    report.say(
        "a stitch, one copy of the picture and one of the box. The ratio is ours / bound. Stitched by the mask's"
    )
    report.say("own values there is no feather to make. Both work on one thread.")
    report.table(what=18, picture=13, target=11, ours_ms=22, bound_ms=22, ours_by_bound=22, reach=6)
    missed = []

    def row(what: str, case: Case, ours: Callable[[], object], bound: Callable[[], object]) -> None:
        pairs = measure(ours, one_thread()(bound))
        reach = "missed" if pairs.slower.low > BOUND_REACH else ""
        report.row(what, case, case.plan.target, pairs.our_ms, pairs.other_ms, pairs.slower, reach)
        if reach:
            missed.append(f"{what}, {case} to {case.plan.target}: {pairs.slower}")

    for case in cases:
        rows, columns = case.plan.box.slices
        window = case.image[:, rows, columns].clone()

        def written(case: Case = case) -> object:
            return copy_of(case.cropped.image), copy_of(case.cropped.mask), copy_of(case.cropped.stitch.mask)

        def pasted(case: Case = case, window: Tensor = window, where: tuple[slice, slice] = (rows, columns)) -> object:
            whole = copy_of(case.image)
            whole[:, where[0], where[1]] = window
            return whole

        if not case.native:
            row("box", case, partial(mask_boxes, case.mask), case.mask.max)
        row("crop", case, case.crop, written)
        row("stitch", case, case.stitch, pasted)
        row("stitch, no feather", case, case.stitch_by_values, pasted)
    return missed


def _beside_resize(report: Report, cases: list[Case]) -> None:
    report.heading("Resampling alone, beside other float resizing")
    report.say("One frame's box to its crop. The ratio is other / ours. torch's bicubic is antialiased, OpenCV's not.")
    report.table(picture=13, box=11, target=11, ours_ms=20, torch_by_ours=20, OpenCV_by_ours=22)
    for case in (case for case in cases if case.native):
        box, target = case.plan.box, case.plan.target
        rows, columns = box.slices
        frame = case.image[:1, rows, columns].contiguous()
        spans = Span(0, box.height), Span(0, box.width)

        def ours(frame: Tensor = frame, spans: tuple[Span, Span] = spans, target: Size = target) -> Tensor:
            return resample(frame, *spans, target)

        def torchs(frame: Tensor = frame, target: Size = target) -> Tensor:
            size = (target.height, target.width)
            return F.interpolate(frame.movedim(-1, 1), size, mode="bicubic", antialias=True).movedim(1, -1)

        def opencvs(frame: Tensor = frame, target: Size = target) -> np.ndarray:
            return cv2.resize(frame[0].numpy(), (target.width, target.height), interpolation=cv2.INTER_CUBIC)

        pairs = measure(ours, torchs)
        report.row(case, box.size, target, pairs.our_ms, pairs.faster, measure(ours, opencvs).faster)


def _videos(report: Report, cases: list[Case]) -> None:
    videos = [case for case in cases if case.frames > 1]
    if not videos:
        return
    report.heading("A box that follows, and several regions")
    report.say("The mask wanders through the video; a ninth of it lies in each of nine regions of the picture.")
    report.table(what=16, picture=13, ours_ms=22)
    for case in videos:
        shifts = [round(200 * math.sin(frame / 3)) for frame in range(case.frames)]
        masks = torch.cat([case.mask.roll(shift, 2) for shift in shifts])
        boxes = mask_boxes(masks)
        target = NATIVE if case.native else None
        plans = plan_path(boxes, case.picture, CONTEXT, target)
        cropped = crop(case.image, masks, plans)

        def planned(boxes: list = boxes, case: Case = case, target: Area | None = target) -> object:
            return plan_path(boxes, case.picture, CONTEXT, target)

        def cropped_along(case: Case = case, masks: Tensor = masks, plans: list = plans) -> object:
            return crop(case.image, masks, plans)

        def stitched_along(cropped: Cropped = cropped) -> object:
            return stitch(cropped.stitch, cropped.image, FEATHER)

        for what, work in (("path", planned), ("crop", cropped_along), ("stitch", stitched_along)):
            report.row(what, case, measure(work, lambda: None).our_ms)
    for case in (case for case in cases if case.frames == 1 and case.native):
        mask = F.interpolate(case.mask[None], scale_factor=1 / 3).repeat(1, 1, 3, 3)[0]
        height, width = mask.shape[1:]
        image = case.image[:, :height, :width]
        regions = crop_regions(image, mask, CONTEXT, Area.square(512))
        names = f"{len(regions.image)} regions"

        def cropped_apart(image: Tensor = image, mask: Tensor = mask) -> object:
            return crop_regions(image, mask, CONTEXT, Area.square(512))

        def stitched_together(regions: CroppedRegions = regions) -> object:
            return stitch_regions(regions.stitch, regions.image, FEATHER)

        report.row(f"crop {names}", case, measure(cropped_apart, lambda: None).our_ms)
        report.row(f"stitch {names}", case, measure(stitched_together, lambda: None).our_ms)


def _nodes(report: Report, cases: list[Case]) -> None:
    report.heading("The nodes as a whole")
    report.say("With what they tell: the share that is masked or pasted, the proof that nothing else changed, and the")
    report.say("seam score. Memory is the most that is held beside the input. The limit is that of two crops and of")
    report.say("what a stitch hands on, picture and composite mask.")
    report.table(what=26, picture=13, target=11, ms=22, MiB=8, limit=8)
    for case in cases:
        rows: dict[str, Callable[[], object]] = {"crop": case.crop_node}
        for blend, color in (("feather", "none"), ("multiband", "none"), ("multiband", "mean-std")):
            rows[f"stitch, {blend}, color {color}"] = partial(case.stitch_node, blend, color)
        limit = case.limit + 4 * case.picture.width * case.picture.height
        for what, work in rows.items():
            sizes = (f"{size / 2**20:.1f}" for size in (peak_bytes(work), limit))
            report.row(what, case, case.plan.target, measure(work, lambda: None).our_ms, *sizes)


def _memory(report: Report, cases: list[Case], host: Host) -> list[str]:
    report.heading("Memory")
    report.say("The most that is held beside the input, results included, in MiB. The limit of a stitch is two crops,")
    report.say(
        "with their masks and at the larger of their two sizes, and one output; a crop has no output but itself."
    )
    report.table(what=6, picture=13, target=11, ours=8, limit=8, host=8)
    over = []
    for case in cases:
        output = 4 * 3 * case.frames * case.picture.width * case.picture.height
        for what, ours, hosts, limit in (
            ("crop", case.crop, host.crop, case.limit - output),
            ("stitch", case.stitch, host.stitch, case.limit),
        ):
            mine = peak_bytes(ours)
            theirs = peak_bytes(partial(hosts, case, "bicubic"))
            report.row(what, case, case.plan.target, *(f"{size / 2**20:.1f}" for size in (mine, limit, theirs)))
            if mine > limit:
                over.append(f"{what}, {case} to {case.plan.target}: {mine / limit:.2f} of the limit")
    return over


def _quality(report: Report) -> None:
    report.heading("What a crop keeps that comes back unchanged")
    report.say(f"PSNR in dB of {ROUND_TRIPS[0][0]} x {ROUND_TRIPS[0][0]} pixels scaled there and back, mean of")
    report.say(f"{', '.join(PICTURES)}.")
    report.table(scaled_to=9, ours=6, torch_bicubic_antialiased=25, host_bicubic=12, host_lanczos_8_bit=18)
    for side, target in ROUND_TRIPS:
        rows: dict[str, list[float]] = {"ours": [], "torch": [], "bicubic": [], "lanczos": []}
        for name in PICTURES:
            picture = torch.from_numpy(getattr(skimage.data, name)()[20 : 20 + side, 20 : 20 + side].copy()).float()
            image = picture[None] / 255
            for method, scores in rows.items():
                scaled = image
                for to in (target, side):
                    scaled = _resize(scaled, to, method)
                scores.append(float(-10 * torch.log10((scaled.clamp(0, 1) - image).square().mean())))
        report.row(target, *(f"{sum(scores) / len(scores):.2f}" for scores in rows.values()))


def _resize(image: Tensor, side: int, method: str) -> Tensor:
    if method == "ours":
        height, width = image.shape[1:3]
        return resample(image, Span(0, height), Span(0, width), Size(side, side), "reflect", undo=True)
    if method == "torch":
        return F.interpolate(image.movedim(-1, 1), (side, side), mode="bicubic", antialias=True).movedim(1, -1)
    from comfy.utils import common_upscale

    return common_upscale(image.movedim(-1, 1), side, side, method, "disabled").movedim(1, -1)


if __name__ == "__main__":
    main()

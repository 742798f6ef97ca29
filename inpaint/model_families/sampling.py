"""The settings with which the makers of a model sample it, or ComfyUI's templates for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

# Words in names of files by which makers tell models that were distilled to few steps.
FEW_STEPS = re.compile(
    r"turbo|schnell|lightning|hyper(?![-_ ]?real)|lcm|dmd|distill|[^a-z]fast|\d+[-_ ]?steps?", re.IGNORECASE
)
# Words that take it back, and how many steps the name says.
UNDONE = re.compile(r"(de|un)[-_ ]?(distill|turbo)", re.IGNORECASE)
COUNT = re.compile(r"(\d+)[-_ ]?steps?", re.IGNORECASE)
# FLUX.2 Klein is distilled, but for the files named so.
BASE = re.compile(r"base", re.IGNORECASE)
# The name by which FLUX.1 Kontext is told from dev.
KONTEXT = re.compile(r"kontext", re.IGNORECASE)


class Sampling(NamedTuple):
    """How a model is sampled."""

    steps: int
    """Number of steps."""
    cfg: float
    """Classifier-free guidance; 1 for models that were distilled to do without."""
    sampler: str = "euler"
    """ComfyUI's name of the sampler."""
    scheduler: str = "simple"
    """ComfyUI's name of the scheduler."""
    guidance: float | None = None
    """The guidance that the model is told (node FluxGuidance); None if it is told none."""
    shift: float | None = None
    """The shift of its noise levels (node ModelSamplingAuraFlow), where it is not what ComfyUI sets by itself."""
    flux_shift: float | None = None
    """The same as the logarithm that ModelSamplingFlux takes."""


# SD's authors sample 50 steps of DDIM or PLMS; half as many of DPM++ 2M come out alike.
SD = Sampling(25, 7.0, "dpmpp_2m", "karras")
# For families that are not in the table.
USUAL = Sampling(25, 4.0)
# Steps of models that were distilled to few, of families that `DISTILLED` does not have.
FEW_USUAL = 8

# By family, or by the variant where that has settings of its own. Those that name no source here are ComfyUI's
# templates of the model, comfyui-workflow-templates 0.11.44.
BY_MODEL: Mapping[str, Sampling] = {
    "sd15": SD,
    "sd2": SD,
    "sdxl": Sampling(30, 6.0, "dpmpp_2m", "karras"),
    "sdxl-refiner": Sampling(30, 6.0, "dpmpp_2m", "karras"),
    "sd3": Sampling(20, 4.0),
    "flux": Sampling(20, 1.0, guidance=3.5),
    "FLUX.1 Fill": Sampling(20, 1.0, "euler", "normal", guidance=30.0),
    "FLUX.1 Canny or Depth": Sampling(20, 1.0, "euler", "normal", guidance=30.0),
    "FLUX.1 Kontext": Sampling(20, 1.0, guidance=2.5),
    "FLUX.1 schnell": Sampling(4, 1.0),
    "flux2": Sampling(20, 1.0, guidance=4.0, flux_shift=2.29),
    "FLUX.2 Klein": Sampling(4, 1.0, flux_shift=2.29),
    "FLUX.2 Klein base": Sampling(20, 5.0, flux_shift=2.29),
    "chroma": Sampling(26, 3.5, "euler", "beta", shift=1.0),
    "chroma-radiance": Sampling(26, 3.5, "euler", "beta", shift=1.0),
    "longcat-image": Sampling(50, 4.5, guidance=4.5),
    "ovis-image": Sampling(20, 5.0, shift=3.0),
    "qwen-image": Sampling(20, 2.5, shift=3.1),
    "Qwen-Image-Edit 2511": Sampling(40, 4.0, shift=3.1),
    "z-image": Sampling(25, 4.0, "res_multistep", shift=3.0),
    "lumina2": Sampling(30, 4.0, "res_multistep", shift=4.0),
    "newbie": Sampling(20, 5.5, "res_multistep", shift=6.0),
    "hidream": Sampling(50, 5.0, "uni_pc"),
    "omnigen2": Sampling(20, 5.0),
    "mageflow": Sampling(30, 5.0),
    "joyimage": Sampling(40, 4.0, "euler", "normal"),
    "boogu": Sampling(25, 4.0, "dpmpp_2m", shift=3.16),
    "kandinsky5-image": Sampling(50, 3.5),
    "anima": Sampling(30, 4.0),
    "ernie-image": Sampling(20, 4.0),
}
# Models distilled to few steps, by family: the words of `FEW_STEPS` are in the name of the file. The number of steps
# counts where the name has none.
DISTILLED: Mapping[str, Sampling] = {
    "flux": Sampling(4, 1.0),
    "z-image": Sampling(8, 1.0, "res_multistep", shift=3.0),
    "qwen-image": Sampling(8, 1.0, shift=3.1),
    "ernie-image": Sampling(8, 1.0),
    "krea2": Sampling(8, 1.0),
    "mageflow": Sampling(4, 1.0),
    "boogu": Sampling(4, 1.0, "lcm", "sgm_uniform"),
    "sd15": Sampling(6, 1.0, "lcm", "sgm_uniform"),
    "sdxl": Sampling(8, 1.0, "lcm", "sgm_uniform"),
}


def sampling_of(family: str, variant: str, file: str = "") -> Sampling:
    """Return the settings to sample a model with.

    Args:
        family: id of its family.
        variant: name of its variant.
        file: name of its file, which alone tells distilled models and FLUX.1 Kontext from others; "" if unknown.
    """
    if variant.startswith("FLUX.2 Klein"):
        return BY_MODEL["FLUX.2 Klein base" if BASE.search(file) else "FLUX.2 Klein"]
    found = BY_MODEL.get(variant) or BY_MODEL.get(family, USUAL)
    if family == "flux" and KONTEXT.search(file):
        found = BY_MODEL["FLUX.1 Kontext"]
    if found.cfg == 1 and found.guidance is None:
        return found  # made for few steps
    if FEW_STEPS.search(file) and not UNDONE.search(file):
        # Of families without a row of their own, sampler and shift stay.
        few, count = DISTILLED.get(family, found._replace(steps=FEW_USUAL, cfg=1.0)), COUNT.search(file)
        steps = int(count[1]) if count else few.steps
        found = few._replace(steps=steps, guidance=found.guidance if found.guidance is not None else few.guidance)
    return found


def sampling_in_words(family: str, variant: str) -> str:
    """Return steps and guidance of a model, for a help page; "" if the tables do not have it.

    Args:
        family: id of its family.
        variant: name of its variant.
    """
    if variant.startswith("FLUX.2 Klein"):
        return f"{_words(BY_MODEL['FLUX.2 Klein'])}; base: {_words(BY_MODEL['FLUX.2 Klein base'])}"
    own = BY_MODEL.get(variant) or BY_MODEL.get(family)
    words = [] if own is None else [_words(own)]
    if variant not in BY_MODEL and family in DISTILLED:
        words.append(f"distilled, by the name of the file: {_words(DISTILLED[family])}")
    if family == "flux" and variant not in BY_MODEL:
        words.append(f"Kontext: {_words(BY_MODEL['FLUX.1 Kontext'])}")
    return "; ".join(words)


def _words(sampling: Sampling) -> str:
    told = "" if sampling.guidance is None else f", guidance {sampling.guidance:g}"
    return f"{sampling.steps} steps, cfg {sampling.cfg:g}{told}"

"""The table of pipelines against diffusers itself, and how a model finds its row."""

import inspect
import json

import diffusers
import pytest

from inpaint.core.errors import InpaintError
from inpaint.pipelines.routes import ROUTES, route_of, route_of_family

IDS = [route.label for route in ROUTES]
UNETS = {"unet": {"in_channels": 9, "cross_attention_dim": 768}}


@pytest.mark.parametrize("route", ROUTES, ids=IDS)
def test_a_row_is_true(route):
    """diffusers has the class, it takes what the row says, and its components are those of the models it is for."""
    kind = getattr(diffusers, route.pipeline)
    takes = inspect.signature(kind.__call__).parameters
    assert {"prompt", "image", "mask_image", "height", "width", "num_inference_steps", "generator"} <= takes.keys()
    assert {"output_type", "callback_on_step_end"} <= takes.keys()
    for argument in (route.cfg, route.guidance):
        assert not argument or argument in takes
    assert route.network in inspect.signature(kind.__init__).parameters
    needed = set(inspect.signature(kind.__init__).parameters) - {"self"} - _optional(kind)
    for name in route.made_for:
        has = set(inspect.signature(getattr(diffusers, name).__init__).parameters)
        assert needed <= has, name
    assert route.in_table.id == route.family


def _optional(kind):
    given = inspect.signature(kind.__init__).parameters.values()
    return {*kind._optional_components, *(each.name for each in given if each.default is not each.empty)}


def test_the_first_row_that_fits_counts():
    assert route_of("StableDiffusionPipeline", UNETS).label == "SD 1.5 inpainting (9-channel)"
    general = {"unet": {"in_channels": 4, "cross_attention_dim": 1024}}
    assert route_of("StableDiffusionInpaintPipeline", general).label == "SD 2"
    assert route_of("FluxFillPipeline", {}).kind == "inpainting"
    assert route_of("FluxKontextPipeline", {}).kind == "edit"


REFUSED = {
    "got a WanPipeline.": ("WanPipeline", {}),
    "got a folder of no pipeline.": ("", {}),
    "got a StableDiffusionPipeline with unet.cross_attention_dim 768, unet.in_channels 8.": (
        *("StableDiffusionPipeline", {"unet": {"in_channels": 8, "cross_attention_dim": 768}}),
    ),
}


@pytest.mark.parametrize("message", list(REFUSED))
def test_what_has_no_row(message):
    with pytest.raises(InpaintError, match=r"expected one of SD 1\.5 inpainting") as error:
        route_of(*REFUSED[message])
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("family", "inpaints", "edits", "label"),
    [
        ("sd15", True, False, "SD 1.5 inpainting (9-channel)"),
        ("sdxl", False, False, "SDXL"),
        ("flux", True, False, "FLUX.1 Fill"),
        ("flux", False, True, "FLUX.1 Kontext"),
        ("z-image", False, False, "Z-Image"),
        ("wan", False, False, None),
    ],
)
def test_single_files(family, inpaints, edits, label):
    route = route_of_family(family, inpaints, edits)
    assert (route.label if route else None) == label


def test_settings_of_the_makers():
    kontext = next(route for route in ROUTES if route.label == "FLUX.1 Kontext")
    assert kontext.sampling("kontext-dev").guidance == 2.5
    klein = next(route for route in ROUTES if route.label == "FLUX.2 Klein")
    assert (klein.sampling("klein-4b").steps, klein.sampling("klein-base-4b").steps) == (4, 20)
    fill = next(route for route in ROUTES if route.label == "FLUX.1 Fill")
    assert (fill.sampling("fill").guidance, fill.cfg) == (30.0, "")
    assert json.dumps([route.made_for for route in ROUTES])

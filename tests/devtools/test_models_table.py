"""The tables of models in the help say what the table of families says.

Mutations seen to fail here: a field of a family changed; a line of the help edited by hand; a family left out.
"""

import pytest

from devtools.publish import models_table
from devtools.publish.models_table import Model, models
from inpaint.model_families.family import References
from inpaint.model_families.table import BY_ID, FAMILIES


@pytest.mark.parametrize("path", models_table.FILES, ids=lambda path: path.name)
def test_the_help_is_up_to_date(path):
    """`python -m devtools.publish.models_table` brings it up to date."""
    assert path.read_text(encoding="utf-8") == models_table.written(path, models_table.FILES[path])


def test_every_family_is_in_the_table():
    labels = [model.label for model in models()]
    assert {family.label for family in FAMILIES} <= set(labels)
    assert len(set(labels)) == len(labels)


def test_what_a_line_says():
    lines = {model.label: model for model in models()}
    klein = lines["FLUX.2 Klein 4B"]
    assert klein.does() == "sets the noise mask, and the picture as a reference"
    assert "4 references at most" in klein.connect()
    assert klein.denoise() == "1"
    assert "*TextEncodeQwenImageEditPlus* too, without a VAE" in lines["Qwen-Image"].connect()
    assert "is in the file's name" in lines["Qwen-Image"].does()
    assert "is in the file's name" not in lines["Qwen-Image-Edit 2511"].does()
    assert "with its VAE" in lines["Boogu-Image"].connect()
    assert "picture_2" not in lines["Boogu-Image"].connect()
    assert "by the method *index_timestep_zero*" in lines["Krea 2"].does()
    assert lines["SDXL inpainting (9-channel)"].denoise() == "1"
    assert not lines["FLUX.1 Fill"].edits
    assert not lines["HiDream-O1"].edits
    assert not lines["FLUX.1 Canny or Depth"].edits
    assert "Wan Fun control" not in lines


def test_a_line_has_five_cells():
    model = Model("A", BY_ID["flux2"], None, References("reference_latents", "index", "apart"), "")
    assert model.line().count("|") == 6
    assert "| - |" in model.line()

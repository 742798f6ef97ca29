"""Reference pictures: what is decided, and what a window cuts.

Mutations seen to fail here: file names that hold "edition" or "credit"; a connected reference of the picture's size
given twice; a reference of another size cut; one of several "offset" references cut.
"""

import pytest
import torch

from inpaint.core.errors import InpaintError
from inpaint.core.geometry import Box, Size
from inpaint.model_families.family import References
from inpaint.model_families.table import BY_ID
from inpaint.sampling.references import AUTO, CONNECTED, NONE, THIS, cut_references, decide, too_many

PICTURE = Size(640, 480)
QWEN, FLUX2, HIDREAM, BOOGU = (BY_ID[name].references for name in ("qwen-image", "flux2", "hidream-o1", "boogu"))


def _decided(choice=AUTO, takes: References | None = QWEN, file="", connected=(), further=0):
    return decide(choice, takes, "Some model", file, PICTURE, connected, further)


@pytest.mark.parametrize(
    ("given", "this", "why"),
    [
        ({"takes": FLUX2}, True, "The picture is a reference, since Some model edits pictures."),
        ({}, False, "not every Some model model edits pictures. If this one does, set reference"),
        ({"file": "qwen_image_fp8.safetensors"}, False, "and the name qwen_image_fp8.safetensors does not say"),
        ({"file": "qwen_image_edit_2509.safetensors"}, True, "by the name of the file, qwen_image_edit_2509.safe"),
        ({"file": "flux1-dev-KONTEXT.sft"}, True, "by the name of the file"),
        ({"file": "FireRed-ImageEdit.sft"}, True, "by the name of the file"),
        ({"file": "second-edition-credit.sft"}, False, "does not say that this one does"),
        ({"further": 2}, True, "since further pictures are connected"),
        ({"connected": [PICTURE]}, False, "The prompts have a reference of the picture's size: no other was added."),
        ({"takes": FLUX2, "connected": [Size(8, 8), PICTURE]}, False, "no other was added"),
        (
            {"connected": [Size(1024, 768)]},
            True,
            "since the prompts have references. The prompts have 1 reference of another size: 1024x768 pixels, where "
            "the picture has 640x480. If one shows this picture, take the VAE off its text encode node",
        ),
        (
            {"takes": BOOGU, "connected": [Size(1024, 768)]},
            True,
            "If one shows this picture, crop it to the model's own size: TextEncodeBooguEdit asks for the VAE",
        ),
        ({"takes": None}, False, ""),
        ({"takes": HIDREAM}, False, ""),
        ({"choice": THIS}, True, "The picture is a reference, as chosen."),
        ({"choice": THIS, "connected": [PICTURE]}, True, "The picture is a reference, as chosen."),
        ({"choice": CONNECTED, "takes": FLUX2}, False, "No references of the prompts, as chosen."),
        ({"choice": CONNECTED, "connected": [PICTURE], "further": 2}, False, "1 reference of the prompts and 2 furth"),
        ({"choice": NONE, "takes": FLUX2, "further": 1}, False, "as chosen. The further pictures are not used."),
        ({"choice": NONE, "connected": [PICTURE]}, False, "No reference, as chosen. Those of the prompts were removed"),
        ({"choice": NONE, "takes": None, "connected": [PICTURE]}, False, "Those of the prompts were removed."),
        ({"choice": NONE, "takes": None}, False, ""),
    ],
)
def test_decisions(given, this, why):
    decided = _decided(**given)
    print(decided.why)
    assert decided.this == this
    assert why in decided.why
    assert bool(why) == bool(decided.why)
    assert decided.connected == decided.further == (given.get("choice") != NONE)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"choice": THIS, "takes": None}, "^reference: expected a model that takes reference pictures, got Some model"),
        ({"further": 1, "takes": None}, "^picture_2: expected a model that takes reference pictures"),
        ({"choice": THIS, "takes": HIDREAM}, "^reference: expected a model whose references are latents"),
    ],
)
def test_models_that_take_none_are_refused(given, message):
    with pytest.raises(InpaintError, match=message):
        _decided(**given)


def test_more_than_its_makers_name():
    assert too_many(QWEN, 3) == too_many(None, 9) == ""
    assert too_many(QWEN, 4) == "The model is given 4 references, and its makers name 3 at most."


@pytest.mark.parametrize("method", ["index", "index_timestep_zero", "negative_index", "sequence", "offset"])
def test_the_first_reference_is_cut_at_the_windows_place(method):
    whole = torch.arange(2 * 8 * 12).reshape(1, 2, 1, 8, 12)
    (part,) = cut_references([whole], method, Box(4, 2, 6, 3), (8, 12))
    assert torch.equal(part, whole[..., 2:5, 4:10])


def test_those_of_another_size_stay_whole():
    own, other = torch.rand(1, 4, 8, 12), torch.rand(1, 4, 12, 8)
    cut = cut_references([own, other, own], "index", Box(0, 0, 4, 4), (8, 12))
    assert cut[1] is other
    assert [tuple(each.shape[-2:]) for each in cut] == [(4, 4), (12, 8), (4, 4)]
    assert cut_references([other, other], "offset", Box(0, 0, 4, 4), (8, 12)) == [other, other]


@pytest.mark.parametrize(("method", "count"), [("uxo", 1), ("offset", 2)])
def test_what_cannot_be_cut_is_refused(method, count):
    with pytest.raises(InpaintError, match=f'^sample_area: expected references .* by the method "{method}"'):
        cut_references([torch.rand(1, 4, 8, 12)] * count, method, Box(0, 0, 4, 4), (8, 12))

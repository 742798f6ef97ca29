"""Chains of every task, for every kind of model.

Mutations seen to fail here: a step that reads a later one; a task's own prompt over the one that is given; a negative
prompt encoded where none is read; the model's settings over those that are given; the fill of an inpainting model.
"""

import itertools
import re
from typing import get_args

import pytest

from inpaint.core.errors import InpaintError
from inpaint.model_families.sampling import BY_MODEL, sampling_of
from inpaint.model_families.table import BY_ID, FAMILIES
from inpaint.tasks.chain import Given, Out, Wish, chain_for
from inpaint.tasks.models import Model, model_of
from inpaint.tasks.table import TASKS, Kind

KINDS = get_args(Kind)
LOADED = ("image", "mask", "model", "clip", "vae")
PLAIN = Model("general", BY_MODEL["sd15"])


def chain(task="replace", model=PLAIN, connected=LOADED, **wish):
    return chain_for(Wish(task=task, model=model, connected=connected, **wish))


def step(found, id):
    (match,) = [each for each in found.steps if each.id == id]
    return match


def ids(found):
    return [each.id for each in found.steps]


@pytest.mark.parametrize(("task", "kind"), list(itertools.product(TASKS, KINDS)))
def test_every_step_reads_only_what_is_there(task, kind):
    found = chain(task, Model(kind, BY_MODEL["qwen-image"]))
    before = {}
    for each in found.steps:
        assert each.id not in before
        for value in each.inputs.values():
            assert not isinstance(value, Out) or value.step in before
        before[each.id] = each
    assert {found.image.step, found.mask.step, found.report.step} <= before.keys()
    assert step(found, "report").inputs["done"].startswith(f"{TASKS[task].done}: ")


@pytest.mark.parametrize("task", TASKS)
def test_an_inpainting_model_is_shown_a_hole_and_not_a_fill(task):
    found = chain(task, Model("inpainting", BY_MODEL["sd15"]))
    assert "fill" not in ids(found)
    assert step(found, "encode").inputs["masked_content"] == ("original" if task == "refine" else "auto")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", TASKS)
def test_what_is_kept_in_part_is_no_placeholder(task, kind):
    found = chain(task, Model(kind, BY_MODEL["sd15"]), strength=0.5)
    content = step(found, "encode").inputs["masked_content"]
    assert content == ("original" if task in ("replace", "refine") else "already filled")
    assert ("fill" in ids(found)) == (content == "already filled")


def test_remove_object_reads_no_negative_prompt():
    assert "no_negative" in ids(chain("remove", Model("unet", BY_MODEL["sd15"])))


def test_what_a_ring_surrounds_stays():
    assert step(chain("remove"), "clean").inputs["max_hole"] == 400
    assert "max_hole" not in step(chain("repair"), "clean").inputs


def test_prompts_are_those_given_or_the_tasks():
    assert step(chain("remove"), "prompt").inputs["text"] == TASKS["remove"].prompt
    assert step(chain("remove", prompt="grass"), "prompt").inputs["text"] == Given("prompt")
    assert step(chain("remove", prompt="  \n"), "prompt").inputs["text"] == TASKS["remove"].prompt
    assert step(chain(negative_prompt="red"), "negative_prompt").inputs["text"] == Given("negative_prompt")
    edit = Model("edit", sampling_of("flux2", "FLUX.2"))
    assert step(chain("remove", edit), "prompt").inputs["text"] == TASKS["remove"].edit_prompt


def test_conditioning_that_is_connected_takes_the_place_of_prompts():
    found = chain(connected=(*LOADED, "positive", "negative"))
    assert not {"prompt", "negative_prompt", "guidance"} & set(ids(found))
    assert step(found, "encode").inputs["positive"] == Given("positive")
    without_clip = chain(connected=("image", "mask", "model", "vae", "positive"))
    assert step(without_clip, "encode").inputs["negative"] == Out("no_negative")


def test_without_guidance_no_negative_prompt_is_encoded():
    flux = Model("general", BY_MODEL["flux"])
    assert "negative_prompt" not in ids(chain(model=flux))
    assert "negative_prompt" in ids(chain(model=flux, cfg=3.0))
    assert step(chain(model=flux), "guidance").inputs["guidance"] == 3.5


def test_settings_are_those_given_or_the_makers():
    own = step(chain(), "sample").inputs
    assert (own["steps"], own["cfg"], own["sampler_name"], own["scheduler"]) == (25, 7.0, "dpmpp_2m", "karras")
    assert own["denoise"] == TASKS["replace"].ways["general"].denoise
    given = step(chain(steps=3, cfg=2.0, sampler_name="euler", scheduler="simple", strength=0.3), "sample").inputs
    assert all(given[name] == Given(name) for name in ("steps", "cfg", "sampler_name", "scheduler"))
    assert given["denoise"] == Given("strength")
    assert "denoise 0.3" in step(chain(strength=0.3), "report").inputs["done"]
    assert step(chain(grow=0.0, feather=0.0), "clean").inputs["grow"] == Given("grow")
    assert step(chain(grow=0.0, feather=0.0), "stitch").inputs["feather"] == Given("feather")


def test_a_text_encoder_that_sees_pictures_is_given_the_crop_without_a_vae():
    found = chain(
        "replace",
        model_of(
            BY_ID["qwen-image"],
            "Qwen-Image-Edit 2511",
            None,
            BY_ID["qwen-image"].references,
            False,
            "qwen_edit.safetensors",
        ),
    )
    for id in ("prompt", "negative_prompt"):
        assert step(found, id).node == "TextEncodeQwenImageEditPlus"
        assert step(found, id).inputs["image1"] == Out("crop")
        assert "vae" not in step(found, id).inputs


@pytest.mark.parametrize(("sides", "wide"), [("left", {"left"}), ("all", {"left", "top", "right", "bottom"})])
def test_extend_adds_room_on_the_sides_asked_for(sides, wide):
    pad = step(chain("extend", extend_sides=sides, connected=("image", "model", "clip", "vae")), "pad").inputs
    assert {side for side in ("left", "top", "right", "bottom") if pad[side] == Given("extend_by")} == wide
    assert "mask" not in pad


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"task": "paint"}, "task: expected one of remove, replace, repair, refine, extend, got 'paint'."),
        ({"task": "replace", "connected": ("image", "mask")}, "model: expected a model for replace, got none."),
        ({"task": "refine", "connected": ("image", "mask", "network")}, "got only a network"),
        ({"task": "remove", "connected": ("image",)}, "mask: expected a mask for remove, got none."),
        ({"task": "replace", "model": PLAIN, "connected": ("image", "mask", "clip")}, "vae: expected the model's VAE"),
        ({"task": "replace", "model": PLAIN, "connected": ("image", "mask", "vae")}, "clip: expected a text encoder"),
    ],
)
def test_what_is_missing_is_named(wish, said):
    with pytest.raises(InpaintError, match=re.escape(said)):
        chain_for(Wish(**wish))


@pytest.mark.parametrize(
    ("family", "variant", "file", "steps", "cfg"),
    [
        ("flux2", "FLUX.2 Klein 4B", "flux-2-klein-4b.safetensors", 4, 1.0),
        ("flux2", "FLUX.2 Klein 4B", "flux-2-klein-base-4b.safetensors", 20, 5.0),
        ("flux2", "FLUX.2", "flux2_dev_fp8mixed.safetensors", 20, 1.0),
        ("flux", "FLUX.1 schnell", "flux1-schnell.safetensors", 4, 1.0),
        ("flux", "FLUX.1 Fill", "flux1-fill-dev.safetensors", 20, 1.0),
        ("z-image", "Z-Image", "z_image_turbo_bf16.safetensors", 8, 1.0),
        ("z-image", "Z-Image", "z_image_bf16.safetensors", 25, 4.0),
        ("sdxl", "SDXL", "dreamshaperXL_lightning.safetensors", 8, 1.0),
        ("sdxl", "SDXL", "sdxl_lightning_4step.safetensors", 4, 1.0),
        ("sd15", "SD 1.5", "hyperRealism_v30.safetensors", 25, 7.0),
        ("flux", "FLUX.1 dev", "flux-dev-de-distill.safetensors", 20, 1.0),
        ("flux", "FLUX.1 dev", "flux1-dev-hyper-8steps.safetensors", 8, 1.0),
        ("flux", "FLUX.1 Fill", "flux1-fill-dev-turbo-8steps.safetensors", 8, 1.0),
        ("flux", "FLUX.1 dev", "flux1-kontext-dev-turbo-8steps.safetensors", 8, 1.0),
        ("z-image", "Z-Image", "z-image-de-turbo.safetensors", 25, 4.0),
        ("qwen-image", "Qwen-Image-Edit 2511", "qwen_image_edit_2511_lightning_4steps.safetensors", 4, 1.0),
        ("sdxl", "SDXL", "", 30, 6.0),
        ("auraflow", "AuraFlow", "", 25, 4.0),
    ],
)
def test_makers_settings(family, variant, file, steps, cfg):
    found = sampling_of(family, variant, file)
    assert (found.steps, found.cfg) == (steps, cfg)


# Boogu's makers have levels of their own for few steps.
@pytest.mark.parametrize("family", [family.id for family in FAMILIES if family.id in BY_MODEL and family.id != "boogu"])
def test_a_model_for_few_steps_keeps_the_noise_levels_of_its_family(family):
    usual, few = sampling_of(family, ""), sampling_of(family, "", "model-turbo-6steps.safetensors")
    assert (few.shift, few.flux_shift) == (usual.shift, usual.flux_shift)
    assert few.steps == 6


def test_settings_name_families_and_variants_that_there_are():
    known = {family.id for family in FAMILIES} | {each.label for family in FAMILIES for each in family.variants}
    # Told by the name of the file, or the same for two sizes.
    assert BY_MODEL.keys() - known == {"FLUX.1 Kontext", "FLUX.2 Klein", "FLUX.2 Klein base"}

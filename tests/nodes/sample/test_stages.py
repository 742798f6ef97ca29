"""Several stages equal one, with a mask: in Masked Sampler, and in the host's samplers with a patched MODEL.

Mutations seen to fail here: the noisy latent taken for the picture; its noise not split off, or split by another noise
level; a soft schedule that begins anew in each stage; the latent put back where noise is left; the sentence left out;
the picture of another size taken; the latent without noise left in the result of the last stage.
"""

import asyncio
import logging

import pytest
import torch

STEPS, CUT = 4, 2
SIZE = (8, 12)
COMMON = {"cfg": 1.0, "sampler_name": "euler", "scheduler": "simple"}
SWITCH = ["disable", "enable"]
UNKNOWN = "No noise is added here."
# How far two stages may be from one inside the mask. Cells that a soft mask keeps at the cut begin there with the
# little more noise that the host adds at its highest level, which the model sees.
ROUNDING, SOFT_CELLS = 1e-4, 3e-3


@pytest.fixture(autouse=True)
def _inference():
    """As the host's executor has it."""
    with torch.inference_mode():
        yield


@pytest.fixture(autouse=True, scope="module")
def _extras(host_nodes, comfyui):
    for file in ("nodes_custom_sampler.py", "nodes_model_advanced.py"):
        extras = comfyui / "comfy_extras" / file
        assert asyncio.run(host_nodes.load_custom_node(str(extras), module_parent="comfy_extras"))


def mask_of(kind):
    mask = torch.zeros(1, 1, *SIZE)
    mask[..., 2:6, 4:8] = 1
    if kind == "soft":
        mask[..., 2:6, 2:4] = torch.tensor([0.25, 0.6])
        mask[..., 2:6, 8:10] = torch.tensor([0.75, 0.4])
    return mask


@pytest.fixture(params=["eps", "flow"])
def model(request, run, general_model):
    if request.param == "eps":
        return general_model.model
    return run("ModelSamplingSD3", model=general_model.model, shift=3.0).outputs[0]


@pytest.fixture
def latent():
    random = torch.Generator().manual_seed(1)
    return {"samples": torch.randn(1, 4, *SIZE, generator=random), "noise_mask": mask_of("hard")}


@pytest.fixture
def bare(general_model):
    """Prompts that do not know the picture."""
    return {"positive": general_model.positive, "negative": general_model.negative}


@pytest.fixture
def prompts(pack, bare, latent):
    """As Encode for Inpainting leaves them."""
    return {name: pack("host").with_original(prompt, latent["samples"]) for name, prompt in bare.items()}


def masked_sampler(run, model, prompts, latent, begin=0, end=10000, **settings):
    stage = {"add_noise": begin == 0, "start_at_step": begin, "end_at_step": end}
    stage["return_with_leftover_noise"] = end < STEPS
    settings = COMMON | {"seed": 3, "steps": STEPS} | settings
    return run("MendMaskedSampler", model=model, **prompts, latent=latent, **stage, **settings)


def ksampler(run, model, prompts, latent, begin=0, end=10000, **settings):
    stage = {"add_noise": SWITCH[begin == 0], "start_at_step": begin, "end_at_step": end}
    stage["return_with_leftover_noise"] = SWITCH[end < STEPS]
    settings = COMMON | {"noise_seed": 3, "steps": STEPS} | settings
    return run("KSamplerAdvanced", model=model, **prompts, latent_image=latent, **stage, **settings)


def split_sigmas(run, model, prompts, latent, begin=0, end=10000, sampler=None, **settings):
    given = COMMON | settings
    sigmas = run("BasicScheduler", model=model, scheduler=given["scheduler"], steps=STEPS, denoise=1.0).outputs[0]
    noise = run("RandomNoise", noise_seed=3) if begin == 0 else run("DisableNoise")
    sampler = sampler or run("KSamplerSelect", sampler_name=given["sampler_name"]).outputs[0]
    guider = run("CFGGuider", model=model, **prompts, cfg=1.0).outputs[0]
    parts = {"noise": noise.outputs[0], "guider": guider, "sampler": sampler, "sigmas": sigmas[begin : end + 1]}
    return run("SamplerCustomAdvanced", **parts, latent_image=latent)


def samples(ran):
    return ran.outputs[0]["samples"]


SOFT = {"strength": 1.0, "curve": "linear", "power": 1.0, "minimum_denoise": 0.0}
PATCHES = {
    "none": lambda run, model: model,
    "keep": lambda run, model: run("MendKeepOutside", model=model).outputs[0],
    "schedule": lambda run, model: run("MendSoftInpaint", model=model, method="schedule", **SOFT).outputs[0],
    "A1111": lambda run, model: run("MendSoftInpaint", model=model, method="A1111", **SOFT).outputs[0],
}
# Way, patch, mask and scheduler. The place of a Karras stage in a whole that a host's sampler runs is only estimated,
# and so is not compared for soft masks.
ROWS = [
    *((masked_sampler, "none", mask, scheduler) for mask in ("hard", "soft") for scheduler in ("simple", "karras")),
    *((way, patch, "hard", "karras") for way in (ksampler, split_sigmas) for patch in ("keep", "schedule")),
    *((way, "schedule", "soft", "simple") for way in (ksampler, split_sigmas)),
    (ksampler, "schedule", "soft", "sgm_uniform"),
    (ksampler, "A1111", "hard", "simple"),
]


@pytest.mark.parametrize(("sample", "patch", "kind", "scheduler"), ROWS)
def test_two_stages_equal_one(run, model, prompts, latent, sample, patch, kind, scheduler):
    model = PATCHES[patch](run, model)
    latent["noise_mask"] = mask_of(kind)
    one = samples(sample(run, model, prompts, latent, scheduler=scheduler))
    first = sample(run, model, prompts, latent, end=CUT, scheduler=scheduler)
    second = sample(run, model, prompts, first.outputs[0], begin=CUT, scheduler=scheduler)
    two = samples(second)
    outside = (latent["noise_mask"] == 0).expand_as(one)
    assert (samples(first) - latent["samples"])[outside].abs().mean() > 0.1  # noise is left
    assert torch.equal(one[outside], latent["samples"][outside])
    assert torch.equal(two[outside], latent["samples"][outside])
    assert (two - one)[~outside].abs().max() < (SOFT_CELLS if kind == "soft" else ROUNDING)
    assert (one - latent["samples"])[~outside].abs().mean() > 0.1
    assert UNKNOWN not in "".join(second.ui.get("text", ()))


@pytest.mark.parametrize(
    "sampler", ["dpmpp_2m", "heun", "euler_ancestral", "dpmpp_3m_sde", "lcm", "uni_pc", "coherent"]
)
def test_every_sampler_keeps_what_is_outside(run, model, prompts, latent, sampler):
    """Those with a memory of earlier steps, or their own noise, differ inside."""
    first = masked_sampler(run, model, prompts, latent, end=CUT, sampler_name=sampler)
    second = masked_sampler(run, model, prompts, first.outputs[0], begin=CUT, sampler_name=sampler)
    outside = (latent["noise_mask"] == 0).expand_as(samples(second))
    assert torch.equal(samples(second)[outside], latent["samples"][outside])
    assert UNKNOWN not in second.text


def test_three_stages_equal_one(run, model, prompts, latent):
    one = samples(masked_sampler(run, model, prompts, latent))
    given = latent
    for begin, end in ((0, 1), (1, 3), (3, 10000)):
        given = masked_sampler(run, model, prompts, given, begin, end).outputs[0]
    assert (given["samples"] - one).abs().max() < ROUNDING


def test_the_coherent_sampler_finds_the_picture_by_itself(run, model, prompts, latent):
    """In SamplerCustomAdvanced, without a patch of the MODEL."""
    sampler = run("MendCoherentSampler").outputs[0]
    first = split_sigmas(run, model, prompts, latent, end=CUT, sampler=sampler)
    second = split_sigmas(run, model, prompts, first.outputs[0], begin=CUT, sampler=sampler)
    outside = (latent["noise_mask"] == 0).expand_as(samples(second))
    assert (samples(second) - latent["samples"])[outside].abs().max() < 1e-5


def test_masked_samplers_remember_the_picture(run, model, bare, latent):
    """Stages of Masked Sampler need no Encode for Inpainting: after VAE Encode and Set Latent Noise Mask, say."""
    one = samples(masked_sampler(run, model, bare, latent))
    first = masked_sampler(run, model, bare, latent, end=CUT)
    assert first.text.endswith(f"Noise is left, for a stage that begins at step {CUT}.")
    second = masked_sampler(run, model, bare, first.outputs[0], begin=CUT)
    assert (samples(second) - one).abs().max() < ROUNDING
    assert second.outputs[0].keys() == latent.keys()


def test_a_stage_in_the_middle_leaves_what_the_prompts_know(run, model, prompts, latent):
    """Between stages of the host's, whose latents hold no picture."""
    patched = PATCHES["schedule"](run, model)
    first = ksampler(run, patched, prompts, latent, end=1).outputs[0]
    second = masked_sampler(run, model, prompts, first, 1, 3).outputs[0]
    third = masked_sampler(run, model, prompts, second, 3)
    one = samples(masked_sampler(run, model, prompts, latent))
    assert (samples(third) - one).abs().max() < ROUNDING


def test_a_window_is_sampled_in_stages(run, model, prompts, latent):
    around = {"sample_area": "around the mask", "context_cells": 2}
    one = samples(masked_sampler(run, model, prompts, latent, **around))
    first = masked_sampler(run, model, prompts, latent, end=CUT, **around).outputs[0]
    two = samples(masked_sampler(run, model, prompts, first, begin=CUT, **around))
    assert (two - one).abs().max() < ROUNDING


def test_without_a_mask_it_is_ksampler_advanced(run, model, bare, latent):
    del latent["noise_mask"]
    for begin, end in ((0, CUT), (CUT, 10000), (1, 3)):
        ours, theirs = (samples(way(run, model, bare, latent, begin, end)) for way in (masked_sampler, ksampler))
        assert torch.equal(ours, theirs)


def test_no_steps_are_said(run, model, prompts, latent):
    ran = masked_sampler(run, model, prompts, latent, begin=STEPS)
    assert ran.text == f"Nothing was sampled: no step from {STEPS} to {STEPS}."
    assert torch.equal(samples(ran), latent["samples"])


# ---- when the picture is not known -----------------------------------------------------------------------------------


def other_size(latent):
    return torch.zeros(1, 4, 8, 8)


def other_batch(latent):
    return latent["samples"].repeat(3, 1, 1, 1)


def other_picture(latent):
    return latent["samples"] * 40


@pytest.mark.parametrize("wrong", [None, other_size, other_batch, other_picture])
def test_an_unknown_picture_is_said(run, pack, model, bare, latent, wrong):
    if wrong is not None:
        bare["positive"] = pack("host").with_original(bare["positive"], wrong(latent))
    first = masked_sampler(run, model, bare, latent, end=CUT).outputs[0]
    given = {name: value for name, value in first.items() if name != "mend_original"}
    second = masked_sampler(run, model, bare, given, begin=CUT)
    assert second.text.startswith(UNKNOWN)
    outside = (latent["noise_mask"] == 0).expand_as(given["samples"])
    assert torch.equal(samples(second)[outside], given["samples"][outside])  # as in the host


def test_the_hosts_sampler_says_it_in_the_log(run, model, bare, latent, caplog):
    patched = PATCHES["keep"](run, model)
    first = ksampler(run, patched, bare, latent, end=CUT).outputs[0]
    with caplog.at_level(logging.WARNING):
        ksampler(run, patched, bare, first, begin=CUT)
    assert f"Mend: {UNKNOWN}" in caplog.text


def test_a_latent_without_noise_is_kept_as_it_is(run, model, prompts, latent):
    """No noise added to a clean latent, as for unsampling."""
    ran = masked_sampler(run, model, prompts, latent, begin=CUT)
    outside = (latent["noise_mask"] == 0).expand_as(samples(ran))
    assert torch.equal(samples(ran)[outside], latent["samples"][outside])
    assert UNKNOWN not in ran.text


def test_new_noise_on_another_latent_is_no_later_stage(run, model, prompts, latent):
    """A second pass with a lower denoise keeps the latent that it gets, whatever was encoded."""
    changed = {**latent, "samples": latent["samples"].flip(-1)}
    ran = masked_sampler(run, model, prompts, changed, denoise=0.5)
    outside = (latent["noise_mask"] == 0).expand_as(samples(ran))
    assert torch.equal(samples(ran)[outside], changed["samples"][outside])


def test_encode_hands_on_its_latent(run, inpaint_model, photo_and_hole):
    loaded = inpaint_model
    image, mask = photo_and_hole
    given = {"model": loaded.model, "vae": loaded.vae, "positive": loaded.positive, "negative": loaded.negative}
    positive, negative, latent = run("MendEncodeInpaint", **given, image=image, mask=mask).outputs
    for prompt in (positive, negative):
        assert all(torch.equal(entry["mend_original"], latent["samples"]) for _, entry in prompt)


@pytest.fixture
def photo_and_hole():
    mask = torch.zeros(1, 48, 64)
    mask[:, 16:32, 16:40] = 1
    return torch.rand(1, 48, 64, 3, generator=torch.Generator().manual_seed(0)), mask

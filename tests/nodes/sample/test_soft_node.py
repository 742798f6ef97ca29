"""Soft Inpaint on the real host, with the host's own samplers.

Mutations seen to fail here: A1111's share taken at the end of the step; the blend before the guidance instead of after;
the latent blended in the VAE's scale; the mask left in beside the blend; a second patch that adds to the first.
"""

import pytest
import torch


@pytest.fixture(autouse=True)
def _inference():
    """As the host's executor has it."""
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def custom(host_nodes):
    """The host's SamplerCustomAdvanced on a model: the sampled latent, and what the model made of the last step."""
    from comfy_extras import nodes_custom_sampler as nodes

    def sample(loaded, model, latent, steps=3, scheduler="karras", sampler="euler"):
        (sigmas,) = nodes.BasicScheduler.execute(model, scheduler, steps, 1.0).result
        (guider,) = nodes.BasicGuider.execute(model, loaded.positive).result
        (chosen,) = nodes.KSamplerSelect.execute(sampler).result
        noise = nodes.Noise_RandomNoise(7)
        sampled, denoised = nodes.SamplerCustomAdvanced.execute(noise, guider, chosen, sigmas, latent).result
        return sampled["samples"], denoised["samples"], sigmas

    return sample


def _latent():
    random = torch.Generator().manual_seed(1)
    mask = torch.zeros(1, 1, 8, 12)
    mask[..., 2:6, 3:9] = 1
    mask[..., 2:6, 2] = 0.5
    return {"samples": torch.randn(1, 4, 8, 12, generator=random), "noise_mask": mask}


@pytest.mark.parametrize("method", ["schedule", "A1111"])
@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m_sde", "uni_pc"])
def test_any_sampler_takes_it_and_leaves_what_is_outside(run, custom, general_model, method, sampler):
    latent = _latent()
    model, _ = run("MendSoftInpaint", model=general_model.model, method=method).outputs
    sampled, _, _ = custom(general_model, model, latent, sampler=sampler)
    outside = (latent["noise_mask"] == 0).expand(-1, 4, -1, -1)
    assert torch.equal(sampled[outside], latent["samples"][outside])
    assert (sampled - latent["samples"])[~outside].abs().mean() > 0.01


def test_a1111_mixes_what_the_model_makes_of_every_step(run, custom, general_model):
    latent, made = _latent(), []
    model = general_model.model.clone()
    model.set_model_sampler_post_cfg_function(lambda step: made.append(step["denoised"].clone()) or step["denoised"])
    (patched, _) = run("MendSoftInpaint", model=model, method="A1111", preservation_strength=2.0).outputs
    _, last, sigmas = custom(general_model, patched, latent, scheduler="simple")
    share = latent["noise_mask"] ** (sigmas[-2] * 2.0)
    original = patched.model.process_latent_in(latent["samples"])
    mixed = torch.lerp(original, made[-1], share)
    power_mean = ((1 - share) * original.norm(dim=1) ** 4 + share * made[-1].norm(dim=1) ** 4) ** 0.25
    expected = patched.model.process_latent_out(mixed / mixed.norm(dim=1) * power_mean)
    assert torch.allclose(last, expected, atol=1e-3)
    soft = latent["noise_mask"][0, 0] == 0.5
    assert (patched.model.process_latent_out(made[-1]) - last)[0, :, soft].abs().mean() > 0.05


@pytest.mark.slow
def test_a_full_mask_is_plain_sampling_for_both(run, custom, general_model):
    latent = {**_latent(), "noise_mask": torch.ones(1, 1, 8, 12)}
    plain, _, _ = custom(general_model, general_model.model, {"samples": latent["samples"]})
    for method in ("schedule", "A1111"):
        model, _ = run("MendSoftInpaint", model=general_model.model, method=method).outputs
        assert torch.allclose(custom(general_model, model, latent)[0], plain, atol=1e-3)


@pytest.mark.slow
def test_without_a_mask_nothing_is_changed(run, custom, general_model):
    latent = {"samples": _latent()["samples"]}
    plain, _, _ = custom(general_model, general_model.model, latent)
    for method in ("schedule", "A1111"):
        model, _ = run("MendSoftInpaint", model=general_model.model, method=method).outputs
        assert torch.equal(custom(general_model, model, latent)[0], plain)


@pytest.mark.slow
def test_the_last_patch_holds(run, custom, general_model):
    latent, model = _latent(), general_model.model
    once, _ = run("MendSoftInpaint", model=model).outputs
    other, _ = run("MendSoftInpaint", model=model, method="A1111").outputs
    twice, _ = run("MendSoftInpaint", model=other).outputs
    wanted, seen, blended = (custom(general_model, patched, latent)[0] for patched in (once, twice, other))
    assert torch.equal(wanted, seen)
    assert not torch.equal(wanted, blended)


@pytest.mark.slow
def test_the_hosts_own_node_after_ours_holds(run, custom, host_nodes, general_model):
    from comfy_extras.nodes_differential_diffusion import DifferentialDiffusion

    latent = _latent()
    blended, _ = run("MendSoftInpaint", model=general_model.model, method="A1111").outputs
    models = (DifferentialDiffusion.execute(model).result[0] for model in (blended, general_model.model))
    after, alone = (custom(general_model, model, latent)[0] for model in models)
    inside = (latent["noise_mask"] > 0).expand(-1, 4, -1, -1)
    assert torch.equal(after[inside], alone[inside])


def test_a1111_refuses_a_model_with_a_way_of_its_own(run, custom, general_model, InpaintError, monkeypatch):
    model, _ = run("MendSoftInpaint", model=general_model.model, method="A1111").outputs
    own = type("Own", (type(model.model),), {"scale_latent_inpaint": lambda self, **given: given["latent_image"]})
    monkeypatch.setattr(model.model, "__class__", own)
    with pytest.raises(InpaintError, match="Choose the method schedule"):
        custom(general_model, model, _latent())


def test_masked_sampler_keeps_the_models_own_way(run, general_model):
    latent = _latent()
    model, _ = run("MendSoftInpaint", model=general_model.model, method="A1111").outputs
    settings = {"positive": general_model.positive, "negative": general_model.negative, "steps": 2, "latent": latent}
    ours, plain = (
        run("MendMaskedSampler", model=one, seed=1, **settings).outputs[0]["samples"]
        for one in (model, general_model.model)
    )
    assert not torch.equal(ours, plain)


def test_the_mask_is_shown_step_by_step(run, general_model):
    ramp = torch.linspace(0, 1, 101).expand(1, 4, -1)
    ran = run("MendSoftInpaint", model=general_model.model, mask=ramp, steps_shown=4)
    assert ran.outputs[1].mean(dim=(1, 2)).tolist() == pytest.approx([1 / 101, 26 / 101, 51 / 101, 76 / 101])
    assert len(ran.ui["images"]) == 4
    shares = run("MendSoftInpaint", model=general_model.model, method="A1111", steps_shown=4).outputs[1]
    assert (shares.mean(dim=(1, 2)).diff() > 0).all()
    assert run("MendSoftInpaint", model=general_model.model, steps_shown=0).ui == {}


def test_a_wrong_setting_is_named(run, general_model, InpaintError):
    with pytest.raises(InpaintError, match=r"strength: expected 0 to 1, got 2"):
        run("MendSoftInpaint", model=general_model.model, strength=2)


def _composite(run, model, before, after, mask, **settings):
    return run(
        "MendSoftCompositeMask",
        model=model,
        before={"samples": before},
        after={"samples": after},
        mask=mask,
        **settings,
    )


def test_what_changed_is_pasted_and_what_did_not_is_not(run, general_model):
    """A change of 0.5 in the model's scale is half and half."""
    before = torch.zeros(1, 4, 16, 16)
    after = before.clone()
    after[:, 0, :, 8:] = 0.5 / general_model.model.model.latent_format.scale_factor
    mask = torch.full((1, 124, 128), 0.5)
    mask[:, :40] = 0
    made = _composite(run, general_model.model, before, after, mask).outputs[0]
    assert made.shape == mask.shape
    assert (made[:, :40] == 0).all()
    assert made[:, 40:, :40].max() < 1e-3
    assert torch.allclose(made[:, 60:100, 100:], torch.tensor(0.5), atol=1e-3)


def test_latents_that_do_not_fit_are_named(run, general_model, InpaintError):
    before, after = torch.zeros(1, 4, 16, 16), torch.zeros(1, 4, 16, 8)
    with pytest.raises(InpaintError, match=r"of the same size, got \[1, 4, 16, 16\] and \[1, 4, 16, 8\]"):
        _composite(run, general_model.model, before, after, torch.ones(1, 64, 64))

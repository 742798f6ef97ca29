"""The coherent samplers by their names in Masked Sampler.

Mutations seen to fail here: the host's euler run after all; soft masks read in one way only.
"""

import pytest
import torch


@pytest.fixture(autouse=True)
def _inference():
    """As the host's executor has it."""
    with torch.inference_mode():
        yield


def _latent():
    random = torch.Generator().manual_seed(1)
    mask = torch.zeros(1, 1, 8, 12)
    mask[..., 2:6, 3:9] = 1
    mask[..., 2:6, 2] = 0.5
    return {"samples": torch.randn(1, 4, 8, 12, generator=random), "noise_mask": mask}


@pytest.fixture(scope="module")
def sample(run, general_model):
    """The latent that comes out, and how often the model was called."""

    def sample(sampler_name, seed=3, latent=None, model=None, **settings):
        calls = []

        def count(apply_model, given):
            calls.append(given["timestep"])
            return apply_model(given["input"], given["timestep"], **given["c"])

        counted = (general_model.model if model is None else model).clone()
        counted.set_model_unet_function_wrapper(count)
        result = run(
            "MendMaskedSampler",
            **{"model": counted, "positive": general_model.positive, "negative": general_model.negative},
            **{"latent": latent or _latent(), "steps": 5, "cfg": 1.0, "sampler_name": sampler_name, "seed": seed},
            **settings,
        ).outputs[0]
        return result["samples"], len(calls)

    return sample


@pytest.mark.slow
@pytest.mark.parametrize("sampler_name", ["coherent", "coherent_lcm"])
@pytest.mark.parametrize("denoise", [1.0, 0.5])
def test_it_is_run_and_leaves_what_is_outside(sample, sampler_name, denoise):
    latent = _latent()
    result, called = sample(sampler_name, denoise=denoise)
    outside = (latent["noise_mask"] == 0).expand(-1, 4, -1, -1)
    assert called == 5
    assert torch.equal(result[outside], latent["samples"][outside])
    assert (result - sample("euler", denoise=denoise)[0])[~outside].abs().mean() > 0.01
    assert torch.equal(result, sample(sampler_name, denoise=denoise)[0])
    assert (result - sample(sampler_name, seed=4, denoise=denoise)[0])[~outside].abs().mean() > 0.01


@pytest.mark.slow
def test_it_is_the_node_for_custom_sampling(run, host_nodes, general_model, sample):
    from comfy_extras import nodes_custom_sampler as nodes

    model = general_model.model
    (sampler,) = run("MendCoherentSampler").outputs
    (sigmas,) = nodes.BasicScheduler.execute(model, "normal", 5, 1.0).result
    (guider,) = nodes.BasicGuider.execute(model, general_model.positive).result
    ran = nodes.SamplerCustomAdvanced.execute(nodes.Noise_RandomNoise(3), guider, sampler, sigmas, _latent())
    inside = (_latent()["noise_mask"] > 0).expand(-1, 4, -1, -1)
    assert torch.allclose(ran.result[0]["samples"][inside], sample("coherent")[0][inside], atol=1e-5)


@pytest.mark.slow
def test_in_a_window(sample):
    """A mask in a corner of a larger latent: the window is sampled alone, and coherently."""
    random = torch.Generator().manual_seed(1)
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 2:6, 3:9] = 1
    latent = {"samples": torch.randn(1, 4, 32, 32, generator=random), "noise_mask": mask}
    result, calls = sample("coherent", latent=latent, sample_area="around the mask", context_cells=4)
    assert calls == 5
    changed = result != latent["samples"]
    assert torch.equal(changed.any(dim=1, keepdim=True), mask.bool())


def test_a_soft_mask_is_a_schedule_or_mixed(run, sample, general_model):
    """Where the mask is soft, one step of five is free, or half is mixed at each."""
    latent = _latent()
    schedule, blend = (sample("coherent", soft_mask=way)[0] for way in ("schedule", "blend"))
    model, _ = run("MendSoftInpaint", model=general_model.model).outputs
    assert torch.equal(sample("coherent", model=model)[0], schedule)
    model, _ = run("MendSoftInpaint", model=general_model.model, strength=0).outputs
    assert torch.equal(sample("coherent", model=model)[0], blend)
    soft = (latent["noise_mask"] == 0.5).expand(-1, 4, -1, -1)
    change = [(result - latent["samples"])[soft].square().mean() ** 0.5 for result in (schedule, blend)]
    assert change[0] > 1.2 * change[1] > 0.1


def test_a_model_that_blends_like_a1111_is_refused_in_words(run, sample, general_model, InpaintError):
    model, _ = run("MendSoftInpaint", model=general_model.model, method="A1111").outputs
    with pytest.raises(InpaintError, match="expected one without Soft Inpaint's method A1111"):
        sample("coherent", model=model)

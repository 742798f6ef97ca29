"""Soft masks on the real host: the rule at every step, the host's leak, and nothing changed outside.

Mutations seen to fail here: the host's comparison (m >= threshold, by its timesteps) in place of ours; the original put
back where noise is left, or not at all; put back by the mask as it came instead of as it was pooled; a model's own
reading of masks replaced; the given model patched instead of a clone.
"""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

MASK = torch.linspace(0, 1, 52).expand(1, 1, 8, 52)


@pytest.fixture(autouse=True)
def _inference():
    """As the host's executor has it."""
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def soft(pack):
    return pack("inpaint.sampling.soft")


@pytest.fixture(scope="module")
def host(pack):
    return pack("host")


@pytest.fixture(scope="module")
def sampling_of(host_nodes):
    """Makes the ways in which the host's models are sampled, by name."""
    import comfy.model_sampling as ways

    def make(name):
        if name == "sd15":
            return type("SD15", (ways.ModelSamplingDiscrete, ways.EPS), {})()
        if name == "zero terminal noise":
            return type("ZSNR", (ways.ModelSamplingDiscrete, ways.V_PREDICTION), {})(zsnr=True)
        flow = type("Flow", (getattr(ways, name), ways.CONST), {})()
        flow.set_parameters(shift=1.15 if name == "ModelSamplingFlux" else 3.0)
        return flow

    return make


SAMPLINGS = ["sd15", "zero terminal noise", "ModelSamplingDiscreteFlow", "ModelSamplingFlux"]
SCHEDULERS = ["simple", "sgm_uniform", "karras", "exponential", "ddim_uniform", "beta", "normal", "linear_quadratic"]


def _sigmas(sampling, scheduler, steps, denoise):
    """As the host's KSampler makes them."""
    import comfy.samplers

    model: Any = SimpleNamespace(get_model_object=lambda name: sampling)
    made = comfy.samplers.KSampler(model, steps, "cpu", sampler="euler", scheduler=scheduler, denoise=denoise)
    return made.sigmas


def _seen(function, sampling, sigmas):
    """The effective masks at every step, asked for as the host asks."""
    options = {"model": SimpleNamespace(inner_model=SimpleNamespace(model_sampling=sampling)), "sigmas": sigmas}
    return [function(sigma.expand(1), MASK, extra_options=options) for sigma in sigmas[:-1]]


@pytest.mark.parametrize("denoise", [1.0, 0.6, 0.35])
@pytest.mark.parametrize("scheduler", [*SCHEDULERS, "kl_optimal"])
@pytest.mark.parametrize("way", SAMPLINGS)
def test_the_rule_holds_at_every_step(host, soft, general_model, sampling_of, way, scheduler, denoise):
    sampling = sampling_of(way)
    if scheduler == "kl_optimal" and way == "zero terminal noise":
        scheduler = "normal"  # the host's own gives NaN there
    sigmas = _sigmas(sampling, scheduler, 20, denoise)
    steps = len(sigmas) - 1
    assert sigmas[-1] == 0
    assert (sigmas.diff() < 0).all()
    function = host.with_soft_mask(general_model.model, soft.Soft()).model_options["denoise_mask_function"]
    for i, seen in enumerate(_seen(function, sampling, sigmas)):
        kept = i / steps < (1 - MASK)
        assert torch.equal(seen, (~kept).float())
    assert torch.equal(seen[..., 0], torch.zeros_like(seen[..., 0]))


@pytest.fixture(scope="module")
def theirs(host_nodes):
    from comfy_extras.nodes_differential_diffusion import DifferentialDiffusion

    return lambda model: DifferentialDiffusion.execute(model).result[0]


@pytest.mark.parametrize("scheduler", ["karras", "normal"])
def test_the_hosts_own_node_frees_everything_on_the_last_step_and_ours_does_not(
    host, soft, theirs, general_model, sampling_of, scheduler
):
    sampling = sampling_of("sd15")
    sigmas = _sigmas(sampling, scheduler, 20, 1.0)
    both = (patched.model_options["denoise_mask_function"] for patched in _patched(host, soft, theirs, general_model))
    host_last, our_last = (_seen(function, sampling, sigmas)[-1] for function in both)
    assert host_last[..., 0].all()
    assert not our_last[..., 0].any()


def _patched(host, soft, theirs, loaded):
    return theirs(loaded.model), host.with_soft_mask(loaded.model, soft.Soft())


def _latent(size=(8, 12), batch=1):
    random = torch.Generator().manual_seed(1)
    mask = torch.zeros(1, 1, *size)
    mask[..., 2:6, 3:9] = 1
    mask[..., 2:6, 2] = 0.5
    return {"samples": torch.randn(batch, 4, *size, generator=random), "noise_mask": mask}


def _ksampler(run, loaded, latent, model=None, node="KSampler", **settings):
    names = {"latent_image": latent} if node.startswith("KSampler") else {"latent": latent}
    settings = {"seed": 3, "steps": 4, "cfg": 1.0, "sampler_name": "euler", "scheduler": "karras", **settings}
    model = loaded.model if model is None else model
    return run(node, model=model, positive=loaded.positive, negative=loaded.negative, **names, **settings).outputs[0][
        "samples"
    ]


@pytest.mark.slow
def test_the_leak_in_a_sampled_latent(run, host, soft, theirs, general_model):
    """The host's node changes what is outside the mask; ours does not, with a sampler of the host either."""
    latent = _latent()
    outside = (latent["noise_mask"] == 0).expand(-1, 4, -1, -1)
    leaking, tight = (
        _ksampler(run, general_model, latent, model) for model in _patched(host, soft, theirs, general_model)
    )
    assert (leaking - latent["samples"])[outside].abs().mean() > 0.01
    assert torch.equal(tight[outside], latent["samples"][outside])
    assert (tight - latent["samples"])[~outside].abs().mean() > 0.01


@pytest.mark.parametrize("sampler_name", ["euler", "heun", "dpm_2", "dpmpp_2m", "dpmpp_sde", "dpm_fast", "uni_pc"])
def test_no_sampler_changes_what_is_outside(run, general_model, sampler_name):
    latent = _latent()
    outside = (latent["noise_mask"] == 0).expand(-1, 4, -1, -1)
    sampled = _ksampler(run, general_model, latent, node="MendMaskedSampler", sampler_name=sampler_name)
    assert torch.equal(sampled[outside], latent["samples"][outside])
    assert (sampled - latent["samples"])[~outside].abs().mean() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("sampler_name", ["euler", "dpmpp_2m"])
@pytest.mark.parametrize("denoise", [1.0, 0.5])
def test_without_a_mask_it_is_the_hosts_ksampler(run, general_model, sampler_name, denoise):
    latent = {"samples": _latent()["samples"]}
    settings = {"sampler_name": sampler_name, "denoise": denoise}
    ours, hosts = (
        _ksampler(run, general_model, latent, node=node, **settings) for node in ("MendMaskedSampler", "KSampler")
    )
    assert torch.equal(ours, hosts)


@pytest.mark.slow
def test_a_hard_mask_is_sampled_as_by_the_host(run, general_model):
    """Where it is not exactly 0, and of one row of cells, so that nothing is resized."""
    latent = _latent()
    latent["noise_mask"] = latent["noise_mask"].round()
    ours, hosts = (_ksampler(run, general_model, latent, node=node) for node in ("MendMaskedSampler", "KSampler"))
    inside = (latent["noise_mask"] > 0).expand(-1, 4, -1, -1)
    assert torch.equal(ours[inside], hosts[inside])


@pytest.mark.slow
def test_blend_is_the_hosts_reading(run, general_model):
    latent = _latent()
    inside = (latent["noise_mask"] > 0).expand(-1, 4, -1, -1)
    hosts = _ksampler(run, general_model, latent)
    blended, scheduled = (
        _ksampler(run, general_model, latent, node="MendMaskedSampler", soft_mask=way) for way in ("blend", "schedule")
    )
    assert torch.equal(blended[inside], hosts[inside])
    assert not torch.equal(scheduled[inside], hosts[inside])


@pytest.mark.slow
def test_a_model_with_its_own_reading_keeps_it(run, theirs, general_model):
    latent = _latent()
    inside = (latent["noise_mask"] > 0).expand(-1, 4, -1, -1)
    model = theirs(general_model.model)
    ours = _ksampler(run, general_model, latent, model, node="MendMaskedSampler")
    assert torch.equal(ours[inside], _ksampler(run, general_model, latent, model)[inside])


def test_left_over_noise_is_left_outside_too(run, host, general_model):
    """KSamplerAdvanced hands a half-sampled latent on: what is outside has its share of the noise."""
    latent, model = _latent(), host.with_latent_preserved_outside_mask(general_model.model)
    settings = {
        **{"add_noise": "enable", "noise_seed": 3, "steps": 4, "start_at_step": 0, "end_at_step": 2},
        **{"return_with_leftover_noise": "enable", "cfg": 1.0, "sampler_name": "euler", "scheduler": "karras"},
        **{"positive": general_model.positive, "negative": general_model.negative, "latent_image": latent},
    }
    outside = (latent["noise_mask"] == 0).expand(-1, 4, -1, -1)
    left, hosts = (
        run("KSamplerAdvanced", model=one, **settings).outputs[0]["samples"] for one in (model, general_model.model)
    )
    # The host adds more noise at its highest level than it shows the model outside.
    more = (1 + 1 / general_model.model.get_model_object("model_sampling").sigma_max ** 2) ** 0.5
    noise, hosts_noise = ((one - latent["samples"])[outside] for one in (left, hosts))
    torch.testing.assert_close(noise * more, hosts_noise, rtol=0, atol=1e-4)
    assert torch.equal(left[~outside], hosts[~outside])
    assert (left - latent["samples"])[outside].abs().mean() > 0.1
    whole = run("KSamplerAdvanced", model=model, **settings | {"return_with_leftover_noise": "disable"}).outputs[0]
    assert torch.equal(whole["samples"][outside], latent["samples"][outside])


@pytest.mark.slow
@pytest.mark.parametrize("denoise", [1.0, 0.5])
def test_a_flow_model_and_a_batch(run, host_nodes, general_model, denoise):
    from comfy_extras.nodes_model_advanced import ModelSamplingSD3

    (model,) = ModelSamplingSD3().patch(general_model.model, 3.0)
    latent = _latent(batch=3)
    outside = (latent["noise_mask"] == 0).expand(3, 4, -1, -1)
    sampled = _ksampler(
        run, general_model, latent, model, node="MendMaskedSampler", scheduler="simple", denoise=denoise
    )
    assert sampled.isfinite().all()
    assert torch.equal(sampled[outside], latent["samples"][outside])
    assert (sampled - latent["samples"])[~outside].abs().mean() > 0.01


def test_the_given_model_is_left_as_it_is(host, soft, general_model):
    before = repr(sorted(general_model.model.model_options)), dict(general_model.model.wrappers)
    patched = host.with_soft_mask(general_model.model, soft.Soft())
    assert patched is not general_model.model
    assert not host.reads_soft_masks(general_model.model)
    assert (repr(sorted(general_model.model.model_options)), dict(general_model.model.wrappers)) == before

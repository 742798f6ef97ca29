"""The Coherent Inpaint Sampler on the host: with models whose true fills are known, and with a small network.

The exact models are the host's own classes around a formula for a network, so that all of the host's ways with noise,
latents, masks and callbacks are on the way.

Mutations seen to fail here: the mask handed to the host as well; samples not brought to the host's scale and back, at
the start, at each call, at the end, or for the callback; flow models taken for others; noise from the seed of the
start, from the next one, or from one past the largest; a second call without a mask; the mask turned round, or with
its NaN; the start's noise for the picture; every kind of refusal left out; the choice not looked at; the host's class
patched; noise_scale and sigma_data ignored.
"""

import asyncio
import copy
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import pytest
import torch

from benchmarks.shared.fillers import replacement, score
from benchmarks.shared.toys import Line
from inpaint.sampling.coherent import coherent, flow_level, noise_in, ratio_level

LINE = Line()
HOLE = LINE.hole
ROWS = 3
LINES = LINE.pictures(ROWS, torch.Generator().manual_seed(2))
EMPTY = [[torch.zeros(1, 4, 8), {}]]


class Formula(torch.nn.Module):
    """Stands for a network: sees every row of a latent as a line, and knows what is noise in it."""

    def __init__(self, sampling, flow):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1), requires_grad=False)
        self.dtype = torch.float32
        self.sampling, self.flow = sampling, flow

    def forward(self, x, timesteps, **_):
        time = timesteps[:1]
        sigma = (time / self.sampling.multiplier if self.flow else self.sampling.sigma(time)).item()
        level = flow_level(sigma) if self.flow else ratio_level(sigma)
        picture = LINE.denoise(x.double().flatten(0, -2), level).view(x.shape)
        return ((x - picture) / sigma if self.flow else noise_in(x, picture, level)).float()


@pytest.fixture(scope="session")
def exact_model(host_nodes):
    import comfy.model_base
    import comfy.model_patcher
    import comfy.supported_models

    def exact_model(kind):
        name, model_type, flow = {
            "eps": ("SD15", "EPS", False),
            "flow": ("SD3", "FLOW", True),
            "video": ("WAN21_T2V", "FLOW", True),
        }[kind]
        config = getattr(comfy.supported_models, name)({"disable_unet_model_creation": True, "image_model": "none"})
        base = comfy.model_base.BaseModel(config, getattr(comfy.model_base.ModelType, model_type))
        base.diffusion_model = Formula(base.model_sampling, flow)
        return comfy.model_patcher.ModelPatcher(base, torch.device("cpu"), torch.device("cpu"))

    return exact_model


@pytest.fixture(scope="module", autouse=True)
def _custom_sampling(host_nodes, comfyui):
    """The host's nodes for samplers as parts, which it keeps in a file of its own."""
    extras = comfyui / "comfy_extras" / "nodes_custom_sampler.py"
    assert asyncio.run(host_nodes.load_custom_node(str(extras), module_parent="comfy_extras"))


@pytest.fixture(autouse=True)
def _inference():
    """As the host's executor has it."""
    with torch.inference_mode():
        yield


def _latent(model, batch=2, frames=None):
    """Three lines as latents, the same in every picture and channel, and the hole in each."""
    channels = model.model.latent_format.latent_channels
    shape = (batch, channels, ROWS, LINE.size) if frames is None else (batch, channels, frames, ROWS, LINE.size)
    samples = model.model.process_latent_out(LINES.float().expand(shape).clone())
    return {"samples": samples, "noise_mask": HOLE.float().expand(batch, 1, *shape[2:]).clone()}


def _sigmas(run, model, steps=10, denoise=1.0):
    return run("BasicScheduler", model=model, scheduler="simple", steps=steps, denoise=denoise).outputs[0]


@dataclass(frozen=True)
class Sampled:
    """result, picture: the two outputs, in the scale of the model. calls: the sigmas that it was asked at."""

    result: torch.Tensor
    picture: torch.Tensor
    calls: list[float]


@pytest.fixture(scope="module")
def sample(run):
    """SamplerCustomAdvanced, with the node's sampler or another."""

    def sample(model, latent, sigmas=None, seed=1, sampler=None, how="predicted", text=EMPTY):
        (guider,) = run("BasicGuider", model=model, conditioning=text).outputs
        (noise,) = run("RandomNoise", noise_seed=seed).outputs
        if sampler is None:
            (sampler,) = run("MendCoherentSampler", noise=how).outputs
        sigmas = _sigmas(run, model) if sigmas is None else sigmas
        inputs = {"noise": noise, "guider": guider, "sampler": sampler, "sigmas": sigmas, "latent_image": latent}
        asked = []

        def record(apply, given):
            asked.append(given["timestep"][0].item())
            return apply(given["input"], given["timestep"], **given["c"])

        guider.model_options = {**guider.model_options, "model_function_wrapper": record}
        outputs = run("SamplerCustomAdvanced", **inputs).outputs
        result, picture = (model.model.process_latent_in(output["samples"]) for output in outputs)
        return Sampled(result, picture, asked)

    return sample


# ---- models whose true fills are known ---------------------------------------------------------------------------


@pytest.fixture(params=["eps", "flow", "video"])
def kind(request):
    return request.param


@pytest.fixture
def model(exact_model, kind):
    return exact_model(kind)


@pytest.fixture
def latent(model, kind):
    return _latent(model, frames=2 if kind == "video" else None)


def _levels(kind, sigmas):
    return [ratio_level(sigma) if kind == "eps" else flow_level(sigma) for sigma in sigmas.tolist()]


@pytest.mark.parametrize("how", ["predicted", "renewed (LCM)"])
@pytest.mark.parametrize("part", ["whole", "ends in noise", "denoise 0.5"])
def test_equals_the_method_in_double_precision(run, pack, sample, model, latent, kind, part, how, monkeypatch):
    """With the host's conversions done by hand; the noise on the way is given. A soft mask is a schedule."""
    sigmas = _sigmas(run, model, denoise=0.5 if part == "denoise 0.5" else 1.0)
    steps = len(sigmas) - 1
    sigmas = sigmas[:-4] if part == "ends in noise" else sigmas
    shape, random = latent["samples"].shape, torch.Generator().manual_seed(5)
    noises = [torch.randn(shape, generator=random) for _ in sigmas]
    latent["noise_mask"][0, ..., 0:3] = 0.25
    monkeypatch.setattr(pack("host.sampling.coherent"), "_noise_like", lambda x, seed: partial(next, iter(noises)))
    found = sample(model, latent, sigmas, seed=3, how=how)

    levels = _levels(kind, sigmas)
    reference = LINES.expand(shape)
    start = torch.randn(shape, generator=torch.manual_seed(3)).double()
    if part == "denoise 0.5":
        x = levels[0].alpha * reference + levels[0].sigma * start
    else:  # the host starts flow models from noise alone, and others from noise of full strength on top of the picture
        x = start + levels[0].alpha * reference if kind == "eps" else start
    expected = coherent(
        lambda x, i: LINE.denoise(x.flatten(0, -2), levels[i]).view(x.shape),
        x,
        levels,
        reference,
        # Known as long as 1 - mask is above the share of the steps that is done.
        lambda i: (1 - latent["noise_mask"] > i / steps).double(),
        partial(next, iter([noise.double() for noise in noises])),
        how == "renewed (LCM)",
    )
    # Noisy results are handed on with the picture in full strength.
    torch.testing.assert_close(found.result.double() * levels[-1].alpha, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("kind", ["eps", "flow"])
def test_its_fills_are_nearer_to_the_true_ones_than_those_of_euler(run, sample, exact_model, kind):
    import comfy.samplers

    model = exact_model(kind)
    pictures = 400 // model.model.latent_format.latent_channels
    latent, sigmas = _latent(model, batch=pictures), _sigmas(run, model, 20)
    distances = []
    for sampler in (None, comfy.samplers.sampler_object("euler")):
        found = sample(model, latent, sigmas, sampler=sampler)
        fills = found.result[..., HOLE].double().movedim(2, 0).flatten(1, 2)
        distances.append(score(LINE, LINES, fills, torch.Generator().manual_seed(0)).distance)
        assert len(found.calls) == 20
    assert distances[0] < 0.35 * distances[1]


def test_what_it_is_compared_with_is_the_hosts_euler(run, sample, exact_model):
    import comfy.samplers

    model = exact_model("flow")
    latent, sigmas = _latent(model), _sigmas(run, model)
    found = sample(model, latent, sigmas, seed=3, sampler=comfy.samplers.sampler_object("euler"))
    levels, shape = _levels("flow", sigmas), latent["samples"].shape
    expected = replacement(
        lambda x, i: LINE.denoise(x.flatten(0, -2), levels[i]).view(x.shape),
        torch.randn(shape, generator=torch.manual_seed(3)).double(),
        levels,
        LINES.expand(shape),
        (~HOLE).double(),
    )
    torch.testing.assert_close(found.result.double(), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("how", ["predicted", "renewed (LCM)"])
def test_calls_of_the_model(run, sample, model, latent, how):
    sigmas = _sigmas(run, model)[:-1].tolist()
    assert sample(model, latent, how=how).calls == pytest.approx(sigmas)
    del latent["noise_mask"]
    assert sample(model, latent, how=how).calls == pytest.approx(sigmas)


@pytest.mark.parametrize("how", ["predicted", "renewed (LCM)"])
def test_the_known_part_is_the_given_one_and_the_hole_is_not(sample, model, latent, how):
    found = sample(model, latent, how=how)
    off = (found.result - LINES.float()).abs()
    assert off[..., ~HOLE].max() < 1e-5
    assert off[..., HOLE].mean() > 0.1
    assert torch.equal(found.result, found.picture)


def test_empty_full_and_absent_masks(sample, model, latent):
    mask = latent["noise_mask"]
    kept = sample(model, {**latent, "noise_mask": torch.zeros_like(mask)}).result
    torch.testing.assert_close(kept, LINES.float().expand_as(kept), rtol=0, atol=1e-5)
    free = sample(model, {**latent, "noise_mask": torch.ones_like(mask)}).result
    del latent["noise_mask"]
    torch.testing.assert_close(free, sample(model, latent).result, rtol=0, atol=1e-5)


def test_each_picture_has_its_mask(sample, model, latent):
    latent["noise_mask"][1] = 0
    found = sample(model, latent).result - LINES.float()
    assert found[1].abs().max() < 1e-5
    assert found[0, ..., HOLE].abs().mean() > 0.1


def test_a_mask_that_is_no_number_in_places_keeps_there(sample, model, latent):
    expected = sample(model, latent).result
    latent["noise_mask"][..., ~HOLE] = float("nan")
    assert torch.equal(sample(model, latent).result, expected)


def test_seeds(sample, model, latent):
    first, again, other = (sample(model, latent, seed=seed).result for seed in (7, 7, 8))
    assert torch.equal(first, again)
    assert (first - other)[..., HOLE].abs().mean() > 0.1
    assert sample(model, latent, seed=2**64 - 1).result.isfinite().all()


def test_noise_on_the_way_is_not_that_of_the_start(pack):
    import comfy.sample

    x = torch.zeros(1, 4, 8, 8)
    for seed in (0, 5, 2**64 - 1):
        noise = pack("host.sampling.coherent")._noise_like(x, seed)
        drawn = [noise(), noise()]
        starts = [comfy.sample.prepare_noise(x, (seed + apart) % 2**64) for apart in (0, 1, 2)]
        for a, b in combinations([*drawn, *starts], 2):
            assert torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1].abs() < 0.3


def test_nothing_is_left_behind(sample, model, latent):
    import comfy.samplers

    options = copy.deepcopy(model.model_options)
    before = {key: value.clone() for key, value in latent.items()}
    sample(model, latent)
    assert comfy.samplers.KSamplerX0Inpaint.__call__.__module__ == "comfy.samplers"
    assert model.model_options == options
    assert all(torch.equal(latent[key], before[key]) for key in before)


def test_steps_are_told_once_each_in_the_hosts_scale(run, pack, model, latent):
    import comfy.sample

    steps = []
    sampler, sigmas = pack("host").coherent_sampler(), _sigmas(run, model)
    samples, noise = latent["samples"], torch.randn(latent["samples"].shape)
    comfy.sample.sample_custom(
        *(model, noise, 1.0, sampler, sigmas, EMPTY, EMPTY, samples),
        noise_mask=latent["noise_mask"],
        callback=lambda step, picture, x, total: steps.append((step, picture, x, total)),
        disable_pbar=True,
        seed=1,
    )
    assert [(step, total) for step, _, _, total in steps] == [(i, 10) for i in range(10)]
    sampling = model.model.model_sampling
    first = sampling.noise_scaling(sigmas[0], noise.clone(), model.model.process_latent_in(samples), True)
    torch.testing.assert_close(steps[0][2], first, rtol=0, atol=1e-3)
    for _, picture, _, _ in steps:
        torch.testing.assert_close(picture[..., ~HOLE], LINES.float()[..., ~HOLE].expand_as(picture[..., ~HOLE]))


def test_half_precision_latents(run, pack, exact_model):
    import comfy.sample

    model = exact_model("eps")
    latent, sigmas = _latent(model), _sigmas(run, model)
    noise = torch.randn(latent["samples"].shape, generator=torch.Generator().manual_seed(0))
    results = [
        comfy.sample.sample_custom(
            *(model, noise.to(dtype), 1.0, pack("host").coherent_sampler(), sigmas, EMPTY, EMPTY),
            *(latent["samples"].to(dtype), latent["noise_mask"], None, True, 1),
        )
        for dtype in (torch.float32, torch.float16)
    ]
    torch.testing.assert_close(results[1].float(), results[0], rtol=0, atol=0.05 * results[0].std().item())


def test_newer_hosts_scale_the_noise_of_flow_models(pack, exact_model):
    sampling = exact_model("flow").model.model_sampling
    sampling.noise_scale = 8.0
    scale, levels = pack("host.sampling.coherent")._levels(sampling, [1.0, 0.25, 0.0])
    assert scale == [1.0, 1.0, 1.0]
    assert levels == [(1e-6, 8.0), (0.75, 2.0), (1.0, 0.0)]


def test_models_of_pictures_that_scatter_less(pack, exact_model):
    sampling = exact_model("eps").model.model_sampling
    sampling.sigma_data = 0.5
    scale, levels = pack("host.sampling.coherent")._levels(sampling, [0.375, 0.0])
    assert scale == pytest.approx([0.8, 1.0])
    assert levels == [pytest.approx((0.8, 0.3)), (1.0, 0.0)]


# ---- soft masks, and samplers that wrap this one -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["eps", "flow"])
def test_a_patch_of_the_model_says_how_soft_masks_are_read(run, sample, model, latent):
    """Soft Inpaint and the host's Differential Diffusion."""
    latent["noise_mask"][..., 0:6] = 0.25
    plain = sample(model, latent)
    soft = run("MendSoftInpaint", model=model, steps_shown=0).outputs[0]
    torch.testing.assert_close(sample(soft, latent).result, plain.result)
    asked = []

    def hard(sigma, mask, extra_options):
        asked.append(sigma[0].item())
        assert extra_options["sigmas"][0] == asked[0]
        return (mask > 0).float()

    model.set_model_denoise_mask_function(hard)
    found = sample(model, latent)
    assert asked == pytest.approx(found.calls)
    expected = sample(soft, {**latent, "noise_mask": (latent["noise_mask"] > 0).float()})
    torch.testing.assert_close(found.result, expected.result)


def _wrapped(inner, names):
    """A SAMPLER that hands another one a function with some of the attributes of the host's model."""
    import comfy.samplers

    def wrapping(model, x, sigmas, **given):
        def changed(x, sigma, **named):
            return model(x, sigma, **named)

        for name in names:
            setattr(changed, name, getattr(model, name))
        return inner.sampler_function(changed, x, sigmas, **given, **inner.extra_options)

    return comfy.samplers.KSAMPLER(wrapping)


def test_it_works_inside_samplers_that_pass_on_little_of_the_model(run, pack, sample, model, latent, InpaintError):
    """Detail Daemon and Lying Sigma pass on `inner_model` and `sigmas` alone."""
    plain = sample(model, latent)
    (inner,) = run("MendCoherentSampler").outputs
    found = sample(model, latent, sampler=_wrapped(inner, ["inner_model", "sigmas"]))
    assert found.calls == plain.calls
    torch.testing.assert_close(found.result, plain.result, rtol=0, atol=1e-5)
    with pytest.raises(InpaintError, match="a function with its inner_model, got function"):
        sample(model, latent, sampler=_wrapped(inner, []))


@pytest.mark.parametrize("kind", ["eps", "flow"])
def test_a_soft_edge_changes_as_much_as_with_other_samplers(run, sample, model):
    import comfy.samplers

    edge = torch.arange(1, 8) / 8
    mask = torch.cat([torch.zeros(3), edge, torch.ones(4), edge.flip(0), torch.zeros(3)])
    latent = _latent(model, batch=1200 // model.model.latent_format.latent_channels)
    latent["noise_mask"] = mask.expand_as(latent["noise_mask"])
    soft = run("MendSoftInpaint", model=model, steps_shown=0).outputs[0]
    changes = []
    for sampler in (None, comfy.samplers.sampler_object("euler")):
        result = sample(soft, latent, _sigmas(run, model, 20), sampler=sampler).result
        change = (result - LINES.float()).square().flatten(0, -2).mean(dim=0)
        changes.append(((change + change.flip(0)) / 2).sqrt()[3:12])
    torch.testing.assert_close(changes[0], changes[1], rtol=0.15, atol=0.03)


# ---- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["eps"])
@pytest.mark.parametrize("way", ["IMG_TO_IMG", "COSMOS_RFLOW", "WithoutNoise"])
def test_other_ways_with_noise_are_refused_in_words(sample, model, latent, way, InpaintError):
    import comfy.model_sampling as ways

    class WithoutNoise(ways.CONST):
        """As the newer hosts' IMG_TO_IMG_FLOW."""

        def noise_scaling(self, sigma, noise, latent_image, max_denoise=False):
            return latent_image

    kind = WithoutNoise if way == "WithoutNoise" else getattr(ways, way)
    model.model.model_sampling = type("Other", (ways.ModelSamplingDiscrete, kind), {})()
    with pytest.raises(
        InpaintError, match=rf"expected one that adds noise like .* got .*{way}.* Choose another sampler"
    ):
        sample(model, latent)


@pytest.mark.parametrize("kind", ["eps"])
def test_known_ways_with_other_schedules_or_predictions_are_taken(run, sample, model, latent):
    """LCM, v-prediction, zero terminal SNR: samples are noised as ever."""
    import comfy.model_sampling as ways

    for way in (ways.V_PREDICTION, ways.X0, ways.EDM):
        model.model.model_sampling = type("Other", (ways.ModelSamplingDiscrete, way), {})(zsnr=True)
        found = sample(model, latent, _sigmas(run, model, 4))
        assert (found.result - LINES.float())[..., ~HOLE].abs().max() < 1e-5


@pytest.mark.parametrize("kind", ["video"])
def test_a_model_with_its_own_way_to_keep_is_refused_in_words_where_there_is_a_mask(
    sample, model, latent, InpaintError
):
    base = type(model.model)
    model.model.__class__ = type("Own", (base,), {"scale_latent_inpaint": lambda self, latent_image, **_: latent_image})
    with pytest.raises(InpaintError, match=r"expected one without its own method to keep .* got Own"):
        sample(model, latent)
    del latent["noise_mask"]
    assert sample(model, latent).result.isfinite().all()


def test_an_unknown_choice_is_refused_in_words(host_nodes):
    node = host_nodes.NODE_CLASS_MAPPINGS["MendCoherentSampler"]
    assert node.validate_inputs(noise="predicted") is True
    assert "noise: expected one of predicted, renewed (LCM), got both" in node.validate_inputs(noise="both")


# ---- networks ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network(host_nodes):
    """A small Wan, text to video: a flow model of the host's with five-dimensional latents."""
    import comfy.model_patcher
    import comfy.supported_models

    settings = {"image_model": "wan2.1", "model_type": "t2v", "dim": 256, "ffn_dim": 256, "num_heads": 2}
    config = comfy.supported_models.WAN21_T2V(settings | {"num_layers": 1, "in_dim": 16})
    base = config.get_model({}, "", device="cpu")
    random = torch.Generator().manual_seed(0)
    for weight in base.diffusion_model.parameters():
        weight.data.normal_(std=weight[0].numel() ** -0.5 if weight.ndim > 1 else 0.5, generator=random)
    return comfy.model_patcher.ModelPatcher(base, torch.device("cpu"), torch.device("cpu"))


@pytest.mark.parametrize("how", ["predicted", "renewed (LCM)"])
def test_a_video(run, sample, network, how):
    mask = torch.zeros(1, 1, 3, 8, 8)
    mask[..., 1:, 2:6, 3:7] = 1
    samples = torch.randn(1, 16, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    text = [[torch.randn(1, 8, 4096, generator=torch.Generator().manual_seed(0)), {}]]
    latent = {"samples": samples, "noise_mask": mask}
    found = sample(network, latent, _sigmas(run, network, 4), how=how, text=text)
    off = (found.result - network.model.process_latent_in(samples)).abs()
    assert len(found.calls) == 4
    assert off[(mask == 0).expand_as(off)].max() < 1e-5
    assert off[(mask > 0).expand_as(off)].mean() > 0.1


def test_from_picture_to_picture(run, sample, general_model):
    y, x = torch.linspace(0.1, 0.9, 64), torch.linspace(0.2, 0.8, 96)
    image = torch.stack([y[:, None].expand(64, 96), x.expand(64, 96), (y[:, None] + x) / 2], dim=-1)[None]
    mask = torch.zeros(1, 64, 96)
    mask[:, 16:48, 24:56] = 1
    given = {"positive": general_model.positive, "negative": general_model.negative}
    encoded = run(
        "MendEncodeInpaint", model=general_model.model, vae=general_model.vae, image=image, mask=mask, **given
    ).outputs
    (sampler,) = run("MendCoherentSampler").outputs
    (result, _) = run(
        "SamplerCustom",
        **{"model": general_model.model, "cfg": 3.0, "positive": encoded[0], "negative": encoded[1]},
        **{"sampler": sampler, "sigmas": _sigmas(run, general_model.model, 3), "latent_image": encoded[2]},
    ).outputs
    samples, cells = encoded[2]["samples"], encoded[2]["noise_mask"][..., ::8, ::8]
    off = (result["samples"] - samples).abs().amax(dim=1)[0]
    kept = cells.reshape(off.shape) == 0
    assert 0 < kept.float().mean() < 1
    assert off[kept].max() < 1e-4
    assert off[~kept].mean() > 0.1
    painted, _, _ = run("MendDecodeComposite", vae=general_model.vae, latent=result, image=image, mask=mask).outputs
    assert painted[mask > 0].isfinite().all()
    assert torch.equal(painted[:, :, 70:], image[:, :, 70:])


def test_cancel(sample, general_model):
    import comfy.model_management as management

    latent = {"samples": torch.zeros(1, 4, 8, 8), "noise_mask": torch.ones(1, 1, 8, 8)}
    management.interrupt_current_processing(True)
    with pytest.raises(management.InterruptProcessingException):
        sample(general_model.model, latent, text=general_model.positive)

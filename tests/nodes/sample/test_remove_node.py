"""Remove Object on the host: what a patched model predicts, against the plain model predicting twice with attention
that is written anew here, masked where the node drops.

Mutations seen to fail here: cross-attention or the encoder redirected; a block of the decoder, or the host's kind of
attention, left out; the two predictions swapped or the plain one redirected too; the negative predicted, or of any
effect with another cfg; queries scaled in every step, or in one too many; the given model patched; patched twice; the
window ignored, one window's places taken for another's, or the whole taken to be the window; rows and columns swapped;
one latent for two masks; an area, tiles or merged places let through; videos; a level without self-attention taken for
one with it; an empty mask patched; a mask read as it comes.
"""

import contextlib
import importlib
import math
from functools import partial

import numpy as np
import pytest
import torch

from devtools.models.model_shapes import make_patcher

SIZE = (64, 96)  # of the picture: 8 x 12 latent cells


@pytest.fixture(autouse=True)
def _inference():
    """As the host's executor has it."""
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def build_deep(host_nodes):
    """Makes MODELs: a narrow untrained SDXL whose three levels all have attention, 6 M parameters."""
    import comfy.model_base
    import comfy.model_patcher
    import comfy.supported_models

    def build(dtype=torch.float32, in_channels=4, without_self_attention=None):
        config = {
            **{"image_size": 32, "in_channels": in_channels, "out_channels": 4, "model_channels": 64, "dtype": dtype},
            **{"channel_mult": [1, 1, 1], "num_res_blocks": [1, 1, 1], "num_heads": -1, "num_head_channels": 64},
            **{"transformer_depth": [1, 1, 2], "transformer_depth_output": [1, 1, 1, 1, 2, 2]},
            **{"transformer_depth_middle": 1, "context_dim": 2048, "adm_in_channels": 2816},
            **{"num_classes": "sequential", "legacy": False, "use_spatial_transformer": True},
            **{"use_linear_in_transformer": True, "use_temporal_attention": False},
            **{"disable_self_attentions": without_self_attention},
        }
        base = comfy.model_base.SDXL(comfy.supported_models.SDXL(config)).eval()
        if in_channels == 9:
            base.set_inpaint()
        random = torch.Generator().manual_seed(0)
        for weight in base.diffusion_model.parameters():
            weight.data.normal_(std=weight[0].numel() ** -0.5 if weight.ndim > 1 else 0.5, generator=random)
            weight.requires_grad_(False)
        return comfy.model_patcher.ModelPatcher(base, torch.device("cpu"), torch.device("cpu"))

    return build


@pytest.fixture(scope="module")
def deep(build_deep):
    return build_deep()


@pytest.fixture
def models(general_model, bare_sdxl, deep):
    """Each with prompts for it: SD 1.5 from a file, an SDXL of its true width, and one with attention at all levels."""
    words = (bare_sdxl.positive, bare_sdxl.negative)
    return {
        "sd15": (general_model.model, general_model.positive, general_model.negative),
        "sdxl": (bare_sdxl.model, *words),
        "deep": (deep, *words),
    }


@pytest.fixture
def sample(run, bare_sdxl):
    """The host's KSampler: one step of Euler's from noise ends at what was predicted."""

    def sample(model, prompts=None, batch=1, cells=(8, 12), latent=None, **settings):
        positive, negative = prompts or (bare_sdxl.positive, bare_sdxl.negative)
        latent = {"samples": torch.zeros(batch, 4, *cells)} | (latent or {})
        how = {"seed": 1, "steps": 1, "cfg": 1.0, "sampler_name": "euler", "scheduler": "simple"} | settings
        words = {"positive": positive, "negative": negative}
        return run("KSampler", model=model, latent_image=latent, **words, **how).outputs[0]["samples"]

    return sample


@pytest.fixture(scope="module")
def other_node(host_nodes):
    """Run one of the host's nodes that this process has not loaded: `other_node("nodes_pag", "Name", model=model)`."""

    def other_node(module, name, **inputs):
        output = getattr(importlib.import_module(f"comfy_extras.{module}"), name).execute(**inputs)
        return getattr(output, "result", output)[0]  # some return a bare tuple

    return other_node


@pytest.fixture
def removing(run):
    """The patched model."""
    return lambda model, mask, **settings: run("MendRemoveObject", model=model, mask=mask, **settings).outputs[0]


def block(top=16, left=24, height=24, width=32, size=SIZE):
    mask = torch.zeros(1, *size)
    mask[:, top : top + height, left : left + width] = 1
    return mask


def two_masks():
    return torch.cat([block(), block(0, 64, 40, 32)])


def places_of(mask, rows, columns):
    """[M, n] bool by brute force: whether a place of the attention covers a latent cell with a masked pixel. mask: in
    pixels, of whole cells."""
    cells = mask.unflatten(1, (-1, 8)).unflatten(3, (-1, 8)).amax(dim=(2, 4)).numpy()
    _, height, width = cells.shape
    places = np.zeros((len(cells), rows, columns), bool)
    for row in range(rows):
        for column in range(columns):
            top, bottom = math.floor(row * height / rows), math.ceil((row + 1) * height / rows)
            left, right = math.floor(column * width / columns), math.ceil((column + 1) * width / columns)
            places[:, row, column] = cells[:, top:bottom, left:right].max(axis=(1, 2)) > 0
    return torch.from_numpy(places).flatten(1)


@contextlib.contextmanager
def masked_attention(model, mask, query_scale=0.3):
    """The decoder's self-attention as the authors write it, put into the network itself. mask: [M, H, W] of 0 and 1."""
    from comfy.ldm.modules.attention import SpatialTransformer

    def forward_of(own, grid):
        def forward(x, context=None, value=None, mask_=None, transformer_options=None):
            q, k, v = (layer(x).unflatten(2, (own.heads, -1)).movedim(2, 1) for layer in (own.to_q, own.to_k, own.to_v))
            under = places_of(mask, *grid)
            under &= ~under.all(dim=1, keepdim=True)
            under = under.repeat(len(x) // len(under), 1)
            similarity = q @ k.mT / q.shape[-1] ** 0.5
            similarity = torch.where(under[:, None, :, None], similarity * query_scale, similarity)
            similarity = similarity.masked_fill(under[:, None, None], -torch.inf)
            return own.to_out((similarity.softmax(dim=-1) @ v).movedim(1, 2).flatten(2))

        return forward

    blocks = model.model.diffusion_model.output_blocks
    transformers = [part for block in blocks for part in block if isinstance(part, SpatialTransformer)]
    assert transformers
    hooks = []
    for transformer in transformers:
        grid = [0, 0]
        note = lambda _, given, grid=grid: grid.__setitem__(slice(None), given[0].shape[2:])  # noqa: E731
        hooks.append(transformer.register_forward_pre_hook(note))
        for inner in transformer.transformer_blocks:
            if not inner.disable_self_attn:
                inner.attn1.forward = forward_of(inner.attn1, grid)
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for transformer in transformers:
            for inner in transformer.transformer_blocks:
                vars(inner.attn1).pop("forward", None)


@contextlib.contextmanager
def counted(model):
    """What the U-Net is called with meanwhile: the batch, and a number that tells the prompts apart."""
    unet, calls = model.model.diffusion_model, []

    def note(_, given, named):
        calls.append((len(given[0]), float(named["context"].double().sum())))

    hook = unet.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield calls
    finally:
        hook.remove()


@pytest.fixture
def expected(sample):
    """What a step ought to end at: two plain calls of the model, one with the attention above."""

    def expected(model, mask, guidance=9.0, query_scale=0.3, **how):
        plain = sample(model, **how)
        with masked_attention(model, mask, query_scale):
            redirected = sample(model, **how)
        assert not torch.allclose(plain, redirected, atol=1e-2)
        return plain.double() + guidance * (redirected.double() - plain.double())

    return expected


def close(result, expected):
    """To rounding, of values up to some hundred where the guidance is strong. How much that is depends on the
    processor and on where memory lies: 5e-5 was the most seen. A block that is not redirected changes percents."""
    torch.testing.assert_close(result.double(), expected, rtol=0, atol=2e-4 * float(expected.abs().max()))


# ---- what is predicted -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sd15", "sdxl", "deep"])
def test_the_step_is_that_of_two_plain_calls(models, removing, sample, expected, name):
    model, *prompts = models[name]
    close(sample(removing(model, block()), prompts), expected(model, block(), prompts=prompts))


@pytest.mark.parametrize("size", [(56, 88), (64, 72), (200, 40)])
def test_latents_that_cannot_be_halved(deep, removing, sample, expected, size):
    mask, cells = block(8, 8, 30, 16, size), (size[0] // 8, size[1] // 8)
    close(sample(removing(deep, mask), cells=cells), expected(deep, mask, cells=cells))


def test_a_mask_that_leaves_nothing_at_a_low_resolution(deep, removing, sample, expected):
    """At 2 x 3 places all hold a masked cell: that attention is left as it is."""
    mask = block(8, 8, 48, 80)
    assert places_of(mask, 2, 3).all()
    close(sample(removing(deep, mask)), expected(deep, mask))


@pytest.mark.parametrize(
    "settings", [{"guidance": 2.5}, {"guidance": 0.0}, {"query_scale": 1.0}, {"query_scale": 0.0}], ids=str
)
def test_its_settings(deep, removing, sample, expected, settings):
    close(sample(removing(deep, block(), **settings)), expected(deep, block(), **settings))


@pytest.mark.slow
def test_queries_are_scaled_in_the_first_fifth_of_the_steps(deep, removing, sample, pack, monkeypatch):
    eraser, scales = pack("inpaint.sampling.attentive_eraser"), []

    def noted(attend, q, k, v, places, query_scale):
        scales.append(query_scale)
        return real(attend, q, k, v, places, query_scale)

    real = eraser.redirected_attention
    monkeypatch.setattr(eraser, "redirected_attention", noted)
    for settings, early in (({}, 2), ({"query_steps": 0.5}, 5), ({"query_steps": 0.0}, 0), ({"query_steps": 1.0}, 10)):
        scales.clear()
        sample(removing(deep, block(), **settings), steps=10)
        in_a_step = len(scales) // 10
        assert in_a_step == 8, "the transformer blocks of the decoder"
        assert scales == [0.3] * early * in_a_step + [1.0] * (10 - early) * in_a_step


def test_queries_are_scaled_in_no_step(deep, removing, sample, expected):
    close(sample(removing(deep, block(), query_steps=0.0)), expected(deep, block(), query_scale=1.0))


@pytest.mark.slow
@pytest.mark.parametrize("cfg", [1.0, 7.0, 0.0])
def test_two_calls_with_the_positive_prompt_whatever_the_cfg(deep, removing, sample, bare_sdxl, cfg):
    removes = removing(deep, block())
    with counted(deep) as calls:
        result = sample(removes, steps=2, cfg=cfg)
    assert calls == [(1, float(bare_sdxl.positive[0][0].double().sum()))] * 4
    assert torch.equal(result, sample(removes, steps=2))
    other = [[torch.zeros(1, 77, 2048), {"pooled_output": torch.zeros(1, 1280)}]]
    assert torch.equal(result, sample(removes, (bare_sdxl.positive, other), steps=2, cfg=cfg))
    assert not torch.allclose(result, sample(removes, (other, bare_sdxl.negative), steps=2, cfg=cfg), atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "least"), [(torch.float16, 0.98), (torch.bfloat16, 0.7)])
def test_weights_in_half_precision(build_deep, deep, removing, sample, dtype, least):
    """What redirecting changes points where it does in float32, and not where another mask's does. It is nine times the
    difference of two predictions, and so of their rounding."""

    def change(model, mask):
        return (sample(removing(model, mask)) - sample(model)).flatten().double()

    exact, elsewhere = change(deep, block()), change(deep, block(left=40))
    alike, other = (
        torch.cosine_similarity(change(build_deep(dtype), block()), way, dim=0) for way in (exact, elsewhere)
    )
    assert alike > least
    assert other < 0.3


def test_a_model_with_inpainting_inputs(build_deep, removing, sample, expected):
    model = build_deep(in_channels=9)
    close(sample(removing(model, block())), expected(model, block()))


def test_a_level_without_self_attention(build_deep, removing, sample, expected):
    """As SDXS has one: what stands in its place looks at the prompt."""
    model = build_deep(without_self_attention=[True, False, False])
    close(sample(removing(model, block())), expected(model, block()))


def test_the_attention_is_the_hosts(deep, removing, sample, monkeypatch):
    """So that nodes which override it, and models which want it in float32, have their way."""
    from comfy.ldm.modules.attention import BasicTransformerBlock

    inner = [
        part for part in deep.model.diffusion_model.output_blocks.modules() if isinstance(part, BasicTransformerBlock)
    ]
    for part in inner:
        monkeypatch.setattr(part, "attn_precision", torch.float32)
    calls = []

    def override(attention, q, k, v, *args, **named):
        if "heads" in named:  # the host gives it by place
            calls.append((q.shape[1] - k.shape[1], named["heads"], named["attn_precision"]))
        return attention(q, k, v, *args, **named)

    removes = removing(deep, block())
    plain = sample(removes)
    removes.model_options["transformer_options"]["optimized_attention_override"] = override
    assert torch.equal(sample(removes), plain)
    dropped = [int(places_of(block(), *grid).sum()) for grid in ((2, 3), (4, 6), (8, 12))]
    expected = [
        (count, 1, torch.float32) for count, blocks in zip(dropped, (4, 2, 2), strict=True) for _ in range(blocks)
    ]
    assert calls == expected


# ---- batches -----------------------------------------------------------------------------------------------------


def test_a_batch_with_two_masks_is_each_alone(deep, removing, sample, expected):
    masks = two_masks()
    both = sample(removing(deep, masks), batch=2)
    close(both, expected(deep, masks, batch=2))
    for index in range(2):
        alone = sample(removing(deep, masks[index : index + 1]), latent={"batch_index": [index]})
        torch.testing.assert_close(both[index : index + 1], alone, rtol=0, atol=2e-5 * float(both.abs().max()))


@pytest.mark.slow
def test_masks_repeat_with_the_pictures(deep, removing, sample, expected):
    masks = two_masks()
    close(sample(removing(deep, masks), batch=4), expected(deep, masks, batch=4))
    close(sample(removing(deep, block()), batch=2), expected(deep, block(), batch=2))


def test_an_empty_mask_among_others(deep, removing, sample):
    masks = torch.cat([torch.zeros_like(block()), block()])
    result, plain = sample(removing(deep, masks), batch=2), sample(deep, batch=2)
    torch.testing.assert_close(result[0], plain[0], rtol=0, atol=2e-5 * float(result.abs().max()))
    assert not torch.allclose(result[1], plain[1], atol=0.1)


def test_several_prompts_at_once(deep, removing, sample, expected, bare_sdxl):
    """The host then predicts for all of them in one batch of more rows."""
    prompts = (bare_sdxl.positive + bare_sdxl.negative, bare_sdxl.negative)
    masks = two_masks()
    with counted(deep) as calls:
        result = sample(removing(deep, masks), prompts, batch=2)
    assert [rows for rows, _ in calls] == [4, 4]
    close(result, expected(deep, masks, prompts=prompts, batch=2))


def test_other_numbers_of_latents_are_refused(deep, removing, sample, InpaintError):
    removes = removing(deep, two_masks())
    for batch in (1, 3):
        with pytest.raises(
            InpaintError, match=rf"^Remove Object: expected 2 latents, as many as masks, .*got {batch}\."
        ):
            sample(removes, batch=batch)


# ---- masks -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_empty_mask_changes_nothing(deep, run, sample):
    for mask in (torch.zeros(1, 64, 64), torch.full((2, *SIZE), 0.49), torch.full(SIZE, torch.nan)):
        ran = run("MendRemoveObject", model=deep, mask=mask)
        assert ran.text.endswith("The mask is empty: the model is not changed.")
        assert torch.equal(sample(ran.outputs[0], cfg=7.0, steps=2), sample(deep, cfg=7.0, steps=2))


@pytest.mark.parametrize(
    "full", [torch.ones(1, *SIZE), torch.ones(SIZE), torch.full((1, *SIZE), 255, dtype=torch.uint8)]
)
def test_a_full_mask_is_refused(deep, run, InpaintError, full):
    with pytest.raises(
        InpaintError, match=r"^mask: expected a mask that leaves part of the picture unmasked, got a full one\."
    ):
        run("MendRemoveObject", model=deep, mask=full)


def test_a_mask_with_a_pixel_in_every_cell_is_refused(deep, removing, sample, InpaintError):
    mask = torch.zeros(1, *SIZE)
    mask[:, ::8, ::8] = 1
    with pytest.raises(
        InpaintError, match=r"^mask: expected at least one latent cell \(8 x 8 pixels\) without a masked"
    ):
        sample(removing(deep, mask))


@pytest.mark.slow
def test_every_form_of_a_mask(deep, run, sample):
    mask = block()
    first = run("MendRemoveObject", model=deep, mask=mask)
    assert first.text == "The mask covers 12.5% of the picture."
    result = sample(first.outputs[0])
    same = [mask[0], mask[:, None], mask[..., None], mask > 0, (mask * 255).to(torch.uint8), mask.half(), mask * 0.98]
    for form in (*same, torch.where(mask > 0, mask, 0.3), torch.where(mask > 0, mask, torch.nan)):
        before = form.clone()
        assert torch.equal(sample(run("MendRemoveObject", model=deep, mask=form).outputs[0]), result)
        assert torch.equal(form.nan_to_num(), before.nan_to_num())


def test_one_pixel_is_removed_and_a_mask_of_another_size_is_stretched(deep, removing, sample, expected):
    stroke = torch.zeros(1, *SIZE)
    stroke[0, 31, 40] = 1
    close(sample(removing(deep, stroke)), expected(deep, block(24, 40, 8, 8)))
    small = block(2, 3, 3, 4, (8, 12))
    close(sample(removing(deep, small)), expected(deep, block()))


def test_a_picture_that_is_no_whole_number_of_cells(deep, removing, sample, expected):
    """It is padded to the right and below for encoding; its mask stays where it is."""
    mask = block(16, 24, 24, 32, (59, 93))
    close(sample(removing(deep, mask)), expected(deep, block()))


# ---- a window of the latent --------------------------------------------------------------------------------------


def test_a_window_of_the_latent(deep, removing, sample, pack):
    """What samples a part says which, of what whole."""
    mask = torch.cat([block(size=(128, 160)), block(40, 64, 30, 40, (128, 160))])
    box = pack("inpaint.core.geometry").Box(x=2, y=1, width=12, height=8)
    windowed = removing(deep, mask)
    windowed.model_options["transformer_options"] |= {"mend_window": (box, (16, 20))}
    result = sample(windowed, batch=2)
    assert torch.equal(result, sample(removing(deep, mask[:, 8:72, 16:112]), batch=2))
    assert not torch.allclose(result, sample(removing(deep, mask), batch=2), atol=0.1)


@pytest.mark.slow
def test_windows_after_each_other(deep, removing, sample, pack):
    Box, mask = pack("inpaint.core.geometry").Box, block(size=(128, 160))
    removes = removing(deep, mask)
    for x, y in ((0, 0), (2, 1), (0, 0)):
        windowed = removes.clone()
        box = Box(x, y, 12, 8)
        windowed.model_options["transformer_options"] |= {"mend_window": (box, (16, 20))}
        there = mask[:, 8 * y : 8 * y + 64, 8 * x : 8 * x + 96]
        assert torch.equal(sample(windowed), sample(removing(deep, there)))


def test_a_window_that_is_all_masked_is_refused(deep, removing, sample, pack, InpaintError):
    windowed = removing(deep, block(8, 16, 64, 96, size=(128, 160)))
    box = pack("inpaint.core.geometry").Box(x=2, y=1, width=12, height=8)
    windowed.model_options["transformer_options"] |= {"mend_window": (box, (16, 20))}
    with pytest.raises(InpaintError, match=r"in the sampled area, got none\. .* sample a larger area around it"):
        sample(windowed)


# ---- with other nodes --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_with_encode_and_the_masked_sampler(general_model, removing, run):
    image = torch.rand(1, 61, 83, 3, generator=torch.Generator().manual_seed(0))
    mask = block(size=(61, 83))
    parts = {"model": general_model.model, "vae": general_model.vae}
    words = {"positive": general_model.positive, "negative": general_model.negative}
    positive, negative, latent = run("MendEncodeInpaint", image=image, mask=mask, **parts, **words).outputs
    sampling = {"seed": 1, "steps": 3, "cfg": 1.0, "positive": positive, "negative": negative, "latent": latent}
    (plain,) = run("MendMaskedSampler", model=general_model.model, **sampling).outputs
    (result,) = run("MendMaskedSampler", model=removing(general_model.model, mask), **sampling).outputs
    assert result["samples"].isfinite().all()
    kept = latent["noise_mask"][..., ::8, ::8].expand_as(latent["samples"]) == 0
    torch.testing.assert_close(result["samples"][kept], latent["samples"][kept], rtol=0, atol=1e-4)
    assert not torch.allclose(result["samples"][~kept], plain["samples"][~kept], atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("guider", ["BasicGuider", "CFGGuider"])
def test_with_custom_sampling(deep, removing, other_node, sample, bare_sdxl, guider):
    removes, latent = removing(deep, block()), {"samples": torch.zeros(1, 4, 8, 12)}
    words = {"conditioning": bare_sdxl.positive}
    if guider == "CFGGuider":
        words = {"positive": bare_sdxl.positive, "negative": bare_sdxl.negative, "cfg": 5.0}
    own = partial(other_node, "nodes_custom_sampler")
    parts = {
        "noise": own("RandomNoise", noise_seed=1),
        "guider": own(guider, model=removes, **words),
        "sampler": own("KSamplerSelect", sampler_name="euler"),
        "sigmas": own("BasicScheduler", model=removes, scheduler="simple", steps=5, denoise=1.0),
    }
    result = own("SamplerCustomAdvanced", **parts, latent_image=latent)["samples"]
    assert torch.equal(result, sample(removes, steps=5))


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["heun", "dpmpp_2m_sde", "euler_ancestral_cfg_pp", "uni_pc", "lcm"])
def test_with_other_samplers(deep, removing, sample, sampler):
    """CFG++ goes by the negative prediction, which here is the guided one too."""
    result = sample(removing(deep, block(), guidance=2.0), steps=4, sampler_name=sampler)
    assert result.isfinite().all()
    assert not torch.allclose(result, sample(deep, steps=4, sampler_name=sampler), atol=0.1)


def test_with_perturbed_attention(deep, removing, other_node, sample):
    """The host's node on top: its own third call, of the middle block."""
    removes = removing(deep, block())
    both = other_node("nodes_pag", "PerturbedAttentionGuidance", model=removes, scale=0.5)
    with counted(deep) as calls:
        result = sample(both)
    assert len(calls) == 3
    assert not torch.allclose(result, sample(removes), atol=1e-3)


@pytest.mark.slow
def test_the_given_model_is_left_as_it_is(deep, removing, sample):
    options = deep.model_options
    before = (dict(options), dict(options["transformer_options"]), sample(deep, steps=2, cfg=5.0))
    removes = removing(deep, block())
    result = sample(removes, steps=2)
    assert (dict(deep.model_options), dict(options["transformer_options"])) == before[:2]
    assert torch.equal(sample(deep, steps=2, cfg=5.0), before[2])
    assert "patches_replace" not in removes.model_options["transformer_options"]
    assert removes.model is deep.model
    assert torch.equal(sample(removes.clone(), steps=2), result)


# ---- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), [("Flux dev", "FLUX.1"), ("SD 3 medium", "SD 3"), ("Z-Image", "Z-Image")])
def test_models_without_a_decoder(removing, InpaintError, name, kind):
    with pytest.raises(InpaintError, match=rf"^model: expected a U-Net of SD 1.5, SD 2 or SDXL, .*, got {kind}\. Choo"):
        removing(make_patcher(name), block())


def test_a_model_of_videos(removing, host_nodes, InpaintError):
    import comfy.model_patcher
    import comfy.supported_models

    config = {
        **{"image_size": 32, "in_channels": 8, "out_channels": 4, "model_channels": 64, "channel_mult": [1]},
        **{"num_res_blocks": [1], "transformer_depth": [1], "transformer_depth_output": [1, 1]},
        **{"transformer_depth_middle": 1, "context_dim": 1024, "adm_in_channels": 768, "num_classes": "sequential"},
        **{"use_spatial_transformer": True, "use_linear_in_transformer": True, "legacy": False, "num_heads": -1},
        **{"num_head_channels": 64, "use_temporal_attention": True, "use_temporal_resblock": True},
        **{"extra_ff_mix_layer": True, "use_spatial_context": True, "merge_strategy": "learned_with_images"},
        **{"merge_factor": 0.0, "video_kernel_size": [3, 1, 1]},
    }
    base = comfy.supported_models.SVD_img2vid(config).get_model({}, "", device="meta")
    model = comfy.model_patcher.ModelPatcher(base, torch.device("cpu"), torch.device("cpu"))
    with pytest.raises(
        InpaintError, match=r"^model: expected a U-Net of SD 1.5, SD 2 or SDXL, .*, got Stable Video Diffusion"
    ):
        removing(model, block())


def test_it_is_applied_once(deep, removing, InpaintError):
    with pytest.raises(InpaintError, match=r"^model: expected a model whose prediction no other node replaces, got on"):
        removing(removing(deep, block()).clone(), block())


def test_areas_of_the_conditioning_are_refused(deep, removing, run, sample, bare_sdxl, InpaintError):
    area = {"width": 64, "height": 64, "x": 8, "y": 0, "strength": 1.0}
    (positive,) = run("ConditioningSetArea", conditioning=bare_sdxl.positive, **area).outputs
    with pytest.raises(InpaintError, match=r"^Remove Object: expected a latent of 12 x 8 cells, got 8 x 8 cells\."):
        sample(removing(deep, block()), (positive, bare_sdxl.negative))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "name", "settings"),
    [
        ("nodes_tomesd", "TomePatchModel", {"ratio": 0.5}),
        ("nodes_hypertile", "HyperTile", {"tile_size": 256, "swap_size": 1, "max_depth": 0, "scale_depth": False}),
    ],
)
def test_nodes_that_merge_or_tile_places(deep, removing, other_node, sample, InpaintError, module, name, settings):
    other = other_node(module, name, model=deep, **settings)
    assert sample(other, cells=(64, 64)).isfinite().all()
    with pytest.raises(
        InpaintError, match=r"^Remove Object: expected 4096 tokens in a self-attention, got \d+\. Anoth"
    ):
        sample(removing(other, block()), cells=(64, 64))

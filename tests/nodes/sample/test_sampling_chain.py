"""Encode, sample, decode, composite on the host, with a small untrained checkpoint.

Mutations seen to fail here: mask inverted in the encode node; noise mask left out; masked picture not hidden; the
picture moved before it is encoded or after it is decoded; masks resized bilinearly; decode without the fall-back to
tiles, or with it for every error; denoise ignored.
"""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt


@pytest.fixture(autouse=True)
def _inference():
    """As the host's executor has it."""
    with torch.inference_mode():
        yield


def _picture(height, width, batch=1, channels=3):
    """Smooth, so that the small VAE's round trip is close; with a gradient both ways, so that a shift shows."""
    y, x = torch.linspace(0.1, 0.9, height), torch.linspace(0.2, 0.8, width)
    image = torch.stack([y[:, None].expand(height, width), x.expand(height, width), (y[:, None] + x) / 2], dim=-1)
    if channels == 4:
        image = torch.cat([image, torch.rand(height, width, 1)], dim=-1)
    return image[None].repeat(batch, 1, 1, 1)


def _block(height, width, top=16, left=24, size=32):
    mask = torch.zeros(1, height, width)
    mask[0, top : top + size, left : left + size] = 1
    return mask


def _beyond_the_edge(mask, feather=8):
    """Pixels further from the mask than the default feather, by scipy. The outline is half a pixel from the centres."""
    distances = [
        distance_transform_edt((one == 0).numpy()) if one.any() else np.ones(one.shape) * np.inf for one in mask
    ]
    return torch.from_numpy(np.stack(distances) >= feather + 0.5)


def _encode(run, loaded, image, mask, **options):
    return run(
        "MendEncodeInpaint",
        model=loaded.model,
        positive=loaded.positive,
        negative=loaded.negative,
        vae=loaded.vae,
        image=image,
        mask=mask,
        **options,
    )


def _chain(run, loaded, image, mask, seed=1, **options):
    positive, negative, latent = _encode(run, loaded, image, mask, **options).outputs
    (sampled,) = run(
        "MendMaskedSampler", model=loaded.model, seed=seed, steps=2, positive=positive, negative=negative, latent=latent
    ).outputs
    return run("MendDecodeComposite", vae=loaded.vae, latent=sampled, image=image, mask=mask)


@pytest.fixture(params=["inpaint_model", "general_model"])
def loaded(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    ("height", "width", "batch", "channels"), [(64, 96, 1, 3), (61, 83, 1, 4), (64, 64, 3, 3)], ids=str
)
def test_the_whole_chain(run, loaded, height, width, batch, channels):
    image, mask = _picture(height, width, batch, channels), _block(height, width)
    ran = _chain(run, loaded, image, mask)
    result, weight, _ = ran.outputs
    inside = (mask > 0).expand(batch, -1, -1)
    outside = _beyond_the_edge(mask).expand(batch, -1, -1)
    assert result.shape == image.shape
    assert torch.equal(weight == 0, outside)
    assert torch.equal(result[outside], image[outside])
    assert torch.equal(result[..., 3:], image[..., 3:])
    painted = result[inside][:, :3]
    assert painted.isfinite().all()
    assert painted.std() > 0.01
    assert (painted - image[inside][:, :3]).abs().mean() > 0.08  # the VAE alone changes 0.03
    assert (painted - 0.5).abs().mean() > 0.01
    assert "Largest change outside: 0." in ran.text


@pytest.mark.slow
def test_the_same_seed_is_equal_and_another_is_not(run, inpaint_model):
    image, mask = _picture(64, 64), _block(64, 64)
    first, again, other = (_chain(run, inpaint_model, image, mask, seed=seed).outputs[0] for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert (first - other)[mask > 0].abs().mean() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(("masks", "images"), [(3, 1), (1, 3), (3, 3)])
def test_batches(run, inpaint_model, masks, images):
    mask = torch.cat([_block(64, 64, top=8 * index, left=8 * index) for index in range(masks)])
    result = _chain(run, inpaint_model, _picture(64, 64, images), mask).outputs[0]
    assert result.shape == (3, 64, 64, 3)
    inside = mask.expand(3, -1, -1) > 0
    outside = _beyond_the_edge(mask).expand(3, -1, -1)
    assert torch.equal(result[outside], _picture(64, 64, 3)[outside])
    assert (result - _picture(64, 64, 3))[inside].abs().mean() > 0.01


def test_a_batch_that_fits_nothing_is_refused_in_words(run, inpaint_model, InpaintError):
    with pytest.raises(InpaintError, match=r"expected 1 mask or 3 \(one per picture\), got 2"):
        _encode(run, inpaint_model, _picture(64, 64, 3), torch.ones(2, 64, 64))


def test_empty_mask_changes_nothing_and_full_mask_everything(run, inpaint_model):
    image = _picture(64, 64)
    assert torch.equal(_chain(run, inpaint_model, image, torch.zeros(1, 64, 64)).outputs[0], image)
    full = _chain(run, inpaint_model, image, torch.ones(1, 64, 64)).outputs[0]
    assert (full != image).float().mean() > 0.99


def test_a_one_pixel_stroke_is_repainted(run, general_model):
    image, mask = _picture(64, 64), torch.zeros(1, 64, 64)
    mask[0, 17, 10:50] = 1
    assert (_chain(run, general_model, image, mask).outputs[0] - image)[mask > 0].abs().mean() > 0.01


def test_half_precision_picture(run, inpaint_model):
    image, mask = _picture(64, 64).half(), _block(64, 64)
    result, *_ = _chain(run, inpaint_model, image, mask).outputs
    assert result.dtype == torch.float16
    outside = _beyond_the_edge(mask)
    assert torch.equal(result[outside], image[outside])


# ---- sample ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler_name", ["euler", "dpmpp_2m_sde"])
def test_equals_the_hosts_ksampler_where_no_mask_is_given(run, general_model, sampler_name):
    latent = {"samples": general_model.vae.encode(_picture(64, 64)), "batch_index": [3], "extra": "carried"}
    settings = {
        "model": general_model.model,
        "seed": 42,
        "steps": 3,
        "cfg": 5.0,
        "sampler_name": sampler_name,
        "scheduler": "karras",
        "positive": general_model.positive,
        "negative": general_model.negative,
        "denoise": 0.7,
    }
    (ours,) = run("MendMaskedSampler", latent=latent, **settings).outputs
    (hosts,) = run("KSampler", latent_image=latent, **settings).outputs
    assert torch.equal(ours["samples"], hosts["samples"])
    assert ours["extra"] == "carried"
    assert not torch.equal(ours["samples"], latent["samples"])


def test_a_mask_in_pixels_keeps_its_thin_strokes(run, general_model):
    samples = general_model.vae.encode(_picture(64, 64))
    mask = torch.zeros(1, 64, 64)
    mask[0, 16] = 1  # the first pixel row of a cell row: bilinear resizing never looks at it
    latent = {"samples": samples, "noise_mask": mask}
    settings = {"model": general_model.model, "steps": 2, "seed": 1}
    settings |= {"positive": general_model.positive, "negative": general_model.negative}
    (ours,) = run("MendMaskedSampler", latent=latent, **settings).outputs
    moved = (ours["samples"] - samples).abs().amax(dim=1)[0]
    assert moved[2].min() > 0.01
    assert moved[[0, 1, 3, 4, 5, 6, 7]].max() < 1e-4
    assert latent["noise_mask"] is mask


def test_cancel_half_way(run, general_model):
    import comfy.model_management as management

    latent = {"samples": general_model.vae.encode(_picture(64, 64))}
    management.interrupt_current_processing(True)
    with pytest.raises(management.InterruptProcessingException):
        run(
            "MendMaskedSampler",
            model=general_model.model,
            latent=latent,
            positive=general_model.positive,
            negative=general_model.negative,
        )


# ---- decode ------------------------------------------------------------------------------------------------------


def test_the_decoded_picture_lies_where_the_original_does(run, general_model):
    image, mask = _picture(61, 83), _block(61, 83)
    latent = _encode(run, general_model, image, mask).outputs[2]
    result, _, _ = run("MendDecodeComposite", vae=general_model.vae, latent=latent, image=image, mask=mask).outputs
    decoded = general_model.vae.decode(latent["samples"])[:, :61, :83]
    torch.testing.assert_close(result[mask > 0], decoded[mask > 0])


def test_nan_in_the_decoded_picture_is_left_out_and_told(run, general_model, monkeypatch):
    image, mask = _picture(64, 64), _block(64, 64)
    decode = general_model.vae.decode

    def black(samples):
        pixels = decode(samples)
        pixels[:, 20:30] = float("nan")
        return pixels

    monkeypatch.setattr(general_model.vae, "decode", black)
    ran = _chain(run, general_model, image, mask)
    result, *_ = ran.outputs
    assert result.isfinite().all()
    assert torch.equal(result[:, 20:30], image[:, 20:30])
    assert "480 repainted pixels were NaN or infinite" in ran.text


@pytest.mark.parametrize("message", ["CUDA out of memory", "DefaultCPUAllocator: can't allocate memory: you tried"])
def test_out_of_memory_falls_back_to_tiles(run, general_model, monkeypatch, message):
    image, mask = _picture(64, 64), _block(64, 64)
    tiles = []

    def fail(samples):
        raise RuntimeError(message)

    tiled = general_model.vae.decode_tiled

    def small_tiles_only(samples, **sizes):
        tiles.append(sizes["tile_x"])
        if sizes["tile_x"] > 16:
            raise torch.OutOfMemoryError(message)
        return tiled(samples, **sizes)

    latent = {"samples": general_model.vae.encode(image)}
    plain = run("MendDecodeComposite", vae=general_model.vae, latent=latent, image=image, mask=mask).outputs[0]
    monkeypatch.setattr(general_model.vae, "decode", fail)
    monkeypatch.setattr(general_model.vae, "decode_tiled", small_tiles_only)
    ran = run("MendDecodeComposite", vae=general_model.vae, latent=latent, image=image, mask=mask)
    assert tiles == [32, 16]
    assert "decoded in tiles of 128 pixels" in ran.text
    torch.testing.assert_close(ran.outputs[0], plain, rtol=0, atol=0.02)


def test_other_errors_are_not_taken_for_out_of_memory(run, general_model, monkeypatch):
    def fail(samples):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(general_model.vae, "decode", fail)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        run(
            "MendDecodeComposite",
            vae=general_model.vae,
            latent={"samples": torch.zeros(1, 4, 8, 8)},
            image=_picture(64, 64),
            mask=_block(64, 64),
        )


@pytest.mark.parametrize(
    ("height", "width", "cells", "message"),
    [
        (61, 83, (8, 8), "expected 88x64 pixels for an image of 83x61, got 64x64. Connect the image that was encoded"),
        (61, 83, (7, 10), "expected 88x64 pixels for an image of 83x61, got 80x56. Encode the image with Encode for"),
        (64, 96, (16, 24), "got 192x128. The latent was scaled by 2 after encoding: scale image and mask by the same"),
        (64, 96, (12, 18), "got 144x96. The latent was scaled by 1.5 after encoding"),
        (61, 83, (16, 22), "got 176x128. The latent was scaled by 2 after encoding"),
        (64, 96, (4, 6), "got 48x32. The latent was scaled by 0.5 after encoding"),
    ],
)
def test_a_latent_of_another_size_is_refused_in_words(run, general_model, InpaintError, height, width, cells, message):
    with pytest.raises(InpaintError, match=f"^latent: .*{re.escape(message)}") as error:
        run(
            "MendDecodeComposite",
            vae=general_model.vae,
            latent={"samples": torch.zeros(1, 4, *cells)},
            image=_picture(height, width),
            mask=_block(height, width),
        )
    assert ("odd sizes" in str(error.value)) == (cells == (7, 10))


def test_of_nested_latents_the_first_is_decoded(run, general_model):
    """Those of video with audio, as ComfyUI's VAE Decode does."""
    from comfy.nested_tensor import NestedTensor

    image, mask = _picture(64, 64), _block(64, 64)
    samples = general_model.vae.encode(image)
    nested = NestedTensor([samples, torch.randn(1, 8, 30, 4)])
    ours, plain = (
        run("MendDecodeComposite", vae=general_model.vae, latent={"samples": given}, image=image, mask=mask)
        for given in (nested, samples)
    )
    assert torch.equal(ours.outputs[0], plain.outputs[0])


# ---- latents and models ------------------------------------------------------------------------------------------


@pytest.fixture
def video_model(general_model):
    """A MODEL with the latent format of Wan and Qwen-Image: 16 channels, with frames."""
    import comfy.latent_formats

    patched = general_model.model.clone()
    patched.add_object_patch("latent_format", comfy.latent_formats.Wan21())
    return patched


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((2, 16, 3, 4), (2, 16, 1, 3, 4)), ((1, 16, 1, 3, 4), (1, 16, 1, 3, 4)), ((1, 16, 5, 3, 4), (1, 16, 5, 3, 4))],
)
def test_a_video_model_takes_pictures_and_videos(pack, video_model, shape, expected):
    samples = torch.rand(shape)
    fitted = pack("host").fitted(video_model, {"samples": samples, "extra": 1})
    assert fitted["samples"].shape == expected
    assert torch.equal(fitted["samples"].reshape(shape), samples)
    assert fitted["extra"] == 1


def test_a_video_model_refuses_other_channels_and_repairs_empty_ones(pack, video_model, InpaintError):
    host = pack("host")
    assert host.fitted(video_model, {"samples": torch.zeros(1, 4, 3, 4)})["samples"].shape == (1, 16, 1, 3, 4)
    with pytest.raises(
        InpaintError, match=r"^latent: expected latents \[B, 16, T, h, w\] of .*, got \[1, 4, 1, 3, 4\]"
    ):
        host.fitted(video_model, {"samples": torch.ones(1, 4, 3, 4)})
    with pytest.raises(InpaintError, match=r"^latent: expected latents \[B, 16, T, h, w\] of .*, got \[1, 16, 3\]"):
        host.fitted(video_model, {"samples": torch.ones(1, 16, 3)})


def test_the_latents_of_another_family_are_named(run, general_model, InpaintError):
    flux = {"samples": torch.ones(1, 16, 8, 8)}
    conditioning = {"positive": general_model.positive, "negative": general_model.negative}
    with pytest.raises(InpaintError) as error:
        run("MendMaskedSampler", model=general_model.model, latent=flux, **conditioning)
    assert str(error.value) == (
        "latent: expected latents [B, 4, h, w] of SD 1.5, got [1, 16, 8, 8] (those of SD 3 and FLUX.1). Encode the "
        "picture for this model and with its VAE, by Encode for Inpainting."
    )
    picture = {"image": _picture(64, 64), "mask": _block(64, 64)}
    with pytest.raises(InpaintError) as error:
        run("MendDecodeComposite", vae=general_model.vae, latent=flux, **picture)
    assert str(error.value) == (
        "latent: expected latents [B, 4, h, w] of the VAE, got [1, 16, 8, 8] (those of SD 3 and FLUX.1). Connect the "
        "VAE of the model that sampled the latent."
    )


def test_nested_latents_are_refused_by_a_model_of_pictures(run, general_model, InpaintError):
    from comfy.nested_tensor import NestedTensor

    nested = {"samples": NestedTensor([torch.ones(1, 4, 8, 8), torch.ones(1, 8, 30, 4)])}
    conditioning = {"positive": general_model.positive, "negative": general_model.negative}
    with pytest.raises(InpaintError, match=r"^latent: expected one latent for SD 1\.5, got 2 nested ones"):
        run("MendMaskedSampler", model=general_model.model, latent=nested, **conditioning)


def test_of_nested_latents_the_first_is_compared(run, general_model):
    from comfy.nested_tensor import NestedTensor

    random = torch.Generator().manual_seed(0)
    before, after = torch.randn(2, 1, 4, 8, 8, generator=random)
    given = {"model": general_model.model, "before": {"samples": before}, "mask": _block(64, 64)}
    plain, nested = (
        run("MendSoftCompositeMask", **given, after={"samples": samples}).outputs[0]
        for samples in (after, NestedTensor([after, torch.ones(1, 8, 30, 4)]))
    )
    assert torch.equal(nested, plain)
    assert plain.any()


def test_an_empty_latent_for_cells_of_another_size_is_brought_to_the_models(run, general_model, host_nodes):
    """Newer hosts note what the cells of an empty latent stand for. Older ones know nothing of it, and keep the key."""
    import inspect

    import comfy.sample

    knows = "downscale_ratio_spacial" in inspect.signature(comfy.sample.fix_empty_latent_channels).parameters
    settings = {"model": general_model.model, "seed": 1, "steps": 1, "cfg": 1.0, "sampler_name": "euler"}
    settings |= {"scheduler": "normal", "positive": general_model.positive, "negative": general_model.negative}
    empty = {"samples": torch.zeros(1, 16, 4, 4), "downscale_ratio_spacial": 16}
    (ours,) = run("MendMaskedSampler", latent=empty, **settings).outputs
    (hosts,) = run("KSampler", latent_image=empty, **settings, denoise=1.0).outputs
    assert ours.keys() == hosts.keys()
    assert ours["samples"].shape[2:] == ((8, 8) if knows else (4, 4))
    assert torch.equal(ours["samples"], hosts["samples"])


@pytest.mark.parametrize(
    ("dimensions", "shape", "expected"),
    [
        (2, (2, 16, 3, 4), (2, 16, 3, 4)),
        (2, (2, 16, 1, 3, 4), (2, 16, 3, 4)),
        (3, (2, 16, 3, 4), (2, 16, 1, 3, 4)),
        (3, (2, 16, 5, 3, 4), (2, 16, 5, 3, 4)),
        (2, (2, 16, 5, 3, 4), None),
        (2, (2, 4, 3, 4), None),
        (3, (2, 16, 12), None),
        (3, (2, 4, 5, 3, 4), None),
    ],
)
def test_latents_are_laid_out_for_the_vae(pack, InpaintError, dimensions, shape, expected):
    vae = SimpleNamespace(latent_channels=16, latent_dim=dimensions, throw_exception_if_invalid=lambda: None)
    samples = torch.rand(shape)
    if expected is None:
        with pytest.raises(
            InpaintError, match=r"^latent: expected latents \[B, 16, .* of the VAE, got \[2, .* Connect"
        ):
            pack("host").decodable(vae, {"samples": samples})
        return
    laid_out = pack("host").decodable(vae, {"samples": samples})
    assert laid_out.shape == expected
    assert torch.equal(laid_out.reshape(shape), samples)

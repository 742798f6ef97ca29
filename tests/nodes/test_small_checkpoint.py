"""The small untrained checkpoint on the host: it loads like a real one, and its numbers stay in a useful range.

Mutations seen to fail here: a key renamed; the random share near 0; the input share 3; -x laid as x; the VAE's colours
decoded in another order; its averaging shifted by a pixel; the seed ignored; the words' embeddings near zero.
"""

import hashlib

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from devtools.checkpoints import LATENT_SCALE, write_sd15_inpaint
from inpaint.checkpoint_header import read_header


@pytest.fixture(scope="module")
def path(base, small_checkpoint):
    return base / "models" / "checkpoints" / small_checkpoint


@pytest.mark.parametrize(("fixture", "channels"), [("inpaint_model", 9), ("general_model", 4)])
def test_the_host_takes_it_for_sd15(request, fixture, channels):
    model = request.getfixturevalue(fixture).model.model
    assert type(model.model_config).__name__ == "SD15"
    assert model.diffusion_model.in_channels == channels
    assert model.get_dtype() == torch.float32, "the parity tests count on float32 arithmetic"


def test_every_weight_arrives(inpaint_model, path):
    """Nothing the host needs is missing, which it would leave uninitialised, and nothing is left over."""
    file = load_file(path)
    clip, vae = inpaint_model.clip.cond_stage_model, inpaint_model.vae.first_stage_model
    parts = {
        "model.diffusion_model.": inpaint_model.model.model.diffusion_model.state_dict(),
        "cond_stage_model.transformer.": clip.clip_l.transformer.state_dict(),
        "first_stage_model.": vae.state_dict(),
    }
    # Set by the host to the identity: SD 1.5's text encoder has no projection.
    parts["cond_stage_model.transformer."].pop("text_projection.weight")
    loaded = {prefix + key: tensor for prefix, part in parts.items() for key, tensor in part.items()}
    assert loaded.keys() == file.keys()
    assert all(torch.equal(loaded[key].float(), file[key].float()) for key in file)
    assert {k for k, v in file.items() if v.dtype != torch.float16} == {
        "first_stage_model.vae_scale",
        "first_stage_model.vae_shift",
    }


def test_the_header_reader_agrees(inpaint_model, path):
    header = read_header(path)
    assert (header.family, header.inpaint) == ("sd15", "channels")
    unet = inpaint_model.model.model.diffusion_model
    assert {part.name: part.parameters for part in header.parts} == {
        "diffusion model": sum(p.numel() for p in unet.parameters()),
        "text encoder": 123_060_480,
        "vae": sum(p.numel() for p in inpaint_model.vae.first_stage_model.parameters()),
    }


def test_the_seed_makes_the_file(tmp_path, path):
    def digest(file):
        return hashlib.sha256(file.read_bytes()).hexdigest()

    assert digest(write_sd15_inpaint(tmp_path / "same.safetensors", seed=0)) == digest(path)
    assert digest(write_sd15_inpaint(tmp_path / "other.safetensors", seed=1)) != digest(path)


def predicted_noise(model, latent, sigma, text, concat):
    """What the UNet predicts, taken back from the host's denoised latent: (x - denoised) / sigma."""
    extra = {"c_concat": concat} if concat is not None else {}
    with torch.inference_mode():
        denoised = model.model.apply_model(latent, torch.full((len(latent),), sigma), c_crossattn=text, **extra)
    return (latent - denoised) / sigma


def test_the_noise_prediction_depends_on_everything(inpaint_model, record_property):
    """On the noisy latent, the text, the mask and the masked picture, at every stage of sampling."""
    model = inpaint_model.model
    random = torch.Generator().manual_seed(0)
    concat = torch.randn(1, 5, 16, 16, generator=random)
    noise = torch.randn(1, 4, 16, 16, generator=random)
    text, other = inpaint_model.positive[0][0], inpaint_model.negative[0][0]
    assert not torch.allclose(text, other, atol=0.1)
    for sigma in (14.6, 1.0, 0.03):
        x = noise * (sigma**2 + 0.5) ** 0.5
        plain = predicted_noise(model, x, sigma, text, concat)
        record_property(f"std of the predicted noise at sigma {sigma}", float(plain.std()))
        assert 0.5 < plain.std() < 2
        masked = torch.cat([1 - concat[:, :1], concat[:, 1:]], 1)
        repainted = torch.cat([concat[:, :1], concat[:, 1:].flip(-1)], 1)
        for changed in (
            predicted_noise(model, x, sigma, other, concat),
            predicted_noise(model, x, sigma, text, masked),
            predicted_noise(model, x, sigma, text, repainted),
            predicted_noise(model, x.flip(-1), sigma, text, concat),
        ):
            assert (changed - plain).abs().mean() > 1e-3


@pytest.mark.parametrize("fixture", ["inpaint_model", "general_model"])
def test_sampling_settles(request, run, fixture, record_property):
    """Two steps with the host's sampler alone: predictions of std 0.5 to 2, a latent that a decoder can show."""
    loaded = request.getfixturevalue(fixture)
    stds = []

    def watch(apply, call):
        denoised = apply(call["input"], call["timestep"], **call["c"])
        stds.append(float(((call["input"] - denoised) / call["timestep"].view(-1, 1, 1, 1)).std()))
        return denoised

    model = loaded.model.clone()
    model.set_model_unet_function_wrapper(watch)
    picture, mask = torch.rand(1, 128, 128, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 128, 128)
    mask[:, 32:96, 32:96] = 1
    inputs = {"pixels": picture, "vae": loaded.vae, "mask": mask, "noise_mask": False}
    inputs |= {"positive": loaded.positive, "negative": loaded.negative}
    positive, negative, latent = run("InpaintModelConditioning", **inputs).outputs
    sample = {"model": model, "seed": 1, "steps": 2, "cfg": 7.0, "sampler_name": "euler", "scheduler": "simple"}
    sample |= {"positive": positive, "negative": negative}
    (sampled,) = run("KSampler", **sample, latent_image=latent).outputs
    record_property("std of the predicted noise", stds)
    assert len(stds) >= 2
    assert all(0.5 < std < 2 for std in stds)
    assert torch.isfinite(sampled["samples"]).all()
    assert 0.1 < (sampled["samples"] * LATENT_SCALE).std() < 3


def test_the_vae_keeps_the_mean_colour_of_each_block(inpaint_model, record_property):
    vae = inpaint_model.vae
    smooth = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    picture = F.interpolate(smooth, (64, 96), mode="bicubic").clamp(0, 1).movedim(1, -1)
    with torch.inference_mode():
        latent = vae.encode(picture)
        decoded = vae.decode(latent)
    assert latent.shape == (2, 4, 8, 12)
    blocks = F.avg_pool2d(picture.movedim(-1, 1), 8)
    mosaic = F.interpolate(blocks, scale_factor=8).movedim(1, -1)
    record_property("VAE against the mosaic, max", float((decoded - mosaic).abs().max()))
    record_property("VAE against the picture, mean", float((decoded - picture).abs().mean()))
    assert torch.allclose(decoded, mosaic, atol=0.04), "TAESD bends bright and dark colours by tanh"
    # Away from the bend, exactly: a nearly grey picture.
    grey = 0.5 + (picture - 0.5) / 50
    with torch.inference_mode():
        assert torch.allclose(vae.decode(vae.encode(grey)), 0.5 + (mosaic - 0.5) / 50, atol=1e-5)

"""The demo's trained model on the host: the narrow networks as they were trained, and the same file expanded.

Mutations seen to fail here: skips in the other order, or put beside what comes from below; groups of another size after
a skip, or everywhere; sines before cosines; another scale of the VAE; a text encoder that is not zeros; zeros written
out.
"""

import pytest
import torch

from demo import weights
from demo.networks import VAE, UNet
from demo.sampling import STEPS, painted, pasted
from devtools.models.demo_model import write_demo_model
from inpaint.fills import fill_harmonic

TOLERANCE = 1e-4  # of the largest value


@pytest.fixture(scope="module")
def narrow() -> tuple[VAE, UNet]:
    return weights.load()


@pytest.fixture(scope="module")
def loaded(base, run, tmp_path_factory):
    """MODEL, CLIP and VAE by the host's own loader."""
    path = base / "models" / "checkpoints" / "demo.safetensors"
    write_demo_model(path)
    yield run("CheckpointLoaderSimple", ckpt_name=path.name).outputs
    path.unlink()


def close(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    return float((ours - theirs).abs().max()) <= TOLERANCE * float(theirs.abs().max())


def test_it_is_sd15_inpainting(loaded):
    model = loaded[0].model
    assert type(model.model_config).__name__ == "SD15"
    assert model.model_type.name == "EPS"
    assert model.diffusion_model.in_channels == 9


@pytest.mark.parametrize(("height", "width"), [(16, 16), (27, 18)], ids=["even", "odd"])
@pytest.mark.parametrize("timestep", [999.0, 500.0, 3.0])
def test_the_unet_is_the_narrow_one(narrow, loaded, height, width, timestep):
    random = torch.Generator().manual_seed(0)
    x = torch.randn(2, 9, height, width, generator=random)
    timesteps = torch.full((2,), timestep)
    words = torch.randn(2, 77, 768, generator=random)
    with torch.inference_mode():
        expected = narrow[1](x, timesteps)
        got = loaded[0].model.diffusion_model.float()(x, timesteps, context=words)
    assert expected.std() > 0.05
    assert close(got, expected)


def test_the_vae_is_the_narrow_one(narrow, loaded):
    vae = loaded[2]
    picture = torch.rand(2, 64, 96, 3, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        latent = narrow[0].taesd_encoder(picture.movedim(-1, 1))
        given = loaded[0].model.process_latent_in(vae.encode(picture))
        assert close(given, latent)
        back = narrow[0].taesd_decoder(latent).movedim(1, -1).clamp(0, 1)
        assert close(vae.decode(vae.encode(picture)), back)
    assert back.std() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("denoise", [1.0, 0.6], ids=["from nothing", "over a fill"])
def test_it_is_judged_by_what_the_nodes_make_with_it(run, narrow, loaded, denoise):
    """demo/figures.md is of `demo.sampling`, which is to do what the workflow does."""
    model, clip, vae = loaded
    picture = torch.rand(1, 12, 12, 3, generator=torch.Generator().manual_seed(0))
    picture = torch.nn.functional.interpolate(picture.movedim(-1, 1), (92, 100), mode="bicubic").clamp(0, 1)
    picture = picture.movedim(1, -1)
    mask = torch.zeros(1, 92, 100)
    mask[:, 30:75, 20:61] = 1
    filled = None if denoise == 1 else fill_harmonic(picture, mask)
    (prompt,) = run("CLIPTextEncode", clip=clip, text="a meadow").outputs
    content = {"masked_content": "auto"} if filled is None else {"masked_content": "already filled"}
    encoded = {"model": model, "vae": vae, "positive": prompt, "negative": prompt, "mask": mask, **content}
    image = picture if filled is None else filled
    positive, negative, latent = run("MendEncodeInpaint", image=image, **encoded).outputs
    sampling = {"seed": 1, "steps": STEPS, "cfg": 1.0, "sampler_name": "euler", "scheduler": "normal"}
    sampling |= {"positive": positive, "negative": negative, "latent": latent, "denoise": denoise}
    sampled = run("MendMaskedSampler", model=model, **sampling).outputs[0]
    theirs, _, _ = run("MendDecodeComposite", vae=vae, latent=sampled, image=picture, mask=mask).outputs
    ours = pasted(picture, mask, painted(narrow[0], narrow[1], picture, mask, filled, denoise))
    assert float((theirs - ours).abs().max()) < 1e-3
    assert float((ours - picture).abs().max()) > 0.1


def test_the_prompt_says_nothing(run, loaded):
    texts = [run("CLIPTextEncode", clip=loaded[1], text=text).outputs[0][0][0] for text in ("a meadow", "")]
    assert not any(text.any() for text in texts)


def test_it_is_small(base, loaded):
    """In the project, and on the disk: what was not trained costs nothing."""
    assert weights.FILE.stat().st_size <= 10e6
    stat = (base / "models" / "checkpoints" / "demo.safetensors").stat()
    assert stat.st_blocks * 512 < 100e6 < stat.st_size


@pytest.mark.slow
def test_the_hosts_own_nodes_paint_with_it(run, loaded):
    model, clip, vae = loaded
    sky = torch.linspace(0.35, 0.65, 128)[None, :, None, None] * torch.tensor([0.7, 0.85, 1.0]).expand(1, 128, 128, 3)
    mask = torch.zeros(1, 128, 128)
    mask[:, 40:88, 40:88] = 1
    hidden = torch.where(mask[..., None] > 0, torch.tensor([1.0, 0.0, 0.0]), sky)
    (prompt,) = run("CLIPTextEncode", clip=clip, text="").outputs
    given = {"positive": prompt, "negative": prompt, "vae": vae, "pixels": hidden, "mask": mask, "noise_mask": True}
    positive, negative, latent = run("InpaintModelConditioning", **given).outputs
    settings = {"seed": 1, "steps": STEPS, "cfg": 1.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    (sampled,) = run(
        "KSampler", model=model, positive=positive, negative=negative, latent_image=latent, **settings
    ).outputs
    (made,) = run("VAEDecode", samples=sampled, vae=vae).outputs
    apart = (made - sky)[mask > 0].abs().mean()
    print(f"mean difference to the sky that was hidden: {apart:.3f}")
    assert apart < 0.1

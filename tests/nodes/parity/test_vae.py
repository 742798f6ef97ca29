"""The VAEs of all families against diffusers': the small ones in TAESD's layout, and full KL autoencoders.

Mutations seen to fail here: the shift forgotten; the scale of another family.
"""

import pytest
import torch
from diffusers import AutoencoderKL

from devtools.models.checkpoints import FLUX_SCALE, FLUX_SHIFT, SD_SCALE, SDXL_SCALE
from devtools.models.checkpoints.vaes import vae
from tests.nodes.parity.common import LATENT_TOLERANCE, tiny_vae

FAMILIES = {
    "sd15": (4, SD_SCALE, 0.0),
    "sdxl": (4, SDXL_SCALE, 0.0),
    "flux": (16, FLUX_SCALE, FLUX_SHIFT),
}


@pytest.fixture
def picture():
    return torch.rand(2, 32, 48, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("family", FAMILIES)
def test_small_vaes(host_nodes, family, picture):
    """What diffusers works with is the host's latent, less the family's shift and times its scale."""
    import comfy.latent_formats
    import comfy.sd

    channels, scale, shift = FAMILIES[family]
    formats = {"sd15": "SD15", "sdxl": "SDXL", "flux": "Flux"}
    latent_format = getattr(comfy.latent_formats, formats[family])()
    host, reference = comfy.sd.VAE(sd=vae(channels, scale, shift)), tiny_vae(vae(channels, scale, shift), channels)
    encoded = reference.encode(picture.movedim(-1, 1) * 2 - 1).latents
    assert torch.allclose(latent_format.process_in(host.encode(picture)), encoded, atol=LATENT_TOLERANCE)
    latent = torch.randn(2, channels, 4, 6, generator=torch.Generator().manual_seed(0))
    decoded = reference.decode(latent).sample.clamp(-1, 1) / 2 + 0.5
    assert torch.allclose(host.decode(latent_format.process_out(latent)), decoded.movedim(1, -1), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [4, 16])
def test_difference_posterior_mode(host_nodes, picture, channels):
    """A full KL autoencoder: the host takes the posterior's mode, diffusers' pipelines a sample of it. (Flux' has no
    layers of its own about the latent, and 16 channels.)"""
    import comfy.sd

    torch.manual_seed(0)
    reference = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=channels,
        use_quant_conv=channels == 4,
        use_post_quant_conv=channels == 4,
    )
    vae = comfy.sd.VAE(sd={name: tensor.clone() for name, tensor in reference.state_dict().items()})
    posterior = reference.encode(picture.movedim(-1, 1) * 2 - 1).latent_dist
    encoded = vae.encode(picture)
    assert torch.allclose(encoded, posterior.mode(), atol=LATENT_TOLERANCE)
    sampled = posterior.sample(torch.Generator().manual_seed(0))
    assert (encoded - sampled).abs().max() > 100 * LATENT_TOLERANCE

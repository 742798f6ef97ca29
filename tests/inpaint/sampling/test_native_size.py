"""What sizes models ask for, as their makers state them.

Mutations seen to fail here: the shortest name that fits; a name that only occurs within; an unknown model taken for a
transformer; pixels without patches.
"""

import pytest

from inpaint.sampling.native_size import native_side, side_multiple


@pytest.mark.parametrize(
    ("kind", "side"),
    [
        (None, 1024),
        ("SD15", 512),
        ("SD15_instructpix2pix", 512),
        ("SD20", 512),
        ("SD21UnclipH", 768),
        ("SDXL", 1024),
        ("SDXL_instructpix2pix", 1024),
        ("Flux", 1024),
        ("QwenImage", 1024),
        ("SVD_img2vid", 768),
        ("WAN21_I2V", 640),
        ("WAN22_T2V", 960),
        ("LTXV", 640),
        ("CosmosT2V", 960),
        ("CosmosT2IPredict2", 1024),
        ("HunyuanVideo15", 960),
        ("HunyuanImage21", 2048),
        ("NotSD15", 1024),
    ],
)
def test_the_native_size_of_a_family(kind, side):
    assert native_side(kind) == side


@pytest.mark.parametrize(
    ("vae_ratio", "unet", "multiple"),
    [
        pytest.param(8, True, 64, id="SD 1.5, SDXL"),
        pytest.param(8, False, 16, id="FLUX.1, SD 3, Wan 2.1"),
        pytest.param(8, None, 64, id="a VAE of eighths alone may be a U-Net's"),
        pytest.param(16, None, 32, id="of sixteenths it is none's"),
        pytest.param(16, False, 32, id="Wan 2.2 5B, FLUX.2"),
        pytest.param(32, False, 64, id="LTXV, HunyuanImage"),
        pytest.param(1, False, 16, id="Chroma Radiance, in pixels"),
    ],
)
def test_the_multiple_that_a_network_asks_for(vae_ratio, unet, multiple):
    assert side_multiple(vae_ratio, unet) == multiple

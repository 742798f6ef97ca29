"""The table of model families: complete, one row for each of the host's classes, and what is looked up in it.

Mutations seen to fail here: a class of the host without a row; a class in two rows; a grid that cells do not fit in; a
maximum of references without a source; the 768 of SD 2.1-v for all of SD 2; the picture's multiple of the VAE alone.
"""

from pathlib import Path

import pytest

from inpaint.core.errors import InpaintError
from inpaint.model_families import latents
from inpaint.model_families.latents import LatentShape
from inpaint.model_families.not_ours import NOT_OURS
from inpaint.model_families.sizes import encoded_multiple, native_side, side_multiple
from inpaint.model_families.table import BY_ID, FAMILIES, UNKNOWN, encoded_multiples, family_of, label_of
from inpaint.model_families.vae_check import check_vae

LINES = Path(__file__).with_name("host_classes.txt").read_text().splitlines()
HOST_CLASSES = [line.split()[0] for line in LINES if not line.startswith("#")]


def test_each_class_of_the_host_has_one_row_or_a_reason():
    ours = [name for row in FAMILIES for name in row.classes]
    others = [name for other in NOT_OURS for name in other.classes]
    assert sorted(ours + others) == sorted(HOST_CLASSES)
    assert all(other.reason and other.label for other in NOT_OURS)


@pytest.mark.parametrize("row", FAMILIES, ids=lambda row: row.id)
def test_a_row_is_complete(row):
    assert row.id == row.id.lower()
    assert row.label
    assert row.text_encoder == row.text_encoder.lower()
    assert 256 <= row.side <= 2048
    assert row.grid % row.latents.ratio == 0
    assert row.memory.factor > 0
    assert row.memory.dtypes[-1] == "F32"
    assert row.latents.files
    assert row.latents.vae.decode.safe > 0
    assert row.memory.cell is None or row.memory.cell <= row.memory.factor * 0.01 * 2**20
    assert set(row.classes) >= {name for variant in row.variants for name in variant.classes}
    for references in (row.references, *(variant.references for variant in row.variants)):
        if references is not None:
            assert all((references.key, references.method, references.positions))
            assert (references.most is None) == (references.source == "")


def test_ids_and_names_are_told_apart():
    assert len(BY_ID) == len(FAMILIES) + 1
    labels = [label for row in FAMILIES for label in (row.label, *(variant.label for variant in row.variants))]
    assert len(set(labels)) == len(labels)


def test_kinds_of_vae_expect_no_more_than_is_safe():
    for row in FAMILIES:
        for work in (row.latents.vae.encode, row.latents.vae.decode):
            assert work.expected <= work.safe
            assert work.base <= work.safe_base


@pytest.mark.parametrize(
    ("model_class", "family", "label"),
    [
        ("SD15", "sd15", "SD 1.5"),
        ("SD15_instructpix2pix", "sd15", "SD 1.5 editing (8-channel)"),
        ("Segmind_Vega", "sdxl", "SDXL"),
        ("Flux", "flux", "FLUX.1"),
        ("FluxInpaint", "flux", "FLUX.1 Fill"),
        ("WAN21_I2V", "wan", "Wan image to video"),
        ("WAN21_Vace", "wan-vace", "Wan VACE"),
        ("CogVideoX_Inpaint", "cogvideox", "CogVideoX Inpaint (VOID)"),
        ("SVD_img2vid", "unknown", "Stable Video Diffusion"),
        ("NextYear", "unknown", "NextYear"),
    ],
)
def test_a_class_of_the_host_is_named(model_class, family, label):
    assert (family_of(model_class).id, label_of(model_class)) == (family, label)


@pytest.mark.parametrize(
    ("model_class", "side"),
    [
        (None, 1024),
        ("SD15", 512),
        ("SD15_instructpix2pix", 512),
        ("SD20", 512),
        ("SDXL", 1024),
        ("Flux", 1024),
        ("QwenImage", 1024),
        ("Lens", 1440),
        ("WAN21_I2V", 640),
        ("WAN22_T2V", 960),
        ("LTXV", 640),
        ("CosmosT2V", 960),
        ("HunyuanVideo15", 640),
        ("HunyuanImage21", 2048),
        ("NextYear", 1024),
    ],
)
def test_the_native_size_of_a_family(model_class, side):
    family = None if model_class is None else family_of(model_class)
    assert native_side(family) == side


def test_sd2_that_predicts_velocity_is_larger():
    assert native_side(family_of("SD20"), v_prediction=True) == 768
    assert native_side(family_of("SDXL"), v_prediction=True) == 1024


@pytest.mark.parametrize(
    ("model_class", "vae_ratio", "multiple"),
    [
        pytest.param("SD15", 8, 64, id="a U-Net"),
        pytest.param("Flux", 8, 16, id="FLUX.1"),
        pytest.param("Flux", None, 16, id="FLUX.1 without a VAE"),
        pytest.param("Flux2", 16, 16, id="FLUX.2 takes single cells"),
        pytest.param("WAN22_T2V", 16, 32, id="Wan 2.2 5B takes 2 x 2 cells"),
        pytest.param("HunyuanImage21", 32, 32, id="HunyuanImage"),
        pytest.param("ChromaRadiance", 1, 16, id="pixels"),
        pytest.param(None, 8, 64, id="a VAE of eighths alone may be a U-Net's"),
        pytest.param(None, 16, 32, id="of sixteenths it is none's"),
        pytest.param(None, None, 64, id="nothing"),
    ],
)
def test_the_multiple_that_a_network_asks_for(model_class, vae_ratio, multiple):
    assert side_multiple(None if model_class is None else family_of(model_class), vae_ratio) == multiple


def test_a_vae_that_does_not_belong_to_a_model():
    expected = (
        r"^vae: expected latents of 128 channels for FLUX\.2, got 16 channels \(those of SD 3 and FLUX\.1\)\. Conn"
    )
    with pytest.raises(InpaintError, match=expected + r"ect flux2-vae\.safetensors\."):
        check_vae(latents.FLUX2, "FLUX.2", LatentShape(16, False))
    check_vae(latents.FLUX2, "FLUX.2", LatentShape(128, False))


def test_a_model_that_nobody_knows_has_what_the_host_assumes():
    assert (UNKNOWN.memory.factor, UNKNOWN.latents.ratio) == (2.0, 8)


def test_pictures_are_padded_to_patches_where_the_network_needs_them_whole():
    assert encoded_multiple(BY_ID["flux"], 8) == encoded_multiple(UNKNOWN, 8) == 8
    assert encoded_multiple(BY_ID["hunyuan-video"], 8) == 16
    assert encoded_multiple(BY_ID["hidream-o1"], 1) == 32
    assert (encoded_multiples(8), encoded_multiples(16), encoded_multiples(1)) == ([8, 16], [16], [1, 32])

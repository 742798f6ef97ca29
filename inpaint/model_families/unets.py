"""Families whose network is a U-Net."""

from . import latents
from .family import Family, Memory, Variant

# They halve a latent three times, so the sides of a latent are multiples of 8.
GRID = 64


def _variants(label: str, *editing: str) -> tuple[Variant, ...]:
    """Models that take more than the four channels of the latent. editing: ComfyUI's class of those with 8."""
    return (
        Variant(f"{label} inpainting (9-channel)", lambda names: names.unet_inputs() == 9, "channels"),
        Variant(f"{label} editing (8-channel)", lambda names: names.unet_inputs() == 8, classes=editing),
    )


SD15 = Family(
    id="sd15",
    label="SD 1.5",
    test=lambda names: names.unet(320, 768),
    classes=("SD15", "SD15_instructpix2pix"),
    latents=latents.SD15,
    side=512,
    grid=GRID,
    memory=Memory(1.0, cell=8_320),
    variants=_variants("SD 1.5", "SD15_instructpix2pix"),
)
SD2 = Family(
    id="sd2",
    label="SD 2",
    test=lambda names: names.unet(320, 1024) and not names.some(r"\.time_stack\."),
    classes=("SD20", "SD21UnclipL", "SD21UnclipH"),
    latents=latents.SD15,
    side=512,
    side_v_prediction=768,
    grid=GRID,
    memory=Memory(1.0, cell=8_320),
    variants=_variants("SD 2"),
)
SDXL = Family(
    id="sdxl",
    label="SDXL",
    test=lambda names: names.unet(320, 2048),
    classes=("SDXL", "SDXL_instructpix2pix", "SSD1B", "Segmind_Vega", "KOALA_700M", "KOALA_1B"),
    latents=latents.SDXL,
    side=1024,
    grid=GRID,
    memory=Memory(0.8, cell=5_040),
    variants=_variants("SDXL", "SDXL_instructpix2pix"),
)
SDXL_REFINER = Family(
    id="sdxl-refiner",
    label="SDXL refiner",
    test=lambda names: names.unet(384, 1280),
    classes=("SDXLRefiner",),
    latents=latents.SDXL,
    side=1024,
    grid=GRID,
    memory=Memory(1.0, cell=5_040),
)

ROWS = (SD15, SD2, SDXL, SDXL_REFINER)

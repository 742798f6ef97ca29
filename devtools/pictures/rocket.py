"""A real photograph with an object to remove, and the form in which ComfyUI takes picture and mask together."""

from pathlib import Path

from PIL import Image, ImageDraw

# A Falcon 9 (SpaceX, CC0), 640 x 427, which scikit-image ships; and an outline of the rocket with its pad and lamp.
ROCKET = (
    *((306, 142), (317, 120), (327, 120), (338, 142), (342, 176), (346, 352), (366, 360), (376, 427)),
    *((262, 427), (270, 360), (298, 352), (302, 176)),
)


def photograph() -> Image.Image:
    """RGB, 640 x 427: a height that no VAE's ratio divides."""
    import skimage.data

    return Image.fromarray(skimage.data.rocket())


def object_mask() -> Image.Image:
    """L, as large as the photograph: white over the rocket, roughly drawn, as a hand would."""
    mask = Image.new("L", photograph().size)
    ImageDraw.Draw(mask).polygon(ROCKET, fill=255, outline=255, width=3)
    return mask


def save_masked(picture: Image.Image, mask: Image.Image, path: Path) -> Path:
    """Write a PNG as the host's MaskEditor does: LoadImage reads its mask as 1 - alpha.

    Args:
        picture: its colors are kept under the mask.
        mask: white is repainted; stretched to the picture where the sizes differ.
        path: where to write.
    """
    alpha = mask.convert("L").resize(picture.size).point(lambda value: 255 - value)
    picture = picture.convert("RGB")
    picture.putalpha(alpha)
    picture.save(path)
    return path

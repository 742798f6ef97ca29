"""A real photograph with an object to remove, and a writer of ComfyUI's format for picture and mask in one file."""

from pathlib import Path

from PIL import Image, ImageDraw

# Outline of the rocket, with its pad and lamp, in scikit-image's photograph of a Falcon 9 (SpaceX, CC0), 640 x 427.
ROCKET = (
    *((306, 142), (317, 120), (327, 120), (338, 142), (342, 176), (346, 352), (366, 360), (376, 427)),
    *((262, 427), (270, 360), (298, 352), (302, 176)),
)


def photograph() -> Image.Image:
    """Return the photograph: RGB, 640 x 427. No VAE's ratio divides its height."""
    import skimage.data

    return Image.fromarray(skimage.data.rocket())


def object_mask() -> Image.Image:
    """Return a mask (mode L) of the photograph's size: white over the rocket, a rough outline as if drawn by hand."""
    mask = Image.new("L", photograph().size)
    ImageDraw.Draw(mask).polygon(ROCKET, fill=255, outline=255, width=3)
    return mask


def save_masked(picture: Image.Image, mask: Image.Image, path: Path) -> Path:
    """Write a PNG as the host's MaskEditor does: LoadImage reads its mask as 1 - alpha.

    Args:
        picture: the picture. Its colors are kept under the mask.
        mask: white is repainted. Resized to the picture.
        path: where to write.
    """
    alpha = mask.convert("L").resize(picture.size).point(lambda value: 255 - value)
    picture = picture.convert("RGB")
    picture.putalpha(alpha)
    picture.save(path)
    return path

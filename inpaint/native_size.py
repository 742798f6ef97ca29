"""The size of pictures that a model was trained on, and the multiple that its network asks for."""

from __future__ import annotations

# Side of a square with as many pixels, by the host's name of a family.
NATIVE = {"SD15": 512, "SD20": 512}
USUAL = 1024
# A U-Net halves a latent of eighths three times; transformers ask for less.
MULTIPLE = 64


def native_side(kind: str | None) -> int:
    """Pixels of the side of a square of the model's own size.

    Args:
        kind: the host's name of the model's family; None where there is no model.
    """
    return USUAL if kind is None else NATIVE.get(kind, USUAL)

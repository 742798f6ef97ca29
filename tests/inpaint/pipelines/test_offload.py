"""Where weights are, as memory asks for: none, model, group in this order as a card gets smaller."""

import pytest

from inpaint.pipelines.offload import chosen, planned
from inpaint.pipelines.routes import ROUTES

GIB = 2**30
FILL = next(route for route in ROUTES if route.label == "FLUX.1 Fill")
SDXL = next(route for route in ROUTES if route.label == "SDXL")
# Published sizes, in half precision.
FLUX = {"text_encoder": int(0.25 * GIB), "text_encoder_2": int(9.5 * GIB), "transformer": int(23.8 * GIB)}
FLUX["vae"] = int(0.17 * GIB)
XL = {"text_encoder": int(0.25 * GIB), "text_encoder_2": int(1.4 * GIB), "unet": int(5.1 * GIB), "vae": int(0.17 * GIB)}


@pytest.mark.parametrize(
    ("route", "weights", "card", "expected"),
    [
        (FILL, FLUX, 80, "none"),
        (FILL, FLUX, 32, "model"),
        (FILL, FLUX, 16, "group"),
        (SDXL, XL, 24, "none"),
        (SDXL, XL, 4, "group"),
    ],
)
def test_a_card(route, weights, card, expected):
    assert chosen(planned(weights, 100 * 2**20, route, 2, card * GIB)) == expected


def test_a_smaller_card_never_needs_less():
    order = ("none", "model", "group")
    ways = [order.index(chosen(planned(XL, 2**26, SDXL, 2, int(card * GIB / 4)))) for card in range(8, 64)]
    assert ways == sorted(ways, reverse=True)
    assert set(ways) == {0, 1, 2}


def test_larger_crops_need_more():
    cards = range(4, 80)
    first = [
        min(card for card in cards if chosen(planned(XL, 2**26, SDXL, 2, card * GIB, pixels)) == "none")
        for pixels in (512**2, 1024**2, 2048**2)
    ]
    assert first == sorted(first)
    assert first[0] < first[2]

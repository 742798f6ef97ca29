"""Masks from pictures, against scikit-image's Lab in float64, and colors read from text.

Mutations seen to fail here: OpenCV's RGB2Lab; values not clamped; red and blue swapped; color weighed by alpha;
lightness left out of the distance, or weighed alike for grays; one color for all pictures; x and y swapped; a sum of
absolutes for it; taken in half precision; the ramp centred on the tolerance, not clamped, or divided by a softness of
0; the tolerance itself let out; the mask inverted; equal pixels left to rounding; NaN equal to a color, or different
from NaN; only the first of many compared; alpha not inverted, not clamped, or subtracted in half precision; sizes,
batches, ranges, the color or the other picture unchecked; 256 for 255; a color's space, bare numbers, range or alpha
not seen to; green and blue swapped.
"""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skimage.color import deltaE_cie76, deltaE_ciede94, rgb2lab

from inpaint.core.errors import InpaintError
from inpaint.imaging.color_names import parse_color
from inpaint.masks import colors_at, from_alpha, from_color, from_difference

GREEN = (0.0, 1.0, 0.0)
NAN = float("nan")

# The most that a distance may be off, in Delta E: by float32, and by what a float16 picture holds.
ROUNDING = 2e-4
HALF = 0.1

pytestmark = pytest.mark.filterwarnings("error")


def _row(*pixels):
    """One picture, a pixel high; values up to 255."""
    return torch.tensor([[pixels]], dtype=torch.float32) / 255


def _distances(image, other):
    """Delta E by scikit-image. image: [B, H, W, C]; other: the same, or one color."""
    image, other = (np.clip(np.asarray(side, np.float64)[..., :3], 0, 1) for side in (image, other))
    return deltaE_cie76(rgb2lab(image), rgb2lab(other))


def _ramp(distances, tolerance, softness):
    if softness == 0:
        return (distances > tolerance).astype(float)
    return np.interp(distances, [tolerance, tolerance + softness], [0, 1])


def _assert_differs(mask, distances, tolerance, softness, error=ROUNDING):
    """The mask is the ramp of distances that are at most `error` off."""
    assert mask.dtype == torch.float32
    lowest = _ramp(distances - error, tolerance, softness)
    highest = _ramp(distances + error, tolerance, softness)
    assert (mask.numpy() >= lowest - 1e-6).all()
    assert (mask.numpy() <= highest + 1e-6).all()


def _picture(seed, shape):
    """Half of it 8-bit colors, half anything, some outside 0..1."""
    rng = np.random.default_rng(seed)
    anything = rng.uniform(-0.3, 1.3, shape)
    picture = np.where(rng.random(shape[:3])[..., None] < 0.5, rng.integers(0, 256, shape) / 255, anything)
    return torch.from_numpy(picture.astype(np.float32))


amounts = st.one_of(st.just(0.0), st.floats(1e-3, 200))
sides = st.integers(1, 24)


def test_a_color_and_what_is_near_it():
    # 0, 2.36, 7.11, 11.89 and 258.68 Delta E from green.
    image = _row((0, 255, 0), (0, 250, 0), (0, 240, 0), (0, 230, 0), (0, 0, 255))
    assert from_color(image, GREEN, 0, lightness=1).tolist() == [[[1, 0, 0, 0, 0]]]
    assert from_color(image, GREEN, 5, lightness=1).tolist() == [[[1, 1, 0, 0, 0]]]
    assert from_color(image, GREEN, 10, lightness=1).tolist() == [[[1, 1, 1, 0, 0]]]
    assert from_color(image, GREEN, 258.6, lightness=1).tolist() == [[[1, 1, 1, 1, 0]]]
    assert from_color(image, GREEN, 258.7, lightness=1).tolist() == [[[1, 1, 1, 1, 1]]]
    soft = from_color(image, GREEN, 5, 4, lightness=1)
    torch.testing.assert_close(soft, torch.tensor([[[1, 1, 1 - 2.1082 / 4, 0, 0]]]), atol=1e-4, rtol=0)
    assert soft[0, 0].tolist()[0::3] == [1, 0]


def test_what_differs():
    image = _row(*[(0, 255, 0)] * 4)
    other = _row((0, 255, 0), (0, 250, 0), (0, 240, 0), (0, 230, 0))
    assert from_difference(image, other, 0).tolist() == [[[0, 1, 1, 1]]]
    assert from_difference(image, other, 5).tolist() == [[[0, 0, 1, 1]]]
    soft = from_difference(image, other, 5, 4)
    torch.testing.assert_close(soft, torch.tensor([[[0, 0, 2.1082 / 4, 1]]]), atol=1e-4, rtol=0)
    assert soft[0, 0].tolist()[1::2] == [0, 1]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(1, 3), sides, sides, st.sampled_from([3, 4])), amounts, amounts)
@example(0, (1, 500, 500, 3), 10.0, 5.0)
def test_by_color_is_scikit_images_distance(seed, shape, tolerance, softness):
    image = _picture(seed, shape)
    color = tuple(np.random.default_rng(seed).random(3))
    mask = from_color(image, color, tolerance, softness, 1)
    assert mask.shape == shape[:3]
    _assert_differs(1 - mask, _distances(image, color), tolerance, softness)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(1, 1), (3, 3), (1, 3), (3, 1)]),
    sides,
    sides,
    st.sampled_from([(3, 3), (3, 4), (4, 3), (4, 4)]),
    amounts,
    amounts,
)
def test_by_difference_is_scikit_images_distance(seed, batches, height, width, channels, tolerance, softness):
    image = _picture(seed, (batches[0], height, width, channels[0]))
    other = _picture(seed + 1, (batches[1], height, width, channels[1]))
    mask = from_difference(image, other, tolerance, softness)
    assert mask.shape == (max(batches), height, width)
    _assert_differs(mask, _distances(image, other), tolerance, softness)
    assert torch.equal(mask, from_difference(other, image, tolerance, softness))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), sides, sides, st.floats(0.05, 1), amounts, amounts)
def test_lightness_is_weighed_as_by_scikit_image(seed, height, width, lightness, tolerance, softness):
    image = _picture(seed, (1, height, width, 3))
    color = tuple(np.random.default_rng(seed).random(3))
    lab = rgb2lab(np.clip(image.numpy().astype(np.float64), 0, 1))
    wanted = rgb2lab(np.array(color)[None, None, None])
    weight = 1 - (1 - lightness) * min(np.hypot(*wanted[0, 0, 0, 1:]) / 20, 1)
    # Without the weights of chroma and hue, CIE94 is CIE76 with a factor for lightness.
    distances = deltaE_ciede94(lab, np.broadcast_to(wanted, lab.shape), kL=1 / weight, k1=0, k2=0)
    mask = from_color(image, color, tolerance, softness, lightness)
    _assert_differs(1 - mask, distances, tolerance, softness, 2 * ROUNDING)


def test_shade_on_a_colored_surface_is_masked_and_another_color_is_not():
    green, light = np.array([0.13, 0.62, 0.22]), np.linspace(0.35, 1, 60)[:, None]
    linear = np.where(green <= 0.04045, green / 12.92, ((green + 0.055) / 1.055) ** 2.4) * light
    shaded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    image = torch.from_numpy(shaded.astype(np.float32))[None, None]
    middle = tuple(shaded[30].tolist())
    assert bool((from_color(image, middle, 15) == 1).all())
    assert from_color(image, middle, 15, lightness=1).mean() < 0.96
    others = _row((33, 90, 158), (158, 140, 33), (128, 128, 128), (158, 60, 33))
    assert not from_color(others, middle, 15).any()


def test_of_black_gray_and_white_lightness_counts_in_full():
    grays = torch.linspace(0, 1, 256)[None, None, :, None].expand(1, 1, -1, 3)
    for gray in (0.0, 0.5, 1.0):
        assert torch.equal(from_color(grays, (gray,) * 3, 15), from_color(grays, (gray,) * 3, 15, lightness=1))
        assert 0.05 < from_color(grays, (gray,) * 3, 15).mean() < 0.35


def test_the_color_is_read_at_a_point_of_each_picture():
    image = torch.rand(3, 7, 9, 4) * 1.4 - 0.2
    image[2, 4, 6, 1] = NAN
    kept = image.clone()
    colors = colors_at(image, 6, 4)
    torch.testing.assert_close(colors, kept[:, 4, 6, :3].clamp(0, 1), equal_nan=True, rtol=0, atol=0)
    mask = from_color(image, colors, 0)
    for index in range(2):
        assert mask[index, 4, 6] == 1
        assert torch.equal(mask[index], from_color(image[index, None], tuple(colors[index].tolist()), 0)[0])
    assert not mask[2].any()
    assert colors_at(image.half(), 0, 0).dtype == torch.float16


def test_greys_and_dark_colors_are_told_apart_exactly():
    """Where a table of cube roots is coarsest."""
    grey = torch.linspace(0, 1, 4096)[None, None, :, None].expand(1, 1, -1, 3)
    dark = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(0)) * 0.05
    color = (0.02,) * 3
    for image in (grey, dark):
        for tolerance in (0.5, 2.0, 9.0):
            _assert_differs(1 - from_color(image, color, tolerance, 1, 1), _distances(image, color), tolerance, 1)


def test_the_very_same_color_is_at_no_distance_wherever_it_lies():
    for red in range(0, 256, 5):
        color = parse_color(f"{red}, {(red * 7 + 3) % 256}, {(red * 31 + 11) % 256}")
        image = torch.tensor(color).expand(1, 13, 11, 3)
        assert bool((from_color(image, color, 0) == 1).all())
        assert bool((from_color(image, color, 0, 0.001) == 1).all())
        assert not from_difference(image, image.repeat(2, 1, 1, 1), 0, 1e-300).any()


def test_every_8_bit_value_is_the_color_of_its_name():
    values = torch.from_numpy(np.arange(256, dtype=np.uint8).astype(np.float32) / 255.0)  # as Load Image does
    image = values[None, :, None, None].expand(1, 256, 1, 3)
    for value in range(256):
        assert from_color(image, parse_color(f"#{value:02x}{value:02x}{value:02x}"), 0)[0, :, 0].nonzero() == value


def test_values_outside_are_clamped_and_nan_is_no_color():
    outside = torch.tensor([[[[1.5, -0.2, 0], [torch.inf, -torch.inf, 0], [1, 0, 0], [NAN, 0, 0], [1, 0, NAN]]]])
    assert from_color(outside, (1, 0, 0), 0).tolist() == [[[1, 1, 1, 0, 0]]]
    assert from_color(outside, (1, 0, 0), 200, 200).tolist() == [[[1, 1, 1, 0, 0]]]
    inside = torch.tensor([[[[1.0, 0, 0]]]]).expand(1, 1, 5, 3)
    for tolerance, softness in ((0, 0), (0, 5), (200, 200)):
        assert from_difference(outside, inside, tolerance, softness).tolist() == [[[0, 0, 0, 1, 1]]]
        assert from_difference(inside, outside, tolerance, softness).tolist() == [[[0, 0, 0, 1, 1]]]
        assert not from_difference(outside, outside.clone(), tolerance, softness).any()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.floats(width=32), min_size=4, max_size=4), min_size=1, max_size=9),
    st.floats(0, 259),
    st.floats(0, 259),
)
def test_no_value_of_a_picture_gives_anything_but_0_to_1(pixels, tolerance, softness):
    image = torch.tensor([[pixels]])
    other = image.flip(2)
    for mask in (
        from_color(image, GREEN, tolerance, softness),
        from_difference(image, other, tolerance, softness),
        from_alpha(image),
    ):
        assert bool(((mask >= 0) & (mask <= 1)).all())


def test_alpha_plays_no_part_in_color():
    image = torch.rand(2, 5, 6, 4)
    assert torch.equal(from_color(image, GREEN, 60, 40), from_color(image[..., :3], GREEN, 60, 40))
    veiled = image.clone()
    veiled[..., 3] = NAN
    assert not from_difference(image, veiled, 0).any()


def test_each_picture_of_a_batch_is_compared_with_its_own():
    image, other = torch.rand(3, 5, 6, 3), torch.rand(3, 5, 6, 3)
    together = from_difference(image, other, 20, 30)
    by_one = from_difference(image, other[:1], 20, 30)
    for index in range(3):
        torch.testing.assert_close(together[index], from_difference(image[index, None], other[index, None], 20, 30)[0])
        torch.testing.assert_close(by_one[index], from_difference(image[index, None], other[:1], 20, 30)[0])
    colors = from_color(image, GREEN, 60, 40)
    assert torch.equal(colors[1], from_color(image[1:2], GREEN, 60, 40)[0])


@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.float16, HALF), (torch.bfloat16, 10 * HALF), (torch.float64, ROUNDING)]
)
def test_other_floats_give_float32_as_near_as_they_hold_a_picture(dtype, error):
    torch.manual_seed(0)
    image, other = torch.rand(1, 200, 200, 4), torch.rand(1, 200, 200, 4)
    less, lesser = image.to(dtype), other.to(dtype)
    mask = from_color(less, GREEN, 60, 20, 1)
    assert torch.equal(mask, from_color(less.float(), GREEN, 60, 20, 1))
    _assert_differs(1 - mask, _distances(image, GREEN), 60, 20, error)
    mask = from_difference(less, lesser, 60, 20)
    assert torch.equal(mask, from_difference(less.float(), lesser.float(), 60, 20))
    _assert_differs(mask, _distances(image, other), 60, 20, 2 * error)
    mask = from_alpha(less)
    assert mask.dtype == torch.float32
    torch.testing.assert_close(mask, 1 - less[..., 3].float(), atol=0, rtol=0)


def test_what_is_transparent_is_repainted():
    image = torch.zeros(1, 1, 7, 4)
    image[..., 3] = torch.tensor([0, 0.25, 1, 1.5, -0.5, NAN, torch.inf])
    assert from_alpha(image).tolist() == [[[1, 0.75, 0, 0, 1, 0, 0]]]
    batch = torch.rand(3, 4, 5, 4)
    assert torch.equal(from_alpha(batch), 1 - batch[..., 3])


def test_inputs_stay_as_they_were():
    image, other = torch.rand(2, 4, 5, 4) * 2 - 0.5, torch.rand(1, 4, 5, 4)
    image[0, 0, 0] = NAN
    kept, other_kept = image.clone(), other.clone()
    from_color(image, GREEN, 10, 5)
    from_alpha(image)
    from_difference(image, other, 10, 5)
    torch.testing.assert_close(image, kept, atol=0, rtol=0, equal_nan=True)
    assert torch.equal(other, other_kept)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: from_alpha(torch.zeros(1, 5, 6, 3)),
            "image: expected [B, H, W, 4] with alpha, got [1, 5, 6, 3]. Load Image leaves alpha out of its IMAGE: use "
            "its MASK output, or put alpha back with Join Image with Alpha.",
        ),
        (
            lambda: from_difference(torch.zeros(1, 5, 6, 3), torch.zeros(1, 5, 7, 3), 5),
            "other: expected 6x5 as image, got 7x5. Bring one to the size of the other, with Upscale Image or a crop.",
        ),
        (
            lambda: from_difference(torch.zeros(3, 5, 6, 3), torch.zeros(2, 5, 6, 3), 5),
            "other: expected 1 picture or 3 (one per image), got 2. Give one picture for all, or as many as image has.",
        ),
        (
            lambda: from_color(torch.zeros(1, 5, 6, 3), (0, 255, 0), 5),
            "color: expected three numbers 0..1, got (0, 255, 0). Divide numbers up to 255 by 255.",
        ),
        (
            lambda: from_color(torch.zeros(1, 5, 6, 3), GREEN, -1),
            "tolerance: expected 0 to 259 Delta E, got -1. About 2.3 is just noticeable.",
        ),
        (
            lambda: from_difference(torch.zeros(1, 5, 6, 3), torch.zeros(1, 5, 6, 3), 5, NAN),
            "softness: expected 0 to 259 Delta E, got nan. About 2.3 is just noticeable.",
        ),
        (
            lambda: from_color(torch.zeros(1, 5, 6, 3), GREEN, 5, lightness=1.5),
            "lightness: expected 0 to 1, got 1.5. 1 weighs it like hue and chroma.",
        ),
        (
            lambda: from_color(torch.zeros(2, 5, 6, 3), torch.zeros(3, 3), 5),
            "color: expected [2, 3], one for each picture, got [3, 3]. Take them from colors_at.",
        ),
        (
            lambda: colors_at(torch.zeros(2, 5, 6, 3), 6, 0),
            "x: expected 0 to 5 in a picture of 6x5, got 6. Give a pixel of the picture, counted from its upper left "
            "corner.",
        ),
        (
            lambda: colors_at(torch.zeros(2, 5, 6, 3), 5, -1),
            "y: expected 0 to 4 in a picture of 6x5, got -1. Give a pixel of the picture, counted from its upper left "
            "corner.",
        ),
    ],
)
def test_what_cannot_be_used_is_said(call, message):
    with pytest.raises(InpaintError) as error:
        call()
    assert str(error.value) == message


def test_what_is_no_picture_is_named():
    plane, picture = torch.zeros(1, 5, 6), torch.zeros(1, 5, 6, 3)
    for call in (
        lambda: from_color(plane, GREEN, 5),
        lambda: from_alpha(plane),
        lambda: from_difference(plane, picture, 5),
    ):
        with pytest.raises(InpaintError, match=r"^image: expected \[B, H, W, 3 or 4\] of floats, got \[1, 5, 6\]"):
            call()
    with pytest.raises(InpaintError, match=r"^other: expected \[B, H, W, 3 or 4\] of floats, got \[1, 5, 6\]"):
        from_difference(picture, plane, 5)


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("#ff8000", (255, 128, 0)),
        ("#F80", (255, 136, 0)),
        ("#ff8000ff", (255, 128, 0)),
        ("red", (255, 0, 0)),
        ("Green", (0, 128, 0)),
        ("rgb(1, 2, 3)", (1, 2, 3)),
        ("hsl(120, 100%, 50%)", (0, 255, 0)),
        ("255, 0, 10", (255, 0, 10)),
        ("1,2,3", (1, 2, 3)),
        ("  1 , 2 , 3\n", (1, 2, 3)),
        (" #000 ", (0, 0, 0)),
    ],
)
def test_colors_are_read_as_people_write_them(text, color):
    assert parse_color(text) == tuple(channel / 255 for channel in color)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_every_color_is_read_alike_in_every_spelling(color):
    red, green, blue = color
    expected = (red / 255, green / 255, blue / 255)
    for text in (f"#{red:02x}{green:02X}{blue:02x}", f"rgb({red},{green},{blue})", f"{red}, {green}, {blue}"):
        assert parse_color(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gren",
        "#12",
        "00ff00",
        "256, 0, 0",
        "-1, 0, 0",
        "0.5, 0.5, 0.5",
        "1, 2",
        "1, 2, 3, 4",
        "rgb(300, 0, 0)",
        "hsl(0, 100%, 150%)",
        "#ff000080",
        "rgba(1, 2, 3, 0)",
        "9" * 5000 + ", 0, 0",
    ],
)
def test_what_is_no_color_is_named_with_what_is_understood(text):
    with pytest.raises(InpaintError) as error:
        parse_color(text, "key")
    assert str(error.value) == (
        "key: expected #rrggbb, #rgb, a name such as red, rgb(255, 0, 0), hsl(0, 100%, 50%) or 255, 0, 0 "
        f"(numbers up to 255), got {text!r}. Copy #rrggbb from any color picker."
    )

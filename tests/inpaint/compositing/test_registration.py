"""Drift found and undone, against photographs moved by a spline of the fifth order, which is not what is used here.

Mutations seen to fail here: no limit to how small or how large a drift is, how well known pixels must agree, how exact
and how much larger than its error it must be; the search on single pixels only, or from fine to coarse; what leads
nowhere on a coarse level followed, or not told; samples that have some of the hole in them; outliers counted in full;
the original's slopes not used, or from the start; the hole, what lies beyond the ring, what is not finite fitted on; no
change of brightness, or none that grows, no curve of tones, none of sharpness; a negative taken for the picture; scale
or shift the wrong way; a picture moved by half a pixel; torch's bicubic kernel; 0 for what is not finite, or for good;
the input changed in place; pixels or small blocks taken as independent in the error.
"""

import math

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from scipy import ndimage
from skimage.color import lab2rgb, rgb2lab
from skimage.metrics import peak_signal_noise_ratio

from inpaint.compositing import registration
from inpaint.compositing.registration import Drift, register
from inpaint.core.errors import InpaintError

PHOTOS = ["astronaut", "coffee", "chelsea", "rocket"]
DRIFTS = [(0.3, -0.2, 1.0), (1.7, -0.6, 1.0), (0.0, 0.0, 1.004), (-3.3, 5.2, 0.99), (7.5, -9.0, 1.02)]


def photo(name: str) -> np.ndarray:
    return getattr(skimage.data, name)().astype(np.float64)[:400, :500] / 255


def drifted(picture: np.ndarray, dx: float, dy: float, scale: float) -> np.ndarray:
    """[H, W, C]: what lay at the centre lies dx to the right and dy further down, and all is `scale` times as large."""
    centre = (np.array(picture.shape[:2]) - 1) / 2
    rows, columns = np.indices(picture.shape[:2])
    places = [(rows - centre[0] - dy) / scale + centre[0], (columns - centre[1] - dx) / scale + centre[1]]
    return np.stack(
        [ndimage.map_coordinates(plane, places, order=5, mode="reflect") for plane in picture.T.swapaxes(1, 2)], -1
    )


def hole_in(picture: np.ndarray) -> torch.Tensor:
    height, width = picture.shape[:2]
    mask = torch.zeros(1, height, width)
    mask[:, height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = 1
    return mask


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).float()[None]


def as_a_model_gives_it(picture: np.ndarray) -> np.ndarray:
    """Softer, noisy, of less contrast, and brighter to the right."""
    noise = 0.02 * np.random.default_rng(0).standard_normal(picture.shape)
    brighter = np.linspace(0, 0.05, picture.shape[1])[None, :, None]
    return ndimage.gaussian_filter(picture, (0.6, 0.6, 0)) * 0.93 + 0.02 + brighter + noise


def assert_found(found: Drift, dx: float, dy: float, scale: float, within: float = 0.03) -> None:
    assert found.dx == pytest.approx(dx, abs=within)
    assert found.dy == pytest.approx(dy, abs=within)
    assert found.scale == pytest.approx(scale, abs=within / 150)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "rocket" else pytest.mark.slow) for name in PHOTOS]
)
@pytest.mark.parametrize("drift", DRIFTS)
def test_a_drift_is_found_to_a_few_hundredths_of_a_pixel(name, drift):
    picture = photo(name)
    painted = as_a_model_gives_it(drifted(picture, *drift))
    mask = hole_in(picture)
    painted[mask[0] > 0] = 0.7
    found = register(tensor(picture), tensor(painted), mask).drifts[0]
    assert found.error < 0.1
    dx, dy, scale = drift
    assert_found(found, dx, dy, scale, within=0.06)
    assert found.undone
    assert found.confidence > 0.95


@pytest.mark.parametrize("drift", [(0.5, 0.5, 1.0), (2.3, -1.4, 1.006)])
def test_what_was_moved_lies_where_it_was_again(drift):
    picture = photo("astronaut")
    painted = tensor(drifted(picture, *drift))
    moved_back = register(tensor(picture), painted, hole_in(picture)).image
    inner = np.s_[20:-20, 20:-20]
    before, after = (
        peak_signal_noise_ratio(picture[inner], each[0].double().numpy()[inner], data_range=1)
        for each in (painted, moved_back)
    )
    assert after > 36
    assert after > before + 9


@pytest.mark.parametrize("drift", [(0.0, 0.0, 1.0), (0.02, -0.03, 1.0), (0.0, 0.0, 1.00005)])
def test_less_than_a_twentieth_of_a_pixel_is_left_alone(drift):
    picture = photo("coffee")
    painted = tensor(drifted(picture, *drift) * 0.95)
    registered = register(tensor(picture), painted, hole_in(picture))
    assert torch.equal(registered.image, painted)
    assert not registered.drifts[0].undone
    assert registered.drifts[0].displacement < 0.05
    assert registered.drifts[0].report().startswith("No drift to undo: ")


def softer(picture: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(picture, (1.2, 1.2, 0))


def redder(picture: np.ndarray) -> np.ndarray:
    lab = rgb2lab(picture)
    return lab2rgb(lab + np.array([3, 5, -5]))


def as_jpeg(picture: np.ndarray) -> np.ndarray:
    data = cv2.imencode(".jpg", (picture * 255).round().astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.astype(np.float64) / 255


@pytest.mark.parametrize("change", [softer, redder, as_jpeg, lambda picture: picture**0.85, as_a_model_gives_it])
@pytest.mark.parametrize("name", ["rocket", pytest.param("chelsea", marks=pytest.mark.slow)])
@pytest.mark.parametrize("ring", [32, 64])
def test_what_was_changed_and_not_moved_is_not_moved(name, change, ring):
    picture = photo(name)
    registered = register(tensor(picture), tensor(change(picture)), hole_in(picture), ring)
    assert not registered.drifts[0].undone
    assert torch.equal(registered.image, tensor(change(picture)))


def unsure() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(0)
    stripes = np.tile(np.sin(np.arange(300) / 4)[None, :, None] * 0.3 + 0.5, (300, 1, 3))
    return {
        "another picture": (photo("astronaut")[:300, :300], photo("coffee")[:300, :300]),
        "its negative": (photo("astronaut"), 1 - drifted(photo("astronaut"), 1, 1, 1)),
        "noise": (random.random((300, 300, 3)), random.random((300, 300, 3))),
        "flat with noise": (0.5 + 0.01 * random.random((300, 300, 3)), 0.5 + 0.01 * random.random((300, 300, 3))),
        "stripes": (stripes, np.roll(stripes, 1, axis=1) + 0.02 * random.standard_normal(stripes.shape)),
        "moved too far": (photo("astronaut"), drifted(photo("astronaut"), 60, 0, 1)),
    }


@pytest.mark.parametrize("gamma", [0.7, 1.3])
def test_a_curve_of_tones_hides_no_small_drift(gamma):
    picture = photo("coffee")
    changed = drifted(picture, 0.2, -0.15, 1.0).clip(0, 1) ** gamma
    (drift,) = register(tensor(picture), tensor(changed), hole_in(picture), 32).drifts
    assert drift.undone
    assert math.hypot(drift.dx - 0.2, drift.dy + 0.15) < 0.05


@pytest.mark.parametrize("name", unsure())
def test_nothing_is_done_where_it_is_not_sure(name):
    picture, painted = unsure()[name]
    registered = register(tensor(picture), tensor(painted), hole_in(picture))
    assert torch.equal(registered.image, tensor(painted))
    assert not registered.drifts[0].undone
    if name in ("another picture", "moved too far"):
        assert registered.drifts[0].report().startswith("Drift not undone, the estimate is unreliable: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "limits",
    [{"LARGEST": 0.1}, {"SURE": 1.01}, {"EXACT": 1e-6}, {"KNOWN": 1e5}],
    ids=lambda limits: next(iter(limits)),
)
def test_each_limit_counts(monkeypatch, limits):
    """Too far, not alike, not exact, and not much further than it may be off: each alone is enough to leave it."""
    picture, painted = photo("astronaut"), drifted(photo("astronaut"), 0.3, -0.2, 1.0)
    assert register(tensor(picture), tensor(painted), hole_in(picture)).drifts[0].undone
    for name, value in limits.items():
        monkeypatch.setattr(registration, name, value)
    assert not register(tensor(picture), tensor(painted), hole_in(picture)).drifts[0].undone


@pytest.mark.parametrize(("large", "within"), [(60_000, 0.02), (15_000, 0.04)])
def test_a_large_picture_need_not_be_gone_down_to_single_pixels(monkeypatch, large, within):
    monkeypatch.setattr(registration, "LARGE", large)
    picture = photo("astronaut")
    found = register(tensor(picture), tensor(drifted(picture, 2.3, -1.4, 1.006)), hole_in(picture)).drifts[0]
    assert_found(found, 2.3, -1.4, 1.006, within)
    assert found.undone


@pytest.mark.slow
def test_coarse_pixels_that_show_nothing_do_not_lead_astray():
    """Both hold the same fine texture, and each its own large blotches."""
    random = np.random.default_rng(2)
    texture = random.random((400, 500, 1)).repeat(3, axis=-1)
    texture = ndimage.gaussian_filter(texture, (1, 1, 0)) - ndimage.gaussian_filter(texture, (2, 2, 0)) + 0.5
    blotches = ndimage.gaussian_filter(random.standard_normal((2, 400, 500, 1)), (0, 16, 16, 0))
    one, other = 0.016 * blotches / blotches.std()
    painted = drifted(texture, 0.6, -0.4, 1.0) + other
    found = register(tensor(texture + one), tensor(painted), hole_in(texture)).drifts[0]
    assert_found(found, 0.6, -0.4, 1.0)
    assert found.undone


@pytest.mark.parametrize("why", ["flat", "all masked", "no ring", "small", "a line", "nothing masked", "not finite"])
def test_too_little_to_go_by_is_said(why):
    picture = tensor(photo("coffee")[:100, :100])
    mask = torch.zeros(1, 100, 100)
    mask[:, 40:60, 40:60] = 1
    ring = 64.0
    if why == "flat":
        picture = torch.full_like(picture, 0.4)
    elif why == "all masked":
        mask[:] = 0.5
    elif why == "no ring":
        ring = 0.0
    elif why == "small":
        picture, mask = picture[:, :9, :9], mask[:, 45:54, 36:45]
    elif why == "a line":
        picture, mask = picture[:, :1].repeat(1, 1, 9, 1), mask[:, 50:51].repeat(1, 1, 9)
    elif why == "nothing masked":
        mask[:] = 0
    else:
        picture = picture * torch.nan
    registered = register(picture, picture.roll(1, dims=2), mask, ring)
    assert torch.equal(registered.image.nan_to_num(2), picture.roll(1, dims=2).nan_to_num(2))
    if why != "a line":
        assert registered.drifts == (Drift(),)
        assert registered.drifts[0].report() == (
            "Drift not measured: too few known pixels around the mask, or the pictures differ too much there."
        )


def test_known_pixels_that_show_something_else_count_little():
    picture = photo("astronaut")
    painted, mask = drifted(picture, 1.4, -0.8, 1.0), hole_in(picture)
    painted[95:135, 150:260] = photo("coffee")[95:135, 150:260]
    assert_found(register(tensor(picture), tensor(painted), mask).drifts[0], 1.4, -0.8, 1.0, within=0.06)


def test_only_the_ring_is_looked_at():
    picture, mask = photo("astronaut"), hole_in(photo("astronaut"))
    painted = drifted(picture, 1.4, -0.8, 1.0)
    other, other_painted = picture.copy(), painted.copy()
    distance = ndimage.distance_transform_edt(mask[0].numpy() == 0)
    # What is sampled just beyond the ring has some of what lies there in it.
    for each in (other, other_painted):
        each[(distance > 44) | (distance == 0)] = np.random.default_rng(1).random(3)
    found, found_again = (
        register(tensor(one), tensor(two), mask, ring=40).drifts[0]
        for one, two in ((picture, painted), (other, other_painted))
    )
    assert_found(found, 1.4, -0.8, 1.0)
    assert_found(found_again, 1.4, -0.8, 1.0)


@pytest.mark.slow
def test_each_picture_has_its_own_drift():
    picture, other = photo("astronaut"), photo("coffee")[:400, :500]
    originals = torch.cat([tensor(picture), tensor(other), tensor(picture)])
    painted = torch.cat([tensor(drifted(picture, 1, 2, 1)), tensor(other), tensor(drifted(picture, -2, 0.5, 1))])
    registered = register(originals, painted, hole_in(picture))
    first, second, third = registered.drifts
    assert_found(first, 1, 2, 1)
    assert not second.undone
    assert torch.equal(registered.image[1], painted[1])
    assert_found(third, -2, 0.5, 1)
    alone = register(originals[2:], painted[2:], hole_in(picture))
    assert torch.equal(alone.image, registered.image[2:])
    assert alone.drifts == (third,)


@pytest.mark.slow
def test_one_original_serves_many():
    picture = photo("chelsea")
    painted = torch.cat([tensor(drifted(picture, dx, 0, 1)) for dx in (1, -1)])
    registered = register(tensor(picture), painted, hole_in(picture))
    assert [round(drift.dx, 1) for drift in registered.drifts] == [1, -1]
    one = register(torch.cat([tensor(picture)] * 2), painted[:1], hole_in(picture))
    assert one.image.shape[0] == len(one.drifts) == 2


@pytest.mark.parametrize("bad", [torch.nan, -torch.inf])
def test_what_is_not_finite_moves_along_and_does_not_spread(bad):
    picture = photo("astronaut")
    painted = tensor(drifted(picture, 3.0, -2.0, 1.0))
    clean = register(tensor(picture), painted, hole_in(picture))
    spots = torch.rand(painted.shape[:3], generator=torch.Generator().manual_seed(0)) < 0.002
    broken = painted.clone()
    broken[..., 1][spots] = bad
    registered = register(tensor(picture), broken, hole_in(picture))
    assert_found(registered.drifts[0], 3.0, -2.0, 1.0)
    gone = ~registered.image.isfinite().all(dim=-1)
    assert torch.equal(gone[:, 5:-5, 5:-5], spots.roll((2, -3), dims=(1, 2))[:, 5:-5, 5:-5])
    off = (registered.image - clean.image)[~gone].abs()
    assert off.max() < 0.05


def test_beside_what_is_not_finite_its_neighbours_are_taken():
    picture = photo("astronaut")
    painted = tensor(drifted(picture, 2.5, -1.5, 1.0))
    clean = register(tensor(picture), painted, hole_in(picture)).image
    broken = painted.clone()
    broken[0, ::20, ::20] = torch.nan
    image = register(tensor(picture), broken, hole_in(picture)).image
    gone = image.isnan().any(dim=-1)
    assert int(gone.sum()) <= 1.1 * int(broken.isnan().any(dim=-1).sum())
    assert float((image - clean)[~gone].abs().mean()) < 5e-4


def test_known_pixels_that_are_not_finite_are_left_out():
    picture, mask = photo("coffee"), hole_in(photo("coffee"))
    original, painted = tensor(picture), tensor(drifted(picture, 1.3, 0.7, 1.0))
    original[0, 60:130, ::9] = torch.nan
    assert_found(register(original, painted, mask).drifts[0], 1.3, 0.7, 1.0, within=0.01)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_dtype_stays_alpha_moves_along_and_inputs_are_not_touched(dtype):
    picture = photo("chelsea")
    painted = drifted(np.concatenate([picture, picture[..., :1]], axis=-1), 2.0, 1.0, 1.0)
    given = tensor(picture), tensor(painted).to(dtype), hole_in(picture)
    before = [each.clone() for each in given]
    registered = register(*given)
    assert registered.image.dtype == dtype
    assert all(torch.equal(now, was) for now, was in zip(given, before, strict=True))
    inner = registered.image[0, 20:-20, 20:-20].double()
    torch.testing.assert_close(inner[..., 3], inner[..., 0], rtol=0, atol=1e-6)
    assert peak_signal_noise_ratio(picture[20:-20, 20:-20], inner[..., :3].numpy(), data_range=1) > 35


def test_reports_say_what_was_found_and_done():
    assert Drift(1.234, -0.5, 1.00123, 0.987, 0.0123, 1.4, True).report() == (
        "Drift undone: +1.23 px right, -0.50 px down, 1.0012 times as large (correlation of known pixels 99%, "
        "expected error 0.01 px)."
    )
    assert Drift(1.234, -0.5, 1.0, 0.3, 0.5, 1.4).report().startswith("Drift not undone, the estimate is unreliable: ")
    small = Drift(0.2, 0.0, 1.0, 0.9, 0.05, 0.2).report()
    assert small.startswith("Drift not undone, a tint or JPEG can pass for one as small: +0.20 px right")
    assert Drift(0.02, 0.0, 1.0, 0.9, 0.05, 0.02).report().startswith("No drift to undo: ")
    assert Drift(confidence=0.5, error=0.01).report().startswith("Drift not undone, the estimate is unreliable: ")
    assert math.isinf(Drift().error)


def test_what_does_not_fit_is_refused():
    one, mask = torch.zeros(1, 20, 20, 3), torch.zeros(1, 20, 20)
    with pytest.raises(InpaintError, match="expected equal sizes"):
        register(one, torch.zeros(1, 20, 21, 3), mask)
    with pytest.raises(InpaintError) as error:
        register(one, one, mask, ring=math.inf)
    assert str(error.value) == "ring: expected 0 or more, got inf. Use 0 for none."

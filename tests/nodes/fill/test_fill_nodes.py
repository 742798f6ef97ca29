"""Clean Mask, Fill Masked Area and Composite Masked on the host, with every odd input people connect.

Mutations seen to fail here: mask inverted; mask not matched to the picture; alpha dropped; the preview left out; the
composite fed the unfeathered mask; a fill's radius, seed, color or fade_width dropped; its progress not told; a fill
that cannot be cancelled.
"""

import pytest
import torch
from scipy.ndimage import distance_transform_edt


def _disc(height, width, radius=20):
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return ((y - height // 2) ** 2 + (x - width // 2) ** 2 <= radius**2).float()[None]


def test_clean_mask_says_what_it_did_and_shows_it(run):
    mask = _disc(96, 128) * 0.98
    mask[0, 48, 64] = 0
    ran = run("MendCleanMask", mask=mask, image=torch.rand(1, 96, 128, 3))
    (cleaned,) = ran.outputs
    assert cleaned.unique().tolist() == [0, 1]
    assert cleaned[0, 48, 64] == 1
    assert cleaned[0, 48, 64 + 24] == 1
    assert cleaned[0, 48, 64 + 25] == 0
    assert "filled holes (1 px)" in ran.text
    assert "grew by 4 px" in ran.text
    assert "of the picture" in ran.text
    assert len(ran.ui["images"]) == 1


@pytest.mark.parametrize(
    ("shape", "picture", "expected"),
    [
        ((64, 64), None, (1, 64, 64)),
        ((1, 64, 64), (1, 769, 1023, 3), (1, 769, 1023)),
        ((1, 1, 64, 64), (3, 40, 50, 4), (3, 40, 50)),
        ((4, 64, 64), (1, 32, 32, 3), (4, 32, 32)),
        ((2, 64, 64, 1), (2, 32, 32, 3), (2, 32, 32)),
    ],
)
def test_clean_mask_takes_every_shape(run, shape, picture, expected):
    image = None if picture is None else torch.rand(picture)
    for mask in (torch.zeros(shape), torch.ones(shape)):
        ran = run("MendCleanMask", mask=mask, image=image)
        assert ran.outputs[0].shape == expected
        assert ran.outputs[0].eq(mask.flatten()[0]).all()
        assert ("empty" if not mask.any() else "full") in ran.text


def test_clean_mask_takes_nan_and_half(run):
    mask = _disc(64, 64).half()
    mask[0, 0, 0] = float("nan")
    (cleaned,) = run("MendCleanMask", mask=mask, feather=6).outputs
    assert cleaned.dtype == torch.float16
    assert cleaned.isfinite().all()
    assert cleaned[0, 0, 0] == 0


def test_a_mask_that_is_none_is_refused_in_words(run, InpaintError):
    with pytest.raises(InpaintError, match=r"mask: expected \[B, H, W\], got \[7\]"):
        run("MendCleanMask", mask=torch.zeros(7))
    with pytest.raises(InpaintError, match="got 3"):
        run("MendCleanMask", mask=torch.zeros(3, 8, 8), image=torch.zeros(2, 8, 8, 3))


METHODS = ["harmonic", "neutral", "color", "edge", "blur", "noise", "telea", "navier-stokes", "patchmatch"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("channels", [3, 4])
def test_fill_changes_the_hole_and_nothing_else(run, method, channels):
    image = torch.rand(2, 61, 83, channels)
    mask = _disc(61, 83)
    given = image.clone()
    (filled,) = run("MendFillMasked", image=image, mask=mask, method=method).outputs
    hole = (mask > 0).expand(2, -1, -1)
    assert torch.equal(filled[~hole], image[~hole])
    assert torch.equal(filled[..., 3:], image[..., 3:])
    assert (filled[hole][:, :3] != image[hole][:, :3]).any(dim=-1).float().mean() > 0.99
    assert torch.equal(image, given)


def test_fill_lists_its_methods_the_first_ones_first(host_nodes):
    options = host_nodes.NODE_CLASS_MAPPINGS["MendFillMasked"].INPUT_TYPES()["required"]["method"][1]
    assert options["options"] == METHODS
    assert options["default"] == "harmonic"


def test_fill_needs_no_more_than_its_first_inputs(host_nodes, run):
    image, mask = torch.rand(1, 40, 50, 3), _disc(40, 50, 9)
    node = host_nodes.NODE_CLASS_MAPPINGS["MendFillMasked"]
    assert list(node.INPUT_TYPES()["required"]) == ["image", "mask", "method"]
    (filled,) = node.PREPARE_CLASS_CLONE({}).execute(image=image, mask=mask, method="harmonic").result
    assert torch.equal(filled, run("MendFillMasked", image=image, mask=mask).outputs[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "setting"),
    [
        ("color", {"color": "red"}),
        ("noise", {"seed": 1}),
        ("telea", {"radius": 9.0}),
        ("navier-stokes", {"radius": 9.0}),
        ("patchmatch", {"seed": 1}),
        ("patchmatch", {"patch_size": 3}),
        ("patchmatch", {"patch_size": 15}),
        *((method, {"fade_width": 6.0}) for method in METHODS),
    ],
)
def test_each_setting_of_a_fill_counts(run, method, setting):
    image, mask = torch.rand(1, 61, 83, 3), _disc(61, 83)
    (plain,) = run("MendFillMasked", image=image, mask=mask, method=method).outputs
    (other,) = run("MendFillMasked", image=image, mask=mask, method=method, **setting).outputs
    assert torch.equal(other[mask == 0], image[mask == 0])
    assert not torch.equal(other, plain)
    if method == "color" and "color" in setting:
        assert bool((other[mask > 0] == torch.tensor([1.0, 0.0, 0.0])).all())
    if "fade_width" in setting:
        deep = torch.from_numpy(distance_transform_edt(mask[0].numpy()))[None] >= 6.5
        assert torch.equal(other[deep], plain[deep])


def test_the_ends_of_patch_are_those_that_patchmatch_takes(pack):
    fill, own = pack("nodes.fill.fill_masked"), pack("inpaint.patchmatch.coarse_to_fine")
    (patch,) = [port for port in fill.FillMasked.define_schema().inputs if port.id == "patch_size"]
    assert (patch.min, patch.max) == (own.SMALLEST_PATCH, own.LARGEST_PATCH)


def test_a_source_is_for_patchmatch_alone(run, InpaintError):
    given = {"image": torch.rand(1, 30, 30, 3), "mask": _disc(30, 30, 5), "source": torch.ones(3, 30, 30)}
    run("MendFillMasked", method="harmonic", **given)
    with pytest.raises(InpaintError, match=r"^source: expected 1 mask, got 3\."):
        run("MendFillMasked", method="patchmatch", **given)


@pytest.mark.parametrize("method", ["harmonic", "blur", "patchmatch"])
def test_a_fill_tells_how_far_it_is_and_stops_where_it_is_cancelled(run, pack, method, monkeypatch):
    host, progress = pack("host.progress").comfy, []

    class Bar:
        """In the place of the host's own, which passes some steps by."""

        def __init__(self, total):
            pass

        def update_absolute(self, value, total):
            progress.append(value / total)

    monkeypatch.setattr(host.utils, "ProgressBar", Bar)
    four = {"image": torch.rand(4, 30, 30, 3), "mask": _disc(30, 30, 8)}
    run("MendFillMasked", **four, method="blur")
    assert progress == [0.25, 0.5, 0.75, 1]
    host.model_management.interrupt_current_processing()
    try:
        with pytest.raises(host.model_management.InterruptProcessingException):
            run("MendFillMasked", **four, method=method)
    finally:
        host.model_management.interrupt_current_processing(False)
    assert len(progress) == 4


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ({"method": "color", "color": "reddish"}, r"^color: expected #rrggbb"),
        ({"fade_width": -1.0}, r"^fade_width: expected 0 or more, got -1\.0\."),
    ],
)
def test_a_setting_that_a_fill_cannot_take_is_refused(run, InpaintError, setting, error):
    with pytest.raises(InpaintError, match=error):
        run("MendFillMasked", image=torch.rand(1, 8, 8, 3), mask=torch.ones(1, 8, 8), **setting)


def test_patchmatch_takes_from_its_source_alone(run):
    """The source is stretched to the picture and stands for every picture, as a mask does."""
    image = torch.rand(2, 60, 80, 3) * 0.2
    image[:, :, 40:] += 0.8
    mask = torch.zeros(1, 60, 80)
    mask[:, 20:40, 10:30] = 1
    source = torch.zeros(30, 40)
    source[:, 20:] = 1
    filled = {
        name: run("MendFillMasked", image=image, mask=mask, method="patchmatch", **given).outputs[0]
        for name, given in {"anywhere": {}, "right": {"source": source}}.items()
    }
    inside = (mask > 0).expand(2, -1, -1)
    assert filled["anywhere"][inside].mean() < 0.25
    assert filled["right"][inside].mean() > 0.7


def test_a_source_that_does_not_fit_is_refused_by_its_name(run, InpaintError):
    inputs = {"image": torch.rand(2, 30, 30, 3), "mask": _disc(30, 30, 8)[0], "method": "patchmatch"}
    with pytest.raises(InpaintError, match=r"^source: expected 1 mask or 2 \(one per picture\), got 3\."):
        run("MendFillMasked", source=torch.ones(3, 30, 30), **inputs)


def test_composite_pastes_inside_only_and_proves_it(run):
    image, repainted, mask = torch.rand(1, 64, 80, 4), torch.rand(1, 64, 80, 3), _disc(64, 80)
    ran = run("MendComposite", image=image, repainted=repainted, mask=mask, feather=8)
    pasted, weight, _ = ran.outputs
    outside = torch.from_numpy(distance_transform_edt((mask == 0).numpy()[0])) >= 8.5
    assert torch.equal(weight[0] == 0, outside)
    assert torch.equal(pasted[0][outside], image[0][outside])
    assert torch.equal(pasted[..., 3], image[..., 3])
    assert torch.equal(pasted[0, ..., :3][mask[0] > 0], repainted[0][mask[0] > 0])
    rim = (pasted[0, 32, 12:20, :3] - image[0, 32, 12:20, :3]) / (repainted[0, 32, 12:20] - image[0, 32, 12:20, :3])
    torch.testing.assert_close(rim.mean(dim=-1), weight[0, 32, 12:20], rtol=0.01, atol=1e-3)
    assert torch.all(weight[0, 32, 12:20].diff() > 0)
    assert "Largest change outside: 0." in ran.text

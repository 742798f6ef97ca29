"""Grow and Feather, Inpaint Masks, Split, Combine, Preview and Inspect on the host: outputs, reports, previews.

Mutations seen to fail here: a widget not passed on, or two swapped; a choice not checked; outputs in another order; the
mask given back unmended; all masks of a batch shown for the first; no room for the paste not told; regions left out not
told; a single mask numbered; x and y of a region swapped; a speck given out as a region; the two masks swapped; the
picture shown without its mask, or under a mask of another size.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

NAN = float("nan")
RED = (1.0, 0.15, 0.1)


@pytest.fixture(scope="session")
def pictures(host_nodes):
    """The pictures that a node shows, [H, W, 3] in 0..1 each."""
    import folder_paths

    def pictures(ran) -> list[torch.Tensor]:
        files = [Path(folder_paths.get_temp_directory(), one["subfolder"], one["filename"]) for one in ran.ui["images"]]
        return [torch.from_numpy(np.array(Image.open(file).convert("RGB"))) / 255 for file in files]

    return pictures


def _block(height=48, width=64):
    """Rows 16 to 32 and columns 16 to 40."""
    mask = torch.zeros(1, height, width)
    mask[:, 16:32, 16:40] = 1
    return mask


def _veiled(mask, opacity=0.6):
    """How a mask is shown over a black picture."""
    return mask[..., None] * opacity * torch.tensor(RED)


def _alike(shown, expected):
    """As far as a JPEG can tell: it is off by a few levels, more only beside hard edges of colors."""
    assert shown.shape == expected.shape
    off = (shown - expected).abs() * 255
    assert off.mean() <= 2
    assert (off > 20).float().mean() <= 0.05


# Grow and Feather Mask


def test_grow_and_feather_are_in_pixels_and_on_the_side_asked_for(run, pictures):
    mask = _block()
    given = mask.clone()
    ran = run("MendGrowFeatherMask", mask=mask, grow=4.0, feather=0.0)
    assert ran.outputs[0][0, 24].nonzero().flatten().tolist() == list(range(12, 44))
    (outside,) = run("MendGrowFeatherMask", mask=mask, grow=2, feather=4, side="outside", curve="linear").outputs
    torch.testing.assert_close(outside[0, 24, 9:16], torch.tensor([0, 0.125, 0.375, 0.625, 0.875, 1, 1]))
    (inside,) = run("MendGrowFeatherMask", mask=mask, grow=-2, feather=4, side="inside", curve="linear").outputs
    torch.testing.assert_close(inside[0, 24, 17:23], torch.tensor([0, 0.125, 0.375, 0.625, 0.875, 1]))
    assert torch.equal(mask, given)
    assert ran.text == "The mask covers 24.0% of the picture."
    _alike(pictures(ran)[0], ran.outputs[0][0, ..., None].expand(-1, -1, 3))


def test_grow_and_feather_as_they_come(run):
    row = run("MendGrowFeatherMask", mask=_block()).outputs[0][0, 24]
    way = (torch.arange(8, 16) - 7.5) / 8
    torch.testing.assert_close(row[8:16], way**2 * (3 - 2 * way))
    assert row[7] == 0
    assert row[16] == 1


def test_a_grown_mask_is_matched_to_its_picture_and_shown_over_it(run, pictures):
    ran = run("MendGrowFeatherMask", mask=_block(), image=torch.zeros(3, 96, 128, 4), grow=0.0, feather=0.0)
    assert ran.outputs[0].shape == (3, 96, 128)
    assert len(pictures(ran)) == 3
    _alike(pictures(ran)[2], _veiled(ran.outputs[0][2]))


# Files of previews


def _files(ran) -> list[Path]:
    import folder_paths

    assert {(one["subfolder"], one["type"]) for one in ran.ui["images"]} == {("", "temp")}
    return [Path(folder_paths.get_temp_directory(), one["filename"]) for one in ran.ui["images"]]


def test_a_hard_mask_is_shown_exactly_and_others_as_jpeg(run):
    hard = run("MendGrowFeatherMask", mask=_block(), feather=0.0)
    soft = run("MendGrowFeatherMask", mask=_block())
    over = run("MendGrowFeatherMask", mask=_block(), image=torch.zeros(1, 48, 64, 3), feather=0.0)
    for ran, form, mode in ((hard, "PNG", "1"), (soft, "JPEG", "L"), (over, "JPEG", "RGB")):
        (file,) = _files(ran)
        with Image.open(file) as picture:
            assert (picture.format, picture.mode, picture.size) == (form, mode, (64, 48))
    np.testing.assert_array_equal(np.array(Image.open(_files(hard)[0])), hard.outputs[0][0].numpy() == 1)


def test_each_run_has_files_of_its_own(run):
    files = [file for _ in range(3) for file in _files(run("MendGrowFeatherMask", mask=_block().repeat(2, 1, 1)))]
    assert len(set(files)) == 6
    assert all(file.is_file() for file in files)


def test_at_most_eight_are_shown_and_no_longer_than_1024(run, pictures):
    ran = run("MendGrowFeatherMask", mask=torch.ones(10, 30, 1500))
    assert len(ran.outputs[0]) == 10
    assert [picture.shape for picture in pictures(ran)] == [(20, 1024, 3)] * 8


# Inpaint Masks


def test_three_masks_come_out_and_are_shown(run, pictures):
    mask, image = _block(96, 128), torch.zeros(1, 96, 128, 3)
    ran = run("MendInpaintMasks", mask=mask, image=image)
    denoise, conditioning, composite = ran.outputs
    # Column 16 is the object's first; around it 4 pixels in full, 8 soft, and the paste ends where those do.
    assert ((denoise[0, 24] == 1).nonzero()[0].item(), (denoise[0, 24] > 0).nonzero()[0].item()) == (12, 4)
    assert conditioning.unique().tolist() == [0, 1]
    assert conditioning[0, 24].nonzero()[0] == 8
    assert ((composite[0, 24] == 1).nonzero()[0].item(), (composite[0, 24] > 0).nonzero()[0].item()) == (12, 4)
    assert ran.text.splitlines()[0].startswith("The mask covers ")
    assert ran.text.splitlines()[1:] == ["Shown: denoise, conditioning, composite."]
    for shown, made in zip(pictures(ran), ran.outputs, strict=True):
        _alike(shown, _veiled(made[0]))


def test_each_width_of_inpaint_masks_counts(run):
    first = [
        (each[0, 24] > 0).nonzero()[0].item()
        for each in run("MendInpaintMasks", mask=_block(), grow=2.0, feather=6.0, composite_feather=3.0).outputs
    ]
    assert first == [8, 11, 8]
    composite = run("MendInpaintMasks", mask=_block(), grow=2.0, feather=6.0, composite_feather=3.0).outputs[2]
    assert (composite[0, 24] == 1).nonzero()[0] == 11


def test_a_paste_that_has_no_room_is_told(run):
    ran = run("MendInpaintMasks", mask=_block(), grow=1.0, feather=2.5)
    assert "The composite's soft edge is 3.5 px wide: grow and feather leave too little space for 8." in ran.text
    assert torch.equal(
        ran.outputs[2], run("MendInpaintMasks", mask=_block(), grow=1.0, feather=2.5, composite_feather=3.5).outputs[2]
    )


def test_of_a_batch_of_inpaint_masks_the_first_is_shown(run, pictures):
    ran = run("MendInpaintMasks", mask=_block().repeat(5, 1, 1), image=torch.zeros(5, 48, 64, 3))
    assert [len(each) for each in ran.outputs] == [5, 5, 5]
    assert len(pictures(ran)) == 3


# Split Mask into Regions


def test_regions_come_out_one_by_one(run, pictures):
    mask = torch.zeros(2, 48, 64)
    mask[0, 10:14, 40:45] = 1
    mask[0, 20:40, 2:12] = 0.5
    mask[0, 0, :15] = 1
    mask[1, 30:40, 30:40] = 1
    ran = run("MendSplitMask", mask=mask)
    masks, count = ran.outputs
    assert count == len(masks) == 3
    assert ran.text.splitlines() == [
        "3 regions:",
        "0 of mask 0: 200 px, 10x20 at 2, 20",
        "1 of mask 0: 20 px, 5x4 at 40, 10",
        "2 of mask 1: 100 px, 10x10 at 30, 30",
    ]
    assert torch.equal(masks[0] + masks[1], mask[0] * (torch.arange(48) > 0)[:, None])
    assert torch.equal(masks[2], mask[1])
    _alike(pictures(ran)[0], masks[0, ..., None].expand(-1, -1, 3))
    assert len(pictures(ran)) == 3
    assert run("MendSplitMask", mask=mask, order="top to bottom", min_area=1).outputs[0][0, 0, :15].all()
    assert run("MendSplitMask", mask=mask, min_area=0).outputs[1] == 4
    few = run("MendSplitMask", mask=mask, max_regions=1)
    assert few.outputs[1] == 1
    assert few.text.splitlines() == [
        "1 region:",
        "0 of mask 0: 200 px, 10x20 at 2, 20",
        "2 smaller regions were left out.",
    ]


def test_one_mask_is_not_numbered(run):
    assert run("MendSplitMask", mask=_block()).text == "1 region:\n0: 384 px, 24x16 at 16, 16"


@pytest.mark.parametrize("speck", [0, 1])
def test_without_a_region_a_single_empty_mask_comes_out(run, pictures, speck):
    mask = torch.zeros(3, 48, 64)
    mask[0, 5, 5] = speck
    ran = run("MendSplitMask", mask=mask)
    assert ran.outputs[1] == 0
    assert torch.equal(ran.outputs[0], torch.zeros(1, 48, 64))
    assert ran.text.startswith("No region")
    assert len(pictures(ran)) == 1


# Combine Masks


def test_masks_of_other_sizes_and_batches_are_combined(run, pictures):
    other = torch.zeros(3, 24, 32)
    other[:, :, :16] = 1
    ran = run("MendCombineMasks", mask=_block(), other=other)
    (added,) = ran.outputs
    assert added.shape == (3, 48, 64)
    assert bool((added[:, 16:32, 16:40] == 1).all())
    assert bool((added[:, :, :30] == 1).all())
    assert not added[:, :16, 40:].any()
    assert len(pictures(ran)) == 3
    assert "of the picture" in ran.text
    (subtracted,) = run("MendCombineMasks", mask=_block(), other=other, operation="subtract").outputs
    assert not subtracted[:, :, :30].any()
    assert bool((subtracted[:, 16:32, 34:40] == 1).all())
    assert "empty" in run("MendCombineMasks", mask=_block(), other=1 - _block(), operation="intersect").text


def test_the_masks_of_a_batch_become_one(run):
    other = torch.zeros(2, 48, 64)
    other[0, :8], other[1, 40:] = 1, 1
    ran = run("MendCombineMasks", mask=torch.cat([_block(), other]))
    (united,) = ran.outputs
    assert torch.equal(united, torch.maximum(_block(), other.amax(dim=0, keepdim=True)))
    assert ran.text.startswith("Combined 3 masks.")
    assert torch.equal(run("MendCombineMasks", mask=_block()).outputs[0], _block())


def test_masks_that_do_not_fit_are_named(run, InpaintError):
    with pytest.raises(InpaintError, match=r"^other: expected 1 mask or 2"):
        run("MendCombineMasks", mask=_block().repeat(2, 1, 1), other=torch.zeros(3, 48, 64))


# Preview Mask over Image


def test_the_veiled_picture_comes_out_and_is_shown(run, pictures):
    image, mask = torch.zeros(2, 48, 64, 4), _block()
    ran = run("MendPreviewMask", image=image, mask=mask)
    (veiled,) = ran.outputs
    assert veiled.shape == (2, 48, 64, 3)
    torch.testing.assert_close(veiled[1, 24, 24], 0.6 * torch.tensor(RED), rtol=0, atol=1 / 255)
    torch.testing.assert_close(veiled[1, 24, 16], torch.tensor(RED), rtol=0, atol=1 / 255)
    assert not veiled[:, 24, 15].any()
    assert ran.text == "The mask covers 12.5% of the picture."
    assert len(pictures(ran)) == 2
    _alike(pictures(ran)[1], veiled[1])


def test_color_opacity_and_outline_count(run):
    image, mask = torch.zeros(1, 48, 64, 3), _block()
    (veiled,) = run("MendPreviewMask", image=image, mask=mask, color="0, 0, 255", opacity=0.25).outputs
    assert veiled[0, 24, 24].tolist() == [0, 0, 0.25]
    assert veiled[0, 24, 16].tolist() == [0, 0, 1]
    (veiled,) = run("MendPreviewMask", image=image, mask=mask, opacity=1.0, outline=False, color="lime").outputs
    assert torch.equal(veiled[..., 1], mask)
    (veiled,) = run("MendPreviewMask", image=image, mask=mask, opacity=0.0, outline=False).outputs
    assert torch.equal(veiled, image)


def test_a_preview_stretches_the_mask_and_takes_halves(run):
    image = torch.rand(1, 96, 128, 3).half()
    (veiled,) = run("MendPreviewMask", image=image, mask=_block(), color="#000", opacity=1.0).outputs
    assert veiled.dtype == torch.float16
    assert not veiled[0, 36:60, 36:76].any()
    assert torch.equal(veiled[0, :30], image[0, :30])


def test_a_color_that_is_none_is_named(run, InpaintError):
    with pytest.raises(InpaintError, match=r"^color: expected #rrggbb"):
        run("MendPreviewMask", image=torch.zeros(1, 48, 64, 3), mask=_block(), color="rde")


# Inspect Mask


def _odd():
    """Inverted, 0.98 instead of 1, with a pixel of NaN."""
    mask = torch.where(_block(96, 128) == 1, 0, 0.98)
    mask[0, 24, 24] = NAN
    y, x = torch.meshgrid(torch.arange(96), torch.arange(128), indexing="ij")
    mask[0, (y - 24) ** 2 + (x - 40) ** 2 <= 100] = 0
    return mask


def test_a_mask_is_mended_and_reported(run, pictures):
    mask = _odd()
    ran = run("MendInspectMask", mask=mask, image=torch.zeros(1, 96, 128, 3), repair=True)
    mended, report, _ = ran.outputs
    assert torch.equal(mended, 1 - (mask > 0.5).float())
    assert report == ran.text
    lines = report.splitlines()
    assert lines[0] == "1 value is NaN or infinite. NaN and -infinity became 0, infinity 1."
    assert "nearly 1 (within 0.02). Rounded to 0 or 1." in lines[1]
    assert lines[2].endswith("so it looks inverted. Inverted.")
    assert len(lines) == 3
    _alike(pictures(ran)[0], _veiled(mended[0]))


def test_without_repair_it_is_only_said(run):
    mask = _odd()
    mended, report, _ = run("MendInspectMask", mask=mask).outputs
    assert torch.equal(mended, mask.nan_to_num(0))
    assert "looks inverted." in report
    assert "Inverted." not in report


def test_a_clean_mask_is_called_that(run):
    mended, report, _ = run("MendInspectMask", mask=_block()).outputs
    assert torch.equal(mended, _block())
    assert report == "Nothing is odd about this mask."


def test_binary_and_latent_cell_are_passed_on(run):
    soft = _block() * 0.7
    assert run("MendInspectMask", mask=soft, binary_mask=True, repair=True).outputs[0].unique().tolist() == [0, 1]
    mended, report, _ = run("MendInspectMask", mask=soft).outputs
    assert torch.equal(mended, soft)
    assert "384 pixels are soft" in report
    assert "latent cell of 32" in run("MendInspectMask", mask=_block(), latent_cell=32).outputs[1]


@pytest.mark.parametrize(
    ("pictures_given", "size", "repair", "masks", "shown"),
    [
        (1, (96, 128), True, (1, 96, 128), "veiled"),
        (1, (96, 128), False, (1, 48, 64), "alone"),
        (4, (48, 64), True, (1, 48, 64), "veiled"),
    ],
)
def test_a_picture_of_another_size_or_batch(run, pictures, pictures_given, size, repair, masks, shown):
    ran = run("MendInspectMask", mask=_block(), image=torch.zeros(pictures_given, *size, 3), repair=repair)
    mended, report, _ = ran.outputs
    assert mended.shape == masks
    assert ("It is 64x48, the picture is 128x96." in report) == (size == (96, 128))
    looks = pictures(ran)
    assert len(looks) == (pictures_given if shown == "veiled" else 1)
    _alike(looks[-1], _veiled(mended[0]) if shown == "veiled" else mended[0, ..., None].expand(-1, -1, 3))


@pytest.mark.parametrize(("given", "repair", "left"), [(3, True, 2), (3, False, 3), (5, True, 2), (1, True, 1)])
def test_a_batch_that_does_not_fit_its_pictures(run, given, repair, left):
    mask = _block().repeat(given, 1, 1)
    mended, report, _ = run("MendInspectMask", mask=mask, image=torch.zeros(2, 48, 64, 3), repair=repair).outputs
    assert len(mended) == left
    assert (f"There are {given} masks for 2 pictures." in report) == (given != 1)


def test_any_odd_mask_is_read(run, InpaintError):
    assert torch.equal(run("MendInspectMask", mask=_block()[0].bool()).outputs[0], _block())
    assert torch.equal(run("MendInspectMask", mask=_block()[:, None] * 255).outputs[0], _block())
    with pytest.raises(InpaintError, match=r"^mask: expected \[B, H, W\], got \[7\]"):
        run("MendInspectMask", mask=torch.zeros(7))


# Choices


@pytest.mark.parametrize(
    ("node", "choices", "widget"),
    [
        ("MendCleanMask", {"shape": "box"}, "shape"),
        ("MendGrowFeatherMask", {"side": "inside", "curve": "linear"}, "side"),
        ("MendGrowFeatherMask", {"side": "inside", "curve": "linear"}, "curve"),
        ("MendSplitMask", {"order": "left to right"}, "order"),
        ("MendCombineMasks", {"operation": "multiply"}, "operation"),
    ],
)
def test_a_choice_that_is_none_is_refused_before_anything_runs(host_nodes, node, choices, widget):
    node = host_nodes.NODE_CLASS_MAPPINGS[node]
    assert node.validate_inputs(**choices) is True
    assert node.validate_inputs(**{**choices, widget: None}) is True
    refused = node.validate_inputs(**{**choices, widget: "sideways"})
    assert refused.startswith(f"{widget}: expected one of ")
    assert choices[widget] in refused
    assert "got sideways" in refused

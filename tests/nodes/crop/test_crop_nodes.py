"""The nodes that crop, stitch and pad, on the host.

Mutations seen to fail here: the model's own size not asked for; context mask ignored; the box of another frame told;
the path used for one box; color corrected though none was chosen; align left out; the mask of the regions emptied;
border or linear light dropped in any of the nodes; full registration without light, or with it though colors are left;
the VAE's or the model's multiple left out; the first seam told for the worst; an empty frame's seam told; color fitted
on what was repainted and is not pasted; one mask made many; what Pad for Outpainting is told of size, place, color and
feather ignored.
"""

import cv2
import pytest
import torch
from skimage import data


@pytest.fixture(autouse=True)
def _inference():
    """As the host's executor has it."""
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def photo():
    """[1, 300, 451, 3]"""
    return torch.from_numpy(data.chelsea().copy())[None].float() / 255


def _mask(image, top=100, left=180, height=40, width=60):
    mask = torch.zeros(image.shape[:3])
    mask[:, top : top + height, left : left + width] = 1
    return mask


def _box(ran):
    return ran.outputs[3:]


def test_the_crop_has_the_models_own_size(run, photo, general_model, bare_sdxl):
    for model, side in ((general_model.model, 512), (bare_sdxl.model, 1024), (None, 1024)):
        ran = run("MendCropForInpaint", image=photo, mask=_mask(photo), **({"model": model} if model else {}))
        image, mask = ran.outputs[:2]
        height, width = image.shape[1:3]
        assert width % 64 == height % 64 == 0
        assert 0.75 < width * height / side**2 < 1.33
        assert mask.shape == image.shape[:3]


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({"size": "width and height", "width": 320, "height": 256}, (256, 320)),
        ({"size": "width and height", "width": 321, "height": 250}, (256, 384)),
        ({"size": "megapixels", "megapixels": 0.25}, None),
        ({"size": "keep"}, None),
    ],
)
def test_sizes(run, photo, settings, size):
    ran = run("MendCropForInpaint", image=photo, mask=_mask(photo), **settings)
    got = tuple(ran.outputs[0].shape[1:3])
    assert got[0] % 64 == got[1] % 64 == 0
    assert size in (None, got)
    if settings["size"] == "keep":
        x, y, width, height = _box(ran)
        assert got == (height, width)
        assert torch.equal(ran.outputs[0], photo[:, y : y + height, x : x + width])


def test_the_context_mask_is_shown_too(run, photo):
    far = _mask(photo, top=10, left=10, height=4, width=4)
    ran = run("MendCropForInpaint", image=photo, mask=_mask(photo), context_mask=far)
    x, y, width, _ = _box(ran)
    assert x <= 10
    assert y <= 10
    assert x + width >= 240


@pytest.mark.parametrize("blend", ["feather", "multiband", "poisson"])
@pytest.mark.parametrize("color", ["auto", "none", "mean-std", "field"])
def test_an_untouched_crop_changes_nothing(run, photo, blend, color):
    rgba = torch.cat([photo, torch.rand(*photo.shape[:3], 1)], dim=-1)
    crop, _, stitch, *_ = run("MendCropForInpaint", image=rgba, mask=_mask(photo), size="keep").outputs
    ran = run("MendStitchCrop", stitch=stitch, image=crop, blend=blend, color_match=color)
    whole, weight, _ = ran.outputs
    assert torch.equal(whole[weight == 0], rgba[weight == 0])
    assert torch.allclose(whole, rgba, atol=1e-5)
    assert torch.equal(whole[..., 3], rgba[..., 3])
    assert weight[_mask(photo) > 0].min() == 1


def test_a_shift_of_color_is_undone_and_only_if_asked(run, photo):
    crop, _, stitch, *_ = run("MendCropForInpaint", image=photo, mask=_mask(photo), size="keep").outputs
    inside = _mask(photo) > 0
    errors = {}
    for color in ("none", "mean-std", "field", "auto"):
        whole = run("MendStitchCrop", stitch=stitch, image=crop + 0.1, blend="feather", color_match=color).outputs[0]
        errors[color] = float((whole - photo)[inside].abs().mean())
    assert errors["none"] > 0.08
    assert max(errors["mean-std"], errors["field"], errors["auto"]) < 0.01
    half = run(
        "MendStitchCrop", stitch=stitch, image=crop + 0.1, blend="feather", color_match="mean-std", color_strength=0.5
    ).outputs[0]
    assert float((half - photo)[inside].abs().mean()) == pytest.approx(errors["none"] / 2, rel=0.1)


@pytest.mark.parametrize("color", ["mean-std", "field", "auto"])
def test_color_is_not_fitted_on_what_was_repainted_and_is_not_taken(run, photo, color):
    crop, mask, stitch, *_ = run("MendCropForInpaint", image=photo, mask=_mask(photo), size="keep").outputs
    red = torch.where(mask[..., None] > 0, torch.tensor([1.0, 0.0, 0.0]), crop)
    part = _mask(photo, top=115, left=200, height=10, width=20)
    ran = run("MendStitchCrop", stitch=stitch, image=red, blend="feather", color_match=color, feather=0, mask=part)
    torch.testing.assert_close(ran.outputs[0][part > 0], torch.tensor([1.0, 0.0, 0.0]).expand(200, 3))
    assert torch.equal(ran.outputs[0][part == 0], photo[part == 0])


def test_a_stretched_crop_is_told(run, photo):
    crop, _, stitch, *_ = run("MendCropForInpaint", image=photo, mask=_mask(photo), size="keep").outputs
    height, width = crop.shape[1:3]
    for returned in (crop, torch.nn.functional.interpolate(crop.movedim(-1, 1), scale_factor=2).movedim(1, -1)):
        assert "stretched" not in run("MendStitchCrop", stitch=stitch, image=returned, color_match="none").text
    messages = run("MendStitchCrop", stitch=stitch, image=crop[:, :, 2:-2], color_match="none").text
    assert f"came back as {width - 4}x{height}, not as {width}x{height}" in messages


@pytest.mark.parametrize("node", ["MendStitchCrop", "MendStitchRegions"])
def test_a_crop_that_may_have_been_cut_on_all_sides_is_told(run, photo, node):
    crop_node = {"MendStitchCrop": "MendCropForInpaint", "MendStitchRegions": "MendCropRegions"}[node]
    crop, _, stitch, *_ = run(
        crop_node, image=photo, mask=_mask(photo), size="width and height", width=448, height=448
    ).outputs
    text = "came back as {0}x{0}, not as 448x448: it was taken for the whole crop at {1} of its size."
    for cut, share in ((8, "96.4%"), (4, "98.2%")):
        ran = run(node, stitch=stitch, image=crop[:, cut:-cut, cut:-cut], color_match="none")
        assert text.format(448 - 2 * cut, share) in ran.text
    for factor in (0.5, 1, 1.25, 2):
        scaled = torch.nn.functional.interpolate(crop.movedim(-1, 1), scale_factor=factor).movedim(1, -1)
        assert "came back" not in run(node, stitch=stitch, image=scaled, color_match="none").text


def test_one_mask_for_a_video_stays_one(run, photo):
    crops, masks, stitch, *_ = run("MendCropForInpaint", image=photo.repeat(5, 1, 1, 1), mask=_mask(photo)).outputs
    assert len(crops) == len(masks) == 5
    assert len(stitch.mask) == 1
    whole, weight, _ = run("MendStitchCrop", stitch=stitch, image=crops, color_match="none", blend="feather").outputs
    assert len(whole) == len(weight) == 5
    assert weight.untyped_storage().nbytes() == weight[:1].numel() * 4


def test_what_is_told_of_a_crop_is_of_the_crop(run, photo):
    settings = {"size": "keep", "context_factor": 1, "context_pixels": 0, "image": photo}
    assert (
        "the whole crop will be repainted"
        in run("MendCropForInpaint", mask=_mask(photo, width=64, height=64), **settings).text
    )
    messages = run("MendCropForInpaint", mask=torch.zeros(1, 64, 64), **settings).text
    warning, empty, _ = messages.splitlines()
    assert warning == "Nothing is masked: right-click the picture in Load Image, Open in MaskEditor, paint."
    assert empty == "The mask is empty: the crop is the whole picture, and nothing will be repainted."


def test_drift_is_undone_and_only_if_asked(run, photo):
    crop, _, stitch, *_ = run(
        "MendCropForInpaint", image=photo, mask=_mask(photo), size="keep", context_pixels=64
    ).outputs
    drifted = crop.roll((2, 3), (1, 2))
    ran = {
        align: run(
            "MendStitchCrop",
            stitch=stitch,
            image=drifted,
            color_match="none",
            blend="feather",
            align=align,
            ring_width=64,
        )
        for align in (False, True)
    }
    inside = _mask(photo) > 0
    left, undone = (float((ran[align].outputs[0] - photo)[inside].abs().mean()) for align in (False, True))
    assert undone < left / 3
    assert "Drift undone" in ran[True].text


def test_full_registration_undoes_a_turn_and_light_unless_colors_are_left(run, photo):
    """Turn a crop by a degree and darken it: shift and size cannot undo that."""
    crop, _, stitch, *_ = run(
        "MendCropForInpaint", image=photo, mask=_mask(photo), size="keep", context_pixels=64
    ).outputs
    height, width = crop.shape[1:3]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), 1.0, 1.0)
    turned = cv2.warpAffine(crop[0].float().numpy(), matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=4)
    returned = 0.9 * torch.from_numpy(turned)[None]
    settings = {"stitch": stitch, "image": returned, "blend": "feather", "align": True}
    ran = {
        (color, way): run("MendStitchCrop", color_match=color, registration=way, **settings)
        for color, way in (("auto", "shift and size"), ("auto", "full"), ("none", "full"))
    }
    inside = _mask(photo) > 0
    simple, full, dark = (float((each.outputs[0] - photo)[inside].abs().mean()) for each in ran.values())
    assert full < min(simple, dark) / 2
    assert "turned by -1.00 degrees" in ran["auto", "full"].text
    assert "Change of color undone" not in ran["none", "full"].text
    assert all("Largest change outside: 0." in each.text for each in ran.values())


def test_scaled_and_back(run, photo):
    crop, _, stitch, *_ = run("MendCropForInpaint", image=photo, mask=_mask(photo)).outputs
    whole, weight, _ = run("MendStitchCrop", stitch=stitch, image=crop, color_match="none", blend="feather").outputs
    assert torch.equal(whole[weight == 0], photo[weight == 0])
    assert (whole - photo).square().mean() < 1e-6
    larger = torch.nn.functional.interpolate(crop.movedim(-1, 1), scale_factor=2, mode="bicubic").movedim(1, -1)
    whole = run("MendStitchCrop", stitch=stitch, image=larger, color_match="none", blend="feather").outputs[0]
    assert (whole - photo).square().mean() < 1e-5


@pytest.mark.parametrize("video", ["one box for all", "smooth path"])
def test_videos(run, photo, video):
    frames = photo.expand(12, -1, -1, -1)
    masks = torch.cat([_mask(photo, left=60 + 20 * number) for number in range(12)])
    ran = run("MendCropForInpaint", image=frames, mask=masks, video=video, size="keep")
    crops, cropped_masks, stitch, x, _, width, _ = ran.outputs
    assert len(crops) == len(cropped_masks) == 12
    assert cropped_masks.sum(dim=(1, 2)).tolist() == masks.sum(dim=(1, 2)).tolist()
    assert len(stitch.plans) == (1 if video == "one box for all" else 12)
    assert (x, width) == (stitch.plans[0].box.x, stitch.plans[0].box.width)
    whole, weight, _ = run("MendStitchCrop", stitch=stitch, image=crops, color_match="none", blend="feather").outputs
    assert torch.equal(whole, frames)
    assert weight.shape == masks.shape


def test_the_same_box_on_a_control_image(run, photo):
    ran = run("MendCropForInpaint", image=photo, mask=_mask(photo))
    crop, _, stitch, *_ = ran.outputs
    assert torch.equal(run("MendCropByBox", stitch=stitch, image=photo).outputs[0], crop)
    small = torch.nn.functional.interpolate(photo.movedim(-1, 1), scale_factor=0.5, mode="area").movedim(1, -1)
    half = run("MendCropByBox", stitch=stitch, image=small).outputs[0]
    assert half.shape == crop.shape
    assert (half - crop).abs().mean() < 0.05


def test_an_empty_mask_takes_the_whole_picture_and_changes_nothing(run, photo):
    ran = run("MendCropForInpaint", image=photo, mask=torch.zeros(1, 64, 64))
    assert "The mask is empty" in ran.text
    stitched = run("MendStitchCrop", stitch=ran.outputs[2], image=ran.outputs[0] * 0)
    assert torch.equal(stitched.outputs[0], photo)


def test_a_crop_of_another_aspect_is_refused_in_words(run, photo, InpaintError):
    crop, _, stitch, *_ = run("MendCropForInpaint", image=photo, mask=_mask(photo)).outputs
    with pytest.raises(InpaintError, match="The step that changed its aspect may have cut it"):
        run("MendStitchCrop", stitch=stitch, image=crop[:, :, : crop.shape[2] // 2])


def _two(photo):
    mask = _mask(photo, top=40, left=40, height=30, width=30)
    mask[:, 200:240, 330:370] = 1
    return mask


def test_regions_come_back_as_one_picture(run, photo):
    mask = _two(photo)
    ran = run("MendCropRegions", image=photo, mask=mask, size="keep")
    crops, masks, stitch, count = ran.outputs
    assert count == len(crops) == len(masks) == 2
    assert "2 regions" in ran.text
    assert masks.sum(dim=(1, 2)).tolist() == [900, 1600]
    same = run("MendStitchRegions", stitch=stitch, image=crops).outputs
    assert torch.allclose(same[0], photo, atol=1e-5)
    painted = run(
        "MendStitchRegions", stitch=stitch, image=torch.zeros_like(crops), color_match="none", blend="feather"
    )
    whole, weight, _ = painted.outputs
    assert (whole[mask > 0] == 0).all()
    assert torch.equal(whole[weight == 0], photo[weight == 0])
    assert "Largest change outside: 0." in painted.text
    assert "Seam visible" in painted.text


def test_too_many_regions_are_refused_in_words(run, photo, InpaintError):
    with pytest.raises(InpaintError, match="expected at most 1 regions, got 2"):
        run("MendCropRegions", image=photo, mask=_two(photo), max_regions=1)


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, (300, 451 + 256)),
        ({"left": 10, "right": 0, "top": 5, "bottom": 7}, (312, 461)),
        ({"unit": "percent", "left": 100, "right": 0}, (300, 902)),
        ({"unit": "to a size", "width": 512, "height": 400}, (400, 512)),
        ({"unit": "to an aspect", "width": 16, "height": 9}, (300, 533)),
    ],
)
@pytest.mark.parametrize("fill", ["edge", "reflect", "color", "harmonic"])
def test_room_for_outpainting(run, photo, settings, size, fill):
    image, denoise, conditioning = run("MendPadForOutpaint", image=photo, fill=fill, **settings).outputs
    assert tuple(image.shape[1:3]) == size == tuple(denoise.shape[1:])
    new = torch.ones(size, dtype=torch.bool)
    left = settings.get("left", 128)
    if settings.get("unit", "pixels") == "pixels":
        top = settings.get("top", 0)
        assert torch.equal(image[:, top : top + 300, left : left + 451], photo)
        new[top : top + 300, left : left + 451] = False
        assert (denoise[0][new] == 1).all()
        assert (conditioning[0][new] == 1).all()
    assert set(conditioning.unique().tolist()) == {0, 1}
    assert ((denoise > 0) & (denoise < 1)).any()


def test_a_color_that_is_not_used_is_not_read(run, photo, InpaintError):
    assert run("MendPadForOutpaint", image=photo, fill="edge", color="").outputs[0].shape[2] > photo.shape[2]
    with pytest.raises(InpaintError, match="color"):
        run("MendPadForOutpaint", image=photo, fill="color", color="")


def test_the_picture_can_have_a_mask_of_its_own(run, photo):
    _, denoise, _ = run("MendPadForOutpaint", image=photo, mask=_mask(photo)).outputs
    assert (denoise[:, 100:140, 128 + 180 : 128 + 240] == 1).all()


def test_a_seam_is_scored_by_the_worst_picture(run):
    smooth = torch.linspace(0.2, 0.6, 96).expand(2, 64, 96)[..., None].repeat(1, 1, 1, 3)
    mask = torch.zeros(1, 64, 96)
    mask[:, 16:48, 24:72] = 1
    seamless = run("MendSeamScore", image=smooth, mask=mask)
    assert seamless.outputs[0] == pytest.approx(1, abs=0.05)
    assert seamless.text.startswith("Seam not visible")
    smooth[1] = torch.where(mask[0, ..., None] > 0, smooth[1] + 0.1, smooth[1])
    visible = run("MendSeamScore", image=smooth, mask=mask)
    assert visible.outputs[0] > 5
    assert visible.outputs[1] > 5
    assert visible.text.startswith("Seam visible")


@pytest.mark.parametrize("node", ["MendCropForInpaint", "MendCropRegions"])
def test_border_and_light_of_a_crop(run, photo, node):
    stripes = photo.clone()
    stripes[:, ::2] = 0
    wide = {"size": "width and height", "width": 1024, "height": 256, "context_pixels": 256}
    crops = {
        (border, light): run(node, image=stripes, mask=_mask(photo), border=border, linear_light=light, **wide).outputs[
            0
        ]
        for border in ("reflect", "edge")
        for light in (False, True)
    }
    assert not torch.equal(crops["reflect", False], crops["edge", False])
    # Light averaged is brighter than its code averaged.
    assert crops["edge", True].mean() > crops["edge", False].mean() + 0.02
    for (border, light), crop in crops.items():
        stitch = run(node, image=stripes, mask=_mask(photo), linear_light=light, **wide).outputs[2]
        assert torch.equal(run("MendCropByBox", stitch=stitch, image=stripes, border=border).outputs[0], crop)


def test_sides_are_multiples_of_what_model_and_vae_ask_for(run, photo, general_model, inpaint_model, monkeypatch):
    keep = {"image": photo, "mask": _mask(photo, width=80), "size": "width and height", "width": 200, "height": 100}
    crop = run("MendCropForInpaint", **keep).outputs[0]
    assert crop.shape[1:3] == (128, 256)
    monkeypatch.setattr(inpaint_model.vae, "spacial_compression_encode", lambda: 16)
    assert run("MendCropForInpaint", vae=inpaint_model.vae, **keep).outputs[0].shape[1:3] == (128, 224)
    assert run("MendCropForInpaint", vae=inpaint_model.vae, model=general_model.model, **keep).outputs[0].shape[
        1:3
    ] == (
        128,
        256,
    )


def test_control_images_of_regions(run, photo):
    crops, _, stitch, _ = run("MendCropRegions", image=photo, mask=_two(photo)).outputs
    assert torch.equal(run("MendCropByBox", stitch=stitch, image=photo).outputs[0], crops)


def test_a_picture_of_another_scene_is_refused_in_words(run, photo, InpaintError):
    for node in ("MendCropForInpaint", "MendCropRegions"):
        stitch = run(node, image=photo, mask=_mask(photo)).outputs[2]
        with pytest.raises(InpaintError, match="Connect a picture of the whole scene"):
            run("MendCropByBox", stitch=stitch, image=photo[:, :100])


@pytest.mark.parametrize("video", ["one box for all", "smooth path"])
def test_one_picture_with_a_video_of_context_masks(run, photo, InpaintError, video):
    context = torch.cat([_mask(photo, left=100 + 50 * number, width=5) for number in range(4)])
    settings = {"image": photo, "mask": _mask(photo), "size": "keep", "video": video}
    crops, masks, *_, x, _, width, _ = run("MendCropForInpaint", context_mask=context, **settings).outputs
    assert len(crops) == len(masks) == (1 if video == "one box for all" else 4)
    assert x <= 100
    assert x + width >= 240
    with pytest.raises(InpaintError, match=r"^context_mask: expected 1 mask or 4 .* got 3"):
        run("MendCropForInpaint", **{**settings, "image": photo.expand(4, -1, -1, -1)}, context_mask=context[:3])


def test_the_report_of_a_video(run, photo):
    frames, masks = photo.expand(3, -1, -1, -1).clone(), _mask(photo).expand(3, -1, -1).clone()
    masks[1] = 0
    crops, _, stitch, *_ = run("MendCropForInpaint", image=frames, mask=masks, size="keep", context_pixels=64).outputs
    drifted = crops.clone()
    drifted[2] = crops[2].roll((2, 3), (0, 1))
    messages = run("MendStitchCrop", stitch=stitch, image=drifted, align=True, ring_width=64).text.splitlines()
    assert messages[1] == "Drift undone in 1 of 2 crops, by at most 3.61 px; estimate unreliable in 0."
    assert messages[2].startswith("Color: auto chose none: ")
    assert messages[3].startswith("Seam ")
    assert len(messages) == 4


def test_the_worst_seam_of_those_there_are_is_told(run, photo):
    masks = torch.cat([_mask(photo), torch.zeros(1, *photo.shape[1:3]), _mask(photo)])
    images = photo.expand(3, -1, -1, -1).clone()
    alone = run("MendSeamScore", image=photo, mask=_mask(photo)).outputs
    assert run("MendSeamScore", image=images, mask=masks).outputs == alone
    assert alone[0] != 1
    images[2] = torch.where(masks[2, ..., None] > 0, images[2] + 0.2, images[2])
    assert run("MendSeamScore", image=images, mask=masks).outputs[0] > 1.5
    _, _, stitch, *_ = run("MendCropForInpaint", image=photo.expand(3, -1, -1, -1), mask=masks, size="keep").outputs
    crops = torch.zeros(3, *(stitch.plans[0].target.height, stitch.plans[0].target.width), 3)
    rows, columns = stitch.plans[0].box.slices
    crops[:] = photo[0, rows, columns]
    crops[2] += 0.3
    messages = run("MendStitchCrop", stitch=stitch, image=crops, color_match="none", blend="feather", feather=0).text
    assert "Seam visible" in messages


def test_where_the_picture_lies_and_what_is_around_it(run, photo):
    settings = {"unit": "to a size", "width": 551, "height": 400, "fill": "color", "color": "#ff0000"}
    image, denoise, _ = run("MendPadForOutpaint", image=photo, x=0.25, y=1.0, feather=20, **settings).outputs
    assert torch.equal(image[:, 100:, 25:476], photo)
    assert image[0, 0, 0].tolist() == [1, 0, 0]
    inside = denoise[0, 100:, 25:476]
    assert (inside[25:, 25:-25] == 0).all()
    assert (inside[:15] > 0).all()
    image, *_ = run("MendPadForOutpaint", image=photo, unit="to an aspect", width=2, height=1, x=0.0, left=99).outputs
    assert torch.equal(image[:, :, :451], photo)
    assert image.shape[2] == 600
    image, *_ = run("MendPadForOutpaint", image=photo, unit="percent", left=10, right=20, top=0, bottom=50).outputs
    assert torch.equal(image[:, :300, 45:496], photo)
    assert image.shape[1:3] == (450, 451 + 45 + 90)


@pytest.mark.parametrize("color", ["mean-std", "field", "auto"])
@pytest.mark.parametrize("blend", ["feather", "multiband", "poisson"])
@pytest.mark.parametrize("where", ["crop", "picture"])
def test_what_is_no_number_around_the_mask_is_not_fitted_on(run, photo, blend, color, where):
    broken = photo.clone()
    crop, _, stitch, *_ = run("MendCropForInpaint", image=photo, mask=_mask(photo), size="keep").outputs
    crop = crop + 0.1
    if where == "crop":
        crop[:, :, : crop.shape[2] // 4] = torch.nan
    else:
        broken[:, :99] = torch.nan
        stitch = run("MendCropForInpaint", image=broken, mask=_mask(photo), size="keep").outputs[2]
    whole = run("MendStitchCrop", stitch=stitch, image=crop, blend=blend, color_match=color, feather=0).outputs[0]
    inside = _mask(photo) > 0
    assert (whole - photo)[inside].abs().max() < 0.02


def test_the_limit_of_regions_is_for_each_picture(run, photo):
    masks = torch.cat([_two(photo)] * 3)
    settings = {"mask": masks, "max_regions": 2}
    assert run("MendCropRegions", image=photo, mask_batch="one picture per mask", **settings).outputs[3] == 6
    assert run("MendCropRegions", image=photo.repeat(3, 1, 1, 1), **settings).outputs[3] == 6


def test_many_masks_of_one_picture_are_edits_of_it(run, photo):
    masks = torch.cat([_mask(photo, top=40, left=40), _mask(photo, top=200, left=330)])
    ran = run("MendCropRegions", image=photo, mask=masks)
    assert ran.text.endswith("2 masks of one picture: Stitch Regions makes one picture of them.")
    crops, _, stitch, count = ran.outputs
    assert count == 2
    plain = {"color_match": "none", "blend": "feather"}
    whole, weight, _ = run("MendStitchRegions", stitch=stitch, image=crops * 0, **plain).outputs
    assert whole.shape == photo.shape
    assert (whole[0][masks.amax(dim=0) > 0] == 0).all()
    assert torch.equal(whole[weight == 0], photo[weight == 0])
    each = run("MendCropRegions", image=photo, mask=masks, mask_batch="one picture per mask")
    assert each.text.endswith("Stitch Regions makes 2 pictures of them.")
    assert len(run("MendStitchRegions", stitch=each.outputs[2], image=crops * 0).outputs[0]) == 2
    # A single crop around all of them is said to be what few want.
    assert "unite them with Combine Masks" in run("MendCropForInpaint", image=photo, mask=masks).text
    assert "Combine" not in run("MendCropForInpaint", image=photo, mask=masks[:1]).text


def test_specks_that_would_swell_the_crop_are_left_out(run, photo):
    mask = _mask(photo)
    mask[:, 2, 2:7] = mask[:, 296, 444:449] = 1
    ran = run("MendCropForInpaint", image=photo, mask=mask)
    assert _box(ran) == _box(run("MendCropForInpaint", image=photo, mask=_mask(photo)))
    assert "Left out 2 specks of fewer than 16 px" in ran.text
    everything = run("MendCropForInpaint", image=photo, mask=mask, ignore_specks=0)
    assert _box(everything)[2] > 400
    assert "speck" not in everything.text

"""Pictures before and after on one sheet."""

import numpy as np
import pytest
from PIL import Image

from inpaint.batch import contact_sheet as module
from inpaint.batch.contact_sheet import Cell, contact_sheet
from inpaint.core.errors import InpaintError

from . import samples


def _near(image, place, color):
    return np.abs(np.array(image.getpixel(place)) - color).max() < 25


def test_before_is_left_and_after_is_right(tmp_path):
    for name, color in (("red", (220, 30, 30)), ("blue", (30, 30, 220))):
        Image.new("RGB", (300, 200), color).save(tmp_path / f"{name}.png")
    contact_sheet([Cell("photo.png", tmp_path / "red.png", tmp_path / "blue.png", "12 s")], tmp_path / "sheet.jpg")
    sheet = Image.open(tmp_path / "sheet.jpg").convert("RGB")
    middle = module.MARGIN + module.LINE + module.THUMBNAIL // 2
    assert _near(sheet, (module.MARGIN + module.THUMBNAIL // 2, middle), (220, 30, 30))
    assert _near(sheet, (2 * module.MARGIN + module.THUMBNAIL * 3 // 2, middle), (30, 30, 220))


def test_any_picture_is_shown_and_a_broken_one_is_a_box(tmp_path):
    deep = samples.written(tmp_path, "deep.tif", samples.tiff(3, np.float32)())
    inks = samples.written(tmp_path, "inks.jpg", samples.file_of("CMYK", "JPEG")())
    broken = samples.written(tmp_path, "broken.png", b"no picture")
    cells = [
        Cell("deep", deep, inks, "two kinds"),
        Cell("broken", broken, None, "failed: " + "a long reason " * 60),
        Cell("missing " + "x" * 300, tmp_path / "gone.png", deep, "umlauts: äöü, Ω, 写真"),
    ]
    contact_sheet(cells, tmp_path / "new" / "sheet.jpg")
    sheet = np.asarray(Image.open(tmp_path / "new" / "sheet.jpg").convert("RGB")).astype(int)
    top, box = module.MARGIN + module.LINE, module.THUMBNAIL
    width = 2 * box + 3 * module.MARGIN
    deep_box = sheet[top : top + box, module.MARGIN : module.MARGIN + box]
    broken_box = sheet[top : top + box, width + module.MARGIN : width + module.MARGIN + box]
    empty_box = sheet[top : top + box, width + 2 * module.MARGIN + box : width + 2 * (module.MARGIN + box)]
    assert deep_box.std() > 15
    assert np.abs(np.median(broken_box.reshape(-1, 3), axis=0) - module.BEHIND).max() < 5
    assert broken_box.min() < 100  # the reason is written in it
    assert empty_box.std() < 3


def test_rows_and_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_CELLS", 4)
    path = tmp_path / "sheet.jpg"
    sizes = []
    for count in (1, 3, 4, 5):
        contact_sheet([Cell(str(number), None, None, "") for number in range(count)], path)
        sizes.append(Image.open(path).size)
    assert sizes[1][0] == 3 * sizes[0][0]
    assert sizes[2][1] == 2 * sizes[1][1]
    assert sizes[3][1] == sizes[2][1] + module.LINE + module.MARGIN


def test_no_cells_are_an_error(tmp_path):
    with pytest.raises(InpaintError, match="expected one picture or more"):
        contact_sheet([], tmp_path / "sheet.jpg")
    assert not (tmp_path / "sheet.jpg").exists()


def test_the_largest_sheet_is_one_that_jpeg_can_hold():
    rows = -(-module.MOST_CELLS // module.CELLS_IN_A_ROW)
    height = module.THUMBNAIL + (1 + module.TEXT_LINES) * module.LINE + 2 * module.MARGIN
    assert rows * height + module.LINE + module.MARGIN < 65_500

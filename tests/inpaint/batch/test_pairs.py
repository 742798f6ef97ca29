"""Which picture goes with which mask, and that none is overlooked.

Mutations seen to fail here: masks taken for pictures; links before folders, or followed in circles; capitals
told apart.
"""

import os

import pytest

from inpaint.batch.pairs import find_pairs
from inpaint.core.errors import InpaintError

RENAME = "Rename one of them."

OR_ADD = ", or another picture format. Add it, or leave the picture out."


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Make empty files, and work in their folder."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return make


def found(*arguments, **options):
    """Masks or errors by the pictures' names."""
    pairs = find_pairs(*arguments, **options)
    names = [pair.name for pair in pairs]
    assert names == sorted(names)
    assert len(set(names)) == len(names)
    for pair in pairs:
        assert pair.image.is_absolute()
        assert not (pair.error and pair.mask)
    return {pair.name: pair.error or (pair.mask and pair.mask.as_posix()) for pair in pairs}


def test_masks_have_their_pictures_names(tree):
    tree("photos/a.jpg", "photos/b.PNG", "photos/ü ü.tif", "photos/c.webp", "photos/notes.txt")
    tree("masks/a.png", "masks/b.tiff", "masks/ü ü.png", "masks/c.webp.png", "masks/other.png")
    assert found(["photos"], "masks") == {
        "a.jpg": "masks/a.png",
        "b.PNG": "masks/b.tiff",
        "c.webp": "masks/c.webp.png",
        "ü ü.tif": "masks/ü ü.png",
    }


def test_a_missing_mask_is_an_error_of_its_picture(tree):
    tree("photos/a.jpg", "photos/b.jpg", "masks/a.png")
    assert found(["photos"], "masks") == {
        "a.jpg": "masks/a.png",
        "b.jpg": f"no mask: expected masks/b.png{OR_ADD}",
    }


def test_two_masks_are_an_error_unless_one_has_the_very_name(tree):
    tree("photos/a.jpg", "photos/b.jpg", "masks/a.png", "masks/a.tif", "masks/b.png", "masks/b.jpg")
    assert found(["photos"], "masks") == {
        "a.jpg": "mask: there are masks/a.png and masks/a.tif. Expected one; remove the others.",
        "b.jpg": "masks/b.jpg",
    }


def test_a_suffix_tells_masks_from_pictures_beside_them(tree):
    folder = tree("photos/a.jpg", "photos/a_mask.png", "photos/b.jpg", "photos/c_mask.png")
    assert found(["photos"], None, "_mask") == {
        "a.jpg": f"{folder.as_posix()}/photos/a_mask.png",
        "b.jpg": f"no mask: expected {folder / 'photos' / 'b_mask'}.png{OR_ADD}",
        "c_mask.png": f"no mask: expected {folder / 'photos' / 'c_mask_mask'}.png{OR_ADD}",
    }
    assert found(["photos"], "photos", "_mask")["a.jpg"] == "photos/a_mask.png"


def test_a_suffix_in_a_folder_of_masks(tree):
    tree("photos/a.jpg", "masks/a.png", "masks/a-m.png")
    assert found(["photos"], "masks", "-m") == {"a.jpg": "masks/a-m.png"}


def test_pictures_and_masks_of_one_folder_and_name_are_refused(tree):
    tree("photos/a.jpg", "photos/a.png")
    with pytest.raises(InpaintError, match=r"photos has pictures and masks of the same names.*suffix"):
        find_pairs(["photos"], "photos")


def test_one_mask_for_all(tree):
    tree("photos/a.jpg", "photos/b.jpg", "photos/mask.png")
    assert found(["photos"], "photos/mask.png") == {"a.jpg": "photos/mask.png", "b.jpg": "photos/mask.png"}


def test_without_masks_it_is_the_pictures_own_alpha(tree):
    tree("photos/a.png")
    assert found(["photos"], None) == {"a.png": None}


def test_folders_of_folders_only_on_request(tree):
    tree("photos/a.jpg", "photos/sub/a.jpg", "masks/a.png", "masks/sub/a.png")
    assert found(["photos"], "masks") == {"a.jpg": "masks/a.png"}
    assert found(["photos"], "masks", recursive=True) == {"a.jpg": "masks/a.png", "sub/a.jpg": "masks/sub/a.png"}


def test_masks_within_the_pictures_folder_are_no_pictures(tree):
    tree("photos/a.jpg", "photos/masks/a.png", "photos/masks/b.png")
    assert found(["photos"], "photos/masks", recursive=True) == {"a.jpg": "photos/masks/a.png"}


def test_results_within_the_pictures_folder_are_no_pictures(tree):
    folder = tree("photos/a.jpg", "photos/results/a.jpg", "mask.png") / "photos" / "results"
    for images in ("photos", "photos/**/*.jpg", "photos/*"):
        assert found([images], "mask.png", recursive=True, output=folder) == {"a.jpg": "mask.png"}
    # What is meant is taken: these are the results of another run.
    assert found(["photos/results"], "mask.png", output=folder / "more") == {"a.jpg": "mask.png"}
    assert found(["photos/results"], "mask.png", output=folder.parent) == {"a.jpg": "mask.png"}
    assert found(["photos/results/a.jpg"], "mask.png", output=folder) == {"a.jpg": "mask.png"}


def test_the_report_of_a_run_is_no_picture(tree):
    tree("results/a.jpg", "results/mend-batch/sample.jpg", "results/mend-batch/manifest.sqlite")
    tree("results/photos/mend-batch/b.jpg")  # only a name
    wanted = {"a.jpg": None, "photos/mend-batch/b.jpg": None}
    assert found(["results"], None, recursive=True) == wanted
    assert found(["results/**"], None) == wanted


def test_the_report_of_a_run_is_not_matched_by_a_pattern(tree):
    tree("results/a.jpg", "results/mend-batch/manifest.sqlite", "results/mend-batch/sample.jpg", "mask.png")
    for pattern in ("results/*", "results/**/*.jpg"):
        assert found([pattern], "mask.png", recursive=True) == {"a.jpg": "mask.png"}


def test_no_result_lies_among_the_files_of_the_report(tree):
    tree("photos/Mend-Batch/sample.jpg", "photos/mend-batch.jpg", "mask.png")
    assert found(["photos"], "mask.png", recursive=True) == {
        "mend-batch.jpg": "mask.png",
        "Mend-Batch/sample.jpg": "its result would lie among the report's files. Rename the folder Mend-Batch.",
    }


def test_links_in_circles_end(tree):
    folder = tree("photos/a.png", "photos/sub/b.png")
    (folder / "photos" / "sub" / "up").symlink_to("..")
    (folder / "photos" / "0-other").symlink_to("sub")
    expected = {"a.png": None, "sub/b.png": None}
    assert found(["photos"], None, recursive=True) == expected
    assert found(["photos/**/*.png"], None) == expected


def test_a_link_to_nothing_is_a_picture_that_fails_later(tree):
    folder = tree("photos/a.png")
    (folder / "photos" / "gone.png").symlink_to("nowhere.png")
    (folder / "photos" / "itself.png").symlink_to("itself.png")
    assert set(found(["photos"], None)) == {"a.png", "gone.png", "itself.png"}


def test_what_cannot_be_read_is_listed_and_hidden_files_are_not(tree):
    tree("photos/a.heic", "photos/b.CR2", "photos/.c.png", "photos/._d.jpg", "photos/.trash/e.png")
    assert set(found(["photos"], None, recursive=True)) == {"a.heic", "b.CR2"}


def test_a_pattern(tree):
    tree("photos/a.jpg", "photos/b.png", "photos/readme.txt", "photos/sub/c.jpg")
    assert set(found(["photos/*.jpg"], None)) == {"a.jpg"}
    assert set(found(["photos/*"], None)) == {"a.jpg", "b.png", "sub/c.jpg"}
    assert set(found(["p*/**/*.jpg"], None)) == {"photos/a.jpg", "photos/sub/c.jpg"}
    assert set(found(["photos/**"], None)) == {"a.jpg", "b.png", "sub/c.jpg"}
    assert set(found(["photos/**/sub/*"], None)) == {"sub/c.jpg"}


def test_brackets_in_a_folders_name_are_no_pattern(tree):
    tree("photos [2024]/a.jpg")
    assert set(found(["photos [2024]"], None)) == {"a.jpg"}


def test_a_list(tree):
    folder = tree("lists/a.jpg", "lists/sub/b.jpg", "elsewhere/c.jpg")
    absolute = folder / "elsewhere" / "c.jpg"
    text = f"\ufeffa.jpg\n# a comment\n\n  sub/b.jpg  \n{absolute}\nmissing.jpg\n"
    (folder / "lists" / "chosen.txt").write_text(text, encoding="utf-8")
    assert set(found(["lists/chosen.txt"], None)) == {"a.jpg", "sub/b.jpg", "c.jpg", "missing.jpg"}


def test_a_list_that_is_no_text_is_an_error(tree):
    folder = tree("chosen.txt")
    (folder / "chosen.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InpaintError, match=r"chosen\.txt cannot be read as a list of pictures in UTF-8"):
        find_pairs(["chosen.txt"], None)


def test_results_of_one_name_are_an_error_of_both(tree):
    folder = tree("one/a.jpg", "two/a.jpg", "two/b.jpg").as_posix()
    assert found(["one", "two"], None) == {
        f"{folder}/{one}/a.jpg": f"its result would have the same name as that of {folder}/{other}/a.jpg. {RENAME}"
        for one, other in (("one", "two"), ("two", "one"))
    } | {
        "b.jpg": None,
    }


def test_names_that_some_disks_take_for_one(tree):
    tree("photos/a.jpg", "photos/A.jpg", "photos/b.jpg")
    if len(os.listdir("photos")) == 3:  # on a disk that tells them apart
        pairs = find_pairs(["photos"], None)
        assert [bool(pair.error) for pair in pairs] == [True, True, False]


def test_a_picture_named_twice_is_one(tree):
    tree("photos/a.jpg")
    assert set(found(["photos", "photos/a.jpg", "./photos"], None)) == {"a.jpg"}


def test_umlauts_of_one_sign_and_of_two_match(tree):
    tree("photos/u\u0308.jpg", "masks/\u00fc.png")
    assert list(found(["photos"], "masks").values()) == ["masks/\u00fc.png"]


def test_a_name_that_is_no_text_is_an_error_of_its_picture(tree):
    folder = tree("photos/a.png")
    try:
        (folder / "photos" / os.fsdecode(b"caf\xe9.png")).touch()
    except OSError:  # a disk that allows no such names
        return
    names = found(["photos"], None)
    assert names == {"a.png": None, "caf\\udce9.png": "its name has characters that are not valid text. Rename it."}


def test_what_is_named_and_not_there_is_an_error(tree):
    tree("photos/notes.txt", "a.jpg")
    with pytest.raises(InpaintError, match=r"images: nowhere is not there\. Expected a folder, a picture, a pattern"):
        find_pairs(["nowhere"], None)
    with pytest.raises(InpaintError, match=r"masks: nowhere is not there\. Expected a folder of masks, or one mask"):
        find_pairs(["a.jpg"], "nowhere")
    for images in ("photos", "*.png"):
        with pytest.raises(InpaintError, match=r"no picture found in .*--recursive"):
            find_pairs([images], None)

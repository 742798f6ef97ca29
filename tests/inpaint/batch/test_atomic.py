"""Files that are whole or absent.

Mutations seen to fail here: written in place; the temporary file left after an error.
"""

import multiprocessing
import os
import stat
import threading
import time
from typing import Any

import pytest

from inpaint.batch.files.atomic import write_atomic
from inpaint.core.errors import InpaintError

# To start anew costs seconds of imports.
PROCESSES: Any = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")


def _write_again_and_again(path):
    while True:
        for letter in (b"a", b"b"):
            write_atomic(path, letter * 3_000_000)


def test_a_file_is_written_with_its_folders(tmp_path):
    path = tmp_path / "new" / "ü ü" / "photo.png"
    write_atomic(path, b"first")
    write_atomic(path, b"second")
    assert path.read_bytes() == b"second"
    assert os.listdir(path.parent) == ["photo.png"]


def test_a_file_has_the_permissions_of_any_other(tmp_path):
    write_atomic(tmp_path / "ours", b"")
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path):
    path = tmp_path / ("ü" * 125 + ".png")
    write_atomic(path, b"whole")
    assert path.read_bytes() == b"whole"


def test_a_folder_in_its_place_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "photo.png").mkdir()
    with pytest.raises(InpaintError, match=r"photo\.png: cannot be written to .*Check the folder"):
        write_atomic(tmp_path / "photo.png", b"x")
    assert os.listdir(tmp_path) == ["photo.png"]


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(InpaintError, match="cannot be written"):
        write_atomic(tmp_path / "results" / "photo.png", b"x")


def test_threads_do_not_meet(tmp_path):
    path = tmp_path / "photo.png"
    bodies = [bytes([letter]) * 100_000 for letter in range(8)]
    threads = [threading.Thread(target=write_atomic, args=(path, body)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in bodies
    assert os.listdir(tmp_path) == ["photo.png"]


def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path):
    path = tmp_path / "photo.png"
    for wait in range(10):
        process = PROCESSES.Process(target=_write_again_and_again, args=(path,))
        process.start()
        while not path.exists():
            time.sleep(0.001)
        time.sleep(0.02 + 0.007 * wait)
        process.kill()
        process.join()
        data = path.read_bytes()
        assert len(data) == 3_000_000
        assert len(set(data)) == 1
    others = [name for name in os.listdir(tmp_path) if name != "photo.png"]
    assert all(name.startswith(".mend-") and name.endswith(".part") for name in others)
    assert stat.S_ISREG(path.stat().st_mode)

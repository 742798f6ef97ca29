"""Which picture goes with which mask."""

from __future__ import annotations

import fnmatch
import functools
import glob
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.errors import InpaintError, printable
from .manifest import FOLDER, is_report

MaskOf = Callable[[Path, str], Path | None]

# Endings of files that count as pictures in a folder. The unreadable cannot be read here: each is in the list
# of pairs all the same, so that it fails by name and is not overlooked.
PICTURES = frozenset(
    (
        ".png",
        ".apng",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".webp",
        ".tif",
        ".tiff",
        ".bmp",
        ".dib",
        ".gif",
        ".avif",
    )
)
UNREADABLE = frozenset(
    (
        *(".heic", ".heif", ".hif", ".avifs", ".jxl", ".jp2", ".j2k", ".psd", ".psb", ".exr", ".hdr"),
        *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf"),
    )
)
LISTS = frozenset((".txt", ".lst", ".list"))


@dataclass(frozen=True)
class Pair:
    """A picture and the mask that goes with it."""

    name: str
    """Path of the picture relative to the folder in which it was found, with forward slashes. No two pairs have one."""
    image: Path
    """The picture."""
    mask: Path | None
    """The mask. None: the picture's own alpha, transparent where it is to be repainted."""
    error: str = ""
    """Why this pair cannot run; "" if it can."""


def find_pairs(
    images: Sequence[str],
    masks: str | None,
    suffix: str = "",
    recursive: bool = False,
    output: Path | None = None,
) -> list[Pair]:
    """Find pictures and their masks.

    Args:
        images: each a folder, a picture, a pattern ("photos/*.jpg"; "**" reaches into folders) or a text file that
            lists pictures, one a line, relative to its own folder.
        masks: a folder, or one mask for all pictures. None: each picture's own alpha; with `suffix`, the file beside
            the picture.
        suffix: what a mask's name has after the picture's: "_mask" for photo.jpg and photo_mask.png.
        recursive: look into folders of folders too. Each folder is visited once, whatever links lead to it.
        output: the folder of results.

    Returns:
        By name. A mask has its picture's name in any picture format: photo.png, or photo.jpg.png, for photo.jpg.
        Pictures without a mask, with two, or with a name that another one has are there with an error. Masks that were
        found beside the pictures are no pictures, nor is anything in the folders of masks, of results and of reports.
        Hidden files are left out.

    Raises:
        InpaintError: if something named is not there, or there is no picture at all.
    """
    mask_of = _finder(masks, suffix, recursive)
    found: dict[Path, str] = {}
    no_pictures = [folder for folder in (Path(masks) if masks else None, output) if folder and folder.is_dir()]
    for source in images:
        for path, name in _pictures(source, recursive):
            if not any(_was_met_in(folder, path, source) for folder in no_pictures):
                # As it is written, so that a link and its target, which have two names, stay two.
                found.setdefault(Path(os.path.abspath(path)), name)
    pairs = [_pair(path, name, mask_of) for path, name in found.items()]
    used = {Path(os.path.abspath(pair.mask)) for pair in pairs if pair.mask is not None}
    if not suffix and masks is not None and Path(masks).is_dir() and not used.isdisjoint(found):
        raise InpaintError(
            f"masks: {masks} has pictures and masks of the same names. Expected masks in a folder of their own, or "
            "with a suffix: photo.jpg and photo_mask.png are told apart by the suffix _mask."
        )
    pairs = [pair for pair in pairs if pair.image not in used]
    if not pairs:
        raise InpaintError(
            f"images: no picture found in {', '.join(map(repr, images))}. Expected files that end in "
            f"{', '.join(sorted(PICTURES))}{'' if recursive else '; --recursive looks into folders of folders'}."
        )
    return sorted(_named_apart(pairs), key=lambda pair: pair.name)


def _pair(path: Path, name: str, mask_of: MaskOf) -> Pair:
    shown = printable(name)
    if shown != name:
        return Pair(shown, path, None, "its name has characters that are not valid text. Rename it.")
    top, slash, _ = name.partition("/")
    if slash and key_of(top) == FOLDER:
        return Pair(name, path, None, f"its result would lie among the report's files. Rename the folder {top}.")
    try:
        return Pair(name, path, mask_of(path, name))
    except InpaintError as error:
        return Pair(name, path, None, str(error))


def _named_apart(pairs: list[Pair]) -> Iterator[Pair]:
    """Mark all pictures whose results would be one file, here or on a disk that does not tell A from a.

    The first has to fail too: which one is the first depends on how the pictures were named.
    """
    alike: dict[str, list[Pair]] = {}
    for pair in pairs:
        alike.setdefault(key_of(pair.name), []).append(pair)
    for group in alike.values():
        if len(group) == 1:
            yield group[0]
            continue
        for pair in group:
            other = next(one for one in group if one is not pair)
            error = f"its result would have the same name as that of {other.image}. Rename one of them."
            yield replace(pair, name=printable(pair.image.as_posix()), mask=None, error=error)


def _pictures(source: str, recursive: bool) -> Iterator[tuple[Path, str]]:
    """Yield the pictures of one `--images`, each with its name."""
    path = Path(source)
    if path.is_dir():
        for file in _files(path, recursive):
            yield file, file.relative_to(path).as_posix()
    elif path.is_file():
        if path.suffix.lower() in LISTS:
            yield from _listed(path)
        else:
            yield path, path.name
    elif glob.has_magic(source):
        yield from _matching(source, recursive)
    else:
        raise InpaintError(f"images: {source} is not there. Expected a folder, a picture, a pattern or a text file.")


def _files(folder: Path, recursive: bool) -> Iterator[Path]:
    """Yield the pictures of a folder. What several links lead to is visited once, by the way without a link."""
    folders, links, seen = [folder], list[Path](), set()
    while folders or links:
        here = folders.pop(0) if folders else links.pop(0)
        try:
            status = os.stat(here)
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            raise InpaintError(f"{here} cannot be read: {error.strerror}. Check the folder's permissions.") from error
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                if recursive and not is_report(Path(entry.path)):
                    (links if entry.is_symlink() else folders).append(Path(entry.path))
            elif _is_picture(Path(entry.path)):
                # A link to nothing too: it fails by name when it is read.
                yield Path(entry.path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _matching(pattern: str, recursive: bool) -> Iterator[tuple[Path, str]]:
    """Yield the pictures that a pattern matches. Names are relative to its part before the first wildcard."""
    base, wild = _parts(pattern)
    if "**" in wild:
        # glob itself would follow links in circles, in more ways than can be counted.
        for file in _files(base, recursive=True) if base.is_dir() else ():
            if _fits(file.relative_to(base).parts, wild):
                yield file, file.relative_to(base).as_posix()
        return
    for match in sorted(Path(match) for match in glob.glob(pattern) if not is_report(Path(match))):
        for file in _files(match, recursive) if match.is_dir() else filter(_is_picture, [match]):
            yield file, file.relative_to(base).as_posix()


def _parts(pattern: str) -> tuple[Path, tuple[str, ...]]:
    """Return the folder before a pattern's first wildcard, and the parts from there."""
    parts = Path(pattern).parts
    plain = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:plain]), parts[plain:]


def _fits(parts: tuple[str, ...], wild: tuple[str, ...]) -> bool:
    """Whether a path fits a pattern in which "**" stands for any number of folders, none included."""
    if not wild:
        return not parts
    if wild[0] == "**":
        return any(_fits(parts[start:], wild[1:] or ("*",)) for start in range(len(parts)))
    return bool(parts) and fnmatch.fnmatch(parts[0], wild[0]) and _fits(parts[1:], wild[1:])


def _listed(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the pictures that a text file lists. Outside its folder a picture's name is the file's alone."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InpaintError(
            f"images: {path} cannot be read as a list of pictures in UTF-8: {error}. Save it as UTF-8."
        ) from error
    for line in lines:
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        listed, folder = Path(os.path.abspath(path.parent / entry)), Path(os.path.abspath(path.parent))
        yield listed, listed.relative_to(folder).as_posix() if listed.is_relative_to(folder) else listed.name


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES | UNREADABLE


def _was_met_in(folder: Path, path: Path, source: str) -> bool:
    """Whether a picture lies in a folder that was met on the way: within what was looked through, but not all of it."""
    if Path(source).is_file():
        return False
    base = Path(source) if Path(source).is_dir() else _parts(source)[0]
    folder = folder.resolve()
    return path.parent.resolve().is_relative_to(folder) and not base.resolve().is_relative_to(folder)


def _finder(masks: str | None, suffix: str, recursive: bool) -> MaskOf:
    """Return a function from a picture's path and name to its mask, None for its alpha. It raises InpaintError."""
    if masks is None:
        if not suffix:
            return lambda path, name: None
        index_of = functools.cache(functools.partial(_index, recursive=False))
        return lambda path, name: _only_mask(path, path.name, path.parent, suffix, index_of(path.parent))
    folder = Path(masks)
    if folder.is_file():
        return lambda path, name: folder
    if not folder.is_dir():
        raise InpaintError(f"masks: {masks} is not there. Expected a folder of masks, or one mask for all pictures.")
    index = _index(folder, recursive)
    return lambda path, name: _only_mask(path, name, folder, suffix, index)


def _index(folder: Path, recursive: bool) -> dict[str, list[Path]]:
    """Return the pictures of a folder by their paths in it without the ending."""
    index: dict[str, list[Path]] = {}
    for file in _files(folder, recursive):
        index.setdefault(key_of(file.relative_to(folder).with_suffix("").as_posix()), []).append(file)
    return index


def _only_mask(path: Path, name: str, folder: Path, suffix: str, index: dict[str, list[Path]]) -> Path:
    stem = Path(name).with_suffix("").as_posix()
    found = [file for key in (stem, name) for file in index.get(key_of(key + suffix), ())]
    found = [file for file in found if Path(os.path.abspath(file)) != path]
    exact = [file for file in found if file.name == Path(name).name]
    if len(found) == 1 or len(exact) == 1:
        return (exact or found)[0]
    if found:
        names = " and ".join(str(file) for file in found)
        raise InpaintError(f"mask: there are {names}. Expected one; remove the others.")
    wanted = folder / (stem + suffix)
    raise InpaintError(f"no mask: expected {wanted}.png, or another picture format. Add it, or leave the picture out.")


def key_of(name: str) -> str:
    """Return what names have in common that people take for one: capitals, and umlauts of one sign or two."""
    return unicodedata.normalize("NFC", name).casefold()

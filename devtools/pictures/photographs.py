"""Photographs with free licences from Debian's wallpaper packages: fetched where needed, never part of the project."""

from __future__ import annotations

import subprocess
from pathlib import Path

from devtools.setup.environment import Environment

FOLDER = Environment().state / "photographs"
# Package -> its pictures that are photographs, by path under usr/share; each package says who made which, and the
# licence, in usr/share/doc.
PACKAGES: dict[str, tuple[str, ...]] = {
    "lomiri-wallpapers-16.04": tuple(
        f"backgrounds/{name}.jpg"
        for name in (
            "Bridge_by_Sander_Klootwijk",
            "Dragonfly_by_Bolly",
            "Picture_0B_by_freespace",
            "Picture_1A_by_freespace",
            "Wine_by_Jakkub_Mede",
            "aitzgorri_by_Aitzol_Berasategi",
            "free_by_Peter_Nerlich",
            "friends_by_Aitzol_Berasategi",
            "greentock_by_Peter_Nerlich",
            "life_by_Aitzol_Berasategi",
            "picosdeeuropa_by_Aitzol_Berasategi",
            "seeding_by_Clements_Engelhardt",
            "sunset_by_Aitzol_Berasategi",
        )
    ),
    "lomiri-wallpapers-20.04": ("backgrounds/Kleiber_by_Lukas_Baubkus.jpg",),
    "mate-backgrounds": tuple(
        f"backgrounds/mate/nature/{name}.jpg"
        for name in (
            "Aqua",
            "Blinds",
            "Dune",
            "FreshFlower",
            "Garden",
            "GreenMeadow",
            "LadyBird",
            "RainDrops",
            "Storm",
            "TwoWings",
            "Wood",
            "YellowFlower",
        )
    ),
    "plasma-workspace-wallpapers": (
        *(
            f"wallpapers/{name}/contents/images/2560x1600.jpg"
            for name in (
                "BytheWater",
                "ColdRipple",
                "ColorfulCups",
                "EveningGlow",
                "FallenLeaf",
                "Grey",
                "Kite",
                "OneStandsOut",
                "Path",
                "summer_1am",
            )
        ),
    ),
}


def photographs() -> dict[str, Path]:
    """Their files by name, fetched on the first call: 36 photographs of 1.5 to 20 megapixels, 170 MB of packages.

    Raises:
        subprocess.CalledProcessError: where Debian's tools cannot fetch a package (run `apt-get update` once).
    """
    return {
        _name(picture): _unpacked(package) / "usr/share" / picture
        for package, pictures in PACKAGES.items()
        for picture in pictures
    }


def _name(picture: str) -> str:
    folder, _, rest = picture.removeprefix("wallpapers/").partition("/")
    return folder if picture.startswith("wallpapers/") else Path(rest).stem


def _unpacked(package: str) -> Path:
    """The folder with what a package holds."""
    folder = FOLDER / package
    if not folder.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        for left in FOLDER.glob(f"{package}_*.deb"):
            left.unlink()
        subprocess.run(["apt-get", "download", package], cwd=FOLDER, check=True)
        (archive,) = FOLDER.glob(f"{package}_*.deb")
        half_way = FOLDER / f"{package}.part"
        subprocess.run(["dpkg-deb", "-x", archive, half_way], check=True)
        archive.unlink()
        half_way.rename(folder)
    return folder

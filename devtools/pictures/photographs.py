"""Photographs with free licenses from Debian's wallpaper packages, downloaded on demand and not part of the project."""

from __future__ import annotations

import subprocess
from pathlib import Path

from devtools.setup.environment import Environment

FOLDER = Environment().state / "photographs"
# Package -> its photographs, as paths below usr/share. Each package names authors and licenses in usr/share/doc.
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
    """Return photograph files by name: 36 of 1.5 to 20 megapixels. The first call downloads 170 MB of packages.

    Raises:
        subprocess.CalledProcessError: if apt-get cannot download a package (run `apt-get update` once).
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
    """Return the folder of an unpacked package. Downloads and unpacks it if missing."""
    folder = FOLDER / package
    if not folder.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        for left in FOLDER.glob(f"{package}_*.deb"):
            left.unlink()
        subprocess.run(["apt-get", "download", package], cwd=FOLDER, check=True)
        (archive,) = FOLDER.glob(f"{package}_*.deb")
        unfinished = FOLDER / f"{package}.part"
        subprocess.run(["dpkg-deb", "-x", archive, unfinished], check=True)
        archive.unlink()
        unfinished.rename(folder)
    return folder

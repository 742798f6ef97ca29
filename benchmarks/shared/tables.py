"""Print Markdown tables line by line, and describe the machine that they were measured on."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path


class Report:
    """Prints lines, and keeps them for a file."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._widths: list[int] = []

    def say(self, line: str = "") -> None:
        print(line, flush=True)
        self._lines.append(line)

    def heading(self, text: str) -> None:
        self.say()
        self.say(f"## {text}")
        self.say()

    def point(self, reached: bool, text: str) -> None:
        self.say(f"- {'met' if reached else 'MISSED'}: {text}")

    def table(self, **columns: int) -> None:
        """Begin a table. columns: names (underscores become spaces) and widths in characters."""
        self._widths = list(columns.values())
        self.say()
        self.row(*(name.replace("_", " ") for name in columns))
        self.say("|" + "|".join("-" * (width + 2) for width in self._widths) + "|")

    def row(self, *cells: object) -> None:
        padded = (str(cell).ljust(width) for cell, width in zip(cells, self._widths, strict=True))
        self.say("| " + " | ".join(padded) + " |")

    def write(self, path: Path) -> None:
        path.write_text("\n".join(self._lines) + "\n", encoding="utf-8")


def machine(host: Path) -> str:
    """Describe the measurement: date, processor and versions.

    Args:
        host: ComfyUI's folder.
    """
    import cv2
    import numpy as np
    import torch

    load = f", load average {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    versions = (
        f"Python {platform.python_version()}, torch {torch.__version__}, OpenCV {cv2.__version__}, "
        f"NumPy {np.__version__}, ComfyUI {_host_version(host)}"
    )
    return f"{datetime.date.today()}: {_processor()}, {os.cpu_count()} cores{load}; {platform.system()}, {versions}."


def _processor() -> str:
    # `platform` does not know the processor's name on Linux.
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        for line in listed.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _host_version(host: Path) -> str:
    return (host / "comfyui_version.py").read_text(encoding="utf-8").split('"')[-2]

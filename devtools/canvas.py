"""ComfyUI's real canvas in headless Chromium: open a workflow, read and set widgets, run it, take pictures."""

from __future__ import annotations

import json
import os
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from playwright.sync_api import ConsoleMessage, Page, Route, sync_playwright

from devtools.environment import NoBrowser, find_chromium

CHROMIUM_FLAGS = (
    *("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--no-first-run",
)

"""The command line of `mend-batch`."""

from __future__ import annotations

import argparse
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from .comfyui.workflow import shipped_names
from .engines import COMFYUI, ENGINES

DTYPES = ("auto", "float32", "float16", "bfloat16")
OFFLOADS = ("auto", "none", "model", "group", "sequential")
# Options that not all engines have.
OPTIONS_OF = {
    ("workflow", "hosts", "image_node", "mask_node", "output_node"): (COMFYUI,),
    ("model",): ("network", "diffusers"),
    ("processes",): ("fill", "network", "diffusers"),
    ("config", "allow_download", "dtype", "offload", "batch"): ("diffusers",),
}
LOCAL = "http://127.0.0.1:8188"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options. Ends the program with a usage message where they are not right."""
    parser = argparse.ArgumentParser(
        prog="mend-batch",
        description="Inpaint a folder of pictures through one or several ComfyUI hosts. Results have the pictures' "
        "formats and metadata; every pixel that was not repainted is the original's, closely where the format has "
        "loss. A run that was ended is taken up again with --resume.",
        epilog="Headers for hosts behind a login: environment variable MEND_BATCH_HEADERS, a 'Name: value' a line.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--images", nargs="+", required=True, metavar="PATH", help="folders, pictures, patterns, or a .txt that lists")
    add(
        "--masks",
        metavar="PATH",
        help="a folder of masks with the pictures' names, or one mask for all; white is "
        "repainted. Without: each picture's own alpha",
    )
    add("--mask-suffix", default="", metavar="TEXT", help="what a mask's name has after its picture's, such as _mask")
    add("--recursive", action="store_true", help="look into folders of folders")
    add("--output", required=True, type=Path, metavar="DIR", help="where the results go, under the pictures' names")
    add("--engine", choices=ENGINES, default=COMFYUI, help=f"what makes the pictures (default: {COMFYUI})")
    add(
        "--workflow",
        metavar="NAME|FILE",
        help=f"a file in API form, or one of {', '.join(shipped_names())}",
    )
    add(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="NODE.input=VALUE",
        dest="sets",
        help="set an input; NODE is an id, a title or a class. Engines that run here have plain names: NAME=value",
    )
    add("--prompts", type=Path, metavar="FILE", help=".csv or .jsonl with columns name, prompt, seed, NODE.input")
    add("--seed", type=int, default=0, metavar="N", help="each picture's seed comes from it and its name (default: 0)")
    add("--image-node", metavar="NODE", help="the node that loads the picture, where it is not clear")
    add("--mask-node", metavar="NODE", help="the node that loads the mask")
    add("--output-node", metavar="NODE", help="the node that saves the result")
    add("--host", nargs="+", action="extend", default=[], metavar="URL", dest="hosts", help=f"default: {LOCAL}")
    add("--model", type=Path, metavar="PATH", help="the model of an engine that runs here")
    add("--processes", type=int, metavar="N", help="processes of an engine that runs here (default: one a core)")
    add("--config", type=Path, metavar="DIR", help="diffusers, single files: configurations and tokenizers")
    add("--allow-download", action="store_true", help="diffusers: let it ask a hub for what is not here")
    add("--dtype", choices=DTYPES, default=DTYPES[0], help="diffusers: what it computes in (default: auto)")
    add("--offload", choices=OFFLOADS, default=OFFLOADS[0], help="diffusers: where unused weights are (default: auto)")
    add("--batch", type=int, default=1, metavar="N", help="diffusers: crops of one size made at once (default: 1)")
    add("--dry-run", action="store_true", help="check everything and say what would be done")
    add("--limit", type=int, metavar="N", help="make at most so many pictures now")
    add(
        "--retry",
        type=int,
        default=1,
        metavar="N",
        help="tries more for a picture that fails, with one host; with "
        "several, it is marked after two hosts (default: 1)",
    )
    add(
        "--timeout",
        type=float,
        default=900.0,
        metavar="SECONDS",
        help="when a host hangs that has made nothing yet; later it is 8 times its own median (default: 900)",
    )
    add("--resume", action="store_true", help="go on with the run in the output folder")
    options = parser.parse_args(arguments)
    for name, least in (("seed", 0), ("limit", 1), ("retry", 0), ("processes", 1), ("batch", 1)):
        value = getattr(options, name)
        if value is not None and value < least:
            parser.error(f"--{name}: expected {least} or more, got {value}")
    if not options.timeout > 0:
        parser.error(f"--timeout: expected more than 0, got {options.timeout}")
    _check_engine(parser, options)
    for url in options.hosts:
        try:
            urllib.parse.urlsplit(url if "://" in url else f"http://{url}").port  # noqa: B018
        except ValueError as error:
            parser.error(f"--host: {url} is no address: {error}")
    options.hosts = list(dict.fromkeys(options.hosts)) or [LOCAL]
    return options


def _check_engine(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Check that the options are those of the engine."""
    if options.engine == COMFYUI and options.workflow is None:
        parser.error(f"--workflow: expected a file in API form, or one of {', '.join(shipped_names())}")
    for names, engines in OPTIONS_OF.items():
        for name in names:
            if options.engine not in engines and getattr(options, name) != parser.get_default(name):
                option = "host" if name == "hosts" else name.replace("_", "-")
                parser.error(f"--{option}: --engine {options.engine} has none")

"""The pack as the host sees it: what it registers, what it says of itself, what its import costs.

Mutations seen to fail here: cv2 imported at module level; an input without a tooltip; a missing help page; a guard
that lets an old host through; files for the page of a host that gets no nodes.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.node_ids import NODES

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(params=NODES)
def node(request, host_nodes):
    return host_nodes.NODE_CLASS_MAPPINGS[request.param]


def test_registers_exactly_its_nodes(host_nodes):
    assert sorted(name for name in host_nodes.NODE_CLASS_MAPPINGS if name.startswith("Mend")) == sorted(NODES)


def test_every_node_explains_itself(node):
    schema = node.GET_SCHEMA()
    assert schema.display_name
    assert len(schema.description) > 40
    assert schema.category.startswith("Mend/")
    assert [port.id for port in schema.inputs if not port.tooltip] == []


def test_help_page_names_every_widget(node):
    schema = node.GET_SCHEMA()
    page = (ROOT / "web" / "docs" / f"{schema.node_id}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {schema.display_name}\n")
    assert [port.id for port in schema.inputs if hasattr(port, "default") and f"{port.id}" not in page] == []


def test_sources_are_plain_ascii():
    sources = [
        path for pattern in ("*.py", "inpaint/**/*.py", "nodes/**/*.py", "web/**/*.js") for path in ROOT.glob(pattern)
    ]
    assert len(sources) > 20
    assert [path.name for path in sources if not path.read_bytes().isascii()] == []


IMPORT = """
import asyncio, cProfile, sys, logging
sys.path.insert(0, {comfyui!r})
sys.argv = ["main.py", "--cpu", "--base-directory", {base!r}]
import comfy.options
comfy.options.enable_args_parsing()
import nodes, comfy_api.latest, comfy_config.config_parser
before = set(sys.modules)
profile = cProfile.Profile()
profile.enable()
assert asyncio.run(nodes.load_custom_node({pack!r}))
profile.disable()
new = set(sys.modules) - before
others = sorted(name for name in new if not str(getattr(sys.modules[name], "__file__", "")).startswith({pack!r}))
print("calls", sum(entry.callcount for entry in profile.getstats()))
print("others", *others)
"""


@pytest.mark.slow
def test_import_is_light_and_silent(comfyui, base, host_nodes, tmp_path):
    pack = tmp_path / "any name, with.dots"
    pack.symlink_to(ROOT, target_is_directory=True)
    script = IMPORT.format(comfyui=str(comfyui), base=str(base), pack=str(pack))
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not re.search(r"any name|mend", run.stderr, re.IGNORECASE)
    found = dict(line.partition(" ")[::2] for line in run.stdout.splitlines())
    print(found)
    heavy = {"cv2", "diffusers", "kornia", "scipy", "skimage", "spandrel"}
    assert not heavy & {name.partition(".")[0] for name in found["others"].split()}
    # Calls, not seconds: these depend on what else the machine does.
    assert int(found["calls"]) < 150_000


OBSTACLE = """
import importlib.util, sys
sys.path.insert(0, {folder!r})
sys.modules.update({modules})
spec = importlib.util.spec_from_file_location("pack", {init!r}, submodule_search_locations=[{root!r}])
module = importlib.util.module_from_spec(spec)
sys.modules["pack"] = module
spec.loader.exec_module(module)
print(hasattr(module, "comfy_entrypoint"), hasattr(module, "WEB_DIRECTORY"), module.NODE_CLASS_MAPPINGS)
"""


@pytest.mark.parametrize(
    ("version", "modules", "message"),
    [
        ("0.3.74", {}, "needs ComfyUI 0.3.75 or newer, this is 0.3.74. Update ComfyUI."),
        (None, {}, "this is a ComfyUI custom node pack: put its folder into ComfyUI/custom_nodes."),
        ("0.3.75", {"cv2": None}, "needs OpenCV. Run: python -m pip install opencv-python-headless"),
    ],
)
def test_says_in_one_line_why_it_does_not_load(version, modules, message, tmp_path):
    if version:
        (tmp_path / "comfyui_version.py").write_text(f'__version__ = "{version}"')
    script = OBSTACLE.format(folder=str(tmp_path), modules=modules, init=str(ROOT / "__init__.py"), root=str(ROOT))
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert run.stdout.strip() == "False False {}"
    assert len(run.stderr.strip().splitlines()) == 1
    assert f"Mend is not loaded: {message}" in run.stderr

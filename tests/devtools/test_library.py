"""The package that pip installs: what docs/library.md shows, run against the built wheel without a host.

Mutations seen to fail here: the package under its own folder's name; py.typed left out; a public name that no folder
has; a snippet that no longer runs.
"""

import ast
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from devtools.setup.environment import ROOT

LIBRARY = ROOT / "docs" / "library.md"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The project's wheel, built by its own build back end, which is installed here."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT]
    subprocess.run(command, check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """The interpreter of a new environment with the wheel; what else it needs is taken from this environment."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    paths = sysconfig.get_paths("venv", vars={"base": str(folder), "platbase": str(folder)})
    site = Path(paths["purelib"])
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    packages = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (site / "dependencies.pth").write_text("\n".join(packages))
    return next(Path(paths["scripts"]).glob("python*"))


def run(python: Path, program: str, folder: Path) -> str:
    done = subprocess.run([python, "-c", program], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_library_alone(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    code = {name for name in names if ".dist-info/" not in name}
    shipped = {path.relative_to(ROOT / "inpaint").as_posix() for path in (ROOT / "inpaint").rglob("*.py")}
    shipped |= {f"batch/workflows/{path.name}" for path in (ROOT / "workflows" / "api").iterdir()}
    assert code == {f"mend_inpaint/{name}" for name in shipped | {"py.typed"}}
    (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    wanted = zipfile.ZipFile(wheel).read(metadata).decode()
    for package in ("torch", "numpy", "pillow", "scipy", "safetensors", "kornia", "spandrel", "einops"):
        assert re.search(rf"^Requires-Dist: {package}; extra == .library.$", wanted, re.MULTILINE | re.IGNORECASE)


def test_no_host_is_needed(python, tmp_path):
    program = "import importlib.util as util, mend_inpaint; print(mend_inpaint.__file__, util.find_spec('comfy'))"
    file, host = run(python, program, tmp_path).split()
    assert host == "None"
    assert Path(file).is_relative_to(python.parents[1])


def test_the_command_needs_no_torch(python, tmp_path):
    program = "import sys, mend_inpaint.batch.run; print('torch' in sys.modules)"
    assert run(python, program, tmp_path).split() == ["False"]


def test_the_command_knows_the_shipped_workflows(python, tmp_path):
    program = "from mend_inpaint.batch.comfyui.workflow import load_prompt; print(load_prompt('remove')[0])"
    assert run(python, program, tmp_path).split() == ["remove"]


@pytest.mark.slow
def test_every_public_name_is_there_and_typed(python, tmp_path):
    tree = ast.parse((ROOT / "inpaint" / "__init__.py").read_text(encoding="utf-8"))
    typed = {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level for alias in node.names
    }
    program = "import mend_inpaint as m; print(*m._FOLDER_OF); [getattr(m, name) for name in m._FOLDER_OF]"
    assert set(run(python, program, tmp_path).split()) == typed
    listed = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", LIBRARY.read_text(encoding="utf-8"), re.M)))
    assert sorted(listed) == sorted(typed)


@pytest.mark.slow
def test_the_example_runs(python, tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", LIBRARY.read_text(encoding="utf-8"), re.DOTALL)
    random = np.random.default_rng(0)
    photo = np.kron(random.integers(0, 256, (12, 18, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[70:120, 100:160] = 255
    Image.fromarray(photo).save(tmp_path / "photo.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    run(python, example, tmp_path)
    result = np.asarray(Image.open(tmp_path / "result.png"))
    outside = np.ones(mask.shape, bool)
    outside[70 - 14 : 120 + 14, 100 - 14 : 160 + 14] = False  # grown by 6, and a soft edge of 8
    assert (result[outside] == photo[outside]).all()
    assert (result[80:110, 110:150] != photo[80:110, 110:150]).any()

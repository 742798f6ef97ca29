"""Base directories, and the life of a host process, tried on a stand-in host that starts at once.

Mutations seen to be caught: copies instead of links; a copy with .git in it; an old copy not replaced; the log left
out of the error; `stop` without `kill`; paths of --models not quoted; --cpu turned around; a taken port
not noticed.
"""

import socket
import urllib.request

import pytest
import yaml

from devtools.hosts import process
from devtools.hosts.process import HostFailed, HostProcess

STAND_IN = """
import http.server, os, signal, sys
print("arguments", *sys.argv[1:], flush=True)
print("hub offline", os.environ["HF_HUB_OFFLINE"], flush=True)
if "--stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "--die" in sys.argv:
    sys.exit("out of luck")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def pack(tmp_path):
    folder = tmp_path / "some checkout"
    for name in ("__init__.py", "inpaint/masks.py", ".git/config", ".venv/big", "demo-output/x.png"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


@pytest.fixture
def host(tmp_path):
    folder = tmp_path / "host"
    folder.mkdir()
    (folder / "main.py").write_text(STAND_IN)
    return folder


def test_the_base_has_the_hosts_folders_and_the_packs_by_link(tmp_path, pack):
    other = tmp_path / "other_pack"
    other.mkdir()
    base = tmp_path / "base"
    process.prepare_base(base, pack, [other], name="any name")
    process.prepare_base(base, pack, [other], name="any name")
    assert {"custom_nodes", "models", "input", "output", "user", "temp"} == {path.name for path in base.iterdir()}
    assert (base / "models" / "checkpoints").is_dir()
    assert (base / "custom_nodes" / "any name").is_symlink()
    assert (base / "custom_nodes" / "any name").resolve() == pack
    assert (base / "custom_nodes" / "other_pack").resolve() == other


def refused(source, target):
    raise OSError("not here")


def test_where_links_are_refused_the_pack_is_copied_and_replaced(tmp_path, pack):
    target = tmp_path / "copy"
    for _ in range(2):
        process.place_pack(pack, target, [refused, process.link_by_junction, process.copy_pack])
        files = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
        assert files == ["__init__.py", "inpaint/masks.py"]
        (target / "stale.py").write_text("")


def test_a_link_is_replaced_without_touching_its_target(tmp_path, pack):
    other = tmp_path / "other"
    other.mkdir()
    process.place_pack(pack, tmp_path / "link")
    process.place_pack(other, tmp_path / "link")
    assert (tmp_path / "link").resolve() == other
    assert (pack / "__init__.py").exists()


def test_if_no_way_works_the_last_error_is_raised(tmp_path, pack):
    with pytest.raises(OSError, match="not here"):
        process.place_pack(pack, tmp_path / "link", [refused, refused])


def test_a_models_folder_is_mapped_by_its_sub_folders(tmp_path):
    folder = tmp_path / 'my "models": #1'
    for name in ("checkpoints", "vae", "holiday"):
        (folder / name).mkdir(parents=True)
    paths = yaml.safe_load(process.extra_model_paths(folder))["mend"]
    assert paths == {"checkpoints": str(folder / "checkpoints"), "vae": str(folder / "vae")}


def test_a_models_folder_without_sub_folders_holds_checkpoints(tmp_path):
    assert yaml.safe_load(process.extra_model_paths(tmp_path))["mend"] == {"checkpoints": str(tmp_path)}


def test_a_host_runs_with_our_base_and_ends_with_the_block(tmp_path, host, pack):
    base = tmp_path / "base"
    with HostProcess(host, base, pack=pack, models=tmp_path, arguments=["--extra"]) as running:
        with urllib.request.urlopen(running.url + "/system_stats") as reply:
            assert reply.status == 200
        log = running.log_text()
        assert f"--base-directory {base}" in log
        assert "--cpu" in log
        assert "--extra" in log
        assert "hub offline 1" in log
        assert str(base / "extra_model_paths.yaml") in log
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(running.url)


def test_a_host_that_dies_is_reported_with_its_log(tmp_path, host):
    with pytest.raises(HostFailed, match=r"exit status 1 before it answered") as failed:
        HostProcess(host, tmp_path / "base", pack=None, arguments=["--die"]).__enter__()
    assert "out of luck" in str(failed.value)


def test_a_port_of_another_program_is_refused(tmp_path, host):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(HostFailed, match=rf"Another program listens on port {port}"):
            HostProcess(host, tmp_path / "base", pack=None, port=port).__enter__()


def test_a_host_that_never_answers_is_ended(tmp_path, host):
    (host / "main.py").write_text("import time; print('thinking', flush=True); time.sleep(60)")
    process = HostProcess(host, tmp_path / "base", pack=None, start_timeout=1)
    with pytest.raises(HostFailed, match=r"did not answer within 1 s"):
        process.__enter__()
    assert process._process is None


def test_a_host_that_ignores_the_request_to_end_is_killed(tmp_path, host):
    with HostProcess(host, tmp_path / "base", pack=None, arguments=["--stubborn"]) as running:
        process = running._process
        assert process is not None
        running.stop(patience=0.2)
        assert process.returncode == -9


def test_the_gpu_question_is_answered_by_the_given_python(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    assert process.has_gpu(python)
    python.write_text("#!/bin/sh\nexit 1\n")
    assert not process.has_gpu(python)

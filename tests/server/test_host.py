"""How the pack behaves on a running host beside its pictures: start, errors, cancel, cache, previews.

Mutations seen to fail here: a warning logged at import; the checkpoint's header read only after loading; a fingerprint
that is new each time; choices not checked.
"""

import io
import re
import threading

import pytest
from PIL import Image

from devtools.hosts import prompts
from inpaint.batch.comfyui.client import PromptRejected
from tests.node_ids import NODES

from .conftest import CHECKPOINT


def _sd15(upload, **sampler):
    prompt = prompts.load("sd15-inpaint")
    prompts.set_input(prompt, "LoadImage", image=upload)
    prompts.set_input(prompt, "MendLoadCheckpoint", ckpt_name=CHECKPOINT)
    prompts.set_input(prompt, "MendMaskedSampler", **{"steps": 2, **sampler})
    return prompt


def test_the_pack_loads_without_a_word_of_warning(host, client):
    assert {name for name in client.object_info() if name.startswith("Mend")} == set(NODES)
    # Later lines are the host's own: its database of assets complains whenever a thread collects its garbage.
    log, served, _ = host.log_text().partition("To see the GUI")
    assert served
    (line,) = [line for line in log.splitlines() if "mend-inpaint" in line]
    assert re.search(r"[\d.]+ seconds", line)
    assert "IMPORT FAILED" not in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("class_type", "values", "kind"),
    [
        ("MendEncodeInpaint", {"masked_content": "sepia"}, "custom_validation_failed"),
        ("MendMaskedSampler", {"scheduler": "never"}, "custom_validation_failed"),
        ("MendCleanMask", {"threshold": 2.0}, "value_bigger_than_max"),
        ("MendMaskedSampler", {"steps": 0}, "value_smaller_than_min"),
        ("MendLoadCheckpoint", {"ckpt_name": "gone.safetensors"}, "custom_validation_failed"),
    ],
)
def test_a_bad_prompt_is_answered_at_its_node(client, upload, class_type, values, kind):
    prompt = _sd15(upload)
    prompts.set_input(prompt, class_type, **values)
    with pytest.raises(PromptRejected) as rejected:
        client.queue(prompt)
    report = rejected.value.node_errors[prompts.node_of(prompt, class_type)]
    assert report["errors"][0]["type"] == kind
    (name,) = values
    assert name in report["errors"][0]["details"]


def test_a_missing_input_is_answered_at_its_node(client, upload):
    prompt = _sd15(upload)
    node = prompts.node_of(prompt, "MendDecodeComposite")
    del prompt[node]["inputs"]["mask"]
    with pytest.raises(PromptRejected) as rejected:
        client.queue(prompt)
    assert rejected.value.node_errors[node]["errors"][0]["type"] == "required_input_missing"


@pytest.mark.parametrize(
    ("name", "words"), [("truncated.safetensors", "truncated"), ("page.safetensors", "web page|HTML|text")]
)
def test_a_broken_checkpoint_is_named_in_one_clear_error(client, upload, name, words):
    prompt = _sd15(upload)
    prompts.set_input(prompt, "MendLoadCheckpoint", ckpt_name=name)
    run = client.run(prompt)
    assert run.status == "error"
    assert run.failure.class_type == "MendLoadCheckpoint"
    assert run.failure.message.startswith(name)
    assert re.search(words, run.failure.message)


def test_the_host_survives_hostile_files(client, upload):
    """Each ended the thread that runs prompts, or froze the whole host."""
    checkpoints = ["surrogate.ckpt", "caf\udce9.safetensors", "huge.safetensors", "nested.ckpt"]
    for node, values in [
        *(("MendLoadCheckpoint", {"ckpt_name": name}) for name in checkpoints),
        ("MendLoadNetwork", {"network_name": "nested.pth"}),
    ]:
        prompt = _sd15(upload) if node == "MendLoadCheckpoint" else prompts.load("remove-with-network")
        prompts.set_input(prompt, "LoadImage", image=upload)
        prompts.set_input(prompt, node, **values)
        run = client.run(prompt)
        assert run.status == "error", values
        assert run.failure.class_type == node
        assert run.failure.message.isprintable()
    good = prompts.load("remove-without-model")
    prompts.set_input(good, "LoadImage", image=upload)
    assert client.run(good).status == "success"


def test_a_repeated_prompt_hits_the_cache(client, upload):
    prompt = _sd15(upload, seed=11)
    assert client.run(prompt).status == "success"
    again = client.run(prompt)
    assert set(again.cached) == set(prompt)
    prompts.set_input(prompt, "MendMaskedSampler", seed=12)
    third = client.run(prompt)
    changed = {prompts.node_of(prompt, name) for name in ("MendMaskedSampler", "MendDecodeComposite", "SaveImage")}
    assert set(third.cached) == set(prompt) - changed


def test_progress_and_live_previews(client, upload):
    seen = []
    prompt = _sd15(upload, seed=21, steps=3)
    run = client.run(prompt, lambda kind, data: seen.append((kind, data)))
    node = prompts.node_of(prompt, "MendMaskedSampler")
    progress = [(data["value"], data["max"]) for kind, data in seen if kind == "progress" and data["node"] == node]
    assert progress[-1] == (3, 3)
    assert len(run.previews) == 3
    for preview in run.previews:
        assert Image.open(io.BytesIO(preview)).size[0] > 8


def test_cancel_half_way_and_the_host_goes_on(client, upload):
    def cancel(kind, data):
        if kind == "progress" and data["value"] >= 1:
            threading.Thread(target=client.interrupt).start()

    run = client.run(_sd15(upload, seed=31, steps=200), cancel)
    assert run.status == "interrupted"
    assert client.run(_sd15(upload, seed=32)).status == "success"


def test_previews_are_named_in_the_history_and_served(client, upload):
    whole = _sd15(upload)
    clean = dict(whole[prompts.node_of(whole, "MendCleanMask")]["inputs"], mask=["1", 1])
    clean.pop("image", None)
    inspect = {"mask": ["2", 0], "image": ["1", 0], "repair": False, "binary_mask": False, "latent_cell": 8}
    prompt = {
        "1": {"class_type": "LoadImage", "inputs": {"image": upload}},
        "2": {"class_type": "MendCleanMask", "inputs": clean},
        "3": {"class_type": "MendInspectMask", "inputs": inspect},
    }
    outputs = client.run(prompt).outputs
    for node, ending, kind in (("2", ".png", "PNG"), ("3", ".jpg", "JPEG")):
        (shown,) = outputs[node]["images"]
        assert shown["filename"].endswith(ending)
        assert shown["type"] == "temp"
        assert Image.open(io.BytesIO(client.view(shown))).format == kind

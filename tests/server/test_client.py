"""The client against a real host, with the host's own nodes.

Mutations seen to be caught: seconds of a node that never started; cached nodes, the interrupt, or a rejected prompt's
node errors dropped; another node named as the failing one; the upload's sub folder ignored; `free` keeping results.
"""

import pytest
from PIL import Image

from inpaint.batch.comfyui.client import PromptRejected


def picture(color, **inputs):
    """A prompt that makes a picture of one color and saves it."""
    return {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {"width": 8, "height": 4, "batch_size": 1, "color": color, **inputs},
        },
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "color"}},
    }


def test_a_run_gives_outputs_seconds_and_events(client, tmp_path):
    events = []
    run = client.run(picture(0xFF0000), on_event=lambda kind, data: events.append(kind))
    assert run.status == "success"
    assert set(run.seconds) == {"1", "2"}
    assert all(seconds >= 0 for seconds in run.seconds.values())
    assert "execution_success" in events
    (tmp_path / "red.png").write_bytes(client.view(run.outputs["2"]["images"][0]))
    with Image.open(tmp_path / "red.png") as image:
        assert (image.size, image.getpixel((0, 0))) == ((8, 4), (255, 0, 0))


def test_a_repeated_run_is_cached(client):
    client.run(picture(0x00FF00))
    run = client.run(picture(0x00FF00))
    assert set(run.cached) == {"1", "2"}
    assert run.seconds == {}
    assert run.outputs["2"]["images"]


def test_an_uploaded_picture_comes_back(client, tmp_path):
    Image.new("RGB", (5, 3), (1, 2, 3)).save(tmp_path / "photo.png")
    value = client.upload_image(tmp_path / "photo.png", name="mine.png", subfolder="some/place")
    assert value == "some/place/mine.png"
    prompt = {"1": {"class_type": "LoadImage", "inputs": {"image": value}}}
    prompt["2"] = {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}
    run = client.run(prompt)
    (tmp_path / "back.png").write_bytes(client.view(run.outputs["2"]["images"][0]))
    with Image.open(tmp_path / "back.png") as image:
        assert (image.size, image.getpixel((4, 2))) == ((5, 3), (1, 2, 3))


def test_an_invalid_prompt_is_rejected_with_its_nodes(client):
    with pytest.raises(PromptRejected, match=r"node 1 \(EmptyImage\)") as rejected:
        client.queue(picture(0, width=-1))
    assert rejected.value.error["type"] == "prompt_outputs_failed_validation"
    assert rejected.value.node_errors["1"]["errors"][0]["type"] == "value_smaller_than_min"


def test_an_unknown_node_is_rejected(client):
    with pytest.raises(PromptRejected) as rejected:
        client.queue({"1": {"class_type": "NoSuchNode", "inputs": {}}})
    assert rejected.value.node_errors == {}


def test_a_failing_node_is_named(client, tmp_path):
    (tmp_path / "broken.png").write_text("no picture")
    prompt = {"7": {"class_type": "LoadImage", "inputs": {"image": client.upload_image(tmp_path / "broken.png")}}}
    prompt["8"] = {"class_type": "PreviewImage", "inputs": {"images": ["7", 0]}}
    run = client.run(prompt)
    assert run.status == "error"
    assert (run.failure.node, run.failure.class_type) == ("7", "LoadImage")
    assert run.failure.exception.endswith("UnidentifiedImageError")
    assert "cannot identify image file" in run.failure.message
    assert "load_image" in run.failure.traceback


def test_an_interrupted_run_says_so(client):
    blurs = 100
    prompt = picture(0x808080, width=512, height=512)
    for node in range(3, 3 + blurs):
        source = "1" if node == 3 else str(node - 1)
        inputs = {"image": [source, 0], "blur_radius": 15, "sigma": 5.0}
        prompt[str(node)] = {"class_type": "ImageBlur", "inputs": inputs}
    prompt["2"]["inputs"]["images"] = [str(2 + blurs), 0]

    def interrupt_at_the_second_blur(kind, data):
        if kind == "executing" and data["node"] == "4":
            client.interrupt()

    run = client.run(prompt, on_event=interrupt_at_the_second_blur)
    assert run.status == "interrupted"
    assert "2" not in run.outputs


def test_object_info_of_one_node(client):
    assert client.object_info("EmptyImage")["output"] == ["IMAGE"]
    assert "LoadImage" in client.object_info()
    with pytest.raises(KeyError):
        client.object_info("NoSuchNode")


def test_free_forgets_the_results(client):
    client.run(picture(0x0000FF))
    client.free()
    assert client.run(picture(0x0000FF)).cached == []

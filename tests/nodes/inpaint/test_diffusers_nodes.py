"""Load Diffusers Model and Inpaint with Diffusers: memory, batches, cancelling, and what is missing."""

import numpy as np
import pytest
import torch

SETTINGS = {"task": "replace", "prompt": "a red fox", "negative_prompt": "", "seed": 5, "strength": 0.0}
SETTINGS |= {"steps": 2, "megapixels": 0.02}


@pytest.fixture
def management(host_nodes):
    from comfy import model_management

    return model_management


@pytest.fixture
def image():
    return torch.rand(1, 90, 120, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mask():
    mask = torch.zeros(1, 90, 120)
    mask[:, 30:60, 40:80] = 1
    return mask


@pytest.fixture
def paint(run, pipeline):
    return lambda **inputs: run("MendDiffusersInpaint", **{"pipeline": pipeline, **SETTINGS, **inputs})


def test_one_picture(paint, image, mask):
    ran = paint(image=image, mask=mask)
    made, weight, report = ran.outputs
    assert torch.equal(made[weight == 0], image[weight == 0])
    assert not torch.equal(made, image)
    assert "SD 1.5 inpainting (9-channel), StableDiffusionInpaintPipeline, float32: 192x128 crop" in report
    assert ran.text == report


def test_a_batch_is_its_pictures_with_the_next_seeds(paint, image, mask):
    images = torch.cat([image, image.flip(1)])
    made = paint(image=images, mask=mask).outputs[0]
    alone = [paint(image=each[None], mask=mask, seed=5 + number).outputs[0] for number, each in enumerate(images)]
    torch.testing.assert_close(made, torch.cat(alone), atol=0, rtol=0)


def test_alpha_is_carried_through(paint, image, mask):
    alpha = torch.rand(1, 90, 120, 1, generator=torch.Generator().manual_seed(1))
    made = paint(image=torch.cat([image, alpha], dim=-1), mask=mask).outputs[0]
    assert torch.equal(made[..., 3:], alpha)
    assert torch.equal(made[..., :3], paint(image=image, mask=mask).outputs[0])


def test_the_host_manages_it(management, paint, pipeline, image, mask):
    """It is among the host's loaded models after a run, and gone when the host is told to unload them."""
    paint(image=image, mask=mask)
    loaded = [each.model for each in management.current_loaded_models]
    assert pipeline.patcher in loaded
    management.unload_all_models()
    assert pipeline.patcher not in [each.model for each in management.current_loaded_models]
    again = paint(image=image, mask=mask).outputs[0]
    assert again.isfinite().all()


def test_it_is_cancelled_between_steps(management, paint, image, mask, monkeypatch):
    calls = []

    def cancel():
        calls.append(0)
        if len(calls) == 2:
            raise management.InterruptProcessingException

    monkeypatch.setattr(management, "throw_exception_if_processing_interrupted", cancel)
    with pytest.raises(management.InterruptProcessingException):
        paint(image=image, mask=mask, steps=9)
    assert len(calls) == 2


def test_it_equals_the_library(paint, pipeline, image, mask, pack):
    pipelines = pack("inpaint.pipelines")
    wish = pipelines.Wish(**SETTINGS)
    (wanted,) = pipelines.repaint_all(pipeline.opened, [pipelines.Whole(image, mask, wish)])
    np.testing.assert_array_equal(paint(image=image, mask=mask).outputs[0], wanted.image)


def test_no_folder_there(host_nodes, run, monkeypatch):
    node = host_nodes.NODE_CLASS_MAPPINGS["MendLoadDiffusers"]
    monkeypatch.setattr("folder_paths.get_folder_paths", lambda name: [])
    message = "models/diffusers: expected a model's folder, got none. Put a model's whole folder"
    assert node.validate_inputs(model_name=None).startswith(message)
    with pytest.raises(Exception, match=message):
        run("MendLoadDiffusers", model_name="any")


def test_diffusers_that_is_not_installed_is_named_with_the_command(run, pipeline_folder, monkeypatch, pack):
    opening = pack("inpaint.pipelines.opening")
    find = opening.importlib.util.find_spec
    monkeypatch.setattr(opening.importlib.util, "find_spec", lambda name: None if name == "diffusers" else find(name))
    with pytest.raises(Exception, match=r"diffusers is not installed\. .* python -m pip install"):
        run("MendLoadDiffusers", model_name=pipeline_folder)

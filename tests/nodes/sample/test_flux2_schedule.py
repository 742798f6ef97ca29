"""The noise levels of the shipped FLUX.2 workflows are those of ComfyUI's Flux2Scheduler, which their templates have.

Mutations seen to fail here: a shift of 2.02, the host's for FLUX.2; another scheduler.
"""

import pytest

from devtools.hosts import prompts
from devtools.models.tiny_models import make_tiny


@pytest.mark.parametrize("name", ["klein-edit-inpaint", "flux2-inpaint", "erase-with-edit-model"])
def test_noise_levels(host_nodes, name):
    import comfy.samplers
    from comfy_extras.nodes_flux import Flux2Scheduler
    from comfy_extras.nodes_model_advanced import ModelSamplingFlux

    prompt = prompts.load(name)
    levels = prompt[prompts.node_of(prompt, "ModelSamplingFlux")]["inputs"]
    sampler = prompt[prompts.node_of(prompt, "MendMaskedSampler")]["inputs"]
    shifts = {key: value for key, value in levels.items() if key != "model"}
    (model,) = ModelSamplingFlux().patch(make_tiny("FLUX.2"), **shifts)
    ours = comfy.samplers.calculate_sigmas(
        model.get_model_object("model_sampling"), sampler["scheduler"], sampler["steps"]
    )
    (theirs,) = Flux2Scheduler.execute(sampler["steps"], 1024, 1024).result
    assert ours.tolist() == pytest.approx(theirs.tolist(), abs=1e-3)

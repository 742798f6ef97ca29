"""What a sampling is said to take: references, ControlNets, patches, and weights as they are on the card.

Mutations seen to fail here: the conditioning not passed on; only the first prompt looked at; a network in several
patches counted for each; the dtype in RAM taken for the one on the card; a quantized weight counted by its numbers.
"""

from types import SimpleNamespace

import pytest
import torch

from devtools.models.host_models import make_host_model

MIB = 2**20


@pytest.fixture(scope="module")
def qwen(host_nodes):
    import comfy.model_patcher

    cpu = torch.device("cpu")
    return comfy.model_patcher.ModelPatcher(make_host_model("QwenImage"), cpu, cpu)


def prompt(**values):
    return [[torch.zeros(1, 5, 3584), values]]


def test_a_reference_of_the_pictures_size_doubles_the_work(pack, qwen):
    shape = (1, 16, 1, 128, 128)
    reference = torch.zeros(1, 16, 1, 128, 128)
    use = pack("host").sampling_memory
    alone, one, three = (
        use(qwen, shape, prompt(reference_latents=[reference] * count), prompt()) for count in (0, 1, 3)
    )
    assert (alone.references, one.references, three.references) == (0, 1, 3)
    assert one.work == pytest.approx(2 * alone.work, rel=1e-6)
    assert three.work == pytest.approx(4 * alone.work, rel=1e-6)
    assert use(qwen, shape, prompt(), prompt(reference_latents=[reference])).work == one.work
    text = pack("host.planning").sampling_report(qwen, shape, prompt(reference_latents=[reference] * 3), prompt())
    assert "The work for 3 reference pictures is included." in text


class ControlNet:
    """What the host asks a ControlNet."""

    def __init__(self, weights: int, work: int) -> None:
        self.weights, self.work = weights, work
        self.models = [SimpleNamespace(model_size=lambda: weights)]

    def get_models(self):
        return self.models

    def inference_memory_requirements(self, dtype):
        return self.work


def test_a_control_net_counts_once_for_both_prompts(pack, general_model):
    control, shape = ControlNet(700 * MIB, 300 * MIB), (1, 4, 64, 64)
    both = [
        [[text, {**values, "control": control}] for text, values in entries]
        for entries in (general_model.positive, general_model.negative)
    ]
    use = pack("host").sampling_memory
    plain = use(general_model.model, shape, general_model.positive, general_model.negative)
    held = use(general_model.model, shape, *both)
    assert (plain.others, held.others) == (0, 700 * MIB)
    assert held.work == plain.work + 300 * MIB
    text = pack("host.planning").sampling_report(general_model.model, shape, *both)
    assert "700.0 MiB of it are for ControlNets and patches." in text


class Patch:
    """A patch of an IP-Adapter: it keeps its network, and pictures as tokens."""

    def __init__(self, *networks):
        self.networks, self.tokens = list(networks), torch.zeros(1, 256)

    def __call__(self, *_):
        raise AssertionError


def test_the_network_of_patches_counts_once(pack, general_model):
    network = torch.nn.Linear(512, 512, bias=False)
    model = general_model.model.clone()
    for number in range(3):
        model.set_model_attn2_replace(Patch(network), "input", number)
    model.set_model_attn2_patch(Patch())
    used = pack("host").sampling_memory(model, (1, 4, 64, 64))
    assert used.others == 512 * 512 * 4 + 4 * 256 * 4
    assert pack("host").sampling_memory(general_model.model, (1, 4, 64, 64)).others == 0


def test_what_cannot_be_seen_is_named(pack, general_model):
    model = general_model.model.clone()
    model.set_injections("a LoRA", [])
    text = pack("host.planning").sampling_report(model, (1, 4, 64, 64))
    assert text.endswith(" Not counted: what is injected, such as LoRAs that are not merged.")


def test_references_that_the_host_does_not_count_are_named(pack, general_model):
    """SD 1.5 takes none, whatever the conditioning holds."""
    text, values = general_model.positive[0]
    given = [[text, {**values, "reference_latents": [torch.zeros(1, 4, 64, 64)]}]]
    use = pack("host").sampling_memory(general_model.model, (1, 4, 64, 64), given, given)
    assert (use.references, use.left_out) == (0, ("reference pictures",))


def test_with_dynamic_vram_weights_count_as_they_are_on_the_card(pack, general_model, monkeypatch):
    model = general_model.model.clone()
    whole = pack("host").sampling_memory(model, (1, 4, 8, 8)).weights
    assert whole == model.model_size()
    monkeypatch.setattr(model, "is_dynamic", lambda: True, raising=False)
    layers = [module for module in model.model.modules() if isinstance(module, torch.nn.Linear)]
    for layer in layers:
        monkeypatch.setattr(layer, "weight_comfy_model_dtype", torch.float8_e4m3fn, raising=False)
    saved = sum(layer.weight.numel() * (layer.weight.itemsize - 1) for layer in layers)
    buffers = sum(buffer.nbytes for buffer in model.model.buffers())
    assert saved > 10 * MIB
    assert pack("host").sampling_memory(model, (1, 4, 8, 8)).weights == pytest.approx(whole - saved, abs=buffers)


def test_nested_latents_are_packed(pack):
    streams = [torch.zeros(2, 24, 1, 8, 8), torch.zeros(2, 32, 2, 5)]
    nested = SimpleNamespace(is_nested=True, unbind=lambda: streams)
    assert tuple(pack("host").packed_shape(nested)) == (2, 1, 24 * 64 + 32 * 10)
    assert tuple(pack("host").packed_shape(streams[0])) == (2, 24, 1, 8, 8)

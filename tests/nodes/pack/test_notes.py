"""What the checks of a node's inputs changed stands in its report.

Mutations seen to fail here: a node without a report of its own; notes of one run in the next; a note instead of the
report.
"""

import pytest
import torch

from tests.node_ids import NODES

NOTE = "Its background is 16 of 255 instead of 0, and its white 235: limited range. Stretched to 0..1."
PICTURE = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(0))


def block(low: float, high: float) -> torch.Tensor:
    mask = torch.full((1, 64, 64), low / 255)
    mask[:, 24:40, 24:40] = high / 255
    return mask


@pytest.mark.parametrize(
    ("node", "inputs", "own"),
    [
        ("MendFillMasked", {"image": PICTURE, "method": "neutral"}, ""),
        ("MendCropForInpaint", {"image": PICTURE}, "Cropped"),
        ("MendComposite", {"image": PICTURE, "repainted": 1 - PICTURE}, "Pasted over"),
        ("MendCleanMask", {}, "% of the picture"),
        ("MendSplitMask", {}, ""),
        ("MendInpaintControlImage", {"image": PICTURE}, ""),
    ],
)
def test_a_node_says_what_it_did(run, node, inputs, own):
    odd = run(node, mask=block(16, 235), **inputs)
    assert odd.text.splitlines()[0] == f"mask: {NOTE}"
    assert own in odd.text
    plain = run(node, mask=block(0, 255), **inputs)
    assert "background" not in plain.ui.get("text", ("",))[0]
    for ours, meant in zip(odd.outputs, plain.outputs, strict=True):
        if isinstance(ours, torch.Tensor):
            assert torch.equal(ours, meant)


def test_every_node_can(host_nodes):
    """The wrapper stands around each node's own function."""
    for node_id in NODES:
        assert hasattr(host_nodes.NODE_CLASS_MAPPINGS[node_id].execute.__func__, "__wrapped__"), node_id


def test_the_fill_of_a_video_of_limited_range_keeps_what_is_known(run):
    """The smallest input of the complaint: all of the picture came out grey."""
    filled = run("MendFillMasked", image=PICTURE, mask=block(16, 235)).outputs[0]
    assert torch.equal(filled[:, :24], PICTURE[:, :24])
    assert not torch.equal(filled[:, 24:40, 24:40], PICTURE[:, 24:40, 24:40])

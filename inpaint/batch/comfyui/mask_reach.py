"""Whether a workflow uses the mask: no mask is dropped without a word."""

from __future__ import annotations

from ...core.errors import InpaintError
from .client import Prompt
from .host_nodes import Descriptions, described, is_link
from .workflow import Workflow

# They take a picture and a mask and give a picture, but repaint nothing.
NOT_REPAINTING = frozenset(("JoinImageWithAlpha", "MendPreviewMask"))
SAMPLING = frozenset(("MODEL", "GUIDER"))
# What a node that joins picture and mask gives if it repaints, or tells a sampler what to repaint.
GUIDING = frozenset(("IMAGE", "CONDITIONING"))

Output = tuple[str, int]


def check_mask_reach(workflow: Workflow, nodes: Descriptions) -> list[str]:
    """Return the nodes that repaint by the mask.

    A node repaints if it joins picture and mask and gives a picture, such as Inpaint or a composite, or conditioning,
    such as a ControlNet's; or if it samples with what came of the mask, such as a latent with a noise mask. All nodes
    of `workflow.prompt` lead to the result.

    Raises:
        InpaintError: if there is none.
    """
    prompt = workflow.prompt
    masks, pictures = _entering(workflow, nodes)
    by_mask, by_picture = _reached(prompt, masks), _reached(prompt, pictures)
    found = [node for node in prompt if _repaints(prompt, nodes, node, by_mask, by_picture, masks, pictures)]
    if found:
        return found
    source = workflow.picture[0] if workflow.mask is None else workflow.mask[0]
    reached = [described(prompt, node) for node in prompt if node in by_mask]
    raise InpaintError(
        f"--workflow: the mask of node {described(prompt, source)} reaches no node that repaints and leads to the "
        f"result, so it would be dropped. It reaches: {'; '.join(reached) or 'nothing'}. Connect its MASK output, for "
        "example to Inpaint or to Set Latent Noise Mask."
    )


def _entering(workflow: Workflow, nodes: Descriptions) -> tuple[set[Output], set[Output]]:
    """Return the outputs that bring the mask, and those that bring the picture."""
    prompt, picture = workflow.prompt, workflow.picture[0]
    pictures = _outputs(prompt, nodes, picture, "IMAGE")
    if workflow.mask is None:
        return _outputs(prompt, nodes, picture, "MASK"), pictures
    # The picture is sent without alpha then: its own MASK brings nothing.
    mask = workflow.mask[0]
    masks = _outputs(prompt, nodes, mask, "MASK")
    # A Load Image brings a mask as a picture too. It is one once a node has made a MASK of it, else a mere picture.
    for node in _reached(prompt, _outputs(prompt, nodes, mask, "IMAGE")):
        masks |= _outputs(prompt, nodes, node, "MASK")
    return masks, pictures


def _outputs(prompt: Prompt, nodes: Descriptions, node: str, kind: str) -> set[Output]:
    return {(node, slot) for slot, each in enumerate(nodes[prompt[node]["class_type"]]["output"]) if each == kind}


def _reached(prompt: Prompt, outputs: set[Output]) -> set[str]:
    """Return the nodes that something of these outputs reaches."""
    reached: set[str] = set()
    while True:
        more = {node for node in prompt if node not in reached and _carrying(prompt, node, outputs, reached)}
        if not more:
            return reached
        reached |= more


def _carrying(prompt: Prompt, node: str, outputs: set[Output], reached: set[str]) -> set[str]:
    """Return the inputs of a node that bring something of these outputs, or of a node that they reach."""
    links = {name: value for name, value in prompt[node]["inputs"].items() if is_link(value)}
    return {name for name, (source, slot) in links.items() if source in reached or (source, slot) in outputs}


def _repaints(
    prompt: Prompt,
    nodes: Descriptions,
    node: str,
    by_mask: set[str],
    by_picture: set[str],
    masks: set[Output],
    pictures: set[Output],
) -> bool:
    description = nodes[prompt[node]["class_type"]]
    with_mask = _carrying(prompt, node, masks, by_mask)
    with_picture = _carrying(prompt, node, pictures, by_picture)
    if not with_mask or prompt[node]["class_type"] in NOT_REPAINTING:
        return False
    # By two inputs: what merely passes on a masked latent repaints nothing.
    joins = any(one != other for one in with_mask for other in with_picture)
    kinds = {
        nodes[prompt[value[0]]["class_type"]]["output"][value[1]]
        for value in prompt[node]["inputs"].values()
        if is_link(value)
    }
    return (joins and not GUIDING.isdisjoint(description["output"])) or (
        bool(kinds & SAMPLING)
        and "LATENT" in description["output"]
        and any(
            nodes[prompt[value[0]]["class_type"]]["output"][value[1]] == "LATENT"
            for name, value in prompt[node]["inputs"].items()
            if name in with_mask and is_link(value)
        )
    )

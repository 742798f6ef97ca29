"""Write the blueprints in `subgraphs/`: `python -m devtools.publish.blueprints`.

A blueprint is one node with others inside: the page lists it beside the host's own, and it is opened to change what is
inside. The table below says what each has. MEND_COMFYUI is the folder of the host, as for the tests.
"""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devtools.hosts.node_info import NodeInfo
from devtools.hosts.process import PACK_NAME, HostProcess
from devtools.setup.environment import ROOT
from inpaint.batch.comfyui.client import HostClient

FOLDER = ROOT / "subgraphs"
# The page's ids of the two ends of what is inside a subgraph.
ENTRY, EXIT = -10, -20
# Id of the node itself, in a graph of its own.
OUTER = 1
CONTROL = "control_after_generate"
RANDOM = "randomize"
# What the loaders name until a person chooses; where it comes from is in the workflow of the same model.
CHECKPOINT = "sd-v1-5-inpainting.ckpt"
REPOSITORY = "https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-inpainting/resolve/main"
MODELS = [{"name": CHECKPOINT, "url": f"{REPOSITORY}/{CHECKPOINT}", "directory": "checkpoints"}]


@dataclass(frozen=True)
class Part:
    """A node inside."""

    kind: str
    """Its class."""
    box: tuple[int, int, int, int]
    """x, y, width and height on the canvas."""
    links: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By input: name of a part, and of its output."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Widgets that differ from the host's defaults."""
    title: str = ""
    """Its title, if not the class's."""


@dataclass(frozen=True)
class Blueprint:
    """A node with others inside."""

    description: str
    """What it does, for the page's list."""
    parts: Mapping[str, Part]
    """The nodes inside, by name."""
    inputs: Mapping[str, tuple[tuple[str, str], ...]]
    """By name: what an input or widget is connected to: names of parts, and of their inputs."""
    outputs: Mapping[str, tuple[str, str]]
    """By name: name of a part, and of its output."""


def _inpaint(task: str, model: bool, **values: Any) -> dict[str, Part]:
    """Return the node Inpaint, with a loader if it shall use a model."""
    links = {name: ("loader", name) for name in ("model", "clip", "vae")} if model else {}
    parts = {"inpaint": Part("MendInpaint", (0, 0, 400, 900), links, {"task": task, **values})}
    loader = Part("MendLoadCheckpoint", (-420, 0, 340, 400), values={"ckpt_name": CHECKPOINT})
    return {"loader": loader, **parts} if model else parts


def _to(part: str, *inputs: str) -> dict[str, tuple[tuple[str, str], ...]]:
    return {name: ((part, name),) for name in inputs}


RESULT = {name: ("inpaint", name) for name in ("image", "composite_mask", "report")}
BLUEPRINTS = {
    "Remove Object (no model)": Blueprint(
        "Removes what is masked: the hole is filled with pieces of the picture (PatchMatch). No model is needed. Every "
        "pixel outside the mask stays bit-identical.",
        _inpaint("remove", model=False),
        _to("inpaint", "image", "mask", "seed"),
        RESULT,
    ),
    "Repair Photo (no model)": Blueprint(
        "Repairs scratches, dust and cracks that are masked, from what is around them. No model is needed. Every pixel "
        "outside the mask stays bit-identical.",
        _inpaint("repair", model=False),
        _to("inpaint", "image", "mask", "grow"),
        RESULT,
    ),
    "Replace (any checkpoint)": Blueprint(
        "Paints what the prompt says where the mask is white, by the checkpoint's own way to inpaint: a crop around "
        "the mask, put back without a visible seam. Every pixel outside the mask stays bit-identical.",
        _inpaint("replace", model=True),
        _to("inpaint", "image", "mask", "prompt", "seed", "strength") | _to("loader", "ckpt_name"),
        RESULT,
    ),
    "Extend Picture (any checkpoint)": Blueprint(
        "Adds room on the sides you choose and paints what goes on there. The picture itself stays bit-identical "
        "beyond a soft edge along its border.",
        _inpaint("extend", model=True),
        _to("inpaint", "image", "extend_sides", "extend_by", "prompt", "seed") | _to("loader", "ckpt_name"),
        RESULT,
    ),
    "Crop and Stitch (any sampler)": Blueprint(
        "Crops to the mask, samples there in full detail and stitches the result back without a visible seam. Open it "
        "to put another sampler in the place of KSampler.",
        {
            "clean": Part("MendCleanMask", (0, 0, 340, 560), values={"grow": 8.0}),
            "crop": Part("MendCropForInpaint", (0, 640, 340, 500), {"mask": ("clean", "mask")}),
            "encode": Part(
                "MendEncodeInpaint", (400, 0, 340, 460), {"image": ("crop", "image"), "mask": ("crop", "mask")}
            ),
            "sampler": Part(
                "KSampler",
                (800, 0, 340, 474),
                {
                    **{"positive": ("encode", "positive"), "negative": ("encode", "negative")},
                    "latent_image": ("encode", "latent"),
                },
                {"cfg": 7.0, "scheduler": "normal"},
                "KSampler (or any other sampler)",
            ),
            "decode": Part("VAEDecode", (800, 560, 340, 60), {"samples": ("sampler", "LATENT")}),
            "stitch": Part(
                "MendStitchCrop",
                (1200, 0, 380, 400),
                {"stitch": ("crop", "stitch"), "image": ("decode", "IMAGE")},
            ),
        },
        {
            "image": (("clean", "image"), ("crop", "image")),
            "mask": (("clean", "mask"),),
            "model": (("crop", "model"), ("encode", "model"), ("sampler", "model")),
            **_to("encode", "positive", "negative"),
            "vae": (("crop", "vae"), ("encode", "vae"), ("decode", "vae")),
            **_to("sampler", "seed", "steps", "cfg", "denoise"),
        },
        {name: ("stitch", name) for name in ("image", "composite_mask", "report")},
    ),
}


def blueprint_file(name: str, nodes: Mapping[str, NodeInfo]) -> dict[str, Any]:
    """Return a blueprint as the page saves it.

    Args:
        name: one of `BLUEPRINTS`.
        nodes: the nodes of a running host, by class.
    """
    return _Writer(name, nodes).file()


class _Writer:
    """Writes one blueprint. Links are numbered as they are made."""

    def __init__(self, name: str, nodes: Mapping[str, NodeInfo]) -> None:
        self.name = name
        self.blueprint = BLUEPRINTS[name]
        self.infos = {part: nodes[self.blueprint.parts[part].kind] for part in self.blueprint.parts}
        self.numbers = {part: number for number, part in enumerate(self.blueprint.parts, OUTER + 1)}
        self.links: list[dict[str, Any]] = []

    def file(self) -> dict[str, Any]:
        blueprint = self.blueprint
        self.inside = {part: self._node(part) for part in blueprint.parts}
        for part, node in blueprint.parts.items():
            for name, (origin, output) in node.links.items():
                number = self._output_names(origin).index(output)
                self._connect(self.numbers[origin], number, part, name, self._output_types(origin)[number])
        entries = [self._entry(slot, name, targets) for slot, (name, targets) in enumerate(blueprint.inputs.items())]
        exits = [self._exit(slot, name, *source) for slot, (name, source) in enumerate(blueprint.outputs.items())]
        boxes = [part.box for part in blueprint.parts.values()]
        left, right = min(x for x, *_ in boxes), max(x + width for x, _, width, _ in boxes)
        subgraph = {
            "id": self._id(),
            "version": 1,
            "state": {
                **{"lastGroupId": 0, "lastNodeId": max(self.numbers.values())},
                **{"lastLinkId": len(self.links), "lastRerouteId": 0},
            },
            "revision": 0,
            "config": {},
            "name": self.name,
            "inputNode": {"id": ENTRY, "bounding": [left - 220, 0, 120, 40 + 20 * len(entries)]},
            "outputNode": {"id": EXIT, "bounding": [right + 100, 0, 140, 40 + 20 * len(exits)]},
            **{"inputs": entries, "outputs": exits, "widgets": [], "nodes": list(self.inside.values())},
            **{"groups": [], "links": self.links, "extra": {}},
            **{"category": "Mend", "description": blueprint.description},
        }
        return {
            **{"id": self._id("graph"), "revision": 0, "last_node_id": OUTER, "last_link_id": 0},
            **{"nodes": [self._outer(subgraph)], "links": [], "version": 0.4},
            **{"definitions": {"subgraphs": [subgraph]}, "extra": {}},
        }

    def _id(self, of: str = "") -> str:
        """Return an id that is the same each time."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{PACK_NAME}/subgraphs/{self.name}/{of}"))

    def _node(self, part: str) -> dict[str, Any]:
        node, info = self.blueprint.parts[part], self.infos[part]
        optional = info.description["input"].get("optional", {})
        slots: list[dict[str, Any]] = [
            {"name": name, **({"shape": 7} if name in optional else {}), "type": kind, "link": None}
            for name, kind in info.slots.items()
        ]
        # All of them, or older pages take the values of the first for those of the linked ones.
        slots += [
            {"name": name, "type": self._type(part, name), "widget": {"name": name}, "link": None}
            for name in info.widgets
        ]
        lists = info.description["output_is_list"]
        outputs = [
            {"name": name, **({"shape": 6} if lists[number] else {}), "type": kind, "links": []}
            for number, (name, kind) in enumerate(zip(self._output_names(part), self._output_types(part), strict=True))
        ]
        x, y, width, height = node.box
        ours = node.kind.startswith("Mend")
        return {
            **{"id": self.numbers[part], "type": node.kind, "pos": [x, y], "size": [width, height], "flags": {}},
            **{"order": self.numbers[part] - OUTER - 1, "mode": 0, "inputs": slots, "outputs": outputs},
            **({"title": node.title} if node.title else {}),
            "properties": {
                **{"Node name for S&R": node.kind, "cnr_id": PACK_NAME if ours else "comfy-core"},
                **({"models": MODELS} if CHECKPOINT in node.values.values() else {}),
            },
            "widgets_values": [self._value(part, name) for name in info.saved_widgets()],
        }

    def _value(self, part: str, name: str) -> Any:
        if name == CONTROL:
            return RANDOM
        options = self.infos[part].widgets[name]
        value = self.blueprint.parts[part].values.get(name, options.get("default"))
        return self._choices(part, name)[0] if value is None else value

    def _choices(self, part: str, name: str) -> list[Any]:
        groups = self.infos[part].description["input"].values()
        kind, *options = next(group[name] for group in groups if name in group)
        return kind if isinstance(kind, list) else options[0]["options"]

    def _type(self, part: str, name: str) -> str:
        """Return the type of an input: its slot's, or its widget's."""
        groups = self.infos[part].description["input"].values()
        kind = next(group[name] for group in groups if name in group)[0]
        return "COMBO" if isinstance(kind, list) else kind

    def _output_names(self, part: str) -> list[str]:
        return self.infos[part].description["output_name"]

    def _output_types(self, part: str) -> list[str]:
        return self.infos[part].description["output"]

    def _connect(self, origin: int, slot: int, part: str, name: str, kind: str) -> int:
        """Add a link to an input of a part, and return its number."""
        number = len(self.links) + 1
        target = next(place for place, held in enumerate(self.inside[part]["inputs"]) if held["name"] == name)
        self.inside[part]["inputs"][target]["link"] = number
        self._add(number, origin, slot, self.numbers[part], target, kind)
        return number

    def _add(self, number: int, origin: int, slot: int, target: int, target_slot: int, kind: str) -> None:
        self.links.append(
            {
                **{"id": number, "origin_id": origin, "origin_slot": slot},
                **{"target_id": target, "target_slot": target_slot, "type": kind},
            }
        )
        for node in self.inside.values():
            if node["id"] == origin:
                node["outputs"][slot]["links"].append(number)

    def _entry(self, slot: int, name: str, targets: tuple[tuple[str, str], ...]) -> dict[str, Any]:
        kind = self._type(*targets[0])
        numbers = [self._connect(ENTRY, slot, part, input, kind) for part, input in targets]
        return {"id": self._id(f"in/{name}"), "name": name, "type": kind, "linkIds": numbers}

    def _exit(self, slot: int, name: str, part: str, output: str) -> dict[str, Any]:
        number, origin = len(self.links) + 1, self._output_names(part).index(output)
        kind = self._output_types(part)[origin]
        self._add(number, self.numbers[part], origin, EXIT, slot, kind)
        return {"id": self._id(f"out/{name}"), "name": name, "type": kind, "linkIds": [number]}

    def _outer(self, subgraph: dict[str, Any]) -> dict[str, Any]:
        inputs, shown = [], []
        for name, ((part, inner), *_) in self.blueprint.inputs.items():
            widget = inner in self.infos[part].widgets
            slot = {"name": name, "type": self._type(part, inner), **({"widget": {"name": name}} if widget else {})}
            inputs.append({**slot, "link": None})
            if widget:
                shown.append([str(self.numbers[part]), inner])
        outputs = [{"name": end["name"], "type": end["type"], "links": []} for end in subgraph["outputs"]]
        return {
            **{"id": OUTER, "type": subgraph["id"], "title": self.name, "pos": [0, 0], "size": [400, 340]},
            **{"flags": {}, "order": 0, "mode": 0, "inputs": inputs, "outputs": outputs},
            **{"properties": {"cnr_id": PACK_NAME}, "widgets_values": []},
        }


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as base,
        HostProcess(Path(os.environ["MEND_COMFYUI"]), Path(base)) as host,
    ):
        nodes = {name: NodeInfo.of(info) for name, info in HostClient(host.url).object_info().items()}
    FOLDER.mkdir(exist_ok=True)
    for name in BLUEPRINTS:
        target = FOLDER / f"{name}.json"
        text = json.dumps(blueprint_file(name, nodes), indent=2) + "\n"
        target.write_text(text, encoding="utf-8", newline="\n")
        print(target.relative_to(ROOT))


if __name__ == "__main__":
    main()

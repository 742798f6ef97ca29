"""Every node of the pack on the real canvas: its slots, its widgets with their defaults, its tooltips and its help.

Mutations seen to fail here: a help page removed; a tooltip removed; the report widget saved with the workflow.
"""

import urllib.request

import pytest

from devtools.setup.environment import ROOT
from tests.node_ids import NODES

SLOTS = """(id) => {
    const { inputs, outputs } = app.graph.getNodeById(id);
    const types = (slots) => Object.fromEntries(slots.map((slot) => [slot.name, slot.type]));
    return [types(inputs.filter((slot) => !slot.widget)), types(outputs)];
}"""


@pytest.fixture(scope="session")
def nodes(server):
    """The pack's nodes by id."""
    return {id: node for id, node in server.nodes.items() if id.startswith("Mend")}


def test_all_are_there(nodes):
    pages = [page.stem for page in (ROOT / "web" / "docs").glob("*.md")]
    assert sorted(nodes) == sorted(pages) == sorted(NODES)


def test_dropped_on_the_canvas(canvas, nodes, shot):
    for number, (id, node) in enumerate(sorted(nodes.items())):
        placed = canvas.add_node(id, 400 * (number % 4), 420 * (number // 4))
        slots, outputs = canvas.page.evaluate(SLOTS, placed)
        assert slots == node.slots
        assert outputs == dict(zip(node.description["output_name"], node.description["output"], strict=True))
        values = canvas.widgets()[placed]
        assert list(values) == node.saved_widgets()
        for name, options in node.widgets.items():
            assert values[name] == options.get("default", options.get("options", [None])[0]), (id, name)
    assert canvas.missing_nodes() == []
    canvas.fit_view()
    shot()


def test_everything_has_a_tooltip(nodes):
    for id, node in nodes.items():
        assert node.description["description"], id
        groups = (node.description["input"].get(group, {}) for group in ("required", "optional"))
        inputs = {name: options for group in groups for name, (_, options) in group.items()}
        tooltips = {name: options.get("tooltip") for name, options in inputs.items()}
        tooltips |= dict(zip(node.description["output_name"], node.description["output_tooltips"], strict=True))
        assert [name for name, tooltip in tooltips.items() if not tooltip] == [], id


def test_help_page_is_where_the_page_looks_for_it(server, nodes):
    for id in nodes:
        with urllib.request.urlopen(f"{server.client.url}/extensions/{server.pack}/docs/{id}.md") as reply:
            # The page takes HTML for "there is no help".
            assert reply.headers.get_content_type() != "text/html"
            assert reply.read() == (ROOT / "web" / "docs" / f"{id}.md").read_bytes()

"""Every error says what to do: its text has a second sentence.

Mutations seen to fail here: the advice of an error left out.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("inpaint", "host", "nodes")
SOURCES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
}
# Texts that are made elsewhere, as a whole or at their end. Each is asserted in full by the test that is named.
MADE_ELSEWHERE = {
    "{error_text()}": "tests/nodes/memory/test_out_of_memory.py",
    "{node.define_schema().display_name}: {error}": "tests/server/test_inpaint_node.py: that of a step",
    "{error}": "tests/nodes/load/test_loaders.py: the text of another InpaintError",
    "{where}{error}": "tests/inpaint/batch/test_run.py: the text of another InpaintError",
    "{refusal}": "tests/inpaint/batch/test_local.py: the text of another InpaintError, from another process",
    "{short_name(path)}: {error}": "tests/nodes/load/test_loaders.py: the text of another InpaintError",
    "{short_name(header.path)}: {LEGACY_PICKLE}": "tests/nodes/load/test_loaders.py",
    "{short_name(file.path)}: {LEGACY_PICKLE}": "tests/nodes/load/test_loaders.py",
    "{short_name(header.path)}: {trouble[1]}": "tests/nodes/load/test_loaders.py",
    "{short_name(header.path)}: {' '.join(sentences(plan))}": "tests/nodes/load/test_loaders.py: the plan's sentences",
}


def text_of(node: ast.expr) -> str:
    """Return the text that an expression makes, with {code} for what is known only at run time."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(map(text_of, node.values))
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}"
    if isinstance(node, ast.BinOp):
        return text_of(node.left) + text_of(node.right)
    return f"{{{ast.unparse(node)}}}"


MESSAGES = {
    f"{path}:{call.lineno}": text_of(call.args[0])
    for path, tree in SOURCES.items()
    for call in ast.walk(tree)
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "InpaintError"
}


def says_what_to_do(text: str) -> bool:
    """Whether another sentence follows the first, or one that is filled in."""
    return re.search(r"[.!?] [A-Z0-9{].*([.!?]|\})$", text, re.DOTALL) is not None


def test_all_are_found():
    assert len(MESSAGES) > 100


@pytest.mark.parametrize("place", MESSAGES)
def test_an_error_says_what_to_do(place):
    text = MESSAGES[place]
    assert says_what_to_do(text) or text in MADE_ELSEWHERE, text


def test_no_exception_is_left_over():
    assert MADE_ELSEWHERE.keys() <= set(MESSAGES.values())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mask: expected [B, H, W], got {got}. Connect a MASK output.", True),
        ("pixels: expected 0 or more, got {value}. {advice}", True),
        ("gamma: expected above 0, got {gamma}. 1 changes nothing.", True),
        ("count: expected 1 or more, got {count}.", False),
        ("level: expected 0.5 or more, got 0.2", False),
        ("file.ckpt: no model found", False),
    ],
)
def test_the_rule(text, says):
    assert says_what_to_do(text) is says

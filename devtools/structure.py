"""Rooms, arrows and circles of a package: `python -m devtools.structure [FOLDER]`, inpaint/ by itself without one.

A room is a file or folder on one level, an arrow an import between two rooms of a level, a circle a set of rooms that
import each other. Run in an older checkout, it measures that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import grimp


def levels(graph: grimp.ImportGraph, package: str) -> Iterator[str]:
    """The package and all packages in it, from the outside in."""
    yield package
    for child in sorted(graph.find_children(package)):
        if graph.find_children(child):
            yield from levels(graph, child)


def arrows(graph: grimp.ImportGraph, rooms: list[str]) -> set[tuple[str, str]]:
    pairs = ((one, other) for one in rooms for other in rooms if one != other)
    return {pair for pair in pairs if graph.direct_import_exists(importer=pair[0], imported=pair[1], as_packages=True)}


def in_circles(found: set[tuple[str, str]]) -> set[str]:
    """The rooms that lie on a circle: what is left once rooms without arrows in or out are taken away."""
    left = set(found)
    while True:
        inner = {one for one, _ in left} & {other for _, other in left}
        kept = {pair for pair in left if pair[0] in inner and pair[1] in inner}
        if kept == left:
            return inner
        left = kept


def main(package: str = "inpaint") -> None:
    graph = grimp.build_graph(package, cache_dir=None)
    print(f"{'level':44} rooms  arrows  in circles")
    for level in levels(graph, package):
        rooms = sorted(graph.find_children(level))
        found = arrows(graph, rooms)
        print(f"{level:44} {len(rooms):5}  {len(found):6}  {len(in_circles(found)):10}")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Count rooms, arrows and circles of a package: `python -m devtools.structure [FOLDER]`. The default is inpaint/.

A level is a package. A room is a file or folder of a level. An arrow is an import between two rooms of a level.
A circle is a closed path of arrows. The command measures the checkout that it runs in.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import grimp


def levels(graph: grimp.ImportGraph, package: str) -> Iterator[str]:
    """Yield the package and all packages in it, outer ones first."""
    yield package
    for child in sorted(graph.find_children(package)):
        if graph.find_children(child):
            yield from levels(graph, child)


def arrows(graph: grimp.ImportGraph, rooms: list[str]) -> set[tuple[str, str]]:
    """Return the arrows between rooms, as (importer, imported)."""
    pairs = ((one, other) for one in rooms for other in rooms if one != other)
    return {pair for pair in pairs if graph.direct_import_exists(importer=pair[0], imported=pair[1], as_packages=True)}


def in_circles(found: set[tuple[str, str]]) -> set[str]:
    """Return the rooms that lie on a circle: those that can reach themselves."""
    reach = set(found)
    while True:
        longer = reach | {(start, end) for start, middle in reach for room, end in found if room == middle}
        if longer == reach:
            return {start for start, end in reach if start == end}
        reach = longer


def main(package: str = "inpaint") -> None:
    graph = grimp.build_graph(package, cache_dir=None)
    print(f"{'level':44} rooms  arrows  in circles")
    for level in levels(graph, package):
        rooms = sorted(graph.find_children(level))
        found = arrows(graph, rooms)
        print(f"{level:44} {len(rooms):5}  {len(found):6}  {len(in_circles(found)):10}")


if __name__ == "__main__":
    main(*sys.argv[1:])

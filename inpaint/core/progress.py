"""How long work tells how far it is."""

from collections.abc import Callable

# Takes how much is done, and how much there is. What it raises ends the work.
Progress = Callable[[float, int], None]

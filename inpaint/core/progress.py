"""The callback by which long work reports its progress."""

from collections.abc import Callable

# Called with the amount done and the total. An exception that it raises cancels the work.
Progress = Callable[[float, int], None]

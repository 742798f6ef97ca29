"""What files said, remembered within bounds."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

Key = TypeVar("Key", bound=Hashable)
Of = TypeVar("Of", bound=Hashable)
Made = TypeVar("Made")


class LRUCache(Generic[Key, Made]):
    """The last things that `make` made, by what they were made from. Threads may ask at once.

    size: of one thing. Of things that are together larger than `most`, or more than `count`, the oldest go.
    """

    def __init__(self, make: Callable[[Key], Made], size: Callable[[Made], int], most: int, count: int) -> None:
        self._make, self._size, self._most, self._count = make, size, most, count
        self._made: OrderedDict[Key, Made] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, key: Key) -> Made:
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        made = self._make(key)
        with self._lock:
            self._made[key] = made
            while len(self._made) > self._count or sum(map(self._size, self._made.values())) > self._most:
                self._made.popitem(last=False)
        return made

    def __len__(self) -> int:
        return len(self._made)

    def forget(self) -> None:
        with self._lock:
            self._made.clear()


def weak_cache(make: Callable[[Of], Made]) -> Callable[[Of], Made]:
    """Make something of an object once, and remember it for as long as the object itself is."""
    made: WeakKeyDictionary[Of, Made] = WeakKeyDictionary()

    @functools.wraps(make)
    def remembered(of: Of) -> Made:
        if of not in made:
            made[of] = make(of)
        return made[of]

    return remembered

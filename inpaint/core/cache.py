"""Caches of bounded size."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

Key = TypeVar("Key", bound=Hashable)
Source = TypeVar("Source", bound=Hashable)
Value = TypeVar("Value")


class LRUCache(Generic[Key, Value]):
    """Cache the results of `make` by key and evict the least recently used ones. Thread-safe.

    Two threads that miss the same key at once both call `make`.

    Args:
        make: computes the value of a key.
        size: the size of one value.
        most: evict while the total size exceeds this.
        count: evict while there are more entries than this.
    """

    def __init__(self, make: Callable[[Key], Value], size: Callable[[Value], int], most: int, count: int) -> None:
        self._make, self._size, self._most, self._count = make, size, most, count
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, key: Key) -> Value:
        """Return the value of a key, computed if it is not cached."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = self._make(key)
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._count or sum(map(self._size, self._values.values())) > self._most:
                self._values.popitem(last=False)
        return value

    def __len__(self) -> int:
        return len(self._values)

    def forget(self) -> None:
        """Remove all entries."""
        with self._lock:
            self._values.clear()


def weak_cache(make: Callable[[Source], Value]) -> Callable[[Source], Value]:
    """Cache the result of a one-argument function per argument, for as long as that argument is alive."""
    values: WeakKeyDictionary[Source, Value] = WeakKeyDictionary()

    @functools.wraps(make)
    def cached(source: Source) -> Value:
        if source not in values:
            values[source] = make(source)
        return values[source]

    return cached

"""Conditioning."""

from typing import Any

# A copy whose entries, [embedding, values] each, have these values as well.
def conditioning_set_values(
    conditioning: list[Any], values: dict[str, Any] = ..., append: bool = False
) -> list[Any]: ...

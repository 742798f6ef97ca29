"""Quantized weights."""

from typing import Any

# By the host's name of the kind.
QUANT_ALGOS: dict[str, dict[str, Any]]

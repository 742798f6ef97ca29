"""Bytes and dtypes as readable text."""

import re


def plain_size(count: float) -> str:
    """Format a number of bytes in GiB, or in MiB below 1 GiB."""
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def plain_dtype(name: str) -> str:
    """Format a file's dtype in lower case: "fp16" for F16, "fp8 e4m3" for F8_E4M3, "bf16" for BF16."""
    return re.sub(r"^f(?=\d)", "fp", name.lower()).replace("_", " ")

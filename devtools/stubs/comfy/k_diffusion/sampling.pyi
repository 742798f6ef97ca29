"""The progress bar of samplers."""

from typing import Any

# tqdm's, or one of the host's own around it.
def trange(*args: Any, **kwargs: Any) -> Any: ...

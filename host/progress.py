"""How far long work is, on the node that does it; and its end, where the user cancels."""

from __future__ import annotations

from collections.abc import Callable

import comfy.model_management
import comfy.utils

STEPS = 1000


def progress_bar() -> Callable[[float], None]:
    """To be called now and then with the share that is done, 0..1.

    Each call moves the running node's progress bar, and raises the host's interrupt once the user has cancelled.
    """
    bar = comfy.utils.ProgressBar(STEPS)

    def tell(share: float) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        bar.update_absolute(round(share * STEPS))

    return tell

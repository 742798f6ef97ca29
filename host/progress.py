"""How far long work is, on the node that does it; and its end, where the user cancels."""

from __future__ import annotations

from collections.abc import Callable

import comfy.model_management
import comfy.utils

# In how many steps the page is told.
STEPS = 1000


def progress_bar() -> Callable[[float, float], None]:
    """To be called now and then with how much is done, and how much there is.

    Each call moves the running node's progress bar, and raises the host's interrupt once the user has cancelled.
    """
    bar = comfy.utils.ProgressBar(STEPS)

    def tell(done: float, total: float) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        bar.update_absolute(round(STEPS * done / total), STEPS)

    return tell

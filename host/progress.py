"""Progress of long work on the node that runs it, and cancellation by the user."""

from __future__ import annotations

from collections.abc import Callable

import comfy.model_management
import comfy.utils

# Resolution of the progress bar.
STEPS = 1000


def progress_bar() -> Callable[[float, float], None]:
    """Return a callback (work done, total work) for the running node.

    Each call updates the node's progress bar. It raises the host's interrupt exception if the user has cancelled.
    """
    bar = comfy.utils.ProgressBar(STEPS)

    def report(done: float, total: float) -> None:
        stop_if_cancelled()
        bar.update_absolute(round(STEPS * done / total), STEPS)

    return report


def stop_if_cancelled() -> None:
    """Raise the host's interrupt exception if the user has cancelled."""
    comfy.model_management.throw_exception_if_processing_interrupted()

"""`mend-batch`, `python -m mend_inpaint.batch`; in a checkout `python -m inpaint.batch` and `python dev.py batch`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

# Of the extra [batch], with the command that installs them.
NEEDED = ("PIL", "numpy", "tifffile", "tqdm", "websocket")
INSTALL = "python -m pip install 'mend-inpaint[batch]'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status."""
    import importlib.util

    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"mend-batch: needs {', '.join(missing)}. Run: {INSTALL}", file=sys.stderr)
        return 2
    from ..core.errors import InpaintError
    from .options import parse
    from .run import run

    try:
        return run(parse(arguments))
    except InpaintError as error:
        print(f"mend-batch: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

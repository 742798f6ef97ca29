"""Export the API form of each shipped workflow from the real canvas: `python -m devtools.publish.export_api`.

MEND_COMFYUI is the folder of the host, as for the tests.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from devtools.hosts.canvas import Canvas
from devtools.hosts.process import HostProcess
from devtools.setup.environment import ROOT

WORKFLOWS = ROOT / "workflows"


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as base,
        HostProcess(Path(os.environ["MEND_COMFYUI"]), Path(base)) as host,
        Canvas(host.url) as canvas,
    ):
        for workflow in sorted(WORKFLOWS.glob("*.json")):
            canvas.load_workflow(workflow)
            missing = canvas.missing_nodes()
            if missing:
                raise SystemExit(f"{workflow.name}: this host does not have {', '.join(missing)}")
            target = WORKFLOWS / "api" / workflow.name
            target.parent.mkdir(exist_ok=True)
            target.write_text(json.dumps(canvas.api_prompt(), indent=2) + "\n", encoding="utf-8", newline="\n")
            print(target.relative_to(ROOT))


if __name__ == "__main__":
    main()

"""What a run leaves behind at its end: a summary, tables, and sheets of pictures."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .contact_sheet import Cell, contact_sheet
from .files.atomic import write_atomic
from .manifest import NAMES, Record

CSV, JSON, FAILURES, SAMPLE = "report.csv", "report.json", "failures.jpg", "sample.jpg"
# Pictures of the sample. The same each time, so that two reports can be compared.
SAMPLED = 24


def write_report(records: Sequence[Record], facts: Mapping[str, Any], output: Path, folder: Path) -> None:
    """Write the tables and sheets.

    Args:
        records: all of them.
        facts: of the run.
        output: where the results are.
        folder: where the report goes.
    """
    table = io.StringIO()
    writer = csv.DictWriter(table, NAMES, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(record) for record in records)
    write_atomic(folder / CSV, table.getvalue().encode())
    pictures = [{**asdict(record), "settings": json.loads(record.settings)} for record in records]
    whole = {"run": facts, "pictures": pictures}
    write_atomic(folder / JSON, (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode())
    failed = [record for record in records if record.state == "failed"]
    done = [record for record in records if record.state == "done"]
    sample = sorted(random.Random(0).sample(done, min(SAMPLED, len(done))), key=lambda record: record.name)
    for name, chosen in ((FAILURES, failed), (SAMPLE, sample)):
        if chosen:
            contact_sheet([_cell(record, output) for record in chosen], folder / name)
        else:
            (folder / name).unlink(missing_ok=True)


def _cell(record: Record, output: Path) -> Cell:
    after = output / record.output if record.state == "done" else None
    before = Path(record.image) if record.image else None
    return Cell(record.name, before, after, record.error or record.notes.replace("\n", " "))


def summary(records: Sequence[Record], skipped: int, seconds: float) -> list[str]:
    """Return the lines that end a run.

    Args:
        records: all of them.
        skipped: how many were done before.
        seconds: how long the run took.
    """
    states = Counter(record.state for record in records)
    made = states["done"] - skipped
    rate = f", {60 * made / seconds:.1f} a minute" if made and seconds else ""
    lines = [f"{made} done in {seconds:.0f} s{rate}; {skipped} were done before; {states['failed']} failed."]
    if waiting := states["waiting"] + states["writing"]:
        lines.append(f"{waiting} wait: --resume makes them.")
    reasons = Counter(record.error for record in records if record.state == "failed")
    lines += [f"  failed: {error} ({count})" for error, count in reasons.most_common(10)]
    return lines

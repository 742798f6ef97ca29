"""Pictures through a cluster, and what becomes of those whose worker is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from ..crew import Crew
from ..engine import Deliver, Outcome
from ..local.choice import ModelChoice
from ..local.job import Job

# Pictures that are streamed at once: one stream is as good as many, and its list of jobs stays small.
MOST = 10_000
# Tasks that read at a time.
READERS = 4
# How often a worker that ended is tried again with the same pictures within one stream.
RETRIES = 1


class Stream(threading.Thread):
    """Streams the crew's pictures through the cluster until there are none.

    Args:
        crew: hands out pictures.
        hand: its name there.
        kind: one of `KINDS`.
        model: what each actor opens.
        actors: the least and the most actors.
        gpus: graphics cards of each actor.
        job_of: what is needed for a picture, by its name.
        deliver: takes each outcome that is final.
    """

    def __init__(
        self,
        crew: Crew,
        hand: str,
        kind: str,
        model: ModelChoice,
        actors: tuple[int, int],
        gpus: float,
        job_of: Callable[[str], Job],
        deliver: Deliver,
    ) -> None:
        super().__init__(name=f"mend-batch {hand}", daemon=True)
        self._crew, self._hand, self._kind, self._model = crew, hand, kind, model
        self._actors, self._gpus = actors, gpus
        self._job_of, self._deliver = job_of, deliver

    def run(self) -> None:
        while names := self._crew.next_few(self._hand, MOST):
            self._make(names)

    def _make(self, names: list[str]) -> None:
        crew, hand, left, trouble = self._crew, self._hand, dict.fromkeys(names), "its worker was lost"
        began = time.monotonic()
        try:
            for row in self._rows(names):
                name = str(row["name"])
                left.pop(name)
                self._take(name, row)
                if crew.stopped:
                    break
        except Exception as error:  # the cluster itself failed
            trouble = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
        for name in left:
            if crew.stopped:
                crew.dropped()
            elif crew.failed(hand, name):
                self._deliver(Outcome(name, hand, time.monotonic() - began, error=trouble))

    def _take(self, name: str, row: dict[str, Any]) -> None:
        seconds, error = float(row["seconds"]), str(row["error"])
        notes = tuple(str(row["notes"]).splitlines())
        if error:
            self._crew.dropped()
        else:
            self._crew.succeeded(self._hand, seconds)
        self._deliver(Outcome(name, self._hand, seconds, bytes(row["data"]), notes, error))

    def _rows(self, names: list[str]) -> Iterator[dict[str, Any]]:
        """Yield results as they come."""
        import ray.data

        # They are pickled by their names: this process needs no torch.
        from .actor import Actor
        from .reading import read

        context = ray.data.DataContext.get_current()
        # A picture that ends its worker is missing at the end, and does not end the stream.
        context.max_errored_blocks = -1
        context.enable_progress_bars = False
        least, most = self._actors
        at_once = self._model.at_once
        rows = [{"job": self._job_of(name)} for name in names]
        stream = (
            ray.data.from_items(rows, override_num_blocks=-(-len(rows) // at_once))
            .map(read, num_cpus=0.25, concurrency=READERS)
            .map_batches(
                Actor,
                batch_size=at_once,
                fn_constructor_args=(self._kind, self._model),
                concurrency=(min(least, len(rows)), min(most, len(rows))),
                num_cpus=1,
                num_gpus=self._gpus,
                max_task_retries=RETRIES,
                max_restarts=-1,
            )
        )
        yield from stream.iter_rows()

"""Shadows: revisions that see real requests and answer nobody, on one thread, behind a short queue.

What does not fit the queue is dropped and counted; a shadow never delays an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread

from modelyard.serving.hot.models import Job, Model

QUEUED_BATCHES = 64


class ShadowLane:
    """The thread on which all shadows run."""

    def __init__(self, deliver: Callable[[Sequence[Job]], None]) -> None:
        """`deliver` is called from the thread with each batch that is done."""
        self._deliver = deliver
        self._batches: SimpleQueue[tuple[Model, Sequence[Job]] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self.dropped = 0

    def offer(self, model: Model, jobs: Sequence[Job]) -> bool:
        """Hand over a batch; False if the lane is full and the batch is dropped."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name="shadows", daemon=True)
            self._thread.start()
        if self._batches.qsize() >= QUEUED_BATCHES:
            self.dropped += len(jobs)
            return False
        self._batches.put((model, jobs))
        return True

    def stop(self) -> None:
        """Finish the batch at hand, leave the others, and end."""
        if self._thread is None:
            return
        while True:
            try:
                left = self._batches.get_nowait()
            except Empty:
                break
            self.dropped += 0 if left is None else len(left[1])
        self._batches.put(None)
        self._thread.join(timeout=5)

    def _work(self) -> None:
        while (batch := self._batches.get()) is not None:
            model, jobs = batch
            model.run(jobs)
            self._deliver(jobs)

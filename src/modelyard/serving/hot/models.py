"""Loaded models: what one costs, where its batches run, and the batch itself.

A batch whose predicted time is short runs on the event loop; a longer one goes to the model's own thread, which lingers
a little after each batch of several, so that clients who answer in step meet in the next one (`docs/adr/0011`).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from threading import Condition, Thread
from time import perf_counter, sleep

from modelyard.kernel.errors import Internal, InvalidInput, YardError
from modelyard.serving.hot import runtimes
from modelyard.serving.hot.answers import Writer
from modelyard.serving.hot.bundle import Signature, read_bundle
from modelyard.serving.hot.questions import Question, Reader
from modelyard.serving.hot.tensors import Scalar

log = logging.getLogger(__name__)

LOOP_LIMIT_S = 0.001
MAX_BATCH_ROWS = 8192
MAX_WAITING = 1024
_LINGER_SHARE = 0.3
_LINGER_MAX_S = 0.002
_WEIGHT = 0.1


class Job:
    """A question for one model, and what came of it: outputs or an error."""

    __slots__ = ("error", "outputs", "question")

    def __init__(self, question: Question) -> None:
        self.question = question
        self.outputs: list[list[Scalar]] = []
        self.error: YardError | None = None


class Cost:
    """How long a batch of a model takes: a call, its rows, and how the present differs from the warm-up."""

    __slots__ = ("_call_s", "_row_s", "_scale")

    def __init__(self, call_s: float, row_s: float) -> None:
        self._call_s = max(call_s, 1e-6)
        self._row_s = row_s
        self._scale = 1.0

    def predict(self, rows: int) -> float:
        """Seconds that a batch of so many rows will take."""
        return (self._call_s + self._row_s * rows) * self._scale

    def observe(self, rows: int, seconds: float) -> None:
        """Learn from a batch; one that was disturbed counts little."""
        ratio = min(seconds / (self._call_s + self._row_s * rows), 4 * self._scale)
        self._scale += _WEIGHT * (ratio - self._scale)


class Model:
    """A model in memory, made ready for reading, answering and writing."""

    def __init__(self, signature: Signature, runtime: runtimes.Runtime, cost: Cost) -> None:
        self.signature = signature
        self.platform = runtime.platform
        self.cost = cost
        self.reader = Reader(signature)
        self.writer = Writer(signature)
        self.columns = tuple(spec.name for spec in signature.inputs)
        self.output_names = tuple(spec.name for spec in signature.outputs)
        self.waiting = 0
        self.thread: ModelThread | None = None
        self._predict = runtime.predict
        self._widths = [spec.width or 1 for spec in signature.outputs]

    @property
    def place(self) -> str:
        """Where a single row is answered at present: `loop` or `thread`."""
        return "loop" if self.cost.predict(1) <= LOOP_LIMIT_S else "thread"

    def run(self, jobs: Sequence[Job]) -> None:
        """Answer some questions in one batch; if the batch fails, each alone, so that one cannot spoil the others."""
        rows = sum(job.question.rows for job in jobs)
        flat = jobs[0].question.flat if len(jobs) == 1 else list(chain.from_iterable(j.question.flat for j in jobs))
        began = perf_counter()
        try:
            outputs = self._predict(flat, rows)
        except Exception as err:  # noqa: BLE001  # a model may raise anything
            if len(jobs) == 1:
                jobs[0].error = _fault(err)
            else:
                for job in jobs:
                    self.run((job,))
            return
        self.cost.observe(rows, perf_counter() - began)
        if len(jobs) == 1:
            jobs[0].outputs = outputs
            return
        at = 0
        for job in jobs:
            end = at + job.question.rows
            job.outputs = [o[at * w : end * w] for o, w in zip(outputs, self._widths, strict=True)]
            at = end

    def retire(self) -> None:
        """Let the model's thread end once it has answered what waits."""
        if self.thread is not None:
            self.thread.stop()


def load_model(folder: Path, trusted: Sequence[str]) -> Model:
    """Load, warm up and time the model of a folder; slow.

    Raises:
        YardError: what is wrong with it.
    """
    bundle = read_bundle(folder)
    runtime = runtimes.load(bundle, trusted)
    call_s, row_s = runtimes.timed(runtime, bundle.signature)
    return Model(bundle.signature, runtime, Cost(call_s, row_s))


def _fault(err: Exception) -> YardError:
    if isinstance(err, ValueError):
        return InvalidInput(
            f"the model refuses this input: {str(err).splitlines()[0][:200] if str(err) else 'no reason'}"
        )
    log.error("a model raised", exc_info=err)
    return Internal(f"the model failed on this input ({type(err).__name__}); the data plane's log has the rest")


class ModelThread:
    """The one thread of a model that is too slow for the event loop."""

    def __init__(self, model: Model, deliver: Callable[[Sequence[Job]], None]) -> None:
        """`deliver` is called from the thread with each batch that is done."""
        self._model = model
        self._deliver = deliver
        self._jobs: deque[Job] = deque()
        self._news = Condition()
        self._stopped = False
        self._thread = Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    def put(self, jobs: Sequence[Job]) -> None:
        """Hand over what one loop turn gathered."""
        with self._news:
            self._jobs.extend(jobs)
            self._news.notify()

    def stop(self) -> None:
        """End once nothing waits."""
        with self._news:
            self._stopped = True
            self._news.notify()

    def _work(self) -> None:
        while jobs := self._next():
            began = perf_counter()
            self._model.run(jobs)
            taken = perf_counter() - began
            self._deliver(jobs)
            if len(jobs) > 1:
                sleep(min(_LINGER_SHARE * taken, _LINGER_MAX_S))

    def _next(self) -> list[Job]:
        with self._news:
            while not self._jobs and not self._stopped:
                self._news.wait()
            taken: list[Job] = []
            rows = 0
            while self._jobs and (not taken or rows + self._jobs[0].question.rows <= MAX_BATCH_ROWS):
                job = self._jobs.popleft()
                rows += job.question.rows
                taken.append(job)
            return taken

"""The way of `log`: from a checked batch to rows, in as few statements as it takes.

One point costs three statements: look up the run, add to the tail, bring the last point up to date. All else (names,
limits, packing) was done before the writer's turn; folding comes after it, in a duty. It never reads a series.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from msgspec.structs import replace

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.refs import ref
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.tracking.api import Batch, Latest, RunFinished, RunInfo, RunStatus, Stage, limits
from modelyard.tracking.api.batches import RUN_NAME_TAG
from modelyard.tracking.store import models, runs, series

_MOST_NAMES = 100_000


@dataclass(slots=True)
class Waiting:
    """What lies in the tail of a run, as far as this process knows; a hint for the duty, never the truth."""

    calls: int = 0
    points: int = 0
    touched_ms: int = 0
    is_over: bool = False


@dataclass(slots=True)
class HotLog:
    """Writes batches; one for each process.

    Attributes:
        waiting: runs whose tail grew, by number.
        named: numbers of metric names that a committed snapshot has shown.
        unproven: names that were written and not seen committed yet.
    """

    waiting: OrderedDict[int, Waiting] = field(default_factory=OrderedDict)
    named: set[int] = field(default_factory=set)
    unproven: set[int] = field(default_factory=set)

    def write(self, batch: Batch) -> None:
        """Note what the batch holds.

        Raises:
            NotFound: there is no such run.
            InvalidInput: the run is deleted, or a param already has another value.
        """
        call = calls.current()
        tx = call.tx
        head = active(tx, batch.run)
        if batch.params or batch.tags:
            note(tx, head, params=batch.params, tags=batch.tags)
        if batch.count:
            unnamed = [one for one in batch.latest if one.number not in self.named]
            if unnamed:
                self._name(tx, unnamed)
            series.append(tx, head.id, points=batch.count, body=batch.body, latest=batch.latest)
            self.hint(head.id, calls=1, points=batch.count, now_ms=call.now_ms)
        if batch.model_points:
            models.add_points(tx, batch.run, batch.model_points)

    def change(
        self, run: str, status: RunStatus | None = None, end_ms: int | None = None, *, name: str | None = None
    ) -> RunInfo:
        """Set a run's status, end or name; a run that ends says so in an event.

        Raises:
            NotFound: there is no such run.
            InvalidInput: the run is deleted, or the end is no time.
        """
        call = calls.current()
        found = runs.bare(call.tx, run)
        if found is None:
            raise NotFound(f"Run with id={run[:80]} not found")
        number, was = found
        _check_active(run, was.stage)
        state = status or was.status
        end = was.end_ms if end_ms is None else limits.check_time(end_ms, "end_time")
        if end is None and status is not None and status.is_over:
            end = call.now_ms
        if name:
            note(call.tx, active(call.tx, run), params={}, tags=limits.check_tags({RUN_NAME_TAG: name}))
        now = replace(was, status=state, end_ms=end, name=name or was.name)
        runs.update(call.tx, number, status=state, end_ms=end, name=now.name)
        if state.is_over and not was.status.is_over:
            self.hint(number, now_ms=call.now_ms, is_over=True)
            took = max((call.now_ms if end is None else end) - was.start_ms, 0)
            finished = RunFinished(
                run=run, experiment=was.experiment, name=now.name, status=state.value, duration_ms=took,
                commit=was.commit,
            )  # fmt: skip
            call.emit(finished, reads=was.reads, writes=[ref("run", run)])
        return now

    def hint(self, run: int, *, calls: int = 0, points: int = 0, now_ms: int = 0, is_over: bool = False) -> None:
        """Remember that a run's tail grew, or that the run is over."""
        found = self.waiting.setdefault(run, Waiting())
        found.calls += calls
        found.points += points
        found.touched_ms = now_ms
        found.is_over = found.is_over or is_over

    def prove(self, tx: Transaction) -> None:
        """Believe the names that a committed snapshot shows, so that they need not be written again."""
        if len(self.named) > _MOST_NAMES:
            self.named = set()
        candidates = list(self.unproven)[:1000]
        self.named |= series.known_keys(tx, candidates)
        self.unproven.difference_update(candidates)

    def _name(self, tx: Transaction, names: list[Latest]) -> None:
        series.name_keys(tx, names)
        if len(self.unproven) < _MOST_NAMES:
            self.unproven.update(one.number for one in names)


def active(tx: Transaction, run: str) -> runs.Head:
    """The head of a run that may be changed.

    Raises:
        NotFound: there is no such run.
        InvalidInput: it is deleted.
    """
    head = runs.head(tx, run)
    if head is None:
        raise NotFound(f"Run with id={run[:80]} not found")
    _check_active(run, head.stage)
    return head


def _check_active(run: str, stage: Stage) -> None:
    if stage is not Stage.ACTIVE:
        raise InvalidInput(f"The run {run} must be in the 'active' state. Current state is {stage}.")


def note(tx: Transaction, head: runs.Head, *, params: dict[str, str], tags: dict[str, str]) -> None:
    """Add params and set tags, in the key-value rows and in the run's document.

    Raises:
        InvalidInput: a param already has another value.
    """
    body = runs.document(tx, head.id)
    new = {key: value for key, value in params.items() if key not in body.params}
    changed = {k: (body.params[k], v) for k, v in params.items() if k in body.params and body.params[k] != v}
    if changed:
        key, (old, given) = next(iter(changed.items()))
        raise InvalidInput(
            f"Changing param values is not allowed. Param with key={key!r} was already logged with "
            f"value={old[:200]!r} for this run. Attempted logging new value {given[:200]!r}; use a nested run."
        )
    if new:
        runs.add_params(tx, head.id, new)
        body.params |= new
    fresh = {key: value for key, value in tags.items() if body.tags.get(key) != value}
    if fresh:
        runs.put_tags(tx, head.id, fresh)
        body.tags |= fresh
        if RUN_NAME_TAG in fresh:
            runs.update(tx, head.id, status=head.status, end_ms=head.end_ms, name=fresh[RUN_NAME_TAG])
    if new or fresh:
        runs.put_document(tx, head.id, body)

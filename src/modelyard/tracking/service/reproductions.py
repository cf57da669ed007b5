"""Reproductions: kept, and found from either run."""

from __future__ import annotations

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.pages import Page, encode_cursor, place_of
from modelyard.kernel.refs import ref
from modelyard.ports import calls
from modelyard.tracking.api import RunReproduced
from modelyard.tracking.api.reproductions import (
    Likeness,
    Outcome,
    Reproduction,
    ReproductionOperations,
    Verdict,
)
from modelyard.tracking.service.runs import found
from modelyard.tracking.store import reproductions as store

_ORDER = (Likeness.DIFFERENT, Likeness.MISSING, Likeness.EXTRA, Likeness.EQUAL, Likeness.IDENTICAL)


class Reproductions(ReproductionOperations):
    """The operations on reproductions."""

    def note_reproduction(
        self,
        run: str,
        by: str,
        verdicts: list[Verdict],
        *,
        tolerance: float = 0.0,
        environment: str = "",
        notes: list[str] | None = None,
        problem: str = "",
    ) -> Reproduction:
        """Keep what a repetition showed."""
        call = calls.current()
        found(call.tx, run)
        found(call.tx, by)
        if run == by:
            raise InvalidInput(f"run {run} cannot be its own repetition; name the run that repeated it as `by`")
        counts = {each.value: sum(v.likeness is each for v in verdicts) for each in Likeness}
        one = Reproduction(
            of=run, by=by, outcome=_outcome(counts, problem), tolerance=tolerance, environment=environment,
            notes=notes or [], problem=problem, at_ms=call.now_ms, actor=call.actor.id, **counts,
        )  # fmt: skip
        store.put(call.tx, one, sorted(verdicts, key=lambda v: (_ORDER.index(v.likeness), v.subject, v.name)))
        said = RunReproduced(run=run, by=by, outcome=one.outcome.value)
        call.emit(said, reads=[ref("run", run)], writes=[ref("run", by)])
        return one

    def reproductions(self, run: str) -> list[Reproduction]:
        """List how a run was repeated, and what it repeats itself."""
        tx = calls.current().tx
        found(tx, run)
        return store.of_run(tx, run)

    def verdicts(
        self, run: str, likeness: Likeness | None = None, *, limit: int = 1000, cursor: str | None = None
    ) -> Page[Verdict]:
        """List what a repetition showed."""
        tx = calls.current().tx
        found(tx, run)
        known = store.of_run(tx, run)
        own = [one for one in known if one.by == run] or known
        if not own:
            raise NotFound(f"run {run} was never repeated; repeat it: yard reproduce {run}")
        after = place_of(cursor, -1)
        rows = store.verdicts(tx, own[0].by, likeness=likeness, after=after, limit=limit + 1)
        kept = rows[:limit]
        return Page([v for _, v in kept], encode_cursor(kept[-1][0]) if len(rows) > limit else None)


def _outcome(counts: dict[str, int], problem: str) -> Outcome:
    if problem:
        return Outcome.FAILED
    if counts["different"] or counts["missing"] or counts["extra"]:
        return Outcome.DIFFERENT
    return Outcome.EQUAL if counts["equal"] else Outcome.IDENTICAL

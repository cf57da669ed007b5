"""Reproductions: one row each, and one row a verdict."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modelyard.kernel.ids import ActorId
from modelyard.ports.database import Row, Transaction
from modelyard.ports.statements import sql
from modelyard.tracking.api.reproductions import Likeness, Outcome, Reproduction, Subject, Verdict

_MOST = 200
_COLUMNS = "of_run, by_run, outcome, counts, tolerance, environment, notes, problem, at_ms, actor"
_DROP_VERDICTS = sql("DELETE FROM tracking_verdict WHERE by_run = :by")
_PUT = sql(
    f"INSERT INTO tracking_reproduction ({_COLUMNS}) VALUES (:of, :by, :outcome, :counts, :tolerance, :environment, "
    ":notes, :problem, :now, :actor) ON CONFLICT (by_run) DO UPDATE SET of_run = excluded.of_run, "
    "outcome = excluded.outcome, counts = excluded.counts, tolerance = excluded.tolerance, "
    "environment = excluded.environment, notes = excluded.notes, problem = excluded.problem, at_ms = excluded.at_ms, "
    "actor = excluded.actor"
)
_ADD_VERDICT = sql(
    "INSERT INTO tracking_verdict (by_run, place, subject, name, likeness, words) "
    "VALUES (:by, :place, :subject, :name, :likeness, :words)"
)
_OF = sql(
    f"SELECT {_COLUMNS} FROM tracking_reproduction WHERE of_run = :run OR by_run = :run "
    "ORDER BY at_ms DESC, by_run DESC LIMIT :n"
)
_VERDICTS = sql(
    "SELECT place, subject, name, likeness, words FROM tracking_verdict WHERE by_run = :by AND place > :after "
    "AND (likeness = :likeness OR :likeness = '') ORDER BY place LIMIT :n"
)
_counts = msgspec.json.Decoder(dict[Likeness, int])
_notes = msgspec.json.Decoder(list[str])


def put(tx: Transaction, one: Reproduction, verdicts: Sequence[Verdict]) -> None:
    """Keep a reproduction in place of what was kept of the same repetition."""
    counts = {each: getattr(one, each.value) for each in Likeness}
    tx.run(_DROP_VERDICTS, {"by": one.by})
    tx.run(
        _PUT,
        {
            "of": one.of, "by": one.by, "outcome": one.outcome.value, "counts": msgspec.json.encode(counts),
            "tolerance": one.tolerance, "environment": one.environment, "notes": msgspec.json.encode(one.notes),
            "problem": one.problem, "now": one.at_ms, "actor": one.actor,
        },
    )  # fmt: skip
    if verdicts:
        tx.many(
            _ADD_VERDICT,
            [
                {
                    "by": one.by, "place": place, "subject": v.subject.value, "name": v.name,
                    "likeness": v.likeness.value, "words": v.words,
                }
                for place, v in enumerate(verdicts)
            ],
        )  # fmt: skip


def of_run(tx: Transaction, run: str) -> list[Reproduction]:
    """Those of a run and the one that it is, newest first."""
    return [_reproduction(row) for row in tx.all(_OF, {"run": run, "n": _MOST})]


def verdicts(
    tx: Transaction, by: str, *, likeness: Likeness | None, after: int, limit: int
) -> list[tuple[int, Verdict]]:
    """Verdicts on a repetition behind a place, each with its place."""
    chosen = likeness.value if likeness else ""
    rows = tx.all(_VERDICTS, {"by": by, "after": after, "likeness": chosen, "n": limit})
    return [
        (place, Verdict(subject=Subject(subject), name=name, likeness=Likeness(kind), words=words))
        for place, subject, name, kind, words in rows
    ]


def _reproduction(row: Row) -> Reproduction:
    of, by, outcome, counts, tolerance, environment, notes, problem, at_ms, actor = row
    numbers = {kind.value: count for kind, count in _counts.decode(counts).items()}
    return Reproduction(
        of=of, by=by, outcome=Outcome(outcome), tolerance=tolerance, environment=environment,
        notes=_notes.decode(notes), problem=problem, at_ms=at_ms, actor=ActorId(actor), **numbers,
    )  # fmt: skip

"""What repetitions showed: kept, found from either run, told again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.tracking.api import Likeness, Outcome, RunReproduced, Subject, Verdict
from tests.tracking.conftest import Workplace


def verdict(name: str, likeness: Likeness, words: str = "") -> Verdict:
    return Verdict(subject=Subject.METRIC, name=name, likeness=likeness, words=words)


def test_verdicts_are_found_from_either_run_with_what_differs_first(place: Workplace) -> None:
    tracking = place.tracking
    first, again, later = (tracking.start_run("0", name).id for name in ("first", "again", "later"))
    many = [verdict(f"m{i}", Likeness.IDENTICAL) for i in range(30)]
    kept = tracking.note_reproduction(
        first, again, [*many, verdict("loss", Likeness.DIFFERENT, "1.0 -> 2.0")], tolerance=0.1, notes=["of one kind"]
    )
    assert (kept.outcome, kept.identical, kept.different, kept.notes) == (Outcome.DIFFERENT, 30, 1, ["of one kind"])
    place.bench.clock.advance(timedelta(seconds=1))
    tracking.note_reproduction(first, later, many)
    assert [r.by for r in tracking.reproductions(first)] == [later, again]
    assert [r.of for r in tracking.reproductions(again)] == [first]
    page = tracking.verdicts(again, limit=20)
    assert page.items[0] == verdict("loss", Likeness.DIFFERENT, "1.0 -> 2.0")
    rest = tracking.verdicts(again, limit=20, cursor=page.next)
    assert (len(page.items), len(rest.items), rest.next) == (20, 11, None)
    assert [v.name for v in tracking.verdicts(again, Likeness.DIFFERENT).items] == ["loss"]
    assert len(tracking.verdicts(first).items) == 30
    (told, _) = place.bench.events(RunReproduced)
    assert [*told.reads, *told.writes] == [f"run:{first}", f"run:{again}"]


def test_a_repetition_told_again_replaces_what_was_kept(place: Workplace) -> None:
    tracking = place.tracking
    first, again = (tracking.start_run("0", name).id for name in ("first", "again"))
    tracking.note_reproduction(first, again, [verdict("loss", Likeness.MISSING)])
    assert tracking.note_reproduction(first, again, [verdict("loss", Likeness.EQUAL)]).outcome is Outcome.EQUAL
    assert tracking.note_reproduction(first, again, [], problem="it hung").outcome is Outcome.FAILED
    assert [(r.outcome, r.problem) for r in tracking.reproductions(first)] == [(Outcome.FAILED, "it hung")]
    assert tracking.verdicts(again).items == []


def test_what_is_no_repetition_is_refused(small: Workplace) -> None:
    tracking = small.tracking
    run = tracking.start_run("0", "alone").id
    with pytest.raises(NotFound, match="yard reproduce"):
        tracking.verdicts(run)
    with pytest.raises(InvalidInput, match="its own repetition"):
        tracking.note_reproduction(run, run, [])
    for first, again in ((run, "0" * 32), ("0" * 32, run)):
        with pytest.raises(NotFound, match="not found"):
            tracking.note_reproduction(first, again, [])

"""Many runs as a table: windows, fields, values, groups, saved views; and runs that go on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.tracking.api import FieldKind, Point, RunStatus, Special, View
from modelyard.tracking.model.filters import RUNS, identify, written
from modelyard.tracking.store import search
from tests.tracking.conftest import Workplace


@pytest.fixture
def fleet(place: Workplace) -> Workplace:
    """Nine runs in two experiments: f1 of r7 is no number, r8 has none; every third has failed."""
    yard = place.tracking
    other = yard.create_experiment("other").id
    for i in range(9):
        run = yard.start_run("0" if i < 6 else other, f"r{i}", {"team": "a" if i % 2 else "b"}, user=f"u{i % 2}")
        points = [] if i == 8 else [Point(key="f1", value=Special.NAN if i == 7 else (i % 4) / 10, at_ms=1)]
        yard.log(run.id, points, {"lr": str(i % 3), "a b": "x"} if i else {})
        yard.update_run(run.id, RunStatus.FAILED if i % 3 == 0 else RunStatus.FINISHED)
        place.bench.clock.advance(timedelta(seconds=1))
    return place


def names(place: Workplace, order_by: list[str], first: int = 0, limit: int = 100, where: str = "") -> list[str]:
    return [r.name for r in place.tracking.board(None, where, order_by, first=first, limit=limit).rows]


@pytest.mark.parametrize(
    "order", ["metrics.f1 DESC", "metrics.f1", "params.lr DESC", "params.lr", "tags.team DESC", "tags.none", "user_id"]
)
def test_windows_join_to_the_same_order_that_a_search_gives(fleet: Workplace, order: str) -> None:
    joined = names(fleet, [order, "start_time DESC"])  # two keys are sorted, one is walked
    assert names(fleet, [order]) == joined and len(joined) == 9
    assert [r.name for r in fleet.tracking.runs(None, "", [order]).items] == joined
    for size in (1, 2, 4, 7):
        assert [name for at in range(0, 12, size) for name in names(fleet, [order], at, size)] == joined, size


def test_a_missing_value_comes_last_and_a_not_a_number_before_it_either_way(fleet: Workplace) -> None:
    for order in ("metrics.f1 DESC", "metrics.f1 ASC"):
        assert names(fleet, [order])[-2:] == ["r7", "r8"]
        assert names(fleet, [order], 8, 5) == ["r8"]
    assert names(fleet, ["params.lr ASC"])[-1] == "r0"
    assert names(fleet, ["metrics.f1 DESC"], where="user_id = 'u0'") == ["r6", "r2", "r4", "r0", "r8"]


def test_a_window_has_the_columns_asked_for_and_the_count_of_all(fleet: Workplace) -> None:
    columns = ["metrics.f1", "params.`a b`", "tags.team", "end_time", "params.lr"]
    board = fleet.tracking.board(None, "params.lr = '1' AND tags.team != 'c'", columns=columns, first=1, limit=2)
    assert (board.total, board.first, [r.name for r in board.rows]) == (3, 1, ["r4", "r1"]) and not board.more
    assert board.rows[0].values[:3] == [0.0, "x", "b"] and board.rows[0].values[4] == "1"
    assert board.clauses == ["params.lr = '1'", "tags.team != 'c'"]
    last = fleet.tracking.board(None, columns=columns, limit=2).rows
    assert [r.values[0] for r in last] == [None, "NaN"]
    assert fleet.tracking.board(None, first=50).rows == []
    for wrong in ("metrics", "datasets.name", "nothing.x"):
        with pytest.raises(InvalidInput):
            fleet.tracking.board(columns=[wrong])


def test_what_would_take_long_to_count_is_left_to_the_tally(fleet: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_SMALL", 0)
    monkeypatch.setattr(search, "_FEW", 1)
    tracking, where = fleet.tracking, "metrics.f1 >= 0 AND tags.team = 'a'"
    board = tracking.board(None, where, limit=2)
    assert (board.total, board.more, [r.name for r in board.rows]) == (None, True, ["r5", "r3"])
    last = tracking.board(None, where, first=2, limit=2)
    assert (last.total, last.more, [r.name for r in last.rows]) == (3, False, ["r1"])
    beyond = tracking.board(None, where, first=7)
    assert (beyond.total, beyond.more, beyond.rows) == (None, False, [])
    assert (tally := tracking.board_tally(None, where)).total == 3
    assert tally.states == {"FAILED": 1, "FINISHED": 2}
    nothing = tracking.board(None, "metrics.f1 < 0")
    assert (nothing.total, nothing.more) == (0, False) and tracking.board_tally(None, "metrics.f1 < 0").states == {}


def test_all_runs_are_counted_by_what_few_are_left_out(fleet: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    tracking = fleet.tracking
    gone = tracking.board(None, "run_name = 'r1'").rows[0].id
    tracking.delete_run(gone)

    def counts() -> list[int | None]:
        scopes: list[list[str] | None] = [None, ["0"], ["1"], ["0", "1"], []]
        boards = [tracking.board(scope, limit=1) for scope in scopes]
        assert [board.more for board in boards] == [True, True, True, True, False]
        whole = tracking.board(view=View.ALL, limit=9)
        assert [(whole.total, whole.more), (tracking.board(view=View.DELETED).total, False)] == [(9, False), (1, False)]
        return [board.total for board in boards]

    assert counts() == [8, 5, 3, 8, 0]
    monkeypatch.setattr(search, "_FEW", 4)
    assert counts() == [8, 5, 3, None, 0]
    monkeypatch.setattr(search, "_FEW", 1)
    assert counts() == [8, None, None, None, 0]
    assert tracking.board_tally(["0", "1"]).total == 8 and tracking.board_tally(view=View.DELETED).total == 1


def test_fields_tell_kind_count_and_range(fleet: Workplace) -> None:
    found = {f.name: f for f in fleet.tracking.board_fields()}
    assert (found["metrics.f1"].kind, found["metrics.f1"].runs) == (FieldKind.NUMBER, 8)
    assert (found["metrics.f1"].low, found["metrics.f1"].high) == (0.0, 0.3)
    assert found["params.`a b`"].runs == 8 and found["tags.team"].runs == 9 and found["status"].kind is FieldKind.TEXT
    scoped = {f.name: f.runs for f in fleet.tracking.board_fields(["0"])}
    assert (scoped["metrics.f1"], scoped["params.lr"]) == (6, 5)


def test_values_are_the_commonest_that_begin_so(fleet: Workplace) -> None:
    tracking = fleet.tracking
    assert [(v.value, v.runs) for v in tracking.board_values("params.lr")] == [("1", 3), ("2", 3), ("0", 2)]
    assert [v.value for v in tracking.board_values("status", "FA")] == ["FAILED"]
    assert [v.value for v in tracking.board_values("tags.team", "%")] == ["b", "a"]
    with pytest.raises(InvalidInput):
        tracking.board_values("metrics.f1")


def test_groups_gather_counts_and_spreads(fleet: Workplace) -> None:
    found = {g.value: g for g in fleet.tracking.board_groups("params.lr", columns=["metrics.f1"])}
    assert {value: g.runs for value, g in found.items()} == {"1": 3, "2": 3, "0": 2, None: 1}
    assert (found["0"].failed, found["1"].failed) == (2, 0)
    spread = found["1"].spreads[0]
    assert (spread.runs, spread.low, spread.high) == (2, 0.0, 0.1)
    by = fleet.tracking.board_groups("status", ["0"], "tags.team = 'a'")
    assert {g.value: g.runs for g in by} == {"FINISHED": 2, "FAILED": 1}
    for by_wrong in ("metrics.f1", "start_time"):
        with pytest.raises(InvalidInput):
            fleet.tracking.board_groups(by_wrong)


def test_views_are_kept_by_person_and_shared_on_request(small: Workplace) -> None:
    tracking = small.tracking
    tracking.save_view("best", "where=metrics.f1+%3E+0.9")
    tracking.save_view("best", "sort=-started")
    tracking.save_view("team", "group=params.lr", shared=True)
    assert [(v.name, v.query, v.shared) for v in tracking.saved_views()] == [
        ("best", "sort=-started", False),
        ("team", "group=params.lr", True),
    ]
    tracking.drop_view("best")
    with pytest.raises(NotFound, match="saved-views"):
        tracking.drop_view("best")
    for name, query in (("", "a=1"), ("x" * 61, "a=1"), ("a\nb", "a=1"), ("ok", "a\n"), ("ok", "x" * 6001)):
        with pytest.raises(InvalidInput):
            tracking.save_view(name, query)


def test_a_tail_tells_what_came_since_a_mark_and_says_when_to_read_anew(place: Workplace) -> None:
    tracking = place.tracking
    run = tracking.start_run()
    tracking.log(run.id, [Point(key="loss", value=1.0, at_ms=1, step=0)])
    pulse, mark = tracking.pulse(), tracking.tail(run.id).mark
    assert tracking.tail(run.id, mark).points == {} and not tracking.tail(run.id, mark).again
    tracking.log(run.id, [Point(key="loss", value=0.5, at_ms=2, step=1), Point(key="f1", value=Special.NAN, at_ms=2)])
    tracking.log(run.id, [Point(key="loss", value=0.25, at_ms=3, step=2)])
    assert tracking.pulse() != pulse
    told = tracking.tail(run.id, mark)
    assert told.points == {"loss": [(1, 2, 0.5), (2, 3, 0.25)], "f1": [(0, 2, Special.NAN)]}
    assert tracking.tail(run.id, told.mark).points == {}
    place.fold_all()
    anew = tracking.tail(run.id, told.mark)
    assert anew.again and not tracking.tail(run.id, anew.mark).again
    tracking.log(run.id, [Point(key="loss", value=0.1, at_ms=4, step=3)])
    assert tracking.tail(run.id, anew.mark).points == {"loss": [(3, 4, 0.1)]}
    tracking.update_run(run.id, RunStatus.FINISHED)
    assert tracking.tail(run.id, anew.mark).status is RunStatus.FINISHED
    for wrong in ("x", "1", "1.-2", "9" * 50 + ".1"):
        with pytest.raises(InvalidInput):
            tracking.tail(run.id, wrong)
    with pytest.raises(NotFound):
        tracking.tail("0" * 32)


def test_a_long_tail_is_read_anew_rather_than_told(small: Workplace) -> None:
    run = small.tracking.start_run()
    small.tracking.log(run.id, [Point(key="loss", value=0.0, at_ms=0)])
    mark = small.tracking.tail(run.id).mark
    for part in range(6):
        points = [Point(key="loss", value=i, at_ms=1 + part * 1000 + i, step=i) for i in range(1000)]
        small.tracking.log(run.id, points)
    assert small.tracking.tail(run.id, mark).again


@given(st.sampled_from(["metrics", "params", "tags"]), st.from_regex(r"\A[\w.\- :/]{1,20}\Z"))
def test_a_field_reads_back_as_it_was_written(head: str, key: str) -> None:
    entity, _ = identify(f"{head}.x", RUNS)
    assert identify(written(entity, key), RUNS) == (entity, key)

"""Monitors over tables of a real lake: what is judged, when, and what a verdict says."""

from __future__ import annotations

import pyarrow as pa
import pytest

from modelyard.kernel.errors import Conflict, InvalidInput, NotFound
from modelyard.monitoring.api import DriftFound, Truth, VerdictReached
from tests.monitoring.stand import PREDICTIONS, Stand, trips, watch


def test_rows_without_a_change_are_judged_quiet(each_yard: Stand) -> None:
    each_yard.drifting()
    each_yard.write("trips", trips(2, 500))
    each_yard.react()
    (line,) = each_yard.monitoring.verdicts(monitor="fares").items
    assert not line.drifted
    assert "no drift" in line.sentence
    assert (line.start, line.end, line.rows) == (4_000, 4_500, 500)
    assert each_yard.bench.events(DriftFound) == []


def test_a_shift_is_found_and_named_with_what_was_read(each_yard: Stand) -> None:
    each_yard.drifting()
    each_yard.write("trips", trips(2, 500, shift=1.0))
    each_yard.react()
    (line,) = each_yard.monitoring.verdicts().items
    verdict = each_yard.monitoring.verdict(line.id)
    moved = {c.name: c for c in verdict.columns if c.drifted}
    assert "fare" in moved
    assert "company" not in moved
    assert moved["fare"].shift == pytest.approx(1.0, abs=0.2)
    assert "fare (mean 19.95 to 24" in verdict.sentence
    (reached,) = each_yard.bench.events(VerdictReached)
    assert reached.reads[:2] == ("table:trips@2", "table:trips@1")
    assert reached.writes == (f"verdict:{verdict.id}",)
    monitor = each_yard.monitoring.monitor("fares")
    assert (monitor.drifted, monitor.last, monitor.seen) == (True, verdict.id, 4_500)


def test_each_complete_window_is_judged_once_and_the_rest_waits(yard: Stand) -> None:
    yard.drifting()
    yard.write("trips", trips(2, 700))
    yard.write("trips", trips(3, 900))
    yard.react()
    yard.react()
    spans = [(v.start, v.end) for v in yard.monitoring.verdicts().items]
    assert sorted(spans) == [(4_000, 4_500), (4_500, 5_000), (5_000, 5_500)]
    yard.write("trips", trips(4, 400))
    yard.react()
    assert len(yard.monitoring.verdicts().items) == 4


def test_windows_by_time_are_judged_once_the_next_has_begun(yard: Stand) -> None:
    hour = 3_600
    yard.drifting(window={"period_s": 10 * hour}, time="at")
    assert yard.monitoring.monitor("fares").seen == 70 * hour * 1000
    yard.write("trips", trips(2, 1_300, start_s=70 * hour))
    yard.react()
    spans = [(v.start, v.end, v.rows, v.by_time) for v in yard.monitoring.verdicts().items]
    assert sorted(spans) == [
        (70 * hour * 1000, 80 * hour * 1000, 600, True),
        (80 * hour * 1000, 90 * hour * 1000, 600, True),
    ]
    newest = yard.monitoring.check("fares")
    assert newest.rows == 600


def test_a_long_silence_between_windows_is_passed_over(yard: Stand) -> None:
    hour = 3_600
    yard.drifting(window={"period_s": hour}, time="at")
    yard.write("trips", trips(2, 90, start_s=5_000 * hour))
    yard.write("trips", trips(3, 90, start_s=90_000 * hour))
    yard.react()
    ends = [v.end // 1000 // hour for v in yard.monitoring.verdicts().items]
    assert sorted(ends) == [5_001, 5_002, 90_001]


def test_defining_a_monitor_again_keeps_when_it_was_made(yard: Stand) -> None:
    from datetime import timedelta

    yard.drifting()
    before = yard.monitoring.monitor("fares")
    yard.bench.clock.advance(timedelta(hours=1))
    after = yard.monitoring.define_monitor("fares", watch(alpha=0.01), description="again")
    assert (after.created_ms, after.watch.alpha) == (before.created_ms, 0.01)


def test_a_check_by_condition_judges_the_rows_that_fulfil_it(yard: Stand) -> None:
    yard.drifting()
    yard.write("trips", trips(2, 500))
    verdict = yard.monitoring.check("fares", where="fare > 22")
    assert verdict.drifted
    assert verdict.figures["distance.fare"] > 0.4
    assert yard.monitoring.check("fares").end == 4_500
    with pytest.raises(Conflict, match="rows of table:trips@2 to judge"):
        yard.monitoring.check("fares", where="fare > 1000")


def test_a_monitor_may_wait_for_a_table_that_does_not_exist_yet(yard: Stand) -> None:
    yard.write("trips", trips(1, 1_000))
    yard.monitoring.define_monitor("later", watch(table="predictions"))
    yard.write("predictions", trips(2, 500))
    yard.react()
    assert [v.window for v in yard.monitoring.verdicts().items] == ["table:predictions@1"]


def test_a_column_that_is_gone_is_said_to_be_missing(yard: Stand) -> None:
    yard.write("trips", trips(1, 1_000))
    yard.monitoring.define_monitor("later", watch(table="other"))
    yard.write("other", trips(2, 500).drop_columns(["fare"]))
    yard.react()
    (line,) = yard.monitoring.verdicts().items
    assert line.drifted
    assert "missing: fare" in line.sentence
    assert line.figures["missing_columns"] == 1


def test_inputs_that_an_endpoint_logged_are_compared_with_what_it_was_trained_on(yard: Stand) -> None:
    def logged(seed: int, shift: float) -> pa.Table:
        rides = trips(seed, 500, shift=shift)
        return pa.table(
            {
                "prediction": rides["id"], "at": rides["at"], "in_fare": rides["fare"],
                "in_company": rides["company"], "out_tipped": rides["tipped"].cast(pa.int8()).cast(pa.float64()),
            }
        )  # fmt: skip

    yard.write("trips", trips(1, 4_000))
    how = {"table": "predictions_tips", "endpoint": "tips", "prefix": "in_", "columns": ["fare", "company"]}
    predictions = {"column": "out_tipped", "key": "prediction", "groups": ["in_company"]}
    yard.monitoring.define_monitor("tips", watch(**how, time="at", predictions=predictions))
    yard.write("predictions_tips", logged(2, 0.0))
    yard.write("predictions_tips", logged(3, 1.0))
    yard.react()
    second, first = yard.monitoring.verdicts().items
    assert (first.drifted, second.drifted) == (False, True)
    assert [c.name for c in yard.monitoring.verdict(second.id).columns if c.drifted] == ["fare"]
    assert "selection_gap.in_company" in second.figures
    later = watch(**how, predictions={"column": "out_nothing"})
    with pytest.raises(InvalidInput, match="predictions_tips@2 has no column 'out_nothing'"):
        yard.monitoring.define_monitor("other", later)


def test_a_monitor_by_the_clock_judges_the_newest_rows_when_it_is_due(yard: Stand) -> None:
    from datetime import timedelta

    from modelyard.kernel.operations import Effect

    yard.drifting(every_s=60)
    for _ in range(3):
        yard.bench.call(yard.service.judge_due, Effect.WORK)
    assert len(yard.monitoring.verdicts().items) == 1
    yard.bench.clock.advance(timedelta(seconds=61))
    yard.bench.call(yard.service.judge_due, Effect.WORK)
    assert len(yard.monitoring.verdicts().items) == 2


def test_the_profile_says_what_is_usual_and_what_was_left_out(yard: Stand) -> None:
    yard.drifting()
    profile = yard.monitoring.profile("fares")
    columns = {c.name: c for c in profile.columns}
    assert profile.left_out == ("id",)
    assert columns["fare"].mean == pytest.approx(20, abs=0.5)
    assert columns["company"].categories == 3
    assert 0.02 <= columns["fare"].threshold < 0.12
    assert columns["fare"].windows == 8


def test_performance_counts_labels_that_came_late(each_yard: Stand) -> None:
    unlabelled = {**PREDICTIONS, "label": None}
    each_yard.drifting(predictions=unlabelled)
    window = trips(2, 500)
    each_yard.write("trips", window.drop_columns(["truth"]).append_column("truth", pa.nulls(500, pa.bool_())))
    before = each_yard.monitoring.performance("fares")
    assert (before.rows, before.labelled, before.accuracy) == (500, 0, None)
    truths = tuple(
        Truth(key=key, label=float(label))
        for key, label in zip(window["id"].to_pylist()[:200], window["truth"].to_pylist()[:200], strict=True)
    )
    said = each_yard.monitoring.attach_labels("fares", truths)
    assert (said.attached, said.replaced, said.total) == (200, 0, 200)
    assert each_yard.monitoring.attach_labels("fares", truths[:50]).replaced == 50
    after = each_yard.monitoring.performance("fares")
    assert after.labelled == 200
    assert after.accuracy == pytest.approx(0.75, abs=0.1)
    assert after.auc is not None


def test_without_labels_performance_is_expected_from_calibrated_scores(yard: Stand) -> None:
    yard.drifting(predictions=PREDICTIONS)
    window = trips(2, 500)
    yard.write("trips", window.drop_columns(["truth"]).append_column("truth", pa.nulls(500, pa.bool_())))
    verdict = yard.monitoring.check("fares")
    assert verdict.performance is not None
    assert verdict.performance.labelled == 0
    assert verdict.performance.expected_accuracy == pytest.approx(0.75, abs=0.08)
    assert "concept drift" in verdict.performance.blind_to
    assert "expected accuracy" in verdict.sentence


def test_groups_are_compared_where_predictions_are_watched(yard: Stand) -> None:
    yard.drifting(predictions=PREDICTIONS)
    yard.write("trips", trips(2, 500))
    verdict = yard.monitoring.check("fares")
    (by_company,) = verdict.fairness
    assert {g.group for g in by_company.groups} == {"sun", "moon", "star"}
    assert by_company.selection is not None
    assert verdict.figures["selection_gap.company"] == by_company.selection.value
    assert verdict.figures["prediction_distance"] >= verdict.figures["distance.tipped"]


def test_a_monitor_that_makes_no_sense_is_refused_in_words(yard: Stand) -> None:
    yard.write("trips", trips(1, 1_000))
    with pytest.raises(InvalidInput, match="has no column 'price'"):
        yard.monitoring.define_monitor("bad", watch(columns=["price"]))
    with pytest.raises(InvalidInput, match="one of the two"):
        yard.monitoring.define_monitor("bad", watch(window={"rows": 100, "period_s": 60}))
    with pytest.raises(InvalidInput, match="needs `time`"):
        yard.monitoring.define_monitor("bad", watch(window={"period_s": 60}))
    with pytest.raises(InvalidInput, match="holds no times"):
        yard.monitoring.define_monitor("bad", watch(time="fare"))
    with pytest.raises(InvalidInput, match="name the version"):
        yard.monitoring.define_monitor("bad", watch(reference="table:trips"))
    with pytest.raises(InvalidInput, match="at least 100"):
        yard.monitoring.define_monitor("bad", watch(reference_where="fare > 1000"))
    with pytest.raises(NotFound):
        yard.monitoring.define_monitor("bad", watch(reference="table:trips@9"))
    with pytest.raises(NotFound, match="yard monitoring monitors"):
        yard.monitoring.check("nobody")


def test_a_dropped_monitor_is_gone_and_its_verdicts_stay(yard: Stand) -> None:
    yard.drifting()
    yard.write("trips", trips(2, 500))
    yard.react()
    yard.monitoring.drop_monitor("fares")
    assert yard.monitoring.monitors().items == []
    assert len(yard.monitoring.verdicts().items) == 1

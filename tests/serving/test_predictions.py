"""Predictions on their way into the lake: each once, readable before and after, with what turned out to be true."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref
from modelyard.serving.api import PredictionsFolded, Truth
from modelyard.serving.hot.segments import segment_files
from tests.serving.stand import Place, folder_of


def predicted(place: Place, count: int) -> list[str]:
    """Ids of new predictions, oldest first, each about a driver."""
    return [place.ask(parameters={"driver": f"d{n}"}).json["parameters"]["prediction_ids"] for n in range(count)]


def close_segments(place: Place) -> None:
    ends = time.monotonic() + 10
    while not all(file.settled for file in segment_files(folder_of(place.bench.home))):
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.fixture
def serving(place: Place) -> Place:
    place.register("tips")
    place.serving.deploy("tips", "tips@1")
    place.start()
    return place


def test_predictions_are_read_the_same_before_and_after_they_are_folded(serving: Place) -> None:
    ids = predicted(serving, 5)
    before = serving.serving.predictions("tips").items
    assert [p.id for p in before] == ids[::-1]
    folded = serving.serving.fold()
    assert (folded.predictions, folded.tables) == (5, ("predictions_tips",))
    assert list(segment_files(folder_of(serving.bench.home))) == []
    assert serving.serving.predictions("tips").items == before
    one = serving.serving.prediction(ids[2])
    assert (one.keys, one.model, one.route) == ({"driver": "d2"}, "model:tips@1", "champion")
    assert one.outputs["label"] == 1
    assert list(one.inputs.values()) == [1.0, 0.0, 0.5, -0.5]
    page = serving.serving.predictions("tips", limit=2)
    assert [p.id for p in page.items] == ids[:2:-1]
    assert [p.id for p in serving.serving.predictions("tips", limit=9, cursor=page.next).items] == ids[2::-1]
    (event,) = serving.bench.events(PredictionsFolded)
    assert event.writes == ("table:predictions_tips@1",) or str(event.writes[0]).startswith("table:predictions_tips@")


def test_truths_come_late_and_the_last_one_counts(serving: Place) -> None:
    (one,) = predicted(serving, 1)
    assert serving.serving.tell([Truth(prediction=one, label=0), Truth(prediction=one, label=1)]) == 1
    assert serving.serving.prediction(one).label == 1
    serving.serving.tell([Truth(prediction=one, label="no", at_ms=5)])
    (kept,) = serving.serving.feedback().items
    assert (kept.label, kept.at_ms) == ("no", 5)
    assert serving.serving.feedback(since_ms=6).items == []


def test_predictions_are_found_by_model_and_by_what_they_are_about(serving: Place) -> None:
    ids = predicted(serving, 3)
    close_segments(serving)
    serving.serving.fold()
    reached = serving.bench.call(
        lambda: serving.service.log.reached([Ref("model:tips@1")], {"driver": "d1"}, limit=10), Effect.SCAN
    )
    assert (reached.total, reached.about, reached.some) == (3, 1, (f"prediction:{ids[1]}",))
    nobody = serving.bench.call(lambda: serving.service.log.reached([], {"driver": "x'y"}, limit=10), Effect.SCAN)
    assert (nobody.total, nobody.about) == (0, 0)


class Dies(Exception):
    """Stands for a process that was killed here."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_fold_that_was_killed_is_finished_and_never_doubled(
    serving: Place, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted(serving, 4)
    close_segments(serving)
    lake = serving.service.folder._lake

    class DyingLake:
        def write(self, name: str, content: Iterable[bytes], **more: Any) -> Any:
            if moment == "after":
                lake.write(name, content, **more)
            raise Dies

        def __getattr__(self, name: str) -> Any:
            return getattr(lake, name)

    monkeypatch.setattr(serving.service.folder, "_lake", DyingLake())
    with pytest.raises(Dies):
        serving.serving.fold()
    monkeypatch.undo()
    serving.serving.fold()
    assert serving.lake.table("predictions_tips").rows == 4
    assert serving.serving.fold().segments == 0
    predicted(serving, 2)
    close_segments(serving)
    serving.serving.fold()
    assert serving.lake.table("predictions_tips").rows == 6


def test_what_was_never_predicted_is_not_found(serving: Place) -> None:
    with pytest.raises(NotFound):
        serving.serving.prediction("pred_01J9ZQ3V7W01J9ZQ3V7W01J9ZQ")
    with pytest.raises(InvalidInput):
        serving.serving.prediction("nonsense")
    with pytest.raises(InvalidInput, match="no route"):
        serving.serving.predictions("tips", route="'; DROP TABLE")
    with pytest.raises(NotFound):
        serving.serving.predictions("nobody")


def test_two_who_fold_at_once_double_nothing(serving: Place) -> None:
    predicted(serving, 6)
    close_segments(serving)
    folder = serving.service.folder
    with ThreadPoolExecutor(2) as pool:
        done = [
            pool.submit(serving.bench.call, lambda: folder.fold(patient=True), Effect.WORK),
            pool.submit(serving.bench.call, lambda: folder.fold(patient=True), Effect.WORK),
        ]
    assert sum(one.result().predictions for one in done) == 6
    assert serving.lake.table("predictions_tips").rows == 6

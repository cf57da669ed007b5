"""kill -9 and SIGTERM under load: nothing answered is missing from the log, nothing open is dropped."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from modelyard.serving.hot.segments import read_segment, segment_files
from tests.serving.hot.planes import Plane, Wire, endpoint, question, request, revision, running, tensor

INFER = request("/v2/models/tips/infer", question(tensor([1.0, 0.0, 0.5, -0.5])))
CLIENTS = 16


def _ask_until_the_end(port: int, answered: list[str], broken: list[int]) -> None:
    wire = Wire(port)
    try:
        while True:
            wire.send(INFER)
            answer = wire.answer()
            if answer.status != 200:
                broken.append(answer.status)
            answered.append(answer.json["parameters"]["prediction_ids"])
    except (OSError, ConnectionError):
        return
    finally:
        wire.close()


def _clients(plane: Plane, answered: list[str], broken: list[int]) -> list[threading.Thread]:
    threads = [threading.Thread(target=_ask_until_the_end, args=(plane.port, answered, broken)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    return threads


def test_kill_9_loses_no_answered_prediction(home: Path) -> None:
    answered: list[str] = []
    with running(home, endpoint("tips", revision("r1", "linear"))) as plane:
        for _ in range(4):
            threads = _clients(plane, answered, [])
            time.sleep(0.25)
            plane.kill()
            for thread in threads:
                thread.join(10)
            plane.start()
        logged = {record.id for record in plane.records()}
    assert len(answered) > 200
    assert not set(answered) - logged
    files = list(segment_files(home / "state" / "predictions"))
    assert all(file.settled for file in files)
    assert sum(read_segment(file.path).torn_bytes for file in files) < 100_000


def test_sigterm_answers_what_is_open_and_closes_the_log(home: Path) -> None:
    answered: list[str] = []
    broken: list[int] = []
    slow = revision("r1", "slow", trusted=("sklearn.tree._tree.Tree",))
    with running(home, endpoint("tips", slow)) as plane:
        idle = Wire(plane.port)
        threads = _clients(plane, answered, broken)
        time.sleep(0.3)
        assert plane.stop() == 0
        for thread in threads:
            thread.join(10)
        assert idle.ended()
        idle.close()
    assert broken == []
    assert not (home / "run" / "dataplane-w0.json").exists()
    segments = [read_segment(file.path) for file in segment_files(home / "state" / "predictions")]
    assert all(segment.closed for segment in segments)
    logged = [record.id for segment in segments for record in segment.records]
    assert sorted(answered) == sorted(logged)


def test_a_taken_address_is_said_in_words(home: Path) -> None:
    with running(home, endpoint("tips", revision("r1", "linear"))) as plane:
        second = Plane(home, "--port", str(plane.port), "--worker", "w1")
        try:
            second.start()
        except AssertionError:
            assert second.process is not None
            assert second.process.wait(10) == 4
        else:
            raise AssertionError("two data planes listen on one port")

"""Rows are pushed over HTTP to a yard that serves: acknowledged, folded unasked, refused in words to act on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx2
import pyarrow as pa
import pytest

from modelyard.app.control import Control
from modelyard.app.house import House
from modelyard.settings import Settings


@pytest.fixture
def http(tmp_path: Path) -> Iterator[httpx2.Client]:
    house = House(Settings(home=str(tmp_path / "home"), port=0, push_fold_s=0.3, push_backlog_mb=1))
    house.owner()
    token = (tmp_path / "home" / "state" / "owner.token").read_text().strip()
    control = Control(house)
    ready = threading.Event()
    thread = threading.Thread(target=control.run, args=(lambda _: ready.set(),))
    thread.start()
    assert ready.wait(10)
    headers = {"authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=control.address, headers=headers, trust_env=False, timeout=20) as client:
        yield client
    control.stop()
    thread.join(15)


def test_rows_are_folded_unasked_and_refusals_say_what_to_do(http: httpx2.Client) -> None:
    sink = BytesIO()
    table = pa.table({"n": [2, 3]})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    pushed = http.post("/v1/tables/t/push?key=one", content=b'{"n": 1}')
    assert pushed.json() | {"position": ""} == {"table": "t", "rows": 1, "position": "", "repeated": False}
    assert http.post("/v1/tables/t/push?key=one", content=b'{"n": 1}').json()["repeated"]
    assert http.post("/v1/tables/t/push", content=sink.getvalue()).json()["rows"] == 2

    refused = http.post("/v1/tables/t/push", content=b'[{"n": 4}, {"n": }]')
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed")
    assert "row 2 is no JSON" in refused.json()["detail"]
    assert http.post("/v1/tables/t/push?key=one", content=b'{"n": 9}').status_code == 409

    patience = time.monotonic() + 20
    while http.get("/v1/pushes").json() and time.monotonic() < patience:
        time.sleep(0.1)
    assert http.get("/v1/tables/t").json()["rows"] == 3

    big = b'{"n": 5, "text": "' + b"x" * (700 << 10) + b'"}'
    answers = [http.post("/v1/tables/u/push", content=big) for _ in range(3)]
    (full,) = {answer.status_code: answer for answer in answers if answer.status_code != 200}.values()
    assert (full.status_code, full.headers["retry-after"]) == (429, "1")
    assert full.json()["retry_after_s"] == 0.3

"""From rows that went wrong to a message at a webhook, through a whole yard with its runner."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from modelyard.app.house import House
from modelyard.monitoring.api import Bound, Notify, Watch, Window
from modelyard.settings import Settings
from tests.engines.listener import listening
from tests.monitoring.stand import SECRET, trips


def arrow(seed: int, rows: int, *, shift: float = 0.0) -> list[bytes]:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    table = trips(seed, rows, shift=shift)
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return [sink.getvalue().to_pybytes()]


def test_a_fault_reaches_its_webhook_within_three_seconds(tmp_path: Path) -> None:
    house = House(Settings(home=str(tmp_path), port=0))
    try:
        with listening() as heard, house.yard() as yard:
            yard.lake.write("trips", arrow(1, 4_000))
            watch = Watch(table="trips", reference=yard.lake.table("trips").ref, window=Window(rows=500))
            yard.monitoring.define_monitor("fares", watch)
            yard.monitoring.define_webhook("team", heard.url, SECRET, allow_loopback=True)
            yard.monitoring.define_rule("fares", "drift", Bound(figure="drifted_columns", above=0))
            yard.monitoring.set_actions("fares", "drift", (Notify(webhook="team"),))
            house.runner.start()
            yard.lake.write("trips", arrow(2, 500, shift=1.0))
            began = time.monotonic()
            while not heard.got and time.monotonic() - began < 10:
                time.sleep(0.02)
            took = time.monotonic() - began
            (event,) = (msgspec.json.decode(body) for _, body in heard.got)
            assert event["type"] == "modelyard.alert.opened"
            assert took < 3
            (alert,) = yard.monitoring.alerts().items
            assert event["data"]["id"] == alert.id
            assert "fare" in alert.message
    finally:
        house.close()

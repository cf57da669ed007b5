"""The lake on real, dirty input: 15,002 taxi trips."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.lake.api import Column, Declared, Lake, Mode
from tests.lake.stand import read

BESIDE = Path("shared") / "data" / "chicago_taxi.csv"
TRIPS = next((p / BESIDE for p in Path(__file__).resolve().parents if (p / BESIDE).is_file()), BESIDE)

pytestmark = pytest.mark.skipif(not TRIPS.is_file(), reason="the real trips lie beside the project, not in it")


def test_every_real_trip_is_loaded_with_fitting_types(lake: Lake) -> None:
    load = lake.load("trips", [TRIPS.read_bytes()], source=TRIPS.name)
    assert (load.rows_in, load.rows_loaded, load.rows_quarantined) == (15002, 15002, 0)
    kinds = {c.name: c.type for c in lake.table("trips").columns}
    assert (kinds["fare"], kinds["company"], kinds["trip_start_timestamp"]) == ("float64", "string", "int64")
    profile = {c.name: c for c in lake.profile("trips").columns}
    assert profile["company"].nulls == 5140
    assert profile["dropoff_community_area"].nulls == 507
    assert (
        len(read(lake, "trips", where="fare > 100", columns=("fare",)))
        == lake.preview("trips", where="fare > 100").total
    )


def test_a_declaration_turns_epoch_seconds_into_times_and_holds_rows_to_it(lake: Lake) -> None:
    lake.load("trips", [TRIPS.read_bytes()])
    columns = tuple(
        Column(name=c.name, type="timestamp")
        if c.name == "trip_start_timestamp"
        else Column(name=c.name, type=c.type, nullable=c.name not in ("trip_seconds", "trip_start_timestamp"))
        for c in lake.table("trips").columns
    )
    load = lake.load("trips", [TRIPS.read_bytes()], mode=Mode.OVERWRITE, schema=Declared(columns=columns))
    assert (load.rows_loaded, load.rows_quarantined) == (14996, 6)
    assert {r.reasons for r in lake.quarantine(load.id).items} == {("trip_seconds: a value is missing",)}
    profile = {c.name: c for c in lake.profile("trips").columns}
    assert str(profile["trip_start_timestamp"].low).startswith("2013-01-0")

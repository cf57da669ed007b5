"""The whole day on real taxi trips, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.days import assert_whole, day

ROOT = Path(__file__).parents[2]
TAXI = ROOT.parent / "shared" / "data" / "chicago_taxi.csv"


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.skipif(not TAXI.exists(), reason="needs chicago_taxi.csv in ../shared/data beside the repository")
def test_the_same_day_on_real_trips() -> None:
    assert_whole(day("--csv", str(TAXI), "--config", str(ROOT / "examples" / "chicago_taxi" / "day.toml")))

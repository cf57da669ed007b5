"""What a program reads without a version is read at the version that it is held to."""

from __future__ import annotations

from pathlib import Path

import pytest

import modelyard
from modelyard.kernel.errors import InvalidInput
from modelyard.sdk.pins import VARIABLE, pinning


def test_a_repetition_reads_what_the_first_run_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with modelyard.connect(str(tmp_path / "home")) as yard:
        for fare in (1.0, 2.0):
            yard.lake.write("trips", [{"fare": fare}])
            yard.lake.write("zones", [{"zone": str(fare)}])
        assert yard.lake.read("trips").arrow().num_rows == 2
    monkeypatch.setenv(VARIABLE, pinning(["table:trips@1", "run:abc", "table:loose"])[VARIABLE])
    with modelyard.connect(str(tmp_path / "home")) as held:
        assert held.lake.read("trips").arrow().num_rows == 1
        assert held.lake.read("trips@2").arrow().num_rows == 2
        assert held.lake.read("zones").arrow().num_rows == 2
        held.lake.write("trips", [{"fare": 3.0}])
        assert held.lake.read("trips").arrow().num_rows == 1
    monkeypatch.setenv(VARIABLE, "no ref@1")
    with modelyard.connect(str(tmp_path / "home")) as odd, pytest.raises(InvalidInput, match="not a ref"):
        odd.lake.read("trips")


def test_nothing_of_the_lake_holds_nobody() -> None:
    assert pinning(["run:abc", "model:tips@3"]) == {}

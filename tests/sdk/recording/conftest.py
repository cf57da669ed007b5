"""A home of its own, and spools that nobody else sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import modelyard
from modelyard.sdk.hub import Yard


@pytest.fixture(autouse=True)
def spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's runs keep what waits."""
    monkeypatch.setenv("YARD_SPOOL", str(tmp_path / "spools"))
    return tmp_path / "spools"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """A yard in this process."""
    with modelyard.connect(str(tmp_path_factory.mktemp("recording") / "home")) as opened:
        yield opened

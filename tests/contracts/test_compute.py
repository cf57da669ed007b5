"""The compute port's suite on this machine's processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.adapters.processes import LocalProcesses
from modelyard.kernel.clock import SystemClock
from modelyard.ports.compute import Compute
from modelyard.testing.compute_contract import ComputeContract


class TestLocalProcesses(ComputeContract):
    @pytest.fixture
    def compute(self, tmp_path: Path) -> Iterator[Compute]:
        engine = LocalProcesses(tmp_path / "traces", env=os.environ, clock=SystemClock())
        yield engine
        engine.close()
        assert list((tmp_path / "traces").glob("*")) == [], "a trace of a child stayed"

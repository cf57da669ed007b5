"""The objects port's suite on a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.adapters.objects import open_objects
from modelyard.ports.objects import Objects
from modelyard.testing.objects_contract import ObjectsContract


class TestFolder(ObjectsContract):
    @pytest.fixture
    def objects(self, tmp_path: Path) -> Objects:
        return open_objects(tmp_path / "objects")

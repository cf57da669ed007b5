"""Cost, furnished: usage from news, storage from the size of the home's folders."""

from __future__ import annotations

import os
from pathlib import Path

from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.cost.api import Cost
from modelyard.cost.reactions import duties, reactions
from modelyard.cost.service import CostService
from modelyard.cost.store import MIGRATIONS


def _build(engines: Engines) -> CostService:
    stored = (engines.home / "objects", engines.home / "lake")
    return CostService(stored_bytes=lambda: sum(size_of(folder) for folder in stored))


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; those that go meanwhile count nothing."""
    total = 0
    for where, _, files in os.walk(folder):
        for file in files:
            try:
                total += os.lstat(os.path.join(where, file)).st_size  # noqa: PTH118  # a Path for each costs ten times
            except FileNotFoundError:
                continue
    return total


ROOM = Room(
    name="cost", apis=(Cost,), build=_build, migrations=MIGRATIONS, reactions=reactions, duties=duties
)  # fmt: skip

"""The lake, furnished; contracts are kept by the quality slice, which stands above it and is asked at call time."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.app.engines import Engines
from modelyard.app.rooms.room import Room
from modelyard.lake.api import Inspection, Inspector, Lake, Verdict
from modelyard.lake.reactions import recover
from modelyard.lake.service import LakeService
from modelyard.lake.store import MIGRATIONS


@dataclass(frozen=True, slots=True)
class _LateInspector:
    """Asks whoever keeps contracts by then; without one, every row is as it should be."""

    engines: Engines

    def inspect(self, about: Inspection) -> Verdict:
        keeper = self.engines.services.get("quality")
        return keeper.inspect(about) if isinstance(keeper, Inspector) else Verdict()


def _build(engines: Engines) -> LakeService:
    return LakeService(
        tables=lambda: engines.tables, queries=lambda: engines.queries, objects=engines.objects,
        folder=engines.home / "lake", inspector=_LateInspector(engines),
    )  # fmt: skip


ROOM = Room(name="lake", apis=(Lake,), build=_build, migrations=MIGRATIONS, recover=recover)

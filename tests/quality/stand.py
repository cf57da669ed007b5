"""Quality on a lake on a bench."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from modelyard.adapters.duck import DuckQueries
from modelyard.lake.api import Audited, Inspection, Lake, TableFiles
from modelyard.lake.api import Verdict as LoadVerdict
from modelyard.quality.api import Quality
from modelyard.quality.service import QualityService
from modelyard.testing import Bench
from tests.lake.stand import lake_service


class LateInspector:
    """Asks the service that is built after the lake."""

    service: QualityService | None = None

    def judges(self, table: str) -> bool:
        return self.service is not None and self.service.judges(table)

    def inspect(self, about: Inspection) -> LoadVerdict:
        return LoadVerdict() if self.service is None else self.service.inspect(about)

    def audit(self, about: TableFiles, *, at: str | None) -> Audited:
        assert self.service is not None
        return self.service.audit(about, at=at)


@dataclass(frozen=True)
class House:
    bench: Bench
    lake: Lake
    quality: Quality
    service: QualityService


@contextmanager
def open_house(bench: Bench) -> Iterator[House]:
    """A lake whose loads are held to contracts."""
    inspector = LateInspector()
    queries = DuckQueries(bench.home / "spill")
    with lake_service(bench, inspector) as lake:
        service = QualityService(lake=lake, files=lake, held=lake, queries=lambda: queries)
        inspector.service = service
        yield House(bench, bench.open(Lake, lake), bench.open(Quality, service), service)
    queries.close()

"""Features on a bench: a real lake, a real query engine, real online rows, in a temporary home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from modelyard.adapters.duck import DuckQueries
from modelyard.adapters.online import open_online
from modelyard.features.api import Features
from modelyard.features.service import FeaturesService
from modelyard.features.store import MIGRATIONS
from modelyard.lake.api import Lake
from modelyard.lake.store import MIGRATIONS as LAKE
from modelyard.ports.online import Online
from modelyard.testing import Bench
from tests.lake.stand import lake_service


@dataclass(frozen=True)
class Stand:
    """Everything a test of features needs."""

    bench: Bench
    lake: Lake
    features: Features
    online: Online

    def load(self, name: str, text: str) -> int:
        """Rows of a CSV as a table's next version."""
        version = self.lake.load(name, [text.encode()]).version
        assert version is not None
        return version

    def rows(self, name: str, *, at: str | None = None) -> list[dict[str, object]]:
        """A table's rows."""
        return self.table(name, at=at).to_pylist()  # type: ignore[no-any-return]  # pyarrow is untyped

    def table(self, name: str, *, at: str | None = None) -> pa.Table:
        """A table as Arrow."""
        return pa.ipc.open_stream(b"".join(self.lake.rows(name, at=at))).read_all()


@contextmanager
def stand(bench: Bench) -> Iterator[Stand]:
    """Features over a lake, both as their apis."""
    queries, online = DuckQueries(bench.home / "spill"), open_online(bench.home / "online")
    with lake_service(bench) as service:
        lake = bench.open(Lake, service)
        made = FeaturesService(lake=service, files=service, queries=lambda: queries, online=lambda: online)
        yield Stand(bench, lake, bench.open(Features, made), online)
    queries.close()
    online.close()


@contextmanager
def stand_on_sqlite() -> Iterator[Stand]:
    """A stand with a database of its own."""
    with Bench([*LAKE, *MIGRATIONS]) as bench, stand(bench) as made:
        yield made

"""A lake on a bench: real Delta tables, a real query engine, in a temporary home."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa

from modelyard.adapters.delta import DeltaTables
from modelyard.adapters.duck import DuckQueries
from modelyard.adapters.objects.folder import FolderObjects
from modelyard.adapters.places.folder import FolderPlace
from modelyard.adapters.secrets import open_secrets
from modelyard.adapters.sinks import KnownSinks
from modelyard.adapters.sources import Grounds, KnownSources
from modelyard.kernel.actors import ScopeAuthority
from modelyard.lake.api import Holders, Inspector, Lake
from modelyard.lake.service import LakeService
from modelyard.lake.service.desk import Outside
from modelyard.lake.service.pushes import PushTerms
from modelyard.ports.secrets import Secrets
from modelyard.ports.sinks import Sinks
from modelyard.testing import Bench


@contextmanager
def lake_service(
    bench: Bench,
    inspector: Inspector | None = None,
    *,
    holders: Holders | None = None,
    pushes: PushTerms | None = None,
    sinks: Callable[[], Sinks] | None = None,
    secrets: Callable[[], Secrets] | None = None,
    grounds: Grounds | None = None,
) -> Iterator[LakeService]:
    """The service itself, for slices that stand on it."""
    root = bench.home / "lake"
    known, sealed = KnownSources(grounds or Grounds()), open_secrets(bench.home / "state")
    outside = Outside(
        sources=lambda: known, sinks=sinks or (lambda: KnownSinks(())), secrets=secrets or (lambda: sealed)
    )  # fmt: skip
    queries = DuckQueries(root / "spill")
    tables = DeltaTables(FolderPlace(root / "tables"), bench.home / "run", bench.clock)
    service = LakeService(
        tables=lambda: tables, queries=lambda: queries, objects=FolderObjects(bench.home / "objects"), folder=root,
        inspector=inspector, holders=holders, pushes=pushes,
        files=FolderObjects(bench.home / "objects" / "files"),
    )  # fmt: skip
    yield service.reaching(outside).guarded_by(ScopeAuthority())
    queries.close()


@contextmanager
def open_lake(bench: Bench, inspector: Inspector | None = None) -> Iterator[Lake]:
    """The lake as its api."""
    with lake_service(bench, inspector) as service:
        yield bench.open(Lake, service)


def read(lake: Lake, name: str, **how: object) -> list[dict[str, object]]:
    stream = b"".join(lake.rows(name, **how))  # type: ignore[arg-type]  # the options of rows, passed through
    rows: list[dict[str, object]] = pa.ipc.open_stream(stream).read_all().to_pylist()
    return rows

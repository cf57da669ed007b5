"""Monitoring on a bench: a real lake and queue, sealed secrets, webhooks over loopback HTTP, and recorded actions."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pyarrow as pa

from modelyard.adapters.queue import DatabaseQueue
from modelyard.adapters.secrets.sealed import SealedSecrets
from modelyard.adapters.webhooks import HttpWebhooks
from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import NotFound
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref, ref
from modelyard.lake.api import Lake
from modelyard.lake.store import MIGRATIONS as LAKE
from modelyard.monitoring.api import Monitoring, Watch
from modelyard.monitoring.reactions import reactions
from modelyard.monitoring.service import MonitoringService
from modelyard.monitoring.store import MIGRATIONS
from modelyard.testing import Bench
from tests.lake.stand import lake_service

SECRET = "a secret of sixteen"
COMPANIES = ("sun", "moon", "star")


@dataclass
class Acting:
    """Flows and endpoints that only remember what was asked of them."""

    asked: list[tuple[str, object, Ref]] = field(default_factory=list)

    def retrain(self, flow: str, params: Mapping[str, str | int | float | bool], *, because: Ref) -> Ref:
        if flow == "missing":
            raise NotFound("there is no flow missing")
        self.asked.append((flow, dict(params), because))
        return ref("flow_run", "frun_1")

    def roll_back(self, endpoint: str, *, because: Ref) -> Ref:
        self.asked.append((endpoint, "roll back", because))
        return ref("endpoint", endpoint)


@dataclass
class Stand:
    """The bench and what stands on it."""

    bench: Bench
    lake: Lake
    monitoring: Monitoring
    service: MonitoringService
    acting: Acting

    def write(self, table: str, rows: pa.Table) -> None:
        """Append rows to a table."""
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        self.lake.write(table, [sink.getvalue()])

    def react(self) -> None:
        """Let monitoring hear what happened."""
        self.bench.deliver(*reactions(self.service))

    def errands(self) -> int:
        """Let it do its errands."""
        return self.bench.call(self.service.run_errands, Effect.WORK)

    def drifting(self, name: str = "fares", **how: object) -> None:
        """A monitor over `trips`, whose first version is the reference."""
        self.write("trips", trips(1, 4_000))
        self.monitoring.define_monitor(name, watch(**how))


def watch(**how: object) -> Watch:
    """Watches `trips` against its first version, in windows of 500 rows."""
    given = {"table": "trips", "reference": "table:trips@1", "window": {"rows": 500}, **how}
    return msgspec.convert(given, Watch)


def trips(seed: int, rows: int, *, shift: float = 0.0, start_s: int = 0) -> pa.Table:
    """Rides, one a minute: fares, companies, a calibrated score, the prediction and the truth."""
    rng = np.random.default_rng(seed)
    fare = rng.normal(20 + 5 * shift, 5, rows)
    score = 1 / (1 + np.exp(-(fare - 20) / 3))
    return pa.table(
        {
            "id": [f"{seed}-{i}" for i in range(rows)],
            "fare": fare,
            "company": rng.choice(COMPANIES, rows, p=[0.5, 0.3, 0.2]),
            "at": pa.array((start_s + 60 * np.arange(rows)) * 1_000_000, pa.timestamp("us", "UTC")),
            "score": score,
            "tipped": score > 0.5,
            "truth": rng.uniform(size=rows) < score,
        }
    )


PREDICTIONS = {"column": "tipped", "score": "score", "label": "truth", "key": "id", "groups": ["company"]}


@contextmanager
def stand(bench: Bench) -> Iterator[Stand]:
    """Everything, on a bench whose tables are made by `migrations`."""
    acting = Acting()
    with lake_service(bench) as lake:
        service = MonitoringService(
            lake=lake, files=lake, queue=DatabaseQueue(database=bench.database, clock=bench.clock),
            secrets=lambda: SealedSecrets(bench.home), webhooks=lambda: HttpWebhooks(SystemClock()),
            trainer=acting, reverter=acting,
        )  # fmt: skip
        yield Stand(bench, bench.open(Lake, lake), bench.open(Monitoring, service), service, acting)


MIGRATED = (*LAKE, *MIGRATIONS, *DatabaseQueue.migrations)

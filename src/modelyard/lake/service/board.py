"""The board: users' queries that run in this process, to be watched and ended by those who may."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelyard.kernel.actors import allows
from modelyard.kernel.errors import AlreadyExists, NotFound
from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref
from modelyard.lake.api import QueryId, RunningQuery
from modelyard.ports import calls
from modelyard.ports.queries import Session

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 2000


@dataclass(slots=True)
class Running:
    """A query under way."""

    id: QueryId
    author: ActorId
    text: str
    started_ms: int
    reads: tuple[Ref, ...]
    session: Session
    rows: int = 0
    cancelled_by: str = ""

    def count(self, batch: pa.RecordBatch) -> None:
        """Note rows that go out."""
        self.rows += batch.num_rows

    def stop(self, by: str) -> None:
        """End it."""
        self.cancelled_by = by
        self.session.stop()

    def record(self) -> RunningQuery:
        """It, for a list."""
        return RunningQuery(
            id=self.id, author=self.author, text=self.text[:_SHOWN], started_ms=self.started_ms,
            share=self.session.progress(), rows=self.rows, reads=self.reads,
        )  # fmt: skip


@dataclass(slots=True)
class Board:
    """The queries that run in this process."""

    _running: dict[str, Running] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, query: Running) -> None:
        """Note that one runs."""
        with self._lock:
            if query.id in self._running:
                raise AlreadyExists(f"a query {query.id} runs already; leave `query_id` out for a fresh one")
            self._running[query.id] = query

    def remove(self, query: Running) -> None:
        """Note that it ended."""
        with self._lock:
            self._running.pop(query.id, None)

    def seen(self) -> list[Running]:
        """Those that the caller may see, oldest first."""
        actor = calls.current().actor
        with self._lock:
            found = list(self._running.values())
        return [q for q in found if q.author == actor.id or allows(actor.scopes, "lake:admin")]

    def cancel(self, query: str) -> RunningQuery:
        """End one."""
        found = next((q for q in self.seen() if q.id == query), None)
        if found is None:
            raise NotFound(f"no query {query[:60]} of yours runs here; list them: yard lake queries")
        found.stop(calls.current().actor.name)
        return found.record()

"""Users' queries: each is one SELECT over the lake at one ref, bounded in time and memory, listed while it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from modelyard.kernel.errors import Conflict, InvalidInput, NotFound, TimedOut
from modelyard.kernel.refs import Ref
from modelyard.lake.api import QUERY, QUERY_KEY, READS_KEY, QueryId, QueryPlan
from modelyard.lake.model.filesets import thing
from modelyard.lake.service.board import Board, Running
from modelyard.lake.service.desk import Desk, resolve
from modelyard.lake.service.policies import shown
from modelyard.lake.service.reading import only_select, only_tables
from modelyard.lake.store import catalogue, scans
from modelyard.ports import calls
from modelyard.ports.answers import answered

_WORD = re.compile(r'"((?:[^"]|"")+)"|([A-Za-z_][\w.\-]*)')
_LONGEST_QUERY = 100_000
_LEAST_MB = 16


@dataclass(frozen=True, slots=True)
class Terms:
    """What a query may use.

    Attributes:
        at: where plain names are read.
    """

    at: str | None = None
    timeout_s: float = 30.0
    memory_mb: int | None = None
    query_id: str | None = None


def sql(desk: Desk, board: Board, query: str, terms: Terms) -> Iterator[bytes]:
    """The answer of a user's SELECT as an Arrow IPC stream; errors of its beginning come at once."""
    if not 0 < terms.timeout_s <= 600:
        raise InvalidInput("timeout_s lies between 0 and 600")
    if terms.memory_mb is not None and terms.memory_mb < _LEAST_MB:
        raise InvalidInput(f"memory_mb is at least {_LEAST_MB}")
    views, reads = views_of(desk, query, terms.at)
    call = calls.current()
    with ExitStack() as stack:
        session = stack.enter_context(
            desk.queries().confined(views=views, timeout_s=terms.timeout_s, memory_mb=terms.memory_mb)
        )
        running = Running(
            QueryId(terms.query_id or QUERY.new(call.clock)), call.actor.id, query, call.now_ms, reads, session
        )
        board.add(running)
        stack.callback(board.remove, running)
        call.when_left(lambda: running.stop("its caller, who went away"))
        opened = stack.pop_all()
    told = {QUERY_KEY: running.id, READS_KEY: " ".join(reads)}
    with _told(running):
        answer = answered(opened, session, query, told=told, passing=running.count)

    def flow() -> Iterator[bytes]:
        with _told(running):
            yield from answer

    return flow()


def views_of(desk: Desk, query: str, at: str | None) -> tuple[dict[str, Sequence[str]], tuple[Ref, ...]]:
    """The tables that a query names, ready for a confined session, and which versions they are.

    Raises:
        InvalidInput: it is not one SELECT.
        NotFound: a table has nothing at the ref.
    """
    if len(query) > _LONGEST_QUERY:
        raise InvalidInput(f"a query has at most {_LONGEST_QUERY:,} characters")
    only_select(desk, query)
    views: dict[str, Sequence[str]] = {}
    reads: dict[Ref, None] = {}
    for name, entry in named(query, at).items():
        uris, _ = shown(desk, entry)
        views[name] = (scans.rows(uris, [c.name for c in entry.columns], entry.columns), *uris)
        reads[thing(entry.name, entry.version)] = None
    only_tables(desk, query, views)
    return views, tuple(reads)


def named(query: str, at: str | None) -> dict[str, catalogue.Entry]:
    """The tables whose name, or `name@version`, stands in the query."""
    tx = calls.current().tx
    found: dict[str, catalogue.Entry] = {}
    missed: list[NotFound] = []
    for quoted, plain in dict.fromkeys(_WORD.findall(query)):
        text = quoted.replace('""', '"') or plain
        name, _, own = text.partition("@")
        if text in found or not name or not catalogue.exists(tx, name):
            continue
        try:
            found[text] = resolve(name, own or at)
        except NotFound as err:  # a word of the query that names a table elsewhere need be no table here
            if own:
                raise
            missed.append(err)
    if missed and not found:
        raise missed[0]
    return found


@contextmanager
def _told(running: Running) -> Iterator[None]:
    """Turns the end of a cancelled query into words about who ended it."""
    try:
        yield
    except TimedOut as err:
        if running.cancelled_by:
            raise Conflict(f"query {running.id} was cancelled by {running.cancelled_by}") from err
        raise


def explain(desk: Desk, query: str, at: str | None) -> QueryPlan:
    """How a SELECT would be answered."""
    views, reads = views_of(desk, query, at)
    with desk.queries().confined(views=views) as session:
        plan = session.rows(scans.plan(query))
    text = "\n".join(str(row[-1]) for row in plan)
    for _, *files in views.values():
        for file in files:
            text = text.replace(file, file.rpartition("/")[2])
    return QueryPlan(text=text, reads=reads)

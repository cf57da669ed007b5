"""Sources as they are declared: refused where they could not be read, kept without their secret."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import msgspec

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.lake.api import Drawing, PullMode, Source
from modelyard.lake.model.columns import check_declared
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.desk import Desk
from modelyard.lake.store import catalogue, sources
from modelyard.ports import calls
from modelyard.ports.secrets import Secret
from modelyard.ports.sources import FileSource, RowSource

_SECRETS = "source."
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def declare(desk: Desk, wanted: sources.Kept) -> Source:
    """Keep a source, after everything that can be refused was."""
    desk.outside.sources().check(wanted.address, wanted.drawing.options)
    _check(wanted)
    call = calls.current()
    before = sources.get(call.tx, wanted.name)
    if before is not None and _who(before.address) != _who(wanted.address):
        desk.outside.secrets().delete(_SECRETS + wanted.name)

    def keep() -> None:
        now = calls.current()
        known = sources.get(now.tx, wanted.name)
        created = now.now_ms if known is None else known.created_ms
        sources.put(now.tx, msgspec.structs.replace(wanted, created_ms=created, updated_ms=now.now_ms))

    call.unit(keep)
    return shown(desk, found(wanted.name))


def seal(desk: Desk, name: str, secret: str) -> Source:
    """Keep the secret of a source."""
    kept = found(name)
    if not secret or len(secret) > 100_000:
        raise InvalidInput("a secret is 1 to 100,000 characters; remove the source to forget it")
    desk.outside.secrets().put(_SECRETS + name, Secret(secret))
    return shown(desk, kept)


def remove(desk: Desk, name: str) -> None:
    """Forget a source and its secret."""
    found(name)
    calls.current().unit(lambda: sources.remove(calls.current().tx, name))
    desk.outside.secrets().delete(_SECRETS + name)


def found(name: str) -> sources.Kept:
    """The source of that name.

    Raises:
        NotFound: there is none.
    """
    if (kept := sources.get(calls.current().tx, name)) is None:
        raise NotFound(f"there is no source {name}; list them: yard lake sources")
    return kept


def opened(desk: Desk, kept: sources.Kept) -> RowSource | FileSource:
    """The system behind a source, opened with its secret."""
    secret = desk.outside.secrets().get(_SECRETS + kept.name)
    return desk.outside.sources().open(kept.address, secret=secret, options=kept.drawing.options)


def shown(desk: Desk, kept: sources.Kept, branch: str = MAIN) -> Source:
    """A source as people see it, read as far as the branch has it."""
    tx = calls.current().tx
    entry = catalogue.entry(tx, kept.table, branch=branch)
    return Source(
        name=kept.name, address=kept.address, table=kept.table, stream=kept.stream, mode=kept.mode, keys=kept.keys,
        cursor=kept.cursor, drawing=kept.drawing, sealed=desk.outside.secrets().get(_SECRETS + kept.name) is not None,
        position="" if entry is None else sources.position(tx, kept.table, entry.version, kept.name),
        pulled_ms=kept.pulled_ms, author=kept.author, created_ms=kept.created_ms, updated_ms=kept.updated_ms,
    )  # fmt: skip


def look_back_of(drawing: Drawing) -> float | timedelta | None:
    """How far to look back: a number, or a time."""
    text = drawing.look_back
    if not text:
        return None
    if text[-1] in _UNITS:
        return timedelta(seconds=float(text[:-1]) * _UNITS[text[-1]])
    return float(text)


def _check(wanted: sources.Kept) -> None:
    if wanted.stream and wanted.drawing.query:
        raise InvalidInput("a source reads a stream or a query, not both")
    if wanted.mode is PullMode.SNAPSHOT and not wanted.keys and not _table_keys(wanted.table):
        raise InvalidInput("snapshot needs the keys that identify a row: --keys id")
    if wanted.mode is PullMode.MERGE and not wanted.keys and not _table_keys(wanted.table):
        raise InvalidInput("merge needs the keys that identify a row: --keys id")
    if wanted.drawing.look_back and not wanted.cursor:
        raise InvalidInput("look_back needs a cursor column to look back by")
    if wanted.drawing.schema is not None:
        check_declared(wanted.drawing.schema)


def _table_keys(table: str) -> tuple[str, ...]:
    entry = catalogue.entry(calls.current().tx, table)
    return () if entry is None else entry.keys


def _who(address: str) -> tuple[str, ...]:
    """The system and user that a secret is given for."""
    parts = urlsplit(address)
    return (parts.scheme, parts.netloc, parts.query)

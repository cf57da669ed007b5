"""Accepting a push: read as rows, held to the shape of its table, written to this process's segment file."""

from __future__ import annotations

from collections.abc import Iterable

from modelyard.kernel.errors import InvalidInput, TooLarge
from modelyard.lake.api import Mode, Pushed
from modelyard.lake.model import batches
from modelyard.lake.model.batches import MAX_BODY_BYTES, Batch
from modelyard.lake.service.pushes.folding import Folder
from modelyard.lake.service.pushes.log import PushLog, taken_for_others
from modelyard.lake.store import catalogue, evolution, pushes
from modelyard.ports import calls

_MODES = (Mode.APPEND, Mode.MERGE)


def accept(
    log: PushLog, folder: Folder, table: str, content: Iterable[bytes], *, mode: Mode, key: str | None
) -> Pushed:
    """Take a batch; see `Lake.push`."""
    call = calls.current()
    if mode not in _MODES:
        raise InvalidInput(f"a push appends or merges; to {mode} a table, load it")
    body = _whole(content)
    folder.admit(len(body))
    digest = batches.digest_of(body) if key else ""
    if key and (known := pushes.digests_of(call.tx, table, call.actor.id, key)):
        if digest not in known:
            raise taken_for_others(key)
        _, rows, _ = _read(table, body)
        return Pushed(table=table, rows=rows, position="folded", repeated=True)
    kept, rows, shape = _read(table, body)
    if mode is Mode.MERGE:
        _check_key(table)
    ticket = log.append(
        table,
        Batch(
            rows=rows, arrow=kept is body and bool(shape), shape=shape, mode=mode.value, actor=call.actor.id,
            at_ms=call.now_ms, key=key or "", digest=digest, body=kept,
        ),
    )  # fmt: skip
    return Pushed(table=table, rows=rows, position=ticket.position, repeated=ticket.repeated)


def _whole(content: Iterable[bytes]) -> bytes:
    chunks, size = list[bytes](), 0
    for chunk in content:
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise TooLarge(
                f"a push has at most {MAX_BODY_BYTES >> 20} MiB; push in smaller batches, or load it as a file"
            )
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _read(table: str, body: bytes) -> tuple[bytes, int, str]:
    """What is kept of a body, its rows, and the word for its shape; none for JSON."""
    if not batches.is_arrow(body):
        text, rows = batches.json_lines(body)
        return text, rows, ""
    from modelyard.lake.service.pushes.columnar import checked

    tx = calls.current().tx
    entry = catalogue.entry(tx, table)
    rows, shape = checked(body, () if entry is None else entry.columns, evolution.get(tx, table))
    return body, rows, shape


def _check_key(table: str) -> None:
    entry = catalogue.entry(calls.current().tx, table)
    if entry is not None and not entry.keys:
        raise InvalidInput(f"table {table} has no key to merge by; name it: yard lake set-keys {table} COLUMN")
    if entry is None:
        raise InvalidInput(f"there is no table {table} yet, so no key to merge by; make it with keys first")

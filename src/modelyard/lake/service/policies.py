"""Policies carried out: a reader without `governance:reveal` reads copies of versions that hold only what may be seen.

A copy is made when a version is first asked for, in a folder of its own; the reader's own SQL never comes near the
stored files. Copies are named by all that they depend on and may be removed at any time.
"""

from __future__ import annotations

import secrets
import shutil
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Self
from uuid import uuid4

import msgspec

from modelyard.kernel.actors import ActorKind, Authority
from modelyard.kernel.errors import Forbidden, NotFound
from modelyard.kernel.refs import Name
from modelyard.lake.api import REVEAL, Mask, Policy, PolicyOperations, PolicySet
from modelyard.lake.model.filesets import thing
from modelyard.lake.model.masks import check_masks
from modelyard.lake.service.desk import Desk, resolve
from modelyard.lake.store import catalogue, policies
from modelyard.lake.store.casts import literal
from modelyard.ports import calls

_ACTOR = "$actor"
_COPIES = 16


class PolicyService(PolicyOperations):
    """Row filters and column masks of all tables."""

    _desk: Desk

    def guarded_by(self, authority: Authority) -> Self:
        """The same service, with somebody who says who sees what tables hide; else nobody but the yard itself does."""
        self._desk = replace(self._desk, authority=authority)
        return self

    def set_policy(self, name: Name, *, row_filter: str = "", masks: dict[str, Mask] | None = None) -> Policy:
        """Say which rows and columns of a table are seen by whom."""
        entry = resolve(name, None)
        call = calls.current()
        made = Policy(
            table=name, row_filter=row_filter.strip(), masks=masks or {}, author=call.actor.id, at_ms=call.now_ms
        )
        check_masks(name, entry.columns, made.masks)
        if made.row_filter:
            _check_filter(self._desk, entry, made)

        def keep() -> Policy:
            tx = calls.current().tx
            if made.row_filter or made.masks:
                policies.put(tx, made, secrets.token_hex(16))
            else:
                policies.forget(tx, name)
            news = PolicySet(table=name, masked=tuple(sorted(made.masks)), filtered=bool(made.row_filter))
            calls.current().emit(news, writes=(thing(name),))
            return made

        kept = call.unit(keep)
        forget_copies(self._desk, name)
        return kept

    def policy(self, name: Name) -> Policy:
        """Show what a table hides."""
        if (found := policies.get(calls.current().tx, name)) is None:
            raise NotFound(f"table {name} hides nothing from those who may read it")
        return found[0]


def _check_filter(desk: Desk, entry: catalogue.Entry, policy: Policy) -> None:
    query = _seen(desk, entry, policy, salt="", actor="somebody")
    with desk.queries().confined(views={}, extra=desk.uris(entry)) as session:
        session.rows(policies.counted(query))


def _seen(desk: Desk, entry: catalogue.Entry, policy: Policy, *, salt: str, actor: str) -> str:
    masks = {column.name: policy.masks[column.name] for column in entry.columns if column.name in policy.masks}
    row_filter = policy.row_filter.replace(_ACTOR, literal(actor))
    return policies.seen(desk.uris(entry), entry.columns, masks=masks, row_filter=row_filter, salt=salt)


def restricted(desk: Desk, table: str) -> tuple[Policy, str] | None:
    """The policy that holds for whoever asks, and its salt; None if they may see everything."""
    call = calls.current()
    found = policies.get(call.tx, table)
    if found is None or call.actor.kind is ActorKind.SYSTEM:
        return None
    revealed = desk.authority is not None and desk.authority.may(call.actor, REVEAL, thing(table))
    return None if revealed else found


def carry_mask(desk: Desk, table: str, column: str, fresh: str) -> None:
    """Mask a column also under the name that it is about to get; its earlier versions keep theirs."""
    check_reveals(desk, table, "columns")

    def carry() -> None:
        tx = calls.current().tx
        found = policies.get(tx, table)
        if found is not None and column in found[0].masks:
            policy, salt = found
            masks = {**policy.masks, fresh: policy.masks[column]}
            policies.put(tx, msgspec.structs.replace(policy, masks=masks), salt)

    calls.current().unit(carry)


def check_reveals(desk: Desk, table: str, what: str) -> None:
    """Refuse what shows rows as they are stored or came.

    Raises:
        Forbidden: the table hides something from whoever asks.
    """
    if restricted(desk, table) is not None:
        raise Forbidden(
            f"{what} of {table} are shown as they are stored, and the table hides something from you; ask an owner for "
            f"{REVEAL} on table:{table}"
        )


def shown(desk: Desk, entry: catalogue.Entry) -> tuple[list[str], int]:
    """Where a query on behalf of whoever asks finds a version's rows, and how many they are."""
    if (found := restricted(desk, entry.name)) is None:
        return desk.uris(entry), entry.rows
    import pyarrow.parquet as pq

    path = _copy(desk, entry, *found)
    return [str(path)], int(pq.read_metadata(path).num_rows)


def _copy(desk: Desk, entry: catalogue.Entry, policy: Policy, salt: str) -> Path:
    from modelyard.lake.model.columns import arrow_schema

    actor = calls.current().actor.name if _ACTOR in policy.row_filter else ""
    told = msgspec.json.encode((entry.version, entry.size_bytes, entry.rows, policy, salt, actor))
    folder = _folder(desk, entry.name)
    path = folder / f"{sha256(told).hexdigest()[:32]}.parquet"
    if path.is_file():
        return path
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{uuid4().hex}.tmp"
    schema = arrow_schema(entry.columns)
    try:
        query = _seen(desk, entry, policy, salt=salt, actor=actor)
        with (
            desk.queries().confined(views={}, extra=desk.uris(entry), timeout_s=600.0) as session,
            pq.ParquetWriter(fresh, schema, compression="zstd") as writer,
        ):
            for batch in session.reader(query):
                writer.write_batch(batch.cast(schema))
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    _trim(folder)
    return path


def _folder(desk: Desk, table: str) -> Path:
    return desk.staging.parent / "seen" / table


def _trim(folder: Path) -> None:
    """Keep the newest few copies; a query that has opened one reads it to its end."""
    dated = []
    for path in folder.glob("*.parquet"):
        with suppress(FileNotFoundError):
            dated.append((path.stat().st_mtime, path))
    for _, path in sorted(dated, reverse=True)[_COPIES:]:
        path.unlink(missing_ok=True)


def forget_copies(desk: Desk, table: str) -> None:
    """Remove every copy of a table: its policy changed, somebody was forgotten, or it is gone."""
    shutil.rmtree(_folder(desk, table), ignore_errors=True)

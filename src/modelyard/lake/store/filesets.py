"""What the database keeps for file sets, contents on their way and thumbnails; and SQL over the tables that list files.

The files themselves are rows of ordinary lake tables.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from modelyard.lake.api import Column
from modelyard.lake.api.files import FileFacts
from modelyard.lake.store.casts import literal, quoted, scan
from modelyard.lake.store.scans import source
from modelyard.ports.database import Migration, Statement, Transaction

UPLOADS = Migration(
    slice="lake",
    number=6,
    name="uploads",
    ddl=(
        (
            "CREATE TABLE lake_upload (seq {serial}, add_id {text} NOT NULL, fileset {text} NOT NULL,"
            " author {text} NOT NULL, at_ms {int} NOT NULL, facts {bytes} NOT NULL)"
        ),
        "CREATE INDEX lake_upload_by_add ON lake_upload (add_id)",
    ),
)
THUMBNAILS = Migration(
    slice="lake",
    number=7,
    name="thumbnails",
    ddl=(
        (
            "CREATE TABLE lake_thumbnail (digest {text} NOT NULL, side {int} NOT NULL, thumbnail {text} NOT NULL,"
            " PRIMARY KEY (digest, side))"
        ),
    ),
)

uploads = sa.table("lake_upload", *map(sa.column, ("seq", "add_id", "fileset", "author", "at_ms", "facts")))
thumbnails = sa.table("lake_thumbnail", *map(sa.column, ("digest", "side", "thumbnail")))
_FIELDS = ("add_id", "fileset", "author", "at_ms", "facts")
_ADD = Statement(sa.insert(uploads).values(**{name: sa.bindparam(name) for name in _FIELDS}))
_OF_ADD = Statement(
    sa.select(uploads.c.facts)
    .where(
        uploads.c.add_id == sa.bindparam("add_id"),
        uploads.c.fileset == sa.bindparam("fileset"),
        uploads.c.author == sa.bindparam("author"),
    )
    .order_by(uploads.c.seq)
)
_EVERY = Statement(sa.select(uploads.c.facts))
_ADDS = Statement(sa.select(uploads.c.add_id, uploads.c.facts))
_END = Statement(sa.delete(uploads).where(uploads.c.add_id == sa.bindparam("add_id")))
_STALE = Statement(sa.delete(uploads).where(uploads.c.at_ms < sa.bindparam("before")))
_THUMBNAIL = Statement(
    sa.select(thumbnails.c.thumbnail).where(
        thumbnails.c.digest == sa.bindparam("digest"), thumbnails.c.side == sa.bindparam("side")
    )
)
_THUMBNAILS = Statement(sa.select(thumbnails.c.digest, thumbnails.c.thumbnail))
_ADD_THUMBNAIL = Statement(
    sa.insert(thumbnails).values(**{name: sa.bindparam(name) for name in ("digest", "side", "thumbnail")})
)
_DROP_THUMBNAILS = Statement(sa.delete(thumbnails).where(thumbnails.c.digest == sa.bindparam("gone")))
_facts = msgspec.msgpack.Decoder(list[FileFacts])


def note_upload(
    tx: Transaction, *, add: str, fileset: str, author: str, at_ms: int, facts: Sequence[FileFacts]
) -> None:
    """Note contents that an adding brought."""
    row = {"add_id": add, "fileset": fileset, "author": author, "at_ms": at_ms}
    tx.run(_ADD, {**row, "facts": msgspec.msgpack.encode(facts)})


def brought(tx: Transaction, *, add: str, fileset: str, author: str) -> dict[str, FileFacts]:
    """The contents that an adding brought so far."""
    rows = tx.all(_OF_ADD, {"add_id": add, "fileset": fileset, "author": author})
    return {facts.digest: facts for (body,) in rows for facts in _facts.decode(body)}


def on_their_way(tx: Transaction) -> set[str]:
    """The digests of all contents that any adding brought."""
    return {facts.digest for (body,) in tx.all(_EVERY) for facts in _facts.decode(body)}


def end_add(tx: Transaction, add: str) -> None:
    """Forget what an adding brought."""
    tx.run(_END, {"add_id": add})


def end_adds_of(tx: Transaction, digest: str) -> None:
    """Forget the addings that brought a content."""
    for add in {add for add, body in tx.all(_ADDS) if any(each.digest == digest for each in _facts.decode(body))}:
        end_add(tx, add)


def end_stale(tx: Transaction, before_ms: int) -> None:
    """Forget what was brought before a moment and never committed."""
    tx.run(_STALE, {"before": before_ms})


def thumbnail(tx: Transaction, digest: str, side: int) -> str | None:
    """The object that shows another in small."""
    row = tx.one(_THUMBNAIL, {"digest": digest, "side": side})
    return None if row is None else row[0]


def thumbnails_by_content(tx: Transaction) -> dict[str, set[str]]:
    """Contents, and the objects that show each in small."""
    found: dict[str, set[str]] = {}
    for digest, small in tx.all(_THUMBNAILS):
        found.setdefault(digest, set()).add(small)
    return found


def keep_thumbnail(tx: Transaction, digest: str, side: int, small: str) -> None:
    """Note a thumbnail, unless another call was quicker."""
    if thumbnail(tx, digest, side) is None:
        tx.run(_ADD_THUMBNAIL, {"digest": digest, "side": side, "thumbnail": small})


def forget_thumbnails(tx: Transaction, digests: Sequence[str]) -> None:
    """Forget the thumbnails of contents."""
    if digests:
        tx.many(_DROP_THUMBNAILS, [{"gone": digest} for digest in digests])


_FOLDED = "nfc_normalize(lower(nfc_normalize(path)))"
GIVEN = "given"
"""The name under which a query is offered what somebody asks about."""


def matching(prefix: str, label: str | None, split: str | None, where: str | None) -> str:
    """A condition from a gallery's filter; empty where nothing is asked for."""
    asked = []
    if prefix:
        asked.append(f"starts_with(path, {literal(prefix)})")
    if label is not None:
        asked.append(f"list_contains(labels, {literal(label)})" if label else "coalesce(len(labels), 0) = 0")
    if split is not None:
        asked.append(f"split = {literal(split)}" if split else "coalesce(split, '') = ''")
    if where:
        asked.append(f"(\n{where}\n)")
    return " AND ".join(asked)


def listed(paths: Sequence[str], columns: Sequence[Column], *, where: str, after: str, limit: int | None) -> str:
    """Files in order of path."""
    names = ", ".join(quoted(c.name) for c in columns)
    asked = [f"path > {literal(after)}"] * bool(after) + [where] * bool(where)
    condition = f" WHERE {' AND '.join(asked)}" if asked else ""
    end = "" if limit is None else f" LIMIT {int(limit)}"
    return f"SELECT {names} FROM {source(paths, columns)}{condition} ORDER BY path{end}"


def one(paths: Sequence[str], columns: Sequence[Column], path: str) -> str:
    """The file of a path."""
    names = ", ".join(quoted(c.name) for c in columns)
    return f"SELECT {names} FROM {source(paths, columns)} WHERE path = {literal(path)}"


def counted(paths: Sequence[str], columns: Sequence[Column], where: str) -> str:
    """One row: files, bytes, files without a label; then labels, splits and media types as lists of pairs."""
    chosen = f"SELECT * FROM {source(paths, columns)}{f' WHERE {where}' if where else ''}"

    def pairs(values: str) -> str:
        return (
            f"(SELECT to_json(list([v, n::VARCHAR])) FROM (SELECT v, count(*) n FROM ({values}) WHERE v IS NOT NULL "
            "GROUP BY v ORDER BY n DESC, v LIMIT 200))"
        )

    return (
        f"WITH chosen AS MATERIALIZED ({chosen}) SELECT count(*), coalesce(sum(size_bytes), 0)::BIGINT, "
        "count(*) FILTER (coalesce(len(labels), 0) = 0), "
        f"{pairs('SELECT unnest(labels) v FROM chosen')}, "
        f"{pairs('SELECT coalesce(split, chr(0)) v FROM chosen')}, {pairs('SELECT media_type v FROM chosen')} "
        "FROM chosen"
    )


def beside(paths: Sequence[str], columns: Sequence[Column]) -> str:
    """What a set has at the paths that are given."""
    names = ", ".join(f"f.{quoted(c.name)}" for c in columns)
    return f"SELECT {names} FROM {source(paths, columns)} f JOIN {GIVEN} g ON g.path = f.path"


def others(paths: Sequence[str], columns: Sequence[Column]) -> str:
    """The paths of a set that are not given."""
    return f"SELECT f.path FROM {source(paths, columns)} f ANTI JOIN {GIVEN} g ON g.path = f.path ORDER BY f.path"


def clashing(paths: Sequence[str], columns: Sequence[Column]) -> str:
    """One pair of a given path and one of the set that cannot stand together; `given` has `path`, `folded`, `parents`.

    Two are the same but for letter case and accents, or one would be a folder of the other.
    """
    held = f"SELECT path, {_FOLDED} AS folded FROM {source(paths, columns)}"
    return (
        f"WITH held AS MATERIALIZED ({held}), above AS (SELECT path, unnest([array_to_string(parts[:n], '/') "
        "FOR n IN range(1, len(parts))]) AS folded FROM (SELECT path, string_split(folded, '/') AS parts FROM held)) "
        f"(SELECT g.path, h.path FROM {GIVEN} g JOIN held h ON h.folded = g.folded AND h.path <> g.path LIMIT 1) "
        f"UNION ALL (SELECT g.path, h.path FROM (SELECT path, unnest(parents) AS folded FROM {GIVEN}) g "
        "JOIN held h ON h.folded = g.folded LIMIT 1) "
        f"UNION ALL (SELECT g.path, a.path FROM {GIVEN} g JOIN above a ON a.folded = g.folded LIMIT 1)"
    )


def facts_in(paths: Sequence[str], facts: Sequence[str]) -> str:
    """What is known of the digests that are given."""
    names = ", ".join(f"any_value(f.{name})" for name in facts if name != "digest")
    return f"SELECT f.digest, {names} FROM {scan(paths)} f SEMI JOIN {GIVEN} g ON g.digest = f.digest GROUP BY f.digest"


def digests_in(paths: Sequence[str]) -> str:
    """Every digest in some data files."""
    return f"SELECT DISTINCT digest FROM {scan(paths)}"


def digests_where(paths: Sequence[str], condition: str) -> str:
    """The digests of the files in some data files for which a condition of ours holds."""
    return f"SELECT DISTINCT digest FROM {scan(paths)} WHERE {condition}"


def contents_in(paths: Sequence[str]) -> str:
    """Every digest in some data files, with a path that has it."""
    return f"SELECT digest, min(path) FROM {scan(paths)} GROUP BY digest ORDER BY min(path)"


OLD, NEW = "old ", "new "
"""What stands before a column's name for the file as it was and as it is."""


def paths_where(paths: Sequence[str], columns: Sequence[Column], where: str) -> str:
    """The paths of files that match a user's condition."""
    return f"SELECT path FROM {source(paths, columns)} WHERE (\n{where}\n)"


def _both(sides: tuple[Sequence[str], Sequence[str]], columns: Sequence[Column]) -> str:
    """Files of two versions side by side, with what became of each."""
    facts = [c.name for c in columns if c.name not in ("path", "digest", "added_by", "added_at")]
    told = [f"({', '.join(f'{side}.{quoted(name)}' for name in facts)})" for side in ("o", "n")]
    names = ", ".join(
        f"{s}.{quoted(c.name)} AS {quoted(p + c.name)}" for s, p in (("o", OLD), ("n", NEW)) for c in columns
    )
    return (
        f"SELECT CASE WHEN o.path IS NULL THEN 'added' WHEN n.path IS NULL THEN 'removed' "
        f"WHEN o.digest <> n.digest THEN 'replaced' WHEN {told[0]} IS DISTINCT FROM {told[1]} THEN 'edited' END "
        "AS fate, "
        f"coalesce(n.path, o.path) AS place, {names} FROM {source(sides[0], columns)} o "
        f"FULL JOIN {source(sides[1], columns)} n ON o.path = n.path"
    )


def differing(
    sides: tuple[Sequence[str], Sequence[str]], columns: Sequence[Column], *, after: str, limit: int | None
) -> str:
    """Files that differ, in order of path."""
    end = "" if limit is None else f" LIMIT {int(limit)}"
    begin = f" AND place > {literal(after)}" if after else ""
    return f"SELECT * FROM ({_both(sides, columns)}) WHERE fate IS NOT NULL{begin} ORDER BY place{end}"


def fates(sides: tuple[Sequence[str], Sequence[str]], columns: Sequence[Column]) -> str:
    """How many files became what."""
    return f"SELECT fate, count(*) FROM ({_both(sides, columns)}) WHERE fate IS NOT NULL GROUP BY fate"

"""Tags of the whole lake: a name for the versions that all tables of a branch had at one moment; and lake commits."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref
from modelyard.lake.api import CommitId, LakeCommit, LakeTag, Moved
from modelyard.lake.model.filesets import thing
from modelyard.lake.store.catalogue import commits
from modelyard.lake.store.descent import moves
from modelyard.ports.database import Migration, Row, Statement, Transaction

LABELS = Migration(
    slice="lake",
    number=10,
    name="labels",
    ddl=(
        (
            "CREATE TABLE lake_label (tag {text} PRIMARY KEY, branch {text} NOT NULL, message {text} NOT NULL,"
            " author {text} NOT NULL, at_ms {int} NOT NULL, tables {bytes} NOT NULL)"
        ),
        "CREATE INDEX lake_commit_by_branch ON lake_commit (branch, seq)",
        "CREATE INDEX lake_version_by_commit ON lake_version (commit_id)",
    ),
)

_FIELDS = ("tag", "branch", "message", "author", "at_ms", "tables")
labels = sa.table("lake_label", *map(sa.column, _FIELDS))
_GET = Statement(sa.select(*labels.c).where(labels.c.tag == sa.bindparam("tag")))
_ALL = Statement(
    sa.select(*labels.c).where(labels.c.tag > sa.bindparam("after")).order_by(labels.c.tag).limit(sa.bindparam("most"))
)
_ADD = Statement(sa.insert(labels).values(**{n: sa.bindparam(n) for n in _FIELDS}))
_REMOVE = Statement(sa.delete(labels).where(labels.c.tag == sa.bindparam("tag")))
_commits = sa.select(
    commits.c.seq, commits.c.id, commits.c.branch, commits.c.author, commits.c.message, commits.c.run,
    commits.c.at_ms, commits.c["reads"],
)  # fmt: skip
_LISTED = Statement(
    _commits.where(commits.c.seq < sa.bindparam("before")).order_by(commits.c.seq.desc()).limit(sa.bindparam("most"))
)
_LISTED_OF = Statement(
    _commits.where(commits.c.branch == sa.bindparam("branch"), commits.c.seq < sa.bindparam("before"))
    .order_by(commits.c.seq.desc())
    .limit(sa.bindparam("most"))
)
_ONE = Statement(_commits.where(commits.c.id == sa.bindparam("id")))
_MOVES = Statement(
    sa.select(moves.c.table_name, moves.c.earlier, moves.c.later, moves.c.operation)
    .where(moves.c.commit_id == sa.bindparam("id"))
    .order_by(moves.c.table_name)
)
_tables = msgspec.json.Decoder(dict[str, int])
_refs = msgspec.json.Decoder(tuple[Ref, ...])


def get(tx: Transaction, tag: str) -> LakeTag | None:
    """A tag of the lake."""
    row = tx.one(_GET, {"tag": tag})
    return None if row is None else _label(row)


def listed(tx: Transaction, *, after: str, most: int) -> list[LakeTag]:
    """Tags of the lake, by name."""
    return [_label(row) for row in tx.all(_ALL, {"after": after, "most": most})]


def add(tx: Transaction, label: LakeTag) -> None:
    """Note a tag of the lake.

    Raises:
        AlreadyExists: the name is taken.
    """
    tx.run(
        _ADD,
        {
            "tag": label.tag, "branch": label.branch, "message": label.message, "author": label.author,
            "at_ms": label.at_ms, "tables": msgspec.json.encode(label.tables),
        },
    )  # fmt: skip


def remove(tx: Transaction, tag: str) -> bool:
    """Remove a tag of the lake; False if there is none."""
    return tx.run(_REMOVE, {"tag": tag}) == 1


def labelled(tx: Transaction, table: str) -> list[int]:
    """The versions of a table that tags of the lake name."""
    found = (label.tables.get(table) for label in listed(tx, after="", most=1_000_000))
    return [version for version in found if version is not None]


def commits_listed(tx: Transaction, *, branch: str | None, before: int, most: int) -> list[tuple[int, LakeCommit]]:
    """Lake commits with their place in the list, newest first."""
    if branch is None:
        rows = tx.all(_LISTED, {"before": before, "most": most})
    else:
        rows = tx.all(_LISTED_OF, {"branch": branch, "before": before, "most": most})
    return [(int(row[0]), _commit(tx, row)) for row in rows]


def commit_of(tx: Transaction, commit_id: CommitId) -> LakeCommit | None:
    """One lake commit."""
    row = tx.one(_ONE, {"id": commit_id})
    return None if row is None else _commit(tx, row)


def _label(row: Row) -> LakeTag:
    tag, branch, message, author, at_ms, tables = row
    return LakeTag(
        tag=tag, branch=branch, message=message, author=ActorId(author), at_ms=at_ms, tables=_tables.decode(tables)
    )


def _commit(tx: Transaction, row: Row) -> LakeCommit:
    _, commit_id, branch, author, message, run, at_ms, reads = row
    moved = tuple(
        Moved(
            table=table, version=thing(table, later) if later > 0 else None,
            before=None if earlier is None or earlier < 0 else thing(table, earlier), operation=operation,
        )
        for table, earlier, later, operation in tx.all(_MOVES, {"id": commit_id})
    )  # fmt: skip
    return LakeCommit(
        id=CommitId(commit_id), branch=branch, author=ActorId(author), message=message, run=run, at_ms=at_ms,
        reads=_refs.decode(reads), tables=moved,
    )  # fmt: skip

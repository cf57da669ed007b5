"""Which files differ between two versions of a set; data files that both have are not read."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.kernel.pages import encode_cursor, place_of
from modelyard.kernel.refs import ref
from modelyard.lake.api.files import FileChange, FileDifference, FileFate
from modelyard.lake.model.filesets import PREFIX, own_columns
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.filesets.rows import Row, file_of
from modelyard.lake.store import catalogue, filesets

_SIDES = (filesets.OLD, filesets.NEW)


def differing(
    desk: Desk, base: catalogue.Entry, target: catalogue.Entry, *, after: str = "", limit: int | None = None
) -> Iterator[tuple[FileFate, Row | None, Row | None]]:
    """Each file that differs, as it was and as it is."""
    old, new = _apart(desk, base, target)
    columns = [column for column in target.columns if column in base.columns]
    query = filesets.differing((old, new), columns, after=after, limit=limit)
    with desk.queries().session() as session:
        for batch in session.reader(query):
            for row in batch.to_pylist():
                was, now = ({c.name: row[side + c.name] for c in columns} for side in _SIDES)
                yield (
                    FileFate(row["fate"]),
                    was if was["path"] is not None else None,
                    (now if now["path"] is not None else None),
                )


def difference(
    desk: Desk, base: catalogue.Entry, target: catalogue.Entry, *, cursor: str | None, limit: int
) -> FileDifference:
    """One page of what differs, and the counts of all."""
    old, new = _apart(desk, base, target)
    columns = [column for column in target.columns if column in base.columns]
    with desk.queries().session() as session:
        counts = {str(fate): int(n or 0) for fate, n in session.rows(filesets.fates((old, new), columns))}
    own = own_columns(columns)
    found = [
        FileChange(
            path=str((now or was or {})["path"]), fate=fate, old=None if was is None else file_of(was, own),
            new=None if now is None else file_of(now, own),
        )
        for fate, was, now in differing(desk, base, target, after=place_of(cursor, ""), limit=limit + 1)
    ]  # fmt: skip
    name = target.name.removeprefix(PREFIX)
    return FileDifference(
        fileset=name, base=ref("fileset", name, base.version), target=ref("fileset", name, target.version),
        added=counts.get("added", 0), removed=counts.get("removed", 0), replaced=counts.get("replaced", 0),
        edited=counts.get("edited", 0), files=found[:limit],
        next=encode_cursor(found[limit - 1].path) if len(found) > limit else None,
    )  # fmt: skip


def _apart(desk: Desk, base: catalogue.Entry, target: catalogue.Entry) -> tuple[list[str], list[str]]:
    """The data files that only one of the two has."""
    old, new = desk.uris(base), desk.uris(target)
    both = set(old).intersection(new)
    return [uri for uri in old if uri not in both], [uri for uri in new if uri not in both]

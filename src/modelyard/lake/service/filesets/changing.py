"""Changes to files that a set has: labels, splits, removals, and a return to an older version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import pyarrow as pa

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.lake.api.files import FilesCommit
from modelyard.lake.api.paths import shown
from modelyard.lake.model.filesets import PREFIX, check_shares, split_of
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.filesets.edits import Edit, Terms, carry_out
from modelyard.lake.service.filesets.rows import Row, beside, entry_of
from modelyard.lake.service.reading import only_select
from modelyard.lake.store import catalogue, filesets

MOST_PATHS = 100_000


class Chosen(msgspec.Struct, frozen=True):
    """Which files are meant: by path, by a condition, or both; with neither, none."""

    paths: tuple[str, ...] = ()
    where: str | None = None


def removed(desk: Desk, terms: Terms, which: Chosen) -> FilesCommit:
    """Let files leave."""

    def prepare(head: catalogue.Entry | None) -> Edit:
        return Edit(gone=sorted(_rows(desk, _there(head, terms), which)))

    return carry_out(desk, terms, prepare)


def relabelled(desk: Desk, terms: Terms, which: Chosen, relabel: Callable[[list[str]], list[str]]) -> FilesCommit:
    """Give files other labels."""
    return _changed(desk, terms, which, "labels", lambda row: relabel(list(row["labels"] or [])))


def labels_after(
    add: Sequence[str], remove: Sequence[str], replace: Sequence[str] | None
) -> Callable[[list[str]], list[str]]:
    """What becomes of a file's labels.

    Raises:
        InvalidInput: nothing is asked for, or `replace` and others at once.
    """
    if replace is not None:
        if add or remove:
            raise InvalidInput("give either `replace`, or `add` and `remove`")
        whole = sorted(dict.fromkeys(replace))
        return lambda _: whole
    if not add and not remove:
        raise InvalidInput("say which labels to `add`, to `remove`, or to `replace` the present ones by")
    off = set(remove) - set(add)
    return lambda labels: sorted(dict.fromkeys([each for each in labels if each not in off] + list(add)))


def split(
    desk: Desk, terms: Terms, shares: Mapping[str, float], *, seed: int, by: str | None, which: Chosen,
    only_new: bool,
) -> FilesCommit:  # fmt: skip
    """Assign splits."""
    check_shares(shares)

    def assigned(row: Row) -> str:
        if only_new and row["split"]:
            return str(row["split"])
        return split_of(_group(row, by), shares, seed)

    return _changed(desk, terms, which if which.where else Chosen(where="true"), "split", assigned)


def _group(row: Row, by: str | None) -> str:
    if by is None:
        return str(row["path"])
    if by == "folder":
        return str(row["path"]).rpartition("/")[0]
    if by not in row:
        raise InvalidInput(f"a set is split by `folder`, `digest` or one of its own columns; it has no {by!r}")
    return f"{row['path']}" if row[by] is None else str(row[by])


def restored(desk: Desk, terms: Terms, name: str, at: str) -> FilesCommit:
    """Make the newest version as an older one was."""
    from modelyard.lake.service.filesets.differences import differing

    target = entry_of(name, at)

    def prepare(head: catalogue.Entry | None) -> Edit:
        edit = Edit()
        for _, was, is_now in differing(desk, target, _there(head, terms)):
            if was is None and is_now is not None:
                edit.gone.append(is_now["path"])
            elif was is not None:
                edit.rows.append(was)
                edit.added += is_now is None
                edit.replaced += is_now is not None and is_now["digest"] != was["digest"]
                edit.edited += is_now is not None and is_now["digest"] == was["digest"]
        return edit

    return carry_out(desk, terms, prepare)


def _changed(desk: Desk, terms: Terms, which: Chosen, field: str, change: Callable[[Row], object]) -> FilesCommit:
    """Set one field of some files."""

    def prepare(head: catalogue.Entry | None) -> Edit:
        edit = Edit()
        for row in _rows(desk, _there(head, terms), which).values():
            fresh = {**row, field: change(row)}
            if fresh == row:
                edit.unchanged += 1
            else:
                edit.rows.append(fresh)
                edit.edited += 1
        return edit

    return carry_out(desk, terms, prepare)


def _there(head: catalogue.Entry | None, terms: Terms) -> catalogue.Entry:
    if head is None:
        raise NotFound(f"there is no file set {terms.fileset}; list them: yard lake filesets")
    return head


def _rows(desk: Desk, head: catalogue.Entry, which: Chosen) -> dict[str, Row]:
    """The rows of the files that are meant.

    Raises:
        InvalidInput: neither paths nor a condition are given, or the condition is none.
        NotFound: a path is not in the set.
    """
    if not which.paths and not which.where:
        raise InvalidInput("say which files are meant: `paths`, or a condition in `where` (`true` for all)")
    if len(which.paths) > MOST_PATHS:
        raise InvalidInput(f"at most {MOST_PATHS:,} paths at once; use `where` for more")
    paths = list(which.paths)
    if which.where:
        matching = _matching(desk, head, which.where)
        paths = [path for path in paths if path in matching] if paths else sorted(matching)
    found = beside(desk, head, paths)
    if not which.where and (lost := [path for path in which.paths if path not in found]):
        name = head.name.removeprefix(PREFIX)
        raise NotFound(f"file set {name} has no file {shown(lost[0])}; list them: yard lake list-files {name}")
    return found


def _matching(desk: Desk, head: catalogue.Entry, where: str) -> set[str]:
    """The paths that match a user's condition; only they are taken from his query, rows never."""
    uris = desk.uris(head)
    query = filesets.paths_where(uris, head.columns, where)
    only_select(desk, query)
    with desk.queries().confined(views={}, extra=uris, timeout_s=60.0) as session:
        answer = session.reader(query).read_all()
    if answer.schema.types != [pa.string()]:
        raise InvalidInput("`where` is a condition over a file's columns, nothing more")
    return set(answer.column(0).to_pylist())

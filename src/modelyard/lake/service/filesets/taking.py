"""Taking files in: entries are checked, matched with what the set has and what contents came, and committed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import pyarrow as pa

from modelyard.kernel.errors import InvalidInput, Malformed, StaleVersion
from modelyard.lake.api.files import FileEntry, FileFacts, FilesCommit
from modelyard.lake.api.paths import check_clashes, check_path, clash, folded, shown
from modelyard.lake.model.filesets import own_columns, table_of
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.filesets.adds import bringing
from modelyard.lake.service.filesets.edits import Edit, Terms, carry_out
from modelyard.lake.service.filesets.rows import PATHS, Row, beside, fresh_row, known_contents
from modelyard.lake.store import catalogue, filesets
from modelyard.ports import calls
from modelyard.ports.objects import Digest

_LONGEST_LINE = 1 << 20
_GIVEN = pa.schema([("path", pa.string()), ("folded", pa.string()), ("parents", pa.list_(pa.string()))])


@dataclass(frozen=True, slots=True)
class Intake:
    """Files that are to be taken in.

    Attributes:
        mirror: True removes all others.
        after: the version that the set must stand at; None where it may be any.
    """

    entries: Sequence[FileEntry]
    mirror: bool = False
    after: int | None = None


def entries_of(content: Iterable[bytes]) -> list[FileEntry]:
    """The entries of a stream of JSON lines, each path checked.

    Raises:
        Malformed: a line is no entry.
        InvalidInput: a path is refused, or two clash.
    """
    decode = msgspec.json.Decoder(FileEntry).decode
    found: list[FileEntry] = []
    for number, line in enumerate(_lines(content), start=1):
        try:
            entry = decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as err:
            raise Malformed(f"line {number} is no file entry: {err}; nothing was added") from err
        check_path(entry.path)
        found.append(entry)
    check_clashes(entry.path for entry in found)
    return found


def _lines(content: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in content:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            raise Malformed(f"a line is longer than {_LONGEST_LINE:,} bytes; write one file entry a line")
        yield from (line for line in lines if line)
    if rest:
        yield rest


def take_in(desk: Desk, terms: Terms, intake: Intake) -> FilesCommit:
    """Commit files whose contents are here.

    Raises:
        StaleVersion: contents are not here; upload them and repeat.
    """
    with bringing(desk):
        return carry_out(desk, terms, lambda head: _edit(desk, terms, intake, head))


def _edit(desk: Desk, terms: Terms, intake: Intake, head: catalogue.Entry | None) -> Edit:
    call = calls.current()
    if intake.after not in (None, 0 if head is None else head.version):
        raise StaleVersion(f"file set {terms.fileset} is not at version {intake.after} any more; name all files")
    edit, by = Edit(), (str(call.actor.id), call.now_ms)
    own = () if head is None else own_columns(head.columns)
    old = beside(desk, head, [entry.path for entry in intake.entries])
    facts = _facts(desk, terms, intake.entries, old)
    for entry in intake.entries:
        before = old.get(entry.path)
        row = fresh_row(entry, facts[entry.digest], before, own=own, by=by)
        if before is None:
            edit.added += 1
        elif before["digest"] != entry.digest:
            edit.replaced += 1
        elif row != before:
            edit.edited += 1
        else:
            edit.unchanged += 1
            continue
        edit.rows.append(row)
    if head is not None:
        if intake.mirror:
            edit.gone = _others(desk, head, intake.entries)
        fresh = [row["path"] for row in edit.rows if row["path"] not in old]
        _check_beside(desk, head, fresh, gone=set(edit.gone))
    return edit


def _facts(desk: Desk, terms: Terms, entries: Sequence[FileEntry], old: dict[str, Row]) -> dict[str, FileFacts]:
    """What is known of every content that the entries name.

    Raises:
        StaleVersion: some are not here.
    """
    call = calls.current()
    found = {row["digest"]: _row_facts(row) for row in old.values()}
    fresh = {entry.digest for entry in entries} - found.keys()
    if terms.add is not None and fresh:
        add, author = terms.add, call.actor.id
        here = call.unit(
            lambda: filesets.brought(calls.current().tx, add=add, fileset=terms.fileset, author=author)
        )  # fmt: skip
        found.update(here)
    found.update(known_contents(desk, table_of(terms.fileset), fresh - found.keys()))
    lost = (fresh - found.keys()) | desk.contents().missing([Digest(digest) for digest in fresh & found.keys()])
    if lost:
        path = next(entry.path for entry in entries if entry.digest in lost)
        raise StaleVersion(
            f"{len(lost):,} contents are not here, that of {shown(path)} among them; upload them and commit again. "
            "Nothing was added"
        )
    return found


def _row_facts(row: Row) -> FileFacts:
    return FileFacts(**{name: row[name] for name in FileFacts.__struct_fields__})


def _others(desk: Desk, head: catalogue.Entry, entries: Sequence[FileEntry]) -> list[str]:
    """The paths of a set that are not named."""
    with desk.queries().session() as session:
        session.offer(filesets.GIVEN, pa.table([pa.array([e.path for e in entries], pa.string())], PATHS))
        answer = session.reader(filesets.others(desk.uris(head), head.columns)).read_all()
    return [str(path) for path in answer.column(0).to_pylist()]


def _check_beside(desk: Desk, head: catalogue.Entry, fresh: Sequence[str], *, gone: set[str]) -> None:
    """Refuse new paths that cannot stand beside those that the set has.

    Raises:
        InvalidInput: two clash.
    """
    if not fresh:
        return
    forms = [folded(path) for path in fresh]
    parents = [[form[:at] for at, letter in enumerate(form) if letter == "/"] for form in forms]
    with desk.queries().session() as session:
        session.offer(filesets.GIVEN, pa.table([list(fresh), forms, parents], _GIVEN))
        for path, other in session.rows(filesets.clashing(desk.uris(head), head.columns)):
            if str(other) not in gone:
                raise InvalidInput(clash(str(path), str(other)))

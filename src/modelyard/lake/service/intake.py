"""From a source to data files and quarantine, before anybody sees a row: read, convert, inspect, split, count.

Two passes at most: the first writes the rows that fit as Parquet and keeps the text and reasons of those that do not;
the second, only where a contract turned rows away, picks those from the source again. Memory is bounded by a few
batches, and by the places of the rows that are refused.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from modelyard.kernel.errors import Internal, YardError
from modelyard.lake.api import Column, Inspection, LoadId, Verdict
from modelyard.lake.model.columns import ROW_COLUMN, checks, partitions
from modelyard.lake.service.datafiles import FileWriter, WriterBeside, describe
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.pseudonyms import pseudonymous
from modelyard.lake.service.replacing import lay_keys
from modelyard.lake.service.sources import Source
from modelyard.lake.service.spooling import drained
from modelyard.lake.store import casts, merging, reshaping
from modelyard.ports.queries import Session
from modelyard.ports.seals import Seals
from modelyard.ports.tables import DataFile

_FLUSH_ROWS = 5_000
_TIMEOUT_S = 600.0
_RECENT = 4
VAULT = pa.schema(
    [("row", pa.int64()), ("raw", pa.string()), ("reasons", pa.list_(pa.string())), ("position", pa.string())]
)
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How rows that come are told from those that are there.

    Attributes:
        keys: the key by which rows will replace others; a row whose key is not whole or not its own is refused.
        there: files of the rows that are there.
        drops: True to leave out rows that are there already, whole and equal.
        window: where there are no keys, the column from whose least new value on whole rows are compared; as many
            equal rows are left out as are there.
        removes: True to find the keys that are there and do not come.
        merges: files of the rows of which those that come replace some; what stays of them is judged with the rest.
    """

    keys: Sequence[str] = ()
    there: Sequence[str] = ()
    drops: bool = False
    window: str = ""
    removes: bool = False
    merges: Sequence[str] = ()


@dataclass(slots=True)
class Intake:
    """What became of a source's rows.

    Attributes:
        rows_unchanged: left out, because they are in the table already.
        gone: Parquet of the keys that do not come any more; None where there are none. `rows_gone` of them.
        keeps_gone: True where rows were refused, so that nobody knows which keys do not come.
        compared: True if the table was looked at, so that the load fits no other version of it.
        files: data files with their local paths, not yet in the table.
        quarantine: Parquet of the refused rows; None if none was refused.
        samples: some refusals in words.
    """

    rows_in: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_unchanged: int = 0
    rows_gone: int = 0
    gone: Path | None = None
    keeps_gone: bool = False
    compared: bool = False
    files: list[tuple[DataFile, Path]] = field(default_factory=list)
    quarantine: Path | None = None
    verdict: Verdict = field(default_factory=Verdict)
    samples: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    @property
    def brings_nothing(self) -> bool:
        """True if all that came was there already."""
        return not (self.rows_loaded or self.rows_quarantined or self.rows_gone or self.verdict.blocks)


def take_in(
    desk: Desk, source: Source, *, table: str, load: LoadId, columns: Sequence[Column], existing: Sequence[str],
    folder: Path,
) -> Intake:  # fmt: skip
    """Turn a source into data files and a quarantine file, as `taking_in` does."""
    return drained(
        taking_in(desk, source, table=table, load=load, columns=columns, existing=existing, folder=folder)
    )  # fmt: skip


def taking_in(
    desk: Desk, source: Source, *, table: str, load: LoadId, columns: Sequence[Column], existing: Sequence[str],
    folder: Path, compare: Comparison = Comparison(),
) -> Generator[int, None, Intake]:  # fmt: skip
    """Turn a source into data files and a quarantine file in `folder`; tells how many rows were converted so far.

    Args:
        existing: Parquet files of the rows that will stay beside the new ones.

    Raises:
        InvalidInput: the source cannot be read as rows; nothing is taken.
    """
    done, source = Intake(), pseudonymous(desk, source, columns)
    vault = _Vault(folder / "quarantine.parquet", source, desk.seals)
    bad, files = yield from _convert(desk, source, vault, load=load, columns=columns, folder=folder)
    done.rows_in = source.rows
    if compare.drops:
        files = _tell_apart(
            desk, done, files, columns=columns, compare=compare, whole=not (bad.size or vault.rows), folder=folder
        )
    if desk.inspector is not None:
        if compare.merges and desk.inspector.judges(table):
            existing = _staying(desk, done, files, columns=columns, compare=compare, folder=folder)
        rejects = folder / "rejects.parquet"
        done.verdict = desk.inspector.inspect(
            Inspection(
                table=table, load=load, columns=tuple(columns), files=tuple(map(str, files)),
                existing=tuple(existing), rejects=str(rejects), record=LoadId(folder.name),
            )
        )  # fmt: skip
    reasons: dict[int, list[str]] = {}
    if done.verdict.rejected and not done.verdict.blocks:
        reasons = _reasons(folder / "rejects.parquet")
    if files and not done.verdict.blocks:
        _hold_checks(desk, [str(path) for path in files], columns, reasons)
    if compare.keys and files and not done.verdict.blocks:
        with desk.queries().session() as session:
            for place, reason in session.rows(merging.unfit([str(path) for path in files], compare.keys)):
                reasons.setdefault(int(place or 0), []).append(str(reason))
    if reasons:
        files = _without(files, np.array(sorted(reasons), np.int64), columns, folder)
    if reasons or bad.size:
        with desk.queries().session() as session:
            wanted = np.union1d(bad, np.array(list(reasons), np.int64))
            picking = _Picking(session, source, vault, columns)
            picking.pick(source.batches(), wanted, reasons)
            picking.settle()
        source.take_wrong()
    done.files = _described(desk, files, load, columns=columns, folder=folder)
    done.rows_loaded = sum(file.rows for file, _ in done.files)
    done.rows_quarantined = vault.close()
    done.quarantine = vault.path if vault.rows else None
    done.samples, done.refused = vault.samples, vault.places
    if done.rows_in != done.rows_loaded + done.rows_quarantined + done.rows_unchanged:
        raise Internal(
            f"load {load}: of {done.rows_in} rows read, {done.rows_loaded} were taken, {done.rows_quarantined} "
            f"quarantined and {done.rows_unchanged} known; nothing was loaded"
        )
    return done


def _staying(
    desk: Desk, done: Intake, files: Sequence[Path], *, columns: Sequence[Column], compare: Comparison, folder: Path
) -> list[str]:  # fmt: skip
    """The rows of the table that those of a merge leave, laid down beside it."""
    new, gone = [*map(str, files)], [] if done.gone is None else [str(done.gone)]
    if not (new or gone):
        return list(compare.merges)
    writer = FileWriter(folder / "staying", [msgspec.structs.replace(c, partitioned=False) for c in columns])
    try:
        with desk.queries().session() as session:
            keys = lay_keys(session, merging.keys_of(new, gone, compare.keys), folder / "coming.keys")
            for batch in session.reader(merging.remaining(compare.merges, columns, [str(keys)], compare.keys)):
                writer.write(batch)
    finally:
        writer.close()
    return [str(path) for path in writer.paths]


def _hold_checks(
    desk: Desk, files: Sequence[str], columns: Sequence[Column], reasons: dict[int, list[str]]
) -> None:  # fmt: skip
    """Note the rows that break the table's own conditions."""
    held = checks(columns)
    if not held:
        return
    with desk.queries().confined(views={}, extra=files, timeout_s=_TIMEOUT_S) as session:
        for check in held:
            for batch in session.reader(reshaping.broken(files, columns, check.condition)):
                for place in batch.column(0).to_pylist():
                    reasons.setdefault(place, []).append(f"check {check.name}: {check.condition[:200]} does not hold")


def _described(
    desk: Desk, files: Sequence[Path], load: LoadId, *, columns: Sequence[Column], folder: Path
) -> list[tuple[DataFile, Path]]:  # fmt: skip
    """The files as they go into the table; in a partitioned one they are sorted apart first."""
    if not files or not (by := partitions(columns)):
        return [(describe(path, f"{load}-{n:03d}.parquet"), path) for n, path in enumerate(files)]
    writer = FileWriter(folder / "part", columns)
    try:
        with desk.queries().session() as session:
            for batch in session.reader(reshaping.parted([str(path) for path in files], columns, by)):
                writer.write(batch)
    finally:
        writer.close()
    return writer.described(load)


def _tell_apart(
    desk: Desk, done: Intake, files: list[Path], *, columns: Sequence[Column], compare: Comparison, whole: bool,
    folder: Path,
) -> list[Path]:  # fmt: skip
    """Leave out what is in the table already; find the keys that do not come any more.

    Args:
        whole: False where a row was refused: it may have had any key, so none is taken for gone.
    """
    done.compared = True
    new, names = [str(path) for path in files], [c.name for c in columns]
    with desk.queries().session() as session:
        if compare.removes and whole:
            done.gone, done.rows_gone = _gone(session, folder, new, compare)
        elif compare.removes:
            done.keeps_gone = True
        if not (files and compare.there):
            return files
        if compare.keys:
            query = merging.unchanged(new, compare.there, names, compare.keys)
        else:
            query = merging.repeated(new, compare.there, names, compare.window)
        known = np.array([int(row[0] or 0) for row in session.rows(query)], np.int64)
    done.rows_unchanged = known.size
    return _without(files, np.sort(known), columns, folder) if known.size else files


def _convert(
    desk: Desk, source: Source, vault: _Vault, *, load: LoadId, columns: Sequence[Column], folder: Path
) -> Generator[int, None, tuple[Places, list[Path]]]:
    """First pass: typed rows into files, what a cast refuses into the vault; the places of rows it could not find."""
    bad: list[Places] = []
    writer = WriterBeside(FileWriter(folder / "data", columns))
    failure: list[YardError] = []
    recent: deque[pa.RecordBatch] = deque(maxlen=_RECENT)

    def flow() -> Iterator[pa.RecordBatch]:
        try:
            for batch in source.batches():
                vault.put_wrong()
                recent.append(batch)
                yield batch
            vault.put_wrong()
        except YardError as err:
            failure.append(err)
            raise

    try:
        with desk.queries().session() as session, desk.queries().session() as aside:
            picking = _Picking(aside, source, vault, columns)
            session.offer("source", pa.RecordBatchReader.from_batches(source.schema(), flow()))
            for batch in session.reader(casts.conversion(columns, source.types, load)):
                wrong = batch.column(casts.BAD)
                good = batch.drop_columns([casts.BAD])
                if wrong.true_count:
                    places = good.column(ROW_COLUMN).filter(wrong).to_numpy(zero_copy_only=False)
                    bad.append(picking.pick(list(recent), places, {}))
                    good = good.filter(_inverse(wrong))
                writer.write(good)
                yield source.rows
            picking.settle()
    except YardError as err:
        raise (failure[0] if failure else err) from err
    finally:
        writer.close()
    found = np.sort(np.concatenate(bad)) if bad else np.empty(0, np.int64)
    return found, writer.inner.paths


def _gone(session: Session, folder: Path, new: Sequence[str], compare: Comparison) -> tuple[Path | None, int]:
    """The keys that are there and do not come, in a file; and how many."""
    path, rows = folder / "gone.parquet", 0
    reader = session.reader(merging.gone(new, compare.there, compare.keys))
    with pq.ParquetWriter(path, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    return (path if rows else None), rows


def _inverse(mask: pa.BooleanArray) -> pa.BooleanArray:
    import pyarrow.compute as pc

    return pc.invert(mask)


def _reasons(rejects: Path) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    with pq.ParquetFile(rejects) as file:
        for batch in file.iter_batches(columns=[ROW_COLUMN, "reason"]):
            for row, reason in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True):
                found.setdefault(row, []).append(reason)
    return found


def _without(files: list[Path], rejected: Places, columns: Sequence[Column], folder: Path) -> list[Path]:
    """The files without the rejected rows; the old ones are removed."""
    writer = FileWriter(folder / f"kept-{files[0].stem}", columns)
    for path in files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                keep = ~np.isin(batch.column(ROW_COLUMN).to_numpy(), rejected)
                writer.write(batch.filter(pa.array(keep)))
        path.unlink()
    writer.close()
    return writer.paths


class _Picking:
    """Finds text and reasons of rows that were refused."""

    def __init__(self, session: Session, source: Source, vault: _Vault, columns: Sequence[Column]) -> None:
        self._session = session
        self._source = source
        self._vault = vault
        self._query, self._named = casts.failures(columns, source.types)
        self._waiting: list[tuple[pa.RecordBatch, list[str], list[str]]] = []
        self._rows = 0
        self._reasons: dict[int, list[str]] = {}

    def pick(self, batches: Iterable[pa.RecordBatch], wanted: Places, reasons: dict[int, list[str]]) -> Places:
        """Take the wanted rows out of these batches, into the vault by and by; the places that were not among them."""
        for batch in batches:
            found = np.isin(batch.column(ROW_COLUMN).to_numpy(), wanted)
            if not found.any():
                continue
            chosen = batch.filter(pa.array(found))
            places = chosen.column(ROW_COLUMN).to_numpy()
            positions = [self._source.position(int(place)) for place in places]
            self._waiting.append((chosen, self._source.raw(chosen), positions))
            self._reasons |= {int(place): reasons[int(place)] for place in places if int(place) in reasons}
            self._rows += chosen.num_rows
            if self._rows >= _FLUSH_ROWS:
                self.settle()
            wanted = np.setdiff1d(wanted, places)
        return wanted

    def settle(self) -> None:
        """Find what is wrong with the rows that were picked, in one question, and put them into the vault."""
        if not self._waiting:
            return
        self._session.offer("source", pa.Table.from_batches([chosen for chosen, _, _ in self._waiting]))
        flags = {row[ROW_COLUMN]: row for row in self._session.reader(self._query).read_all().to_pylist()}
        for chosen, raws, positions in self._waiting:
            for row, raw, position in zip(chosen.to_pylist(), raws, positions, strict=True):
                place = row[ROW_COLUMN]
                failed = [_why(c, row.get(c.name)) for c in self._named if flags[place][c.name]]
                self._vault.put(place, raw, failed + self._reasons.get(place, []), position)
        self._waiting, self._rows, self._reasons = [], 0, {}


def _why(column: Column, value: object) -> str:
    if value is None:
        return f"{column.name}: a value is missing"
    return f"{column.name}: {str(value)[:80]!r} is not {column.type}"


class _Vault:
    """Writes refused rows: place, text, reasons."""

    def __init__(self, path: Path, source: Source, seals: Seals) -> None:
        self.path = path
        self._seals = seals
        self._file: BinaryIO | None = None
        self.rows = 0
        self.samples: list[str] = []
        self.places: list[int] = []
        self._source = source
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[dict[str, object]] = []

    def put(self, place: int, raw: str, reasons: list[str], position: str = "") -> None:
        """Keep one row."""
        self._waiting.append({"row": place, "raw": raw, "reasons": reasons, "position": position})
        self.places.append(place)
        self.rows += 1
        if len(self.samples) < 20:
            self.samples.append(f"row {place}: {'; '.join(reasons)}")
        if len(self._waiting) >= _FLUSH_ROWS:
            self._flush()

    def put_wrong(self) -> None:
        """Keep the rows that the source could not read as rows."""
        for wrong in self._source.take_wrong():
            self.put(wrong.row, wrong.raw, [wrong.reason], wrong.position)

    def close(self) -> int:
        """Finish the file; the number of rows in it."""
        self._flush()
        if self._writer is not None and self._file is not None:
            self._writer.close()
            self._file.close()
        return self.rows

    def _flush(self) -> None:
        if not self._waiting:
            return
        if self._writer is None:
            told = {"names": json.dumps(self._source.names), **self._source.describe()}
            schema = VAULT.with_metadata({key.encode(): value.encode() for key, value in told.items()})
            self._file = self._seals.create(self.path)
            self._writer = pq.ParquetWriter(self._file, schema, compression="zstd", write_statistics=["row"])
        self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=VAULT))
        self._waiting = []


def keep_whole(file: BinaryIO, lines: Iterable[str], names: Sequence[str], reason: str) -> int:
    """Write rows of JSON that are refused together for one reason, to be kept in the quarantine; how many."""
    told = VAULT.with_metadata({b"names": json.dumps(list(names)).encode()})
    rows = 0
    with file, pq.ParquetWriter(file, told, compression="zstd", write_statistics=["row"]) as writer:
        for batch in _batched(lines, _FLUSH_ROWS):
            places = range(rows + 1, rows + len(batch) + 1)
            rows += len(batch)
            held = {
                "row": list(places), "raw": batch, "reasons": [[reason]] * len(batch), "position": [""] * len(batch),
            }  # fmt: skip
            writer.write_table(pa.table(held, schema=VAULT))
    return rows


def _batched(lines: Iterable[str], count: int) -> Iterator[list[str]]:
    given = iter(lines)
    while batch := list(islice(given, count)):
        yield batch

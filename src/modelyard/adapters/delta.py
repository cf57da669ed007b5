"""The tables port on Delta Lake, in a local folder or a bucket, read and committed through `deltalake`.

Data files come from outside, so no statistics and no predicate ever reach the log unasked: what the log says of a file
is exactly its `DataFile`. A commit is refused where another writer was quicker; it is never retried here.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from msgspec import structs

from modelyard.adapters import delta_log as log
from modelyard.adapters.places import Place
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import NotFound, StaleVersion
from modelyard.ports.tables import DataFile

_LOG = "_delta_log"
_ENTRY = re.compile(rf"{_LOG}/([0-9]{{20}})\.json")
_EPOCH = f"{_LOG}/_rewritten"  # changes whenever files changed under their names; others then drop what they know
_CHECKPOINT_EVERY = 20
_HELD_OPEN = 16
_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class _Head:
    """The end of a table's log: a table opened when its columns last changed, or later, and the newest version."""

    table: Any
    version: int


class DeltaTables:
    """Delta tables in one place.

    Args:
        place: holds one folder a table; made on first use.
        locks: where this machine's lock files lie, outside of what readers list.
        grace: in a place that other machines share, how long a file may wait for its commit before it is a leftover.
    """

    def __init__(self, place: Place, locks: Path, clock: Clock, *, grace: timedelta = timedelta(days=1)) -> None:
        self._place = place
        self._locks = locks
        self._clock = clock
        self._grace = grace
        self._guard = threading.Lock()
        self._known: OrderedDict[tuple[str, int], tuple[DataFile, ...]] = OrderedDict()
        self._sizes: dict[str, dict[str, int]] = {}
        self._epochs: dict[str, bytes] = {}
        self._heads: OrderedDict[str, _Head] = OrderedDict()

    @property
    def shared(self) -> bool:
        """True if other machines may write here."""
        return self._place.shared

    def create(self, location: str, schema: pa.Schema) -> int:
        """Make an empty table; where another machine may be about to make it as well, its log serves both."""
        if self._place.shared:
            if self.exists(location):
                return 0
        else:
            self.drop(location)
            self._place.make(location)
        try:
            DeltaTable.create(
                self._place.address(location), schema, configuration=log.PROPERTIES,
                storage_options=self._place.options, partition_by=log.wanted(schema).partitions or None,
            )  # fmt: skip
        except DeltaError:
            if not (self._place.shared and self.exists(location)):
                raise
        self._begin_anew(location)
        return 0

    def exists(self, location: str) -> bool:
        """True if the location holds a table's log."""
        return self._place.exists(location, _entry(0))

    def publish(self, location: str, path: str, source: Path) -> None:
        """Move a finished local file into the table, durably."""
        self._place.take(location, path, source)

    def advance(
        self, location: str, *, base: int, target: Sequence[DataFile], schema: pa.Schema, info: Mapping[str, str]
    ) -> int:
        """Make the table consist of `target`, on top of version `base`."""
        head = self._taken(location)
        present = {file.path: file for file in self._at(location, head)}
        wanted = {file.path for file in target}
        added = [file for file in target if file.path not in present]
        gone = [present[path] for path in sorted(present.keys() - wanted)]
        told = {**info, "base": str(base)}
        layout = log.wanted(schema)
        changed = None if layout == log.held(head.table) else layout
        version = self._commit(location, head, changed, added=added, gone=gone, info=told)
        self._remember(location, version, target)
        return version

    def reserve(self, location: str, info: Mapping[str, str]) -> int:
        """Take the next version number by a commit that changes nothing."""
        return self._commit(location, self._taken(location), None, added=(), gone=(), info=info)

    def _commit(
        self, location: str, head: _Head, layout: log.Layout | None, *, added: Sequence[DataFile],
        gone: Sequence[DataFile], info: Mapping[str, str],
    ) -> int:  # fmt: skip
        """Write the next entry of the log, and keep its end for the one after."""
        version = head.version + 1
        entry = log.entry(head.table, layout, added=added, removed=gone, info=info, at_ms=self._clock.now_ms())
        if not self._place.claim(location, _entry(version), entry):
            raise StaleVersion(f"{location}: another writer committed meanwhile; look again and repeat")
        if version % _CHECKPOINT_EVERY == 0:
            self.checkpoint(location)
        if layout is None:
            self._put_back(location, _Head(head.table, version))
        return version

    def files(self, location: str, version: int) -> tuple[DataFile, ...]:
        """The files a version consists of, in order of path."""
        self._notice_rewriting(location)
        return self._at(location, _Head(None, version))

    def _at(self, location: str, head: _Head) -> tuple[DataFile, ...]:
        """The files of a version, read from its log at most once."""
        if (known := self._recall(location, head.version)) is not None:
            return known
        table = head.table
        if table is None or int(table.version()) != head.version:
            table = self._open(location, head.version)
        return self._remember(location, head.version, self._read(table))

    def _recall(self, location: str, version: int) -> tuple[DataFile, ...] | None:
        with self._guard:
            if (known := self._known.get((location, version))) is not None:
                self._known.move_to_end((location, version))
            return known

    def _remember(self, location: str, version: int, files: Sequence[DataFile]) -> tuple[DataFile, ...]:
        found = tuple(sorted(files, key=lambda file: file.path))
        with self._guard:
            self._sizes.setdefault(location, {}).update((file.path, file.size_bytes) for file in found)
            self._known[location, version] = found
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found

    def movements(self, location: str) -> Iterator[tuple[int, frozenset[str], frozenset[str]]]:
        """Every version that the log still tells of: the paths that it added, and those that it removed."""
        if not self.exists(location):
            self._open(location, None)
        entries = {int(found[1]): path for path in self._place.listing(location) if (found := _ENTRY.fullmatch(path))}
        for version, path in sorted(entries.items()):
            if version == min(entries) > 0:
                yield version, frozenset(file.path for file in self.files(location, version)), frozenset()
                continue
            actions = [json.loads(line) for line in self._place.read(location, path).decode("utf-8").splitlines()]
            added = frozenset(each["add"]["path"] for each in actions if "add" in each)
            yield version, added, frozenset(each["remove"]["path"] for each in actions if "remove" in each)

    def latest(self, location: str) -> int:
        """The newest version in the log, seen by anybody or not."""
        version: int = self._open(location, None).version()
        return version

    def uri(self, location: str, path: str) -> str:
        """Where a query engine finds a file of the table."""
        return str(self.local(location, path)) if self._place.shared else f"{self._place.address(location)}/{path}"

    def address(self, location: str, path: str = "") -> str:
        """Where a foreign engine finds the table, or one file of it."""
        root = self._place.address(location)
        return f"{root}/{path}" if path else root

    def local(self, location: str, path: str) -> Path:
        """The file as a local path."""
        size = self._sizes.get(location, {}).get(path)
        return self._place.local(location, path, size_bytes=size)

    def size(self, location: str, path: str) -> int | None:
        """The size in bytes of a file of the table; None if there is none."""
        return self._place.size(location, path)

    def rewrite(self, location: str, replaced: Mapping[str, Path]) -> None:
        """Replace the content of files in every version that holds them, log statistics included."""
        for path, source in replaced.items():
            self.publish(location, path, source)
        place = self._place
        log = [path for path in place.listing(location) if path.startswith(f"{_LOG}/")]
        if not sum(_mend(place, location, path) for path in log if path.endswith(".json")) and not replaced:
            return
        for old in log:
            if ".checkpoint" in old or old.endswith("_last_checkpoint"):
                place.remove(location, old)
        self._begin_anew(location)
        self.checkpoint(location)

    def learn(self, location: str, files: Sequence[DataFile]) -> None:
        """Take note of files that the log does not show, so that copies are held against their sizes."""
        self._notice_rewriting(location)
        with self._guard:
            self._sizes.setdefault(location, {}).update((file.path, file.size_bytes) for file in files)

    def measure(self, location: str, file: DataFile) -> DataFile:
        """The file as it is now: another one if an erasure rewrote it."""
        size = self._place.size(location, file.path)
        if size is None or size == file.size_bytes:
            return file
        rows = pq.read_metadata(self._place.local(location, file.path, size_bytes=size)).num_rows
        part = file.part if rows else dict.fromkeys(file.part)
        return structs.replace(file, rows=rows, size_bytes=size, stats=json.dumps({"numRecords": rows}), part=part)

    def expel(self, location: str, paths: Collection[str]) -> int:
        """Remove files that no wanted version refers to."""
        return sum(self._place.remove(location, path) for path in paths)

    def listing(self, location: str) -> list[str]:
        """Every data file below the location, and what a killed writer left beside them and in the log."""
        found = self._place.listing(location, before=self._settled())
        return [path for path in found if not path.startswith(f"{_LOG}/") or path.endswith(".tmp")]

    def checkpoint(self, location: str) -> None:
        """Fold the log into a checkpoint."""
        self._open(location, None).create_checkpoint()

    def drop(self, location: str) -> None:
        """Remove the table with everything in it."""
        self._place.drop(location)
        self._forget(location)

    def locations(self) -> list[str]:
        """Every location that holds something."""
        return self._place.locations(before=self._settled())

    def _settled(self) -> datetime | None:
        """What was put before this moment belongs to nobody who is still at work; None where locks tell."""
        return self._clock.now() - self._grace if self._place.shared else None

    @contextmanager
    def locked(self, location: str) -> Iterator[None]:
        """Hold the table's writer lock, across threads and processes of this machine."""
        self._locks.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._locks / f"{location}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _open(self, location: str, version: int | None) -> Any:
        try:
            return DeltaTable(self._place.address(location), version=version, storage_options=self._place.options)
        except TableNotFoundError as err:
            raise NotFound(f"there is no stored table {location}") from err
        except DeltaError as err:
            raise NotFound(f"table {location} has no stored version {version}") from err

    def _taken(self, location: str) -> _Head:
        """The end of the log, for one commit: as the last one left it, where nobody wrote since.

        The entry that it ends with must be there still: others may fold a log and take away what is old.
        """
        self._notice_rewriting(location)
        with self._guard:
            head = self._heads.pop(location, None)
        if head is not None and not self._place.exists(location, _entry(head.version + 1)):
            if self._place.exists(location, _entry(head.version)):
                return head
            head = None
        if head is None:
            table = self._open(location, None)
        else:
            table = head.table
            table.update_incremental()
        return _Head(table, int(table.version()))

    def _put_back(self, location: str, head: _Head) -> None:
        """Keep the end of a log for the next commit."""
        with self._guard:
            self._heads[location] = head
            while len(self._heads) > _HELD_OPEN:
                self._heads.popitem(last=False)

    def _read(self, table: Any) -> tuple[DataFile, ...]:
        """The live files of an opened table, statistics as the log has them."""
        rows = pa.table(table.get_add_actions(flatten=False)).to_pylist()
        return tuple(
            DataFile(
                path=row["path"],
                rows=row["num_records"] or 0,
                size_bytes=row["size_bytes"],
                stats=_stats(row),
                part=log.part(row),
            )
            for row in sorted(rows, key=lambda row: str(row["path"]))
        )

    def _forget(self, location: str) -> None:
        with self._guard:
            for key in [key for key in self._known if key[0] == location]:
                del self._known[key]
            self._sizes.pop(location, None)
            self._heads.pop(location, None)

    def _begin_anew(self, location: str) -> None:
        """Let every process drop what it knows of a location."""
        self._place.write(location, _EPOCH, uuid4().hex.encode())
        self._forget(location)

    def _notice_rewriting(self, location: str) -> None:
        """Drop what this process knows of a location where another one erased rows or made a table anew."""
        epoch = self._place.read(location, _EPOCH) if self._place.exists(location, _EPOCH) else b""
        with self._guard:
            known = self._epochs.get(location)
            self._epochs[location] = epoch
        if known != epoch and (known is not None or epoch):
            self._place.forget(location)
            self._forget(location)


def _entry(version: int) -> str:
    return f"{_LOG}/{version:020d}.json"


def _stats(row: Mapping[str, Any]) -> str:
    low, high = row.get("min") or {}, row.get("max") or {}
    kept = {
        "numRecords": row["num_records"],
        "minValues": {k: v for k, v in low.items() if isinstance(v, int | float | str)},
        "maxValues": {k: v for k, v in high.items() if isinstance(v, int | float | str)},
        "nullCount": {k: v for k, v in (row.get("null_count") or {}).items() if v is not None},
    }
    return json.dumps(kept)


def _mend(place: Place, location: str, entry: str) -> bool:
    """Rewrite one log entry where it gives a file another size than it has; True if it did.

    What an empty file was set apart by may be what made it empty, so the entry forgets that too.
    """
    lines, changed = [], False
    for line in place.read(location, entry).decode("utf-8").splitlines():
        action = json.loads(line)
        body = action.get("add") or action.get("remove")
        size = None if body is None or body.get("size") is None else place.size(location, body["path"])
        if body is not None and size is not None and size != body["size"]:
            body["size"] = size
            rows = pq.read_metadata(place.local(location, body["path"], size_bytes=size)).num_rows
            if "add" in action:
                body["stats"] = json.dumps({"numRecords": rows})
            if not rows and body.get("partitionValues"):
                body["partitionValues"] = dict.fromkeys(body["partitionValues"])
            line, changed = json.dumps(action), True
        lines.append(line)
    if changed:
        place.write(location, entry, ("\n".join(lines) + "\n").encode())
    return changed

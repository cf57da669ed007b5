"""Parquet files as a sink, in a folder or a bucket: one file for each delivery, seen whole or not at all.

`append` adds `TARGET/SINK-VERSION.parquet` with the rows that are new; `overwrite` puts `TARGET/rows.parquet` in place
of the one before in one step. So whoever reads `TARGET/*.parquet` at any moment reads whole deliveries and each row
once. A file says in its metadata which delivery it is, which tells one that was repeated after a crash.
"""

from __future__ import annotations

import errno
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from modelyard.adapters.disk import sync
from modelyard.adapters.sinks.hosts import refuse_unlisted
from modelyard.adapters.sinks.opening import Opening
from modelyard.adapters.sources.addresses import refuse_secret_options, refuse_secrets, scheme_of
from modelyard.adapters.sources.places import confined_path
from modelyard.kernel.errors import Forbidden, InvalidInput, Unavailable
from modelyard.ports.secrets import Secret
from modelyard.ports.sinks import Parcel, Way

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_DELIVERY = b"modelyard.delivery"
_WHOLE = "rows.parquet"
_FOOT = 64 << 10
_GROUP_ROWS = 131_072
_FULL = (errno.ENOSPC, errno.EDQUOT)


def check(opening: Opening, *, sealed: bool) -> None:
    """Refuse what may not be written; nothing is dialled."""
    if scheme_of(opening.address) == "file":
        refuse_secret_options(opening.options, known=())
        if sealed:
            raise InvalidInput("a folder takes no secret")
        _folder_of(opening)
        return
    from modelyard.adapters.sources import buckets

    refuse_secrets(opening.address)
    scheme, bucket, key = buckets.parts_of(opening.address)
    refuse_secret_options(opening.options, known=buckets.OPTIONS[scheme])
    if not bucket or urlsplit(opening.address).query or ".." in key.split("/") or set(key) & set("*?["):
        raise InvalidInput(f"{opening.address!r} is no bucket address; write {scheme}://bucket/folder")
    if endpoint := opening.options.get("endpoint"):
        refuse_unlisted(urlsplit(endpoint).hostname, opening)
    elif not buckets.is_listed(opening.address, opening.grounds):
        refuse_unlisted(buckets.HOSTS[scheme], opening)


def opened(opening: Opening) -> ParquetTarget:
    """The folder or bucket behind an address."""
    if scheme_of(opening.address) == "file":
        return ParquetTarget(_Folder(opening, _folder_of(opening)))
    from modelyard.adapters.sources import buckets

    store = buckets.store_of(opening.address, opening.secret, opening.options, opening.grounds)
    return ParquetTarget(_Bucket(opening.address, store, buckets.parts_of(opening.address)[2], opening.secret))


def _folder_of(opening: Opening) -> Path:
    path = unquote(opening.address.removeprefix("file://"))
    if not path.startswith("/"):
        raise InvalidInput("write file:///path/to/folder, with the whole path")
    return confined_path(path, opening.grounds)


class Place(Protocol):
    """Where files are put: each is seen whole or not at all."""

    def names(self, folder: str) -> list[str]:
        """The files in a folder."""
        ...

    def metadata(self, name: str) -> Mapping[bytes, bytes]:
        """What a Parquet file says of itself; nothing where there is none."""
        ...

    def put(self, name: str, write: Callable[[Path], None]) -> None:
        """Put a file, in place of one of that name, once `write` has written it somewhere."""
        ...


class ParquetTarget:
    """Files of deliveries."""

    by_parts = False

    def __init__(self, place: Place) -> None:
        self._place = place

    def reached(self, sink: str, target: str) -> int:
        """The version that the sink's newest file tells of."""
        named = re.compile(re.escape(sink) + r"-([0-9]+)\.parquet")
        versions = [int(m[1]) for name in self._place.names(target) if (m := named.fullmatch(name))]
        return max([*versions, _version(self._place.metadata(f"{target}/{_WHOLE}"), sink)])

    def take(self, parcel: Parcel) -> bool:
        """Write a delivery as one file; of rows that are added, none where there are none."""
        if self.reached(parcel.sink, parcel.target) >= parcel.upto:
            return False
        appends = parcel.way is Way.APPEND
        name = f"{parcel.sink}-{parcel.upto:012d}.parquet" if appends else _WHOLE
        with parcel.puts() as rows:
            first = next(_groups(rows), None)
            if first is not None or not appends:
                self._place.put(f"{parcel.target}/{name}", lambda path: _write(path, parcel, first, rows))
        return True

    def close(self) -> None:
        """Nothing is held."""


def _version(metadata: Mapping[bytes, bytes], sink: str) -> int:
    by, _, version = metadata.get(_DELIVERY, b"").decode().partition(" ")
    return int(version) if by == sink else 0


def _write(path: Path, parcel: Parcel, first: pa.Table | None, rest: pa.RecordBatchReader) -> None:
    told = {_DELIVERY: f"{parcel.sink} {parcel.upto}".encode()}
    with pq.ParquetWriter(path, parcel.schema.with_metadata(told), compression="zstd") as writer:
        if first is not None:
            writer.write_table(first)
        for group in _groups(rest):
            writer.write_table(group)


def _groups(rows: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """The rows in groups as Parquet likes them."""
    waiting, count = list[pa.RecordBatch](), 0
    for batch in rows:
        waiting.append(batch)
        count += batch.num_rows
        if count >= _GROUP_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting, count = [], 0
    if count:
        yield pa.Table.from_batches(waiting)


class _Folder:
    """Files below a listed folder: written beside under a hidden name, synced, renamed."""

    def __init__(self, opening: Opening, root: Path) -> None:
        self._opening = opening
        self._root = root

    def names(self, folder: str) -> list[str]:
        with self._asking():
            place = self._within(folder)
            return [path.name for path in place.iterdir()] if place.is_dir() else []

    def metadata(self, name: str) -> Mapping[bytes, bytes]:
        with self._asking():
            path = self._within(name)
            return pq.read_schema(path).metadata or {} if path.is_file() else {}

    def put(self, name: str, write: Callable[[Path], None]) -> None:
        with self._asking():
            path = self._within(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f".{path.name}.tmp")
            beside.unlink(missing_ok=True)
            try:
                write(beside)
                sync(beside)
                beside.replace(path)
                sync(path.parent)
            finally:
                beside.unlink(missing_ok=True)

    def _within(self, name: str) -> Path:
        return confined_path(str(self._root / name), self._opening.grounds)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as err:
            raise Forbidden(f"{self._root} may not be written to: {err.strerror}") from err
        except OSError as err:
            full = "the disk of the sink is full" if err.errno in _FULL else f"{self._root} cannot be written to: {err}"
            raise Unavailable(f"{full}; nothing of the delivery is seen. Deliver again") from err


class _Bucket:
    """Objects below a prefix: an upload is seen once it is complete."""

    def __init__(self, address: str, store: ObjectStore, prefix: str, secret: Secret | None) -> None:
        self._address = address
        self._store = store
        self._prefix = prefix.strip("/")
        self._secret = secret

    def names(self, folder: str) -> list[str]:
        import obstore

        below = self._key(folder)
        with self._asking():
            found = [meta["path"] for batch in obstore.list(self._store, prefix=below) for meta in batch]
        return [path.removeprefix(f"{below}/") for path in found]

    def metadata(self, name: str) -> Mapping[bytes, bytes]:
        import obstore

        with self._asking():
            try:
                size = obstore.head(self._store, self._key(name))["size"]
            except FileNotFoundError:
                return {}
            end = self._range(name, max(0, size - _FOOT), size)
            if (footer := int.from_bytes(end[-8:-4], "little") + 8) > len(end):
                end = self._range(name, size - footer, size)
        return pq.read_schema(pa.BufferReader(end[-footer:])).metadata or {}

    def _range(self, name: str, start: int, end: int) -> bytes:
        import obstore

        return bytes(obstore.get_range(self._store, self._key(name), start=start, end=end))

    def put(self, name: str, write: Callable[[Path], None]) -> None:
        import obstore

        with tempfile.TemporaryDirectory(prefix="yard-sink-") as folder:
            path = Path(folder) / "rows.parquet"
            write(path)
            with self._asking():
                obstore.put(self._store, self._key(name), path)

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    @contextmanager
    def _asking(self) -> Iterator[None]:
        from modelyard.adapters.sources.buckets import asking

        with asking(self._address, self._secret):
            yield

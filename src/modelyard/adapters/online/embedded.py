"""Online rows in LMDB, a memory-mapped tree in a local folder: any number of processes read, one writes at a time.

The rows stand in a numbered subfolder and the file `current` names it. LMDB never overwrites, so deleted bytes stay in
its free pages; a scrub copies the living rows into the next subfolder, moves `current` and removes the old one. Each
call looks whether `current` has moved, which costs a microsecond. It never keeps a transaction open between calls.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import lmdb

from modelyard.kernel.errors import InvalidInput, Unavailable
from modelyard.ports.online import KEY_BYTES, Combine

T = TypeVar("T")
FIRST_MAP_BYTES = 1 << 30
READERS = 1024
BATCH = 1000
_CURRENT = "current"


_open: dict[Path, EmbeddedOnline] = {}
_opening = threading.Lock()


def opened(root: Path) -> EmbeddedOnline:
    """The rows under `root`, shared by all who open them in this process, since LMDB is mapped once in a process.

    Raises:
        Unavailable: the folder cannot be used.
    """
    place = root.absolute()
    with _opening:
        known = _open.get(place)
        if known is None:
            known = _open[place] = EmbeddedOnline(place)
        known.users += 1
        return known


class EmbeddedOnline:
    """The online rows under `root`; open it once in a process, or through `opened`.

    Args:
        map_bytes: how far the first mapping reaches; it doubles as rows need it, the file grows only with them.

    Raises:
        Unavailable: the folder cannot be used.
    """

    def __init__(self, root: Path, *, map_bytes: int = FIRST_MAP_BYTES) -> None:
        self.users = 0
        self._root = root
        self._current = root / _CURRENT
        self._map_bytes = map_bytes
        self._gate = threading.RLock()  # no transaction of this process may run while the mapping is changed
        self._writing = threading.RLock()
        self._env: Any = None
        self._seen: tuple[int, int, int] = (0, 0, 0)
        try:
            root.mkdir(parents=True, exist_ok=True)
            with self._alone():
                if not self._current.exists():
                    self._point_to(1)
            self._environment()
        except (OSError, lmdb.Error) as err:
            raise Unavailable("the folder of the online rows cannot be opened; check its permissions") from err

    def get(self, view: str, version: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The rows of `keys`, in their order; None where there is no row."""
        head = _head(view, version)
        with self._gate, self._reading() as tx:
            read = tx.get
            return [read(head + key) for key in keys]

    def put(self, view: str, version: int, rows: Mapping[bytes, bytes]) -> None:
        """Write rows over whatever stands there, in one transaction."""
        head = _head(view, version)
        items = [(head + _checked(key), row) for key, row in rows.items()]

        def write(tx: Any) -> None:
            for key, row in items:
                tx.put(key, row)

        self._write(write)

    def merge(self, view: str, version: int, rows: Mapping[bytes, bytes], combine: Combine) -> None:
        """Write `combine(old, new)` for each row, in one transaction."""
        head = _head(view, version)
        items = [(head + _checked(key), row) for key, row in rows.items()]

        def write(tx: Any) -> None:
            for key, row in items:
                tx.put(key, combine(tx.get(key), row))

        self._write(write)

    def delete(self, view: str, version: int, keys: Sequence[bytes]) -> int:
        """Remove rows; how many there were."""
        head = _head(view, version)
        return self._write(lambda tx: sum(bool(tx.delete(head + key)) for key in keys))

    def rows(self, view: str, version: int) -> Iterator[tuple[bytes, bytes]]:
        """Every key and row of a view's version, by key, read in batches."""
        head = _head(view, version)
        after = head
        while True:
            with self._gate, self._reading() as tx:
                batch = _from(tx, after, head)
            yield from ((key[len(head) :], row) for key, row in batch)
            if len(batch) < BATCH:
                return
            after = batch[-1][0] + b"\0"

    def drop(self, view: str, version: int) -> int:
        """Remove all rows of a view's version, batch by batch."""
        head, removed = _head(view, version), 0

        def write(tx: Any) -> int:
            return sum(bool(tx.delete(key)) for key, _ in _from(tx, head, head))

        while gone := self._write(write):
            removed += gone
        return removed

    def scrub(self) -> None:
        """Copy the living rows into a fresh file and remove the old one, whose free pages hold deleted bytes."""
        with self._writing, self._alone(), self._gate:
            env = self._environment()
            number = int(self._current.read_text(encoding="ascii"))
            fresh = self._root / str(number + 1)
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
            with env.begin(write=True):  # writers of other processes wait, and find `current` moved
                env.copy(str(fresh), compact=True)
                self._point_to(number + 1)
            self._environment()
            shutil.rmtree(self._root / str(number), ignore_errors=True)

    def close(self) -> None:
        """Let go of the mapping, if nobody else of this process uses it."""
        with _opening:
            self.users -= 1
            if self.users > 0:
                return
            if _open.get(self._root) is self:
                del _open[self._root]
        with self._writing, self._gate:
            if self._env is not None:
                self._env.close()
            self._env = None

    def _write(self, work: Callable[[Any], T]) -> T:
        """Run `work` in a write transaction, with a wider mapping or the newest file if it needs one."""
        with self._writing:
            while True:
                with self._gate:
                    env, seen = self._environment(), self._seen
                try:
                    with env.begin(write=True) as tx:
                        if self._stamp() == seen:
                            return work(tx)
                        tx.abort()
                except lmdb.MapFullError:
                    with self._gate:
                        env.set_mapsize(env.info()["map_size"] * 2)
                except lmdb.MapResizedError:
                    with self._gate:
                        env.set_mapsize(0)
                except lmdb.Error as err:
                    raise Unavailable("the online rows cannot be written; is their disk full?") from err

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        env = self._environment()
        try:
            tx = env.begin()
        except lmdb.MapResizedError:
            env.set_mapsize(0)
            tx = env.begin()
        with tx:
            yield tx

    def _environment(self) -> Any:
        """The open mapping of the current file; call it within the gate."""
        stamp = self._stamp()
        if self._env is not None and stamp == self._seen:
            return self._env
        if self._env is not None:
            self._env.close()  # in a forked process this leaves the parent's mapping alone
        folder = self._root / self._current.read_text(encoding="ascii")
        folder.mkdir(mode=0o700, exist_ok=True)
        size = (folder / "data.mdb").stat().st_size if (folder / "data.mdb").exists() else 0
        self._env = lmdb.open(
            str(folder), map_size=max(self._map_bytes, 2 * size), max_readers=READERS, metasync=False, mode=0o600
        )
        self._env.reader_check()
        self._seen = stamp
        return self._env

    def _stamp(self) -> tuple[int, int, int]:
        """Changes with the process and whenever `current` is moved."""
        found = self._current.stat()
        return os.getpid(), found.st_ino, found.st_mtime_ns

    def _point_to(self, number: int) -> None:
        beside = self._root / "current.new"
        with beside.open("w", encoding="ascii") as file:
            file.write(str(number))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._current)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock that makers and scrubbers of all processes share."""
        with (self._root / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _head(view: str, version: int) -> bytes:
    return f"{view}@{version}\0".encode()


def _from(tx: Any, start: bytes, head: bytes) -> list[tuple[bytes, bytes]]:
    """Up to a batch of entries from the key `start` on, within those that begin with `head`."""
    found: list[tuple[bytes, bytes]] = []
    with tx.cursor() as cursor:
        if cursor.set_range(start):
            for key, row in cursor:
                if not key.startswith(head) or len(found) == BATCH:
                    break
                found.append((bytes(key), bytes(row)))
    return found


def _checked(key: bytes) -> bytes:
    if not 0 < len(key) <= KEY_BYTES:
        raise InvalidInput(f"an online key has 1 to {KEY_BYTES} bytes, not {len(key)}")
    return key

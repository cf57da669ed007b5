"""Pack files: many small objects in one file with a sorted index at its end, for the folder of objects.

Ten thousand small pictures are two or three files so, written and synced once. A pack is written beside, synced, then
renamed into place, and never changed; to remove an object its pack is written anew without it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import YardError

PACK_BYTES = 64 << 20
"""A pack is closed once it is as large as this."""

_log = logging.getLogger("modelyard.objects")
_MAGIC = b"yardpak1"
_FOOTER = struct.Struct(">8sQQ32s")  # magic, entries, where the index begins, SHA-256 of the index
_ENTRY = struct.Struct(">32sQQ")  # digest, where it begins, size
_UNSETTLED_MS = 2_000
Begin = Callable[[], "tuple[Path, int]"]


class Pack:
    """One pack file, with its index in memory (48 bytes an object).

    It is read, never mapped: a mapped file that the disk cannot give ends the whole process.

    Raises:
        ValueError: it is no pack, or its index does not match its hash.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END) - _FOOTER.size
            if end < 0:
                raise ValueError(f"{path.name} is shorter than a pack's end")
            file.seek(end)
            magic, self.count, start, seen = _FOOTER.unpack(file.read(_FOOTER.size))
            if magic != _MAGIC or start + self.count * _ENTRY.size != end:
                raise ValueError(f"{path.name} does not end as a pack does")
            file.seek(start)
            self._index = file.read(end - start)
        if sha256(self._index).digest() != seen:
            raise ValueError(f"the index of {path.name} does not match its hash")

    def find(self, digest: bytes) -> tuple[int, int] | None:
        """Where an object begins and how long it is; None if it is not in here."""
        low, high, width, index = 0, self.count, _ENTRY.size, self._index
        while low < high:
            middle = (low + high) // 2
            at = middle * width
            found = index[at : at + 32]
            if found == digest:
                _, begin, size = _ENTRY.unpack_from(index, at)
                return begin, size
            if found < digest:
                low = middle + 1
            else:
                high = middle
        return None

    def entries(self) -> Iterator[tuple[bytes, int, int]]:
        """Digest, beginning and size of each object, in order of digest."""
        return _ENTRY.iter_unpack(self._index)

    def read(self, begin: int, size: int) -> bytes:
        """Some bytes of the file; fewer where it was cut short.

        Raises:
            FileNotFoundError: it was written anew meanwhile; look for the object again.
        """
        handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(handle, size, begin)
        finally:
            os.close(handle)


class Packs:
    """The packs of one folder; several processes may share it.

    Args:
        folder: holds the packs; made on first use.
        begin: gives a fresh unfinished file, locked.
        sync: makes the names in a folder durable.
        refusal: the disk's refusal in the house's words.
    """

    def __init__(
        self, folder: Path, *, begin: Begin, sync: Callable[[Path], None], refusal: Callable[[str, OSError], YardError]
    ) -> None:
        self._folder = folder
        self._begin = begin
        self._sync = sync
        self._refusal = refusal
        self._guard = threading.Lock()
        self._known: dict[str, Pack] = {}
        self._refused: set[str] = set()
        self._seen_ns = -1
        self._last: Pack | None = None
        self._clock = SystemClock()

    def find(self, digest: str) -> tuple[Pack, int, int] | None:
        """The pack that holds an object, where in it, and its size."""
        packs = self._current()
        if not packs:
            return None
        wanted, last = bytes.fromhex(digest), self._last
        if last is not None and last.path.name in packs and (place := last.find(wanted)) is not None:
            return last, *place
        for pack in packs.values():
            if pack is not last and (place := pack.find(wanted)) is not None:
                self._last = pack
                return pack, *place
        return None

    def among(self, digests: Iterable[str]) -> set[str]:
        """Those of some digests that packs hold, as they stand now."""
        packs = list(self._current().values())
        return {digest for digest in digests if any(pack.find(bytes.fromhex(digest)) for pack in packs)}

    def read(self, digest: str, *, start: int = 0, stop: int | None = None) -> tuple[bytes, bool] | None:
        """An object or a part of it, and whether that is the whole; None if no pack holds it."""
        while (found := self.find(digest)) is not None:
            pack, begin, size = found
            first, last = min(max(start, 0), size), size if stop is None else min(stop, size)
            try:
                return pack.read(begin + first, max(last - first, 0)), (first, last) == (0, size)
            except FileNotFoundError:
                self._current(anew=True)
        return None

    def objects(self) -> Iterator[tuple[str, int]]:
        """Digest and size of every packed object, each once."""
        seen: set[bytes] = set()
        for pack in self._current().values():
            for digest, _, size in pack.entries():
                if digest not in seen:
                    seen.add(digest)
                    yield digest.hex(), size

    def write(self, contents: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep contents, each with its digest; they are on the disk when this returns."""
        writer: _Writer | None = None
        try:
            for digest, content in contents:
                writer = writer or _Writer(*self._begin())
                with self._disk():
                    writer.add(digest, content)
                if writer.size >= PACK_BYTES:
                    self._keep(writer)
                    writer = None
            if writer is not None:
                self._keep(writer)
                writer = None
        finally:
            if writer is not None:
                writer.give_up()

    def remove(self, digests: Collection[str]) -> int:
        """Write every pack that holds some of these objects anew without them; how many objects there were."""
        gone, found = {bytes.fromhex(digest) for digest in digests}, set[bytes]()
        if not self._folder.is_dir():
            return 0
        with self._disk(), self._alone():
            for pack in list(self._current(anew=True).values()):
                held = {digest for digest, _, _ in pack.entries()} & gone
                if held:
                    self.write((d, pack.read(begin, size)) for d, begin, size in pack.entries() if d not in held)
                    pack.path.unlink()
                    self._sync(self._folder)
                    found |= held
            self._current(anew=True)
        return len(found)

    def _keep(self, writer: _Writer) -> None:
        with self._disk():
            if not self._folder.is_dir():
                self._folder.mkdir(exist_ok=True)
                self._sync(self._folder.parent)
            writer.finish(self._folder / f"{token_hex(16)}.pack")
            self._sync(self._folder)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """Turn the disk's refusals into the house's words; a sender's own failures come by another way."""
        try:
            yield
        except OSError as err:
            raise self._refusal("write a pack of objects", err) from err

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Of several that rewrite packs, one at a time: else each would keep what the other removes."""
        handle = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _current(self, *, anew: bool = False) -> dict[str, Pack]:
        """The packs that stand now: looked for again whenever the folder has changed."""
        try:
            changed_ns = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        if changed_ns == self._seen_ns and not anew:
            return self._known
        with self._guard:
            now_ms = self._clock.now_ms()
            names = [path.name for path in self._folder.glob("*.pack")]
            known = {name: self._known.get(name) or self._opened(name) for name in names if name not in self._refused}
            self._known = {name: pack for name, pack in known.items() if pack is not None}
            # two changes within one tick of the file system look like one: until it is over, look each time
            self._seen_ns = changed_ns if now_ms - changed_ns // 1_000_000 > _UNSETTLED_MS else -1
            return self._known

    def _opened(self, name: str) -> Pack | None:
        try:
            return Pack(self._folder / name)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as err:
            self._refused.add(name)
            _log.error("a pack of objects cannot be read; what it holds counts as missing", extra={"error": str(err)})
            return None


class _Writer:
    """A pack on its way: contents, then the index, then the end."""

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._file = os.fdopen(handle, "wb", buffering=1 << 20)
        self._index: dict[bytes, tuple[int, int]] = {}
        self.size = 0

    def add(self, digest: bytes, content: bytes) -> None:
        """Append one object."""
        self._file.write(content)
        self._index[digest] = (self.size, len(content))
        self.size += len(content)

    def finish(self, place: Path) -> None:
        """Write the index, sync, and let the pack appear."""
        index = b"".join(_ENTRY.pack(digest, *where) for digest, where in sorted(self._index.items()))
        self._file.write(index)
        self._file.write(_FOOTER.pack(_MAGIC, len(self._index), self.size, sha256(index).digest()))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._path.rename(place)
        self._file.close()

    def give_up(self) -> None:
        """Leave nothing."""
        self._path.unlink(missing_ok=True)
        try:
            self._file.close()
        except OSError:
            _log.debug("what was not written of a pack is lost with it")

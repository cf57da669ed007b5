"""Pack files: many small objects in one file with a sorted index at its end, for the folder of objects.

Ten thousand small pictures are two or three files so, written and synced once. A pack is written beside, synced, then
renamed into place, and never changed; to remove an object its pack is written anew without it. In a sealed pack a head
with the key's id comes first and every object is sealed by itself, bound to its digest and its place.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
import threading
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag

from modelyard.adapters.seals.frames import HEAD_BYTES, TAG_BYTES, cipher_of, head_of, key_id
from modelyard.adapters.seals.keys import Key, Keyring
from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import Damaged, YardError

PACK_BYTES = 64 << 20
"""A pack is closed once it is as large as this."""

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SUFFIX = ".pack"
_log = logging.getLogger("modelyard.objects")
_MAGIC = b"yardpak1"
_SEALED = b"yardpak2"
_FOOTER = struct.Struct(">8sQQ32s")  # magic, entries, where the index begins, SHA-256 of the index
_ENTRY = struct.Struct(">32sQQ")  # digest, where it begins, size
_UNSETTLED_MS = 2_000
_NEAR = 32
Begin = Callable[[], "tuple[Path, int]"]


class Pack:
    """One pack file, with its index in memory (48 bytes an object).

    It is read, never mapped: a mapped file that the disk cannot give ends the whole process.

    Attributes:
        key_id: of the key that seals it; empty if none does.

    Raises:
        ValueError: it is no pack, or its index does not match its hash.
    """

    def __init__(self, path: Path, keys: Keyring) -> None:
        self.path = path
        self._keys = keys
        self._cipher: AESGCM | None = None
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END) - _FOOTER.size
            if end < 0:
                raise ValueError(f"{path.name} is shorter than a pack's end")
            file.seek(end)
            magic, self.count, start, seen = _FOOTER.unpack(file.read(_FOOTER.size))
            if magic not in (_MAGIC, _SEALED) or start + self.count * _ENTRY.size != end:
                raise ValueError(f"{path.name} does not end as a pack does")
            file.seek(start)
            self._index = file.read(end - start)
            file.seek(0)
            self._head = file.read(HEAD_BYTES) if magic == _SEALED else b""
        if sha256(self._index).digest() != seen:
            raise ValueError(f"the index of {path.name} does not match its hash")
        self._begins = _begins(self._index, self.count)
        self.key_id = key_id(self._head)
        if magic == _SEALED and not self.key_id:
            raise ValueError(f"{path.name} does not begin as a sealed pack does")

    def find(self, digest: bytes) -> tuple[int, int] | None:
        """Where an object begins and how long it is; None if it is not in here."""
        width, index = _ENTRY.size, self._index
        low, high = self._begins[digest[0]], self._begins[digest[0] + 1]
        while high - low > _NEAR:
            middle = (low + high) // 2
            if index[middle * width : middle * width + 32] < digest:
                low = middle
            else:
                high = middle + 1
        at = index.find(digest, low * width, high * width)
        while at >= 0 and at % width:  # it stands across two entries, by chance
            at = index.find(digest, at + 1, high * width)
        if at < 0:
            return None
        _, begin, size = _ENTRY.unpack_from(index, at)
        return begin, size

    def entries(self) -> Iterator[tuple[bytes, int, int]]:
        """Digest, beginning and size of each object, in order of digest."""
        return _ENTRY.iter_unpack(self._index)

    def read(self, digest: bytes, begin: int, size: int) -> bytes:
        """An object; fewer bytes where a pack that is not sealed was cut short.

        Raises:
            FileNotFoundError: it was written anew meanwhile; look for the object again.
            Damaged: it is not as it was sealed.
            Unavailable: its key is not there.
        """
        if not self.key_id:
            return self._bytes(begin, size)
        if self._cipher is None:
            self._cipher = cipher_of(self._head, self._keys.key(self.key_id))
        sealed = self._bytes(begin, size + TAG_BYTES)
        try:
            return self._cipher.decrypt(_nonce(begin), sealed, self._head + digest)
        except (InvalidTag, ValueError) as err:
            raise Damaged(
                f"object {digest.hex()} is not as it was sealed; restore it from a backup: yard restore"
            ) from err

    def part(self, digest: bytes, begin: int, size: int, *, first: int, last: int) -> bytes:
        """The bytes of an object from `first` up to `last`; raises as `read` does."""
        if self.key_id:
            return self.read(digest, begin, size)[first:last]
        return self._bytes(begin + first, max(last - first, 0))

    def _bytes(self, begin: int, size: int) -> bytes:
        handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(handle, size, begin)
        finally:
            os.close(handle)


def _begins(index: bytes, count: int) -> list[int]:
    """Where the digests of each first byte begin, and the end: a search looks at one part in 256."""
    firsts = index[:: _ENTRY.size]
    return [*(bisect_left(firsts, first) for first in range(256)), count]


def _nonce(begin: int) -> bytes:
    return begin.to_bytes(12, "big")


class Packs:
    """The packs of one folder; several processes may share it.

    Args:
        folder: holds the packs; made on first use.
        keys: of the seals.
        begin: gives a fresh unfinished file, locked.
        sync: makes the names in a folder durable.
        refusal: the disk's refusal in the house's words.
    """

    def __init__(
        self, folder: Path, *, keys: Keyring, begin: Begin, sync: Callable[[Path], None],
        refusal: Callable[[str, OSError], YardError],
    ) -> None:  # fmt: skip
        self._folder = folder
        self._keys = keys
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
        holds = self.holding()
        return {digest for digest in digests if holds(bytes.fromhex(digest))}

    def holding(self) -> Callable[[bytes], bool]:
        """Says which objects packs hold, as they stand now; for whoever asks for thousands in a moment."""
        finds = [pack.find for pack in self._current().values()]

        def holds(digest: bytes) -> bool:
            for find in finds:  # noqa: SIM110 - asked for every file of a folder
                if find(digest) is not None:
                    return True
            return False

        return holds

    def read(self, digest: str, *, start: int = 0, stop: int | None = None) -> tuple[bytes, bool] | None:
        """An object or a part of it, and whether that is the whole; None if no pack holds it."""
        while (found := self.find(digest)) is not None:
            pack, begin, size = found
            first, last = min(max(start, 0), size), size if stop is None else min(stop, size)
            try:
                part = pack.part(bytes.fromhex(digest), begin, size, first=first, last=last)
                return part, (first, last) == (0, size)
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
                writer = writer or _Writer(*self._begin(), key=self._keys.newest())
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
        with self._rewriting() as packs:
            for pack in packs:
                held = {digest for digest, _, _ in pack.entries()} & gone
                if held:
                    self._replace(pack, without=held)
                    found |= held
        return len(found)

    def reseal(self, wanted: Key | None) -> int:
        """Write every pack that another key seals anew; how many objects there were."""
        done = 0
        with self._rewriting() as packs:
            for pack in packs:
                if pack.key_id != (b"" if wanted is None else wanted.id):
                    self._replace(pack, without=frozenset())
                    done += pack.count
        return done

    @contextmanager
    def _rewriting(self) -> Iterator[list[Pack]]:
        """The packs that stand now, while nobody else rewrites any."""
        if not self._folder.is_dir():
            yield []
            return
        with self._disk(), self._alone():
            yield list(self._current(anew=True).values())
            self._current(anew=True)

    def _replace(self, pack: Pack, *, without: Collection[bytes]) -> None:
        self.write(_whole(pack, without))
        pack.path.unlink()
        self._sync(self._folder)

    def _keep(self, writer: _Writer) -> None:
        with self._disk():
            if not self._folder.is_dir():
                self._folder.mkdir(exist_ok=True)
                self._sync(self._folder.parent)
            writer.finish(self._folder / f"{token_hex(16)}{SUFFIX}")
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
            names = [path.name for path in self._folder.glob(f"*{SUFFIX}")]
            known = {name: self._known.get(name) or self._opened(name) for name in names if name not in self._refused}
            self._known = {name: pack for name, pack in known.items() if pack is not None}
            # two changes within one tick of the file system look like one: until it is over, look each time
            self._seen_ns = changed_ns if now_ms - changed_ns // 1_000_000 > _UNSETTLED_MS else -1
            return self._known

    def _opened(self, name: str) -> Pack | None:
        try:
            return Pack(self._folder / name, self._keys)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as err:
            self._refused.add(name)
            _log.error("a pack of objects cannot be read; what it holds counts as missing", extra={"error": str(err)})
            return None


def _whole(pack: Pack, without: Collection[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The objects of a pack but some; what cannot be unsealed any more is lost already."""
    for digest, begin, size in pack.entries():
        if digest not in without:
            try:
                yield digest, pack.read(digest, begin, size)
            except Damaged:
                _log.error(
                    "an object of a pack that is written anew is damaged and lost", extra={"object": digest.hex()}
                )


class _Writer:
    """A pack on its way: contents, sealed if there is a key, then the index, then the end."""

    def __init__(self, path: Path, handle: int, *, key: Key | None) -> None:
        self._path = path
        self._file = os.fdopen(handle, "wb", buffering=1 << 20)
        self._index: dict[bytes, tuple[int, int]] = {}
        self._head = b"" if key is None else head_of(key)
        self._cipher = None if key is None else cipher_of(self._head, key)
        self.size = self._file.write(self._head)

    def add(self, digest: bytes, content: bytes) -> None:
        """Append one object."""
        self._index[digest] = (self.size, len(content))
        if self._cipher is not None:
            content = self._cipher.encrypt(_nonce(self.size), content, self._head + digest)
        self.size += self._file.write(content)

    def finish(self, place: Path) -> None:
        """Write the index, sync, and let the pack appear."""
        index = b"".join(_ENTRY.pack(digest, *where) for digest, where in sorted(self._index.items()))
        self._file.write(index)
        self._file.write(
            _FOOTER.pack(_SEALED if self._head else _MAGIC, len(self._index), self.size, sha256(index).digest())
        )
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

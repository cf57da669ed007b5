"""Objects in a local folder: one file each, `ab/<digest>`, written beside, synced, then renamed into place; small ones
that come together share a pack file.

A writer holds a lock on its unfinished file for as long as it lives, so a sweep knows the files of the dead from those
of the living whatever process or container they belong to. The library that serves buckets also knows folders, but
cannot sync; plain system calls can. It never changes a file that stands under its digest. Where the yard seals, the
file is `ab/<digest>.sealed`: what is under a name is what the name says, whatever the bytes look like.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from modelyard.adapters.disk import alone, sync
from modelyard.adapters.objects.packs import Packs
from modelyard.adapters.objects.sealing import SEALED, name_of, named, stored_as
from modelyard.adapters.seals.frames import HEAD_BYTES, TAIL_BYTES, Sealer, Stream, key_id
from modelyard.adapters.seals.keys import Key, Keyring
from modelyard.kernel.errors import Damaged, Forbidden, NotFound, Unavailable, YardError
from modelyard.kernel.units import format_bytes
from modelyard.ports.objects import PACKED_BYTES, Digest, Stored, parse_digest

CHUNK_BYTES = 1 << 20
_UNFINISHED = "unfinished"
_PACKS = "packs"


class FolderObjects:
    """The objects of one home, kept in `root`; several processes may share it.

    Args:
        keys: of the seals; without them nothing is sealed, and what is sealed cannot be read.

    Raises:
        Unavailable: the folder cannot be made.
    """

    def __init__(self, root: Path, *, keys: Keyring | None = None) -> None:
        self._root = root
        self._keys = keys = keys or Keyring()
        self._unfinished = root / _UNFINISHED
        try:
            self._unfinished.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise _unavailable("open the objects folder", err) from err
        self._packs = Packs(root / _PACKS, keys=keys, begin=self._begin, sync=sync, refusal=_unavailable)

    def put(self, content: Iterable[bytes], *, expect: Digest | None = None) -> Stored:
        """Store bytes as they stream by; they are on the disk when this returns."""
        wanted = None if expect is None else parse_digest(expect)
        path, handle = self._begin()
        size, seen, key = 0, sha256(), self._keys.newest()
        sealer = None if key is None else Sealer(key)
        try:
            for chunk in content:
                seen.update(chunk)
                _write(handle, chunk if sealer is None else sealer.add(chunk), after=size)
                size += len(memoryview(chunk).cast("B"))
            stored = Stored(Digest(seen.hexdigest()), size)
            if wanted is not None and stored.digest != wanted:
                raise Damaged(f"the bytes hash to {stored.digest}, not to {wanted} as announced; send them again")
            if sealer is not None:
                _write(handle, sealer.end(seen.digest(), size), after=size)
            self._keep(handle, path, stored, sealed=sealer is not None)
        finally:
            path.unlink(missing_ok=True)
            os.close(handle)
        return stored

    def keep(self, contents: Iterable[bytes]) -> list[Stored]:
        """Store many contents together: small ones in a pack, each larger one in its own file."""
        done: list[Stored] = []
        packing: set[Digest] = set()
        is_packed, folders = self._packs.holding(), {folder.name for folder in self._folders()}

        def is_here(digest: Digest, packed: bytes) -> bool:
            return is_packed(packed) or (digest[:2] in folders and self._loose(digest) is not None)

        def small() -> Iterator[tuple[bytes, bytes]]:
            for content in contents:
                seen = sha256(content)
                stored = Stored(Digest(seen.hexdigest()), len(content))
                done.append(stored)
                if stored.digest in packing or is_here(stored.digest, seen.digest()):
                    continue
                if stored.size_bytes > PACKED_BYTES:
                    self.put([content])
                    continue
                packing.add(stored.digest)
                yield seen.digest(), content

        self._packs.write(small())
        return done

    def missing(self, digests: Collection[Digest]) -> set[Digest]:
        """Those of the digests that have no object here."""
        packed = self._packs.among(digests)
        return {digest for digest in digests if digest not in packed and self._loose(digest) is None}

    def read(self, digest: Digest, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`, in chunks of at most 1 MiB."""
        if (size := self._loose(digest)) is None:
            if (packed := self._packs.read(digest, start=start, stop=stop)) is None:
                raise _missing(digest)
            content, is_whole = packed
            if is_whole and (seen := sha256(content).hexdigest()) != digest:
                raise _damaged(digest, seen)
            return iter([content] if content else [])
        whole = start <= 0 and (stop is None or stop >= size)
        return self._whole(digest) if whole else self._part(digest, max(start, 0), stop)

    def size(self, digest: Digest) -> int | None:
        """Size in bytes; None if there is no such object."""
        parse_digest(digest)
        packed = self._packs.find(digest)
        return self._loose(digest) if packed is None else packed[2]

    def _loose(self, digest: Digest) -> int | None:
        """Size of an object in a file of its own; None if there is none. One that was cut short has some other."""
        name = self._named(digest)
        for sealed in (False, True):
            try:
                return stored_as(os.stat(named(name, sealed=sealed)).st_size, sealed=sealed)  # noqa: PTH116 - asked for thousands at a time
            except FileNotFoundError:
                continue
        return None

    def delete(self, digest: Digest) -> bool:
        """Remove an object; False if there was none."""
        return self.discard([digest]) > 0

    def discard(self, digests: Collection[Digest]) -> int:
        """Remove objects; how many there were."""
        with alone(self._root):  # else who reseals restores what is removed here
            loose = {digest for digest in digests if self._unlink(digest)}
        packed = [digest for digest in digests if self._packs.find(digest) is not None]
        self._packs.remove(packed)
        return len(loose.union(packed))

    def _unlink(self, digest: Digest) -> bool:
        gone = 0
        for place in self._places(digest):
            try:
                place.unlink()
            except FileNotFoundError:
                continue
            except OSError as err:
                raise _unavailable("delete an object", err) from err
            gone += 1
            sync(place.parent)
        return gone > 0

    def digests(self) -> Iterator[Stored]:
        """Every object, in no particular order; strangers among the files are passed over."""
        for name, size in self._packs.objects():
            if self._loose(Digest(name)) is None:
                yield Stored(Digest(name), size)
        for folder in self._folders():
            with os.scandir(folder) as entries:
                for entry in entries:
                    name, sealed = name_of(entry.name)
                    if name and not (sealed and (folder / name).exists()):
                        yield Stored(Digest(name), stored_as(entry.stat().st_size, sealed=sealed))

    def _folders(self) -> Iterator[Path]:
        return (folder for folder in self._root.iterdir() if len(folder.name) == 2)

    def doors(self) -> None:
        """None: nobody reaches a folder but through the yard."""
        return

    def reseal(self) -> int:
        """Bring every object under the seal that new ones get; how many were changed."""
        wanted = self._keys.newest()
        done = self._packs.reseal(wanted)
        for folder in self._folders():
            for path in list(folder.iterdir()):
                if (found := name_of(path.name))[0]:
                    with alone(self._root):
                        done += self._reseal(path, Digest(found[0]), wanted)
        return done

    def _reseal(self, path: Path, digest: Digest, key: Key | None) -> bool:
        """Write a file of another seal anew, and remove it."""
        try:
            with path.open("rb") as file:
                under = key_id(file.read(HEAD_BYTES)) if path.name.endswith(SEALED) else b""
        except FileNotFoundError:
            return False
        if under == (b"" if key is None else key.id):
            return False
        replaced = self._place(digest, sealed=key is not None)
        fresh, handle = self._begin()
        try:
            sealer, size = None if key is None else Sealer(key), 0
            for chunk in self._whole(digest):
                _write(handle, chunk if sealer is None else sealer.add(chunk), after=size)
                size += len(chunk)
            if sealer is not None:
                _write(handle, sealer.end(bytes.fromhex(digest), size), after=size)
            _settle(handle, fresh, replaced)
        finally:
            fresh.unlink(missing_ok=True)
            os.close(handle)
        if replaced != path:
            path.unlink(missing_ok=True)
            sync(path.parent)
        return True

    def local(self, digest: Digest) -> Path | None:
        """The object's own file; None if there is none such, a pack holds it, or it is sealed. Never write to it."""
        place = self._place(digest)
        return place if place.is_file() else None

    def sweep(self) -> int:
        """Remove unfinished files whose writers are gone; the number removed."""
        removed = 0
        for path in self._unfinished.iterdir():
            try:
                handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
                removed += 1
            except BlockingIOError:
                continue
            finally:
                os.close(handle)
        return removed

    def _begin(self) -> tuple[Path, int]:
        """A fresh unfinished file, locked; drawn again if a sweep came between its making and its lock."""
        while True:
            path = self._unfinished / token_hex(16)
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except OSError as err:
                raise _unavailable("begin an object", err) from err
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink:
                return path, handle
            os.close(handle)

    def _keep(self, handle: int, path: Path, stored: Stored, *, sealed: bool) -> None:
        """Put a complete file in its place, unless a whole one of the same content stands there."""
        try:
            if self.size(stored.digest) == stored.size_bytes:
                loose = any(place.exists() for place in self._places(stored.digest))
                other = self._place(stored.digest).parent if loose else self._root / _PACKS
                sync(other)  # its other writer may stand between renaming and syncing
                return
            place = self._place(stored.digest, sealed=sealed)
            if not place.parent.is_dir():
                place.parent.mkdir(exist_ok=True)
                sync(self._root)
            _settle(handle, path, place)
        except OSError as err:
            raise _unavailable(f"keep an object of {format_bytes(stored.size_bytes)}", err) from err

    def _whole(self, digest: Digest) -> Iterator[bytes]:
        seen = sha256()
        for chunk in self._part(digest, 0, None):
            seen.update(chunk)
            yield chunk
        if seen.hexdigest() != digest:
            raise _damaged(digest, seen.hexdigest())

    def _part(self, digest: Digest, start: int, stop: int | None) -> Iterator[bytes]:
        file, sealed = self._opened(digest)
        with file:
            if not sealed:
                yield from _read(file, start, stop)
                return
            size = os.fstat(file.fileno()).st_size
            head, tail = (
                os.pread(file.fileno(), HEAD_BYTES, 0),
                os.pread(file.fileno(), TAIL_BYTES, max(size - TAIL_BYTES, 0)),
            )
            stream = Stream(head, tail, size_bytes=size, keys=self._keys, what=f"object {digest}")
            if stream.digest != digest:
                raise _damaged(digest, stream.digest)
            last = stream.size_bytes if stop is None else min(stop, stream.size_bytes)
            if start < last:
                yield from stream.unsealed(_read(file, *stream.span(start, last)), start, last)

    def _opened(self, digest: Digest) -> tuple[BinaryIO, bool]:
        """An object's file, and whether it is sealed; looked for twice, since a seal may be put on or off meanwhile."""
        for sealed in (False, True, False):
            try:
                return self._place(digest, sealed=sealed).open("rb", buffering=0), sealed
            except FileNotFoundError:
                continue
        raise _missing(digest)

    def _places(self, digest: Digest) -> tuple[Path, Path]:
        return self._place(digest), self._place(digest, sealed=True)

    def _place(self, digest: Digest, *, sealed: bool = False) -> Path:
        return Path(named(self._named(digest), sealed=sealed))

    def _named(self, digest: Digest) -> str:
        known = parse_digest(digest)
        return f"{self._root}/{known[:2]}/{known}"


def _read(file: BinaryIO, start: int, stop: int | None) -> Iterator[bytes]:
    """What stands in a file from a place up to another, in chunks."""
    file.seek(start)
    left = None if stop is None else stop - start
    while left is None or left > 0:
        chunk = file.read(CHUNK_BYTES if left is None else min(left, CHUNK_BYTES))
        if not chunk:
            return
        if left is not None:
            left -= len(chunk)
        yield chunk


def _settle(handle: int, path: Path, place: Path) -> None:
    """Give a complete file its name, durably."""
    os.fsync(handle)
    path.replace(place)
    sync(place.parent)


def _damaged(digest: Digest, seen: str) -> Damaged:
    return Damaged(
        f"the stored bytes of object {digest} hash to {seen}; "
        "restore it from a backup, or delete it and put the content again"
    )


def _write(handle: int, chunk: bytes, *, after: int) -> int:
    view = memoryview(chunk).cast("B")
    try:
        done = 0
        while done < len(view):
            done += os.write(handle, view[done:])
    except OSError as err:
        raise _unavailable(f"write an object after {format_bytes(after)}", err) from err
    return len(view)


def _missing(digest: Digest) -> NotFound:
    return NotFound(f"there is no object {digest}; it was deleted or never stored here")


def _unavailable(what: str, err: OSError) -> YardError:
    """The system's refusal in our words, without the path, which may leave the machine in an answer."""
    if isinstance(err, PermissionError):
        return Forbidden(f"could not {what}: the yard may not write to its objects folder; mend its permissions")
    return Unavailable(
        f"could not {what}: {os.strerror(err.errno or 0).lower()}; nothing was stored. "
        "Free space on the disk of the objects folder, then repeat"
    )

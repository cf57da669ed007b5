"""Objects in a local folder: one file each, `ab/<digest>`, written beside, synced, then renamed into place; small ones
that come together share a pack file.

A writer holds a lock on its unfinished file for as long as it lives, so a sweep knows the files of the dead from those
of the living whatever process or container they belong to. The library that serves buckets also knows folders, but
cannot sync; plain system calls can. It never changes a file that stands under its digest.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from modelyard.adapters.objects.packs import Packs
from modelyard.kernel.errors import Damaged, Forbidden, NotFound, Unavailable, YardError
from modelyard.kernel.units import format_bytes
from modelyard.ports.objects import PACKED_BYTES, Digest, Stored, parse_digest

CHUNK_BYTES = 1 << 20
_UNFINISHED = "unfinished"
_PACKS = "packs"


class FolderObjects:
    """The objects of one home, kept in `root`; several processes may share it.

    Raises:
        Unavailable: the folder cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / _UNFINISHED
        try:
            self._unfinished.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise _unavailable("open the objects folder", err) from err
        self._packs = Packs(root / _PACKS, begin=self._begin, sync=_sync_folder, refusal=_unavailable)

    def put(self, content: Iterable[bytes], *, expect: Digest | None = None) -> Stored:
        """Store bytes as they stream by; they are on the disk when this returns."""
        wanted = None if expect is None else parse_digest(expect)
        path, handle = self._begin()
        size, seen = 0, sha256()
        try:
            for chunk in content:
                seen.update(chunk)
                size += _write(handle, chunk, after=size)
            stored = Stored(Digest(seen.hexdigest()), size)
            if wanted is not None and stored.digest != wanted:
                raise Damaged(f"the bytes hash to {stored.digest}, not to {wanted} as announced; send them again")
            self._keep(handle, path, stored)
        finally:
            path.unlink(missing_ok=True)
            os.close(handle)
        return stored

    def keep(self, contents: Iterable[bytes]) -> list[Stored]:
        """Store many contents together: small ones in a pack, each larger one in its own file."""
        done: list[Stored] = []
        packing: set[Digest] = set()

        def small() -> Iterator[tuple[bytes, bytes]]:
            for content in contents:
                seen = sha256(content)
                stored = Stored(Digest(seen.hexdigest()), len(content))
                done.append(stored)
                if stored.digest in packing or self.size(stored.digest) is not None:
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
        return {digest for digest in digests if digest not in packed and not Path(self._named(digest)).is_file()}

    def read(self, digest: Digest, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`, in chunks of at most 1 MiB."""
        place = self._place(digest)
        try:
            size = place.stat().st_size
        except FileNotFoundError:
            if (packed := self._packs.read(digest, start=start, stop=stop)) is None:
                raise _missing(digest) from None
            content, is_whole = packed
            if is_whole and (seen := sha256(content).hexdigest()) != digest:
                raise _damaged(digest, seen) from None
            return iter([content] if content else [])
        end = size if stop is None else min(stop, size)
        whole = start <= 0 and (stop is None or stop >= size)
        return self._whole(digest) if whole else self._part(digest, max(start, 0), end)

    def size(self, digest: Digest) -> int | None:
        """Size in bytes; None if there is no such object."""
        name = self._named(digest)
        if (packed := self._packs.find(digest)) is not None:
            return packed[2]
        try:
            return os.stat(name).st_size  # noqa: PTH116 - asked for thousands at a time
        except FileNotFoundError:
            return None

    def delete(self, digest: Digest) -> bool:
        """Remove an object; False if there was none."""
        return self.discard([digest]) > 0

    def discard(self, digests: Collection[Digest]) -> int:
        """Remove objects; how many there were."""
        loose = {digest for digest in digests if self._unlink(digest)}
        packed = [digest for digest in digests if self._packs.find(digest) is not None]
        self._packs.remove(packed)
        return len(loose.union(packed))

    def _unlink(self, digest: Digest) -> bool:
        place = self._place(digest)
        try:
            place.unlink()
        except FileNotFoundError:
            return False
        except OSError as err:
            raise _unavailable("delete an object", err) from err
        _sync_folder(place.parent)
        return True

    def digests(self) -> Iterator[Stored]:
        """Every object, in no particular order; strangers among the files are passed over."""
        for name, size in self._packs.objects():
            if not self._place(Digest(name)).is_file():
                yield Stored(Digest(name), size)
        for folder in self._root.iterdir():
            if len(folder.name) != 2:
                continue
            with os.scandir(folder) as entries:
                for entry in entries:
                    if len(entry.name) == 64:
                        yield Stored(Digest(entry.name), entry.stat().st_size)

    def local(self, digest: Digest) -> Path | None:
        """The object's own file; None if there is no such object, or a pack holds it. Never write to it."""
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

    def _keep(self, handle: int, path: Path, stored: Stored) -> None:
        """Put a complete file in its place, unless a whole one of the same content stands there."""
        place = self._place(stored.digest)
        try:
            if self.size(stored.digest) == stored.size_bytes:
                other = place.parent if place.exists() else self._root / _PACKS
                _sync_folder(other)  # its other writer may stand between renaming and syncing
                return
            os.fsync(handle)
            if not place.parent.is_dir():
                place.parent.mkdir(exist_ok=True)
                _sync_folder(self._root)
            path.replace(place)
            _sync_folder(place.parent)
        except OSError as err:
            raise _unavailable(f"keep an object of {format_bytes(stored.size_bytes)}", err) from err

    def _whole(self, digest: Digest) -> Iterator[bytes]:
        seen = sha256()
        for chunk in self._part(digest, 0, None):
            seen.update(chunk)
            yield chunk
        if seen.hexdigest() != digest:
            raise _damaged(digest, seen.hexdigest())

    def _part(self, digest: Digest, start: int, end: int | None) -> Iterator[bytes]:
        try:
            file = self._place(digest).open("rb", buffering=0)
        except FileNotFoundError:
            raise _missing(digest) from None
        with file:
            file.seek(start)
            left = end - start if end is not None else None
            while left is None or left > 0:
                chunk = file.read(CHUNK_BYTES if left is None else min(left, CHUNK_BYTES))
                if not chunk:
                    return
                if left is not None:
                    left -= len(chunk)
                yield chunk

    def _place(self, digest: Digest) -> Path:
        return Path(self._named(digest))

    def _named(self, digest: Digest) -> str:
        known = parse_digest(digest)
        return f"{self._root}/{known[:2]}/{known}"


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


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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

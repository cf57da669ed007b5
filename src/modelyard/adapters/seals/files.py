"""Files of the home, sealed where the yard seals: written in one go, read at any place, brought under a newer seal.

A sealed file is told from a plain one by its first bytes, so this is for files whose own form begins otherwise.
"""

from __future__ import annotations

import io
import os
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast
from uuid import uuid4

from modelyard.adapters.disk import alone, sync
from modelyard.adapters.seals.frames import HEAD_BYTES, TAIL_BYTES, Sealer, Stream, key_id
from modelyard.adapters.seals.keys import Key, Keyring

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK_BYTES = 1 << 20


class KnownSeals:
    """The seals port over a ring of keys."""

    def __init__(self, keys: Keyring) -> None:
        self._keys = keys

    def create(self, path: Path) -> BinaryIO:
        """A new file, sealed if the yard seals."""
        key = self._keys.newest()
        file = path.open("wb")
        return file if key is None else cast("BinaryIO", io.BufferedWriter(_Sealing(file, key), _CHUNK_BYTES))

    def open(self, path: Path) -> BinaryIO:
        """The plain bytes of a file, sealed or not."""
        file = path.open("rb")
        try:
            if not key_id(file.read(HEAD_BYTES)):
                file.seek(0)
                return file
            return cast("BinaryIO", io.BufferedReader(Unsealing(file, self._keys, path.name), _CHUNK_BYTES))
        except BaseException:
            file.close()
            raise

    def alone(self, folder: Path) -> AbstractContextManager[None]:
        """Hold a folder's files against others that replace them."""
        return alone(folder)

    def reseal(self, folder: Path) -> int:
        """Bring the files of a folder under the seal that new ones get; the number changed."""
        done = 0
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            with alone(folder):
                done += self._reseal(path)
        return done

    def _reseal(self, path: Path) -> bool:
        wanted = self._keys.newest()
        try:
            with path.open("rb") as file:
                if key_id(file.read(HEAD_BYTES)) == (b"" if wanted is None else wanted.id):
                    return False
            fresh = path.parent / f".{uuid4().hex}"
            try:
                with self.open(path) as old, self.create(fresh) as new:
                    while chunk := old.read(_CHUNK_BYTES):
                        new.write(chunk)
                sync(fresh)
                fresh.replace(path)
            finally:
                fresh.unlink(missing_ok=True)
        except FileNotFoundError:
            return False
        return True


class _Sealing(io.RawIOBase):
    """Seals what is written, on its way to a file."""

    def __init__(self, file: BinaryIO, key: Key) -> None:
        super().__init__()
        self._file = file
        self._sealer = Sealer(key)
        self._seen = sha256()
        self._size = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, chunk: object, /) -> int:
        """Take some bytes."""
        data = bytes(memoryview(cast("bytes", chunk)).cast("B"))
        self._seen.update(data)
        self._size += len(data)
        self._file.write(self._sealer.add(data))
        return len(data)

    def tell(self) -> int:
        """How many plain bytes there were so far."""
        return self._size

    def close(self) -> None:
        """Write the rest; a file that was not closed so cannot be read."""
        if not self.closed:
            try:
                self._file.write(self._sealer.end(self._seen.digest(), self._size))
            finally:
                self._file.close()
        super().close()


class Unsealing(io.RawIOBase):
    """The plain bytes of a sealed file, read at any place.

    Raises:
        Damaged: it is not as it was sealed.
        Unavailable: its key is not there.
    """

    def __init__(self, file: BinaryIO, keys: Keyring, what: str) -> None:
        super().__init__()
        self._file = file
        size = file.seek(0, os.SEEK_END)
        head, tail = self._read_at(0, HEAD_BYTES), self._read_at(max(size - TAIL_BYTES, 0), TAIL_BYTES)
        self._stream = Stream(head, tail, size_bytes=size, keys=keys, what=what)
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place among the plain bytes."""
        bases = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._stream.size_bytes}
        self._at = max(0, bases[whence] + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer from the place on."""
        view = memoryview(buffer).cast("B")
        stop = min(self._at + len(view), self._stream.size_bytes)
        if stop <= self._at:
            return 0
        begin, end = self._stream.span(self._at, stop)
        plain = b"".join(self._stream.unsealed([self._read_at(begin, end - begin)], self._at, stop))
        view[: len(plain)] = plain
        self._at = stop
        return len(plain)

    def close(self) -> None:
        """Close the file below."""
        self._file.close()
        super().close()

    def _read_at(self, begin: int, size: int) -> bytes:
        self._file.seek(begin)
        return self._file.read(size)

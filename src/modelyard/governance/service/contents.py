"""Which contents name a subject: bytes of files judged by the rule of the search that follows an erasure.

A content never changes under its digest, so what was judged once for a subject is not read again while it is being
forgotten. Bytes that tell no words apart and hold the key within a longer word are nobody's to remove: the search names
them.
"""

from __future__ import annotations

import csv
import io
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from secrets import token_bytes
from typing import Any

from modelyard.governance.api import EntityKeys, Subject
from modelyard.governance.model.erasure import forms_of, is_conclusive
from modelyard.governance.service.packed import Hit, Sought, holds_inside, holds_plain
from modelyard.kernel import mentions
from modelyard.kernel.errors import Damaged, NotFound, Unavailable
from modelyard.ports.objects import Digest, Objects

_MOST = 200_000
_SUBJECTS = 2
_WHOLE_BYTES = 32 << 20
_PIECE = 4 << 20


def _nobody(_: Subject) -> Sequence[str]:
    return ()


class Contents:
    """Tells whether a content names a subject.

    Args:
        namesakes: longer keys of others that hold the subject's within them.
    """

    def __init__(
        self, objects: Objects, keys: EntityKeys, namesakes: Callable[[Subject], Sequence[str]] = _nobody
    ) -> None:
        self._objects = objects
        self._keys = keys
        self._namesakes = namesakes
        self._salt = token_bytes(16)
        self._innocent: OrderedDict[bytes, set[bytes]] = OrderedDict()

    def of(self, subject: Subject) -> Callable[[str, int], bool]:
        """Whether a content, by digest and size, names it; one that cannot be read does not."""
        others = tuple(self._namesakes(subject)) if is_conclusive(subject.key) else ()
        sought = Sought(subject.key, forms_of(subject.key), tuple(map(forms_of, others)))
        columns = frozenset(self._keys.columns(subject.entity))
        innocent = self._known(subject, others)

        def names(digest: str, size: int) -> bool:
            if (short := bytes.fromhex(digest[-32:])) in innocent:
                return False
            try:
                named = self._names(Digest(digest), size, sought, columns)
            except (NotFound, Damaged, Unavailable):
                return False
            if not named and len(innocent) < _MOST:
                innocent.add(short)
            return named

        return names

    def _known(self, subject: Subject, others: Sequence[str]) -> set[bytes]:
        """Contents that were found not to name this subject; of the last subjects only, and by no name of theirs."""
        told = json.dumps([subject.entity, subject.key, *others]).encode()
        name = blake2b(told, key=self._salt, digest_size=16).digest()
        found = self._innocent.setdefault(name, set())
        self._innocent.move_to_end(name)
        while len(self._innocent) > _SUBJECTS:
            self._innocent.popitem(last=False)
        return found

    def _names(self, digest: Digest, size: int, sought: Sought, columns: frozenset[str]) -> bool:
        size = size or self._objects.size(digest) or 0
        file = _Stored(self._objects, digest, size)
        if is_conclusive(sought.key):
            return holds_plain(file, sought)[1] is Hit.ALONE or holds_inside(_whole(file, size), sought) is Hit.ALONE
        return size <= _WHOLE_BYTES and _tells(file.read(size), sought.key, columns)


class _Stored(io.RawIOBase):
    """An object as a file that can be read anywhere; a piece of it is in memory."""

    def __init__(self, objects: Objects, digest: Digest, size: int) -> None:
        self._objects = objects
        self._digest = digest
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        """The place."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Bytes from here on."""
        stop = self._size if size < 0 else min(self._size, self._at + size)
        if stop <= self._at:
            return b""
        found = b"".join(self._objects.read(self._digest, start=self._at, stop=stop))
        self._at += len(found)
        return found

    def readinto(self, target: Any) -> int:
        """Fill `target` from here on."""
        found = self.read(len(target))
        target[: len(found)] = found
        return len(found)


def _whole(file: _Stored, size: int) -> io.BufferedReader | io.BytesIO:
    """The same to look into: at once if it is small, else a piece at a time."""
    file.seek(0)
    return io.BytesIO(file.read(size)) if size <= _WHOLE_BYTES else io.BufferedReader(file, _PIECE)


def _tells(content: bytes, key: str, columns: frozenset[str]) -> bool:
    """True if JSON, JSON lines or a table of separated values holds a short key under one of the columns."""
    text = content.decode("utf-8", "replace")
    if key not in text:
        return False
    sought = mentions.Sought(key, tuple(columns))
    if sought.is_told(text.strip()) or any(sought.is_told(line) for line in text.splitlines() if line[:1] == "{"):
        return True
    return any(key == value for value in _cells(text, columns))


def _cells(text: str, columns: frozenset[str]) -> Iterator[str]:
    """What stands in these columns of a table whose first line names them."""
    head = text.partition("\n")[0]
    if not any(column in head for column in columns):
        return
    separator = max(",;\t|", key=head.count)
    try:
        rows = csv.reader(io.StringIO(text), delimiter=separator)
        places = [i for i, name in enumerate(next(rows, [])) if name.strip() in columns]
        for row in rows:
            yield from (row[i].strip() for i in places if i < len(row))
    except csv.Error:
        return

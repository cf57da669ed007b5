"""Looking through the files of a version before anything loads them: content in, verdict out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, cast

from msgspec import Struct

from modelyard.ports.objects import Digest, Objects, parse_digest
from modelyard.registry.api import Scan, Signature, VersionFile
from modelyard.registry.model import content
from modelyard.registry.model.scanning import Scanner

_IN_MEMORY = 32 * 1024 * 1024


class Seen(Struct, frozen=True, kw_only=True):
    """What the files say of themselves, and what was found in them."""

    flavours: tuple[str, ...] = ()
    signature: Signature | None = None
    scan: Scan


class Looking:
    """Reads files as objects.

    Args:
        objects: where their bytes lie.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def look(self, files: Sequence[VersionFile]) -> Seen:
        """Look through all files; each distinct content once.

        Raises:
            NotFound: the bytes of a file are gone.
            Damaged: they are not what was stored.
        """
        said = self._described(files)
        scanner = Scanner(said.pickled)
        for path in said.code:
            scanner.code(path)
        scanner.loaders(content.DESCRIPTION, said.loaders)
        for each in files:
            with self._open(parse_digest(each.digest)) as stream:
                scanner.file(each.path, stream, each.size_bytes)
        return Seen(flavours=said.flavours, signature=said.signature, scan=scanner.scan())

    def _described(self, files: Sequence[VersionFile]) -> content.Described:
        one = next((f for f in files if f.path == content.DESCRIPTION), None)
        if one is None or one.size_bytes > content.MOST_BYTES:
            return content.Described()
        return content.described(b"".join(self._objects.read(parse_digest(one.digest))))

    @contextmanager
    def _open(self, digest: Digest) -> Iterator[BinaryIO]:
        """The bytes in a form that can seek, checked against their digest as they are read."""
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as copy:
            for chunk in self._objects.read(digest):
                copy.write(chunk)
            copy.seek(0)
            yield cast("BinaryIO", copy)

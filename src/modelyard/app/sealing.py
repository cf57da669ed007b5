"""Seals of a whole home: everything that may be sealed brought under the seal of today, and read for a search."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from modelyard.adapters.objects.packs import SUFFIX, Pack
from modelyard.adapters.seals import Keyring, KnownSeals
from modelyard.app.engines import Engines


def reseal(engines: Engines, *, rotate: bool) -> Iterator[tuple[str, int]]:
    """Bring objects, contents of file sets and the quarantine under the seal that new ones get, or none; how many.

    It can be cut off and repeated; what is read or written meanwhile is not held up.

    Args:
        rotate: make a new key first; earlier ones are kept, since backups need them.
    """
    if rotate:
        engines.keyring.rotate()
    yield "objects", engines.objects.reseal()
    yield "contents of file sets", engines.files.reseal()
    yield "quarantined loads", engines.seals.reseal(engines.home / "lake" / "quarantine")


def opened(keys: Keyring, path: Path) -> Iterator[BinaryIO]:
    """What a file of the home holds, unsealed: one stream, or one for each object of a sealed pack.

    Raises:
        Damaged: it is not as it was sealed.
        Unavailable: its key is not there.
    """
    pack = _pack(keys, path)
    if pack is None:
        with KnownSeals(keys).open(path) as stream:
            yield stream
    else:
        for digest, begin, size in pack.entries():
            yield BytesIO(pack.read(digest, begin, size))


def _pack(keys: Keyring, path: Path) -> Pack | None:
    """A sealed pack; None for any other file."""
    if path.suffix != SUFFIX:
        return None
    try:
        pack = Pack(path, keys)
    except ValueError:
        return None
    return pack if pack.key_id else None

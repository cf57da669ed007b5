"""How sealed objects are told from others: by their names, in folders and buckets alike."""

from __future__ import annotations

from modelyard.adapters.seals.frames import plain_size

SEALED = ".sealed"
_DIGITS = 64


def named(name: str, *, sealed: bool) -> str:
    """Where an object lies, sealed or not."""
    return name + SEALED if sealed else name


def name_of(name: str) -> tuple[str, bool]:
    """The digest that a file or key is named by, and whether it is sealed; an empty digest for strangers."""
    digest = name.removesuffix(SEALED)
    return (digest, digest != name) if len(digest) == _DIGITS else ("", False)


def stored_as(size_bytes: int, *, sealed: bool) -> int:
    """The size of an object that takes so many bytes; -1 for a seal that was cut short."""
    return plain_size(size_bytes) if sealed else size_bytes

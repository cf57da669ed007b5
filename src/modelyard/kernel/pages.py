"""Keyset pages: a list answered in parts, each with a cursor that says where the next one begins.

A cursor holds the last row's sort key, so a page costs the same wherever it lies and rows that come or go meanwhile
shift nothing. It is opaque to callers and is checked when it comes back.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta, Struct

from modelyard.kernel.errors import InvalidInput

T = TypeVar("T")
K = TypeVar("K", str, int)
Key = str | int | float | None
Limit = Annotated[int, Meta(ge=1, le=1000, description="rows in one page, 1 to 1,000")]


class Page(Struct, Generic[T], frozen=True):
    """Some rows, and where to go on: pass `next` as `cursor`; None means that was all."""

    items: list[T]
    next: str | None = None


_FOREIGN = "the cursor is not one that this list gave out; start again without it"
_decoder = msgspec.json.Decoder(list[Key])


def encode_cursor(*key: Key) -> str:
    """The opaque form of a row's sort key."""
    return urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def decode_cursor(cursor: str, length: int) -> list[Key]:
    """The sort key behind a cursor.

    Raises:
        InvalidInput: it was not made by `encode_cursor`, or not for a key of `length` parts.
    """
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        key = _decoder.decode(raw)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        key = []
    if len(key) != length:
        raise InvalidInput(_FOREIGN)
    return key


def place_of(cursor: str | None, start: K) -> K:
    """Where a list sorted by one key goes on: the key behind the cursor, or `start` without one.

    Raises:
        InvalidInput: the cursor is not one of a list whose key is of the kind of `start`.
    """
    if cursor is None:
        return start
    (key,) = decode_cursor(cursor, 1)
    if not isinstance(key, type(start)) or isinstance(key, bool):
        raise InvalidInput(_FOREIGN)
    return key


def page_of(rows: Sequence[T], limit: int, key: Callable[[T], tuple[Key, ...]]) -> Page[T]:
    """A page from up to `limit + 1` rows that a store fetched; the extra row only proves that there is more."""
    if len(rows) <= limit:
        return Page(list(rows))
    kept = list(rows[:limit])
    return Page(kept, encode_cursor(*key(kept[-1])))


def placed_page(rows: Sequence[tuple[int, T]], limit: int) -> Page[T]:
    """The same where a store gives each row with its place, which callers do not see."""
    found = page_of(rows, limit, lambda row: (row[0],))
    return Page([row for _, row in found.items], found.next)

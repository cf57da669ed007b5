"""Byte ranges (RFC 9110, section 14): which part of a content a request asks for, and what the answer's head says.

One range is served as asked; several at once, or one that cannot be read, as the whole, which the standard allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from modelyard.kernel.contents import Content
from modelyard.kernel.errors import OutOfRange

_RANGE = re.compile(rb"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)


def span_of(headers: Mapping[bytes, bytes], content: Content) -> range | None:
    """The part that is asked for; None for the whole.

    Raises:
        OutOfRange: the content has no such part.
    """
    found = _RANGE.fullmatch(headers.get(b"range", b""))
    condition = headers.get(b"if-range")
    if found is None or found[1] == found[2] == b"" or (condition is not None and condition != _tag(content)):
        return None
    size = content.size_bytes
    if not found[1]:
        span = range(max(size - int(found[2]), 0), size)
    else:
        start, last = int(found[1]), int(found[2]) if found[2] else size - 1
        if last < start and found[2]:
            return None
        span = range(start, min(last + 1, size))
    if not span:
        raise OutOfRange(f"the content has {size:,} bytes, counted from 0; ask for a part of them")
    return span


def head_of(content: Content, span: range | None) -> tuple[int, dict[str, str]]:
    """Status and header fields of an answer."""
    told = {"content-type": content.media, "accept-ranges": "bytes", "etag": _tag(content).decode()}
    if span is None:
        return 200, told | {"content-length": str(content.size_bytes)}
    said = f"bytes {span.start}-{span.stop - 1}/{content.size_bytes}"
    return 206, told | {"content-length": str(len(span)), "content-range": said}


def _tag(content: Content) -> bytes:
    return f'"{content.tag}"'.encode("latin-1")

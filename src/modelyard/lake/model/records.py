"""Fields as one record of CSV: what `dialect.split_record` takes apart, put together."""

from __future__ import annotations

from collections.abc import Sequence


def join_record(fields: Sequence[str | None], delimiter: str) -> str:
    """One record; no value is nothing at all, an empty text is a pair of quotes.

    >>> join_record(["a", None, "d,e"], ",")
    'a,,"d,e"'
    """
    return delimiter.join(_field(field, delimiter) for field in fields)


def _field(text: str | None, delimiter: str) -> str:
    if text is None:
        return ""
    if text and not any(sign in text for sign in (delimiter, '"', "\n", "\r")):
        return text
    return '"' + text.replace('"', '""') + '"'

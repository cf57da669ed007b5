"""Rows of traces that may name somebody: every place where a text of a trace lies, read in parts of bounded size.

What the database tells apart is coarse: a row comes if one of the LIKE patterns fits a text of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from modelyard.ports.database import Row, Transaction
from modelyard.ports.statements import batches, cached, in_params, like_params, sql
from modelyard.tracking.api.traces import Assessment, Span
from modelyard.tracking.store.collection import One

_AT_ONCE = 500
_SPANS = ("SELECT r.trace, r.span, r.body FROM tracking_span r", "r.span", ("r.body",))
_TAGS = ("SELECT r.trace, r.key, r.value FROM tracking_trace_tag r", "r.key", ("r.key", "r.value"))
_METADATA = ("SELECT r.trace, r.key, r.value FROM tracking_trace_metadata r", "r.key", ("r.key", "r.value"))
_HEADS = sql(
    "SELECT id, client_request, request_preview, response_preview FROM tracking_trace WHERE id > :after "
    "ORDER BY id LIMIT :n"
)
_SAID = sql("SELECT id, trace, body FROM tracking_assessment WHERE id > :after ORDER BY id LIMIT :n")
_FILES = sql(
    "SELECT t.id, a.digest, a.size_bytes FROM tracking_artifact a JOIN tracking_trace t ON t.trace = a.owner "
    "WHERE t.id > :after AND t.id <= :until ORDER BY t.id, a.path"
)
_LAST = sql("SELECT max(id) FROM tracking_trace")
_OF = "SELECT id, trace, experiment FROM tracking_trace WHERE id"
_span = msgspec.json.Decoder(Span).decode
_assessment = msgspec.json.Decoder(Assessment).decode


def heads(tx: Transaction) -> Iterator[tuple[int, tuple[str, str, str]]]:
    """Every trace's number, with its client's word for it and both previews."""
    after = 0
    while rows := tx.all(_HEADS, {"after": after, "n": _AT_ONCE}):
        yield from ((int(number), (client, request, response)) for number, client, request, response in rows)
        after = int(rows[-1][0])


def pairs(tx: Transaction, patterns: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Tags and metadata that one of the patterns fits: trace, key, value."""
    for place in (_TAGS, _METADATA):
        for number, key, value in _rows(tx, place, patterns):
            yield int(number), key, value


def spans(tx: Transaction, patterns: Sequence[str]) -> Iterator[tuple[int, Span]]:
    """Spans that one of the patterns fits."""
    for number, _, body in _rows(tx, _SPANS, patterns):
        yield int(number), _span(body)


def assessments(tx: Transaction) -> Iterator[tuple[int, Assessment]]:
    """Everything that is said of traces."""
    after = 0
    while rows := tx.all(_SAID, {"after": after, "n": _AT_ONCE}):
        yield from ((int(trace), _assessment(body)) for _, trace, body in rows)
        after = int(rows[-1][0])


def files(tx: Transaction) -> Iterator[tuple[int, str, int]]:
    """Every file of a trace: the trace's number, the content's digest and its size."""
    row = tx.one(_LAST)
    last = int(row[0] or 0) if row else 0
    for after in range(0, last, _AT_ONCE):
        for number, digest, size in tx.all(_FILES, {"after": after, "until": after + _AT_ONCE}):
            yield int(number), digest, int(size)


def of(tx: Transaction, numbers: Sequence[int]) -> list[tuple[One, str]]:
    """Traces by their numbers, each with its experiment's; without those that are gone."""
    found: list[tuple[One, str]] = []
    for some in batches(numbers):
        inside, params = in_params("t", some)
        rows = tx.all(cached(f"{_OF} IN ({inside}) ORDER BY id"), params)
        found += [(One(int(number), trace), str(experiment)) for number, trace, experiment in rows]
    return found


def _rows(tx: Transaction, place: tuple[str, str, Sequence[str]], patterns: Sequence[str]) -> Iterator[Row]:
    """Rows of a place, by trace and key."""
    head, key, columns = place
    names = [f"p{i}" for i in range(len(patterns))]
    params: dict[str, str] = {}
    for name, pattern in zip(names, patterns, strict=True):
        params |= like_params(name, pattern)
    held = " OR ".join(f"{column} {{like:{name}}}" for column in columns for name in names)
    statement = cached(
        f"{head} WHERE (r.trace > :trace OR (r.trace = :trace AND {key} > :key)) AND ({held}) "
        f"ORDER BY r.trace, {key} LIMIT :n"
    )
    trace, last = 0, ""
    while rows := tx.all(statement, {**params, "trace": trace, "key": last, "n": _AT_ONCE}):
        yield from rows
        trace, last = int(rows[-1][0]), rows[-1][1]

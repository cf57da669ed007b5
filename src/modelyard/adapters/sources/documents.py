"""Documents as rows of text: which columns they have by a sample, and batches that hold to them.

A scalar keeps its kind by a hint, what is nested is kept as JSON text in one column, values of different kinds in one
column are text. A document with a field that the sample did not have brings a further column where the ask lets it in;
else it is no row of these columns and is told as wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec
import pyarrow as pa

from modelyard.kernel.errors import InvalidInput
from modelyard.ports.sources import Ask, Batch, Shape, WrongRow

SAMPLE = 1000
_INT64 = 1 << 63


def sampled(documents: Iterable[Mapping[str, object]], *, rows: int | None = None) -> Shape:
    """The columns of documents, in the order in which they come up."""
    kinds: dict[str, set[str]] = {}
    for document in documents:
        for name, value in document.items():
            found = kinds.setdefault(name, set())
            if value is not None:
                found.add(_kind(value))
    hints = {name: hint for name, found in kinds.items() if (hint := _hint(found)) is not None}
    return Shape(pa.schema([pa.field(name, pa.string()) for name in kinds]), hints, rows)


def batch(
    shape: Shape, documents: Sequence[tuple[str, Mapping[str, object]]], *, position: str = "",
    wrong: Sequence[WrongRow] = (), late: Callable[[str], bool] = lambda _: False,
) -> Batch:  # fmt: skip
    """Documents, each with its place, as a batch of the shape.

    Args:
        late: whether a further column may come.
    """
    known, good, refused = set(shape.schema.names), list[tuple[str, Mapping[str, object]]](), list(wrong)
    for place, document in documents:
        if strange := next((name for name in document if name not in known and not late(name)), None):
            raw = msgspec.json.encode({name: text_of(value) for name, value in document.items()}).decode()
            refused.append(WrongRow(place, raw, f"{strange[:60]!r} is not among the columns of the first rows"))
        else:
            good.append((place, document))
    further = sampled({n: v for n, v in document.items() if n not in known} for _, document in good)
    schema = pa.schema([*shape.schema, *further.schema])
    columns = [pa.array([text_of(document.get(name)) for _, document in good], pa.string()) for name in schema.names]
    rows = pa.RecordBatch.from_arrays(columns, schema=schema)
    places = [place for place, _ in good]
    hints = {name: further.hints.get(name) for name in further.schema.names}
    return Batch(rows, position, places if any(places) else None, refused, hints)


def text_of(value: object) -> str | None:
    """A value as text: a text as it is, all else as JSON writes it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, Decimal) else msgspec.json.encode(value).decode()


def plain(ask: Ask, *, what: str) -> None:
    """Refuse what a source with an order of its own cannot do.

    Raises:
        InvalidInput: a query, a cursor column, a look-back or a range is asked for.
    """
    if ask.query or not ask.stream:
        raise InvalidInput(f"{what} answers no queries; name a stream: yard lake streams")
    if ask.cursor or ask.look_back is not None or ask.low or ask.high:
        raise InvalidInput(f"{what} has an order of its own; leave cursor, look-back and range out")


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -_INT64 <= value < _INT64 else "number"
    if isinstance(value, float):
        return "float"
    if isinstance(value, Decimal):
        return "number"
    return "text" if isinstance(value, str) else "nested"


def _hint(kinds: set[str]) -> str | None:
    """The lake's word for a column's values; None for text, empty where the values must tell."""
    if not kinds or ("number" in kinds and kinds <= {"number", "int", "float"}):
        return ""
    if kinds <= {"int", "float"}:
        return "float64" if "float" in kinds else "int64"
    return "bool" if kinds == {"bool"} else None

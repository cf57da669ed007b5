"""Answers: rows on their way out as an Arrow IPC stream, the one form in which the yard hands many rows to anybody.

It knows the form and when a query begins and ends; what is asked, and of whom, is the caller's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING

from modelyard.ports.queries import Session

if TYPE_CHECKING:
    import pyarrow as pa

_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def framed(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """The stream: what the columns are, the rows, the end; one piece at a time."""
    yield schema.serialize().to_pybytes()
    for batch in batches:
        yield batch.serialize().to_pybytes()
    yield _END


def answered(
    opened: ExitStack,
    session: Session,
    sql: str,
    *,
    told: Mapping[str, str] | None = None,
    passing: Callable[[pa.RecordBatch], None] | None = None,
) -> Iterator[bytes]:
    """The answer of one SELECT; it is asked at once, so that its errors come before the stream.

    Args:
        opened: what was opened for it, the session too; closed with the stream, or at once where the query is wrong.
        told: metadata of the stream's schema.
        passing: sees each batch before it goes out.
    """
    with opened:
        reader = session.reader(sql)
        first = next(reader, None)
        held = opened.pop_all()

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in chain(() if first is None else (first,), reader):
            if passing is not None:
                passing(batch)
            yield batch

    def flow() -> Iterator[bytes]:
        with held:
            yield from framed(reader.schema.with_metadata(dict(told)) if told else reader.schema, batches())

    return flow()

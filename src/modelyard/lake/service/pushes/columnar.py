"""Arrow bodies of pushes: held to the columns of their table before they are kept, read again as JSON if need be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from io import BytesIO

import pyarrow as pa
from pyarrow import ipc

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Column, SchemaRules
from modelyard.lake.model.columns import type_name

_CHUNK = 1 << 20


def checked(body: bytes, columns: Sequence[Column], rules: SchemaRules) -> tuple[int, str]:
    """The rows of a stream and a word for its schema.

    Raises:
        InvalidInput: it is no whole stream, has no rows, or has columns that the table has not and lets not in.
    """
    data = _table(body)
    if data.num_rows == 0:
        raise InvalidInput("the push holds no rows")
    for field in data.schema:
        type_name(field.type)
    known = {column.name for column in columns}
    if known and (extra := [name for name in data.schema.names if name not in known and not rules.lets_in(name)]):
        raise InvalidInput(
            f"table {rules.table} has no column {extra[0]!r}; nothing was kept. It has {', '.join(sorted(known))[:300]}"
        )
    return data.num_rows, sha256(data.schema.remove_metadata().serialize().to_pybytes()).hexdigest()[:16]


def joined(bodies: Iterable[bytes]) -> Iterator[bytes]:
    """Streams of one schema as one stream."""
    tables = [_table(body).replace_schema_metadata() for body in bodies]
    sink = BytesIO()
    with ipc.new_stream(sink, tables[0].schema) as writer:
        for each in tables:
            writer.write_table(each)
    content = sink.getbuffer()
    for at in range(0, len(content), _CHUNK):
        yield bytes(content[at : at + _CHUNK])


def as_lines(body: bytes) -> Iterator[str]:
    """Each row of a stream as a JSON object."""
    for row in _table(body).to_pylist():
        yield json.dumps(row, ensure_ascii=False, default=str)


def _table(body: bytes) -> pa.Table:
    try:
        opened = ipc.open_file(body) if body.startswith(b"ARROW1") else ipc.open_stream(body)
        with opened as reader:
            data = reader.read_all()
        data.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as err:
        raise InvalidInput(f"the push cannot be read as an Arrow stream: {str(err)[:300]}; nothing was kept") from err
    return data

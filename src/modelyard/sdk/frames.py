"""Arrow streams as the frames that people hold, and frames as Arrow streams; by the Arrow PyCapsule interface.

Nothing here imports a library of frames before a frame of it is asked for; one that is missing is named with its
install command. What these libraries give is `Any` here: the SDK imports none of them, not for its types either.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

from modelyard.kernel.contents import Pieces
from modelyard.kernel.errors import InvalidInput, MissingExtra
from modelyard.lake.api import NEXT

_SHOWN = 20
_EXTRAS = {"dlt": "dlt", "pyarrow": "lake", "duckdb": "lake", "polars": "frames", "pandas": "frames"}


def library(name: str) -> Any:
    """A library of frames.

    Raises:
        MissingExtra: it is not installed; the text is the install command.
    """
    try:
        return import_module(name)
    except ImportError as err:
        raise MissingExtra(f"this needs {name}: pip install 'modelyard[{_EXTRAS[name]}]'") from err


class Rows(Iterator[bytes]):
    """The answer to a read, not fetched yet. Each method below asks anew; iterating gives the bytes of the stream."""

    def __init__(self, ask: Callable[[], Iterator[bytes]]) -> None:
        self._ask = ask
        self._bytes: Iterator[bytes] | None = None

    def __next__(self) -> bytes:
        """The next piece of the Arrow IPC stream."""
        if self._bytes is None:
            self._bytes = self._ask()
        return next(self._bytes)

    def reader(self) -> Any:
        """A stream of record batches, fetched as it is read: `pyarrow.RecordBatchReader`."""
        arrow = library("pyarrow")
        pipe = Pieces(self._ask())
        return arrow.ipc.open_stream(arrow.PythonFile(pipe, mode="r"))

    def batches(self) -> Iterator[Any]:
        """`pyarrow.RecordBatch`, one in memory at a time."""
        reader = self.reader()
        while (batch := next(reader, None)) is not None:
            yield batch

    def arrow(self) -> Any:
        """All rows as a `pyarrow.Table`."""
        return self.reader().read_all()

    def polars(self) -> Any:
        """All rows as a `polars.DataFrame`."""
        return library("polars").from_arrow(self.arrow())

    def pandas(self) -> Any:
        """All rows as a `pandas.DataFrame`."""
        library("pandas")
        return self.arrow().to_pandas()

    def duckdb(self, connection: Any = None) -> Any:
        """All rows, fetched now, as a `duckdb.DuckDBPyRelation` of the connection, or of a fresh one."""
        engine = library("duckdb")
        return (connection or engine.connect()).from_arrow(self.arrow())

    def _repr_html_(self) -> str:
        """The first rows, as a notebook shows them."""
        from modelyard.sdk.grids import grid

        reader = self.reader()
        batch = next(reader, None)
        first = [] if batch is None else batch.slice(0, _SHOWN).to_pylist()
        return grid(reader.schema.names, ([row[name] for name in reader.schema.names] for row in first))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """For any library that takes Arrow streams: `polars.DataFrame(rows)`, `pyarrow.table(rows)`."""
        return self.reader().__arrow_c_stream__(requested_schema)


class Feed(Rows):
    """A feed of changes."""

    @property
    def position(self) -> int:
        """The version to ask from next time."""
        told: Mapping[bytes, bytes] = self.reader().schema.metadata
        return int(told[NEXT.encode()])


def as_stream(content: Any) -> Iterable[bytes]:
    """Whatever holds rows, as bytes of an Arrow IPC stream.

    Raises:
        InvalidInput: nobody can tell the rows in it.
    """
    if isinstance(content, Mapping):
        return _stream(library("pyarrow").table(dict(content)))
    if isinstance(content, list) and content and isinstance(content[0], Mapping):
        return _stream(library("pyarrow").Table.from_pylist(content))
    if isinstance(content, bytes | bytearray):
        return [bytes(content)]
    if hasattr(content, "__arrow_c_stream__") or hasattr(content, "__arrow_c_array__"):
        return _stream(content)
    if isinstance(content, Iterable):
        return content
    lazy = "; collect() it first" if type(content).__name__ == "LazyFrame" else ""
    raise InvalidInput(
        f"a {type(content).__name__} holds no rows that Arrow can take over{lazy}. Give an Arrow table or reader, a "
        "Polars or pandas frame, a list of dictionaries, or bytes of an Arrow IPC stream"
    )


def _stream(frame: Any) -> Iterator[bytes]:
    arrow = library("pyarrow")
    if hasattr(frame, "__arrow_c_stream__"):
        reader = arrow.RecordBatchReader.from_stream(frame)
    else:
        batch = arrow.record_batch(frame)
        reader = arrow.RecordBatchReader.from_batches(batch.schema, [batch])
    sink = io.BytesIO()
    with arrow.ipc.new_stream(sink, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
            yield sink.getvalue()
            sink.seek(0)
            sink.truncate()
    yield sink.getvalue()

"""The queries port on DuckDB: one shared engine for the house's own queries, a locked-down one for users' texts.

Loads nothing from outside: extensions stay off, times are UTC. Errors of the engine come out as the house's own.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, cast

import duckdb
import msgspec
import pyarrow as pa

from modelyard.kernel.errors import InvalidInput, TimedOut, TooLarge, YardError
from modelyard.ports.queries import Scalar

_PATH = re.compile(r"/[^\s'\"]*/")
_SPILL = "4GB"
_ROWS = frozenset({"generate_series", "json_each", "json_tree", "range", "repeat", "unnest"})
_TELLING = frozenset({"current_setting", "getenv", "getvariable"})
_ENGINES = ("duckdb_", "pg_", "pragma_", "sqlite_")


class DuckSession:
    """A cursor that speaks the port's words."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def reader(self, sql: str, /, *, batch_rows: int = 65_536) -> pa.RecordBatchReader:
        """The answer of one SELECT as a stream of record batches."""
        with _translated():
            answer = self._connection.sql(sql).to_arrow_reader(batch_rows)
        return pa.RecordBatchReader.from_batches(answer.schema, _guarded(answer))

    def rows(self, sql: str, /) -> list[tuple[Scalar, ...]]:
        """The whole answer of a small query."""
        with _translated():
            return cast("list[tuple[Scalar, ...]]", self._connection.sql(sql).fetchall())

    def run(self, sql: str, /) -> None:
        """Run a statement for its effect."""
        with _translated():
            self._connection.execute(sql)

    def offer(self, name: str, stream: pa.RecordBatchReader | pa.Table, /) -> None:
        """Let queries read Arrow data as a table of that name."""
        self._connection.register(name, stream)

    def stop(self) -> None:
        """End what runs, from another thread."""
        with suppress(duckdb.ConnectionException):
            self._connection.interrupt()

    def progress(self) -> float | None:
        """The share of the running query that is done; None where the engine cannot tell."""
        try:
            done = float(self._connection.query_progress())
        except duckdb.Error:
            return None
        return min(done / 100, 1.0) if done >= 0 else None


class DuckQueries:
    """The query engine of this process.

    Args:
        spill: a folder for what does not fit into memory; it is made on first use.
    """

    def __init__(self, spill: Path, *, memory_mb: int = 400, threads: int = 2) -> None:
        self._spill = spill
        self._memory_mb = memory_mb
        self._config: dict[str, Any] = {
            "threads": threads,
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": str(spill),
            "autoinstall_known_extensions": False,
        }
        self._lock = threading.Lock()
        self._root: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def session(self) -> Iterator[DuckSession]:
        """A session for the house's own queries."""
        with self._lock:
            if self._root is None:
                self._root = self._open()
            cursor = self._root.cursor()
        try:
            yield DuckSession(cursor)
        finally:
            cursor.close()

    @contextmanager
    def confined(
        self,
        *,
        views: Mapping[str, Sequence[str]],
        extra: Iterable[str] = (),
        timeout_s: float = 30.0,
        memory_mb: int | None = None,
    ) -> Iterator[DuckSession]:
        """A session for a user's text: it sees the given files and nothing else."""
        connection = self._open()
        overtime = threading.Event()

        def stop() -> None:
            overtime.set()
            connection.interrupt()

        timer = threading.Timer(timeout_s, stop)
        try:
            files = sorted({file for _, *files in views.values() for file in files}.union(extra))
            connection.execute("SET allowed_paths=" + _list(files))
            connection.execute(f"SET max_temp_directory_size='{_SPILL}'")
            if memory_mb is not None and memory_mb < self._memory_mb:
                connection.execute(f"SET memory_limit='{memory_mb}MB'")
            with suppress(duckdb.InvalidInputException):  # in a notebook it wants ipywidgets; then nobody knows how far
                connection.execute("SET enable_progress_bar=true")
                connection.execute("SET enable_progress_bar_print=false")
            connection.execute("SET enable_external_access=false")
            connection.execute("SET lock_configuration=true")
            for name, (text, *_) in views.items():
                connection.execute(f'CREATE VIEW "{name.replace(chr(34), chr(34) * 2)}" AS {text}')
            timer.daemon = True
            timer.start()
            yield DuckSession(connection)
        except TimedOut:
            raise
        except YardError as err:
            if overtime.is_set():
                raise TimedOut(f"the query ran longer than {timeout_s:g} s and was stopped; narrow it") from err
            raise
        finally:
            timer.cancel()
            connection.close()

    def is_select(self, sql: str) -> bool:
        """True if the text is exactly one SELECT statement."""
        with _translated():
            statements = duckdb.extract_statements(sql)
        return len(statements) == 1 and statements[0].type == duckdb.StatementType.SELECT

    def outsiders(self, sql: str, /) -> list[str]:
        """What a SELECT names beside tables and plain functions."""
        with self.session() as session:
            ((told,),) = session.rows(f"SELECT json_serialize_sql('{sql.replace(chr(39), chr(39) * 2)}'::VARCHAR)")
        try:
            tree = msgspec.json.decode(str(told))
        except (RecursionError, msgspec.DecodeError) as err:
            raise InvalidInput("the query is nested too deeply; take it apart") from err
        if tree["error"]:
            raise InvalidInput("a query is exactly one SELECT")
        return sorted({name for node in _nodes(tree["statements"]) if (name := _outsider(node))})

    def close(self) -> None:
        """Give the engine's memory back."""
        with self._lock:
            if self._root is not None:
                self._root.close()
                self._root = None

    def _open(self) -> duckdb.DuckDBPyConnection:
        self._spill.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(":memory:", config=self._config)
        connection.execute("SET GLOBAL TimeZone='UTC'")
        return connection


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON document."""
    waiting = [tree]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def _outsider(node: Mapping[str, Any]) -> str:
    """The name of a file, or of what tells of the engine; empty where a node of a query's tree is neither."""
    kind = node.get("type")
    if kind == "BASE_TABLE":
        name, schema = str(node["table_name"]), str(node.get("schema_name") or "")
        strange = schema not in ("", "main") or "/" in name or name.lower().startswith(_ENGINES)
        return f"{schema}.{name}".lstrip(".") if strange else ""
    if kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name"))
        return "" if name.lower() in _ROWS else name
    return str(node["function_name"]) if kind == "FUNCTION" and str(node["function_name"]).lower() in _TELLING else ""


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join("'" + text.replace("'", "''") + "'" for text in texts) + "]"


def _guarded(answer: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    while True:
        with _translated():
            try:
                batch = answer.read_next_batch()
            except StopIteration:
                return
        yield batch


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except duckdb.InterruptException as err:
        raise TimedOut("the query was stopped: its time is over; narrow it") from err
    except (duckdb.OutOfMemoryException, MemoryError) as err:
        raise TooLarge("the query needs more memory than it may have; narrow it or read fewer columns") from err
    except (duckdb.Error, pa.ArrowInvalid, OSError) as err:
        _refuse(err)


def _refuse(err: Exception) -> NoReturn:
    text = _PATH.sub("", str(err)).strip()
    raise InvalidInput(f"the query cannot be answered: {text[:600]}") from err

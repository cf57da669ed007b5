"""Sources of dlt as sources of the lake: their code runs here, their rows and their state go there together.

A resource is iterated with the state that the lake kept with its last rows, as a pipeline of dlt would give it from its
own store; what it yields is written down, then given to the lake with the state that it reached.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

import msgspec

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Format, Lake, Pulled, PullMode
from modelyard.sdk.frames import library

if TYPE_CHECKING:
    from modelyard.kernel.refs import Name

_CHUNK = 1 << 20
_SPOOL_BYTES = 32 << 20
_MODES = {"append": PullMode.APPEND, "replace": PullMode.FULL, "merge": PullMode.MERGE}
_MERGES = ("delete-insert", "upsert", None)


def load(
    lake: Lake, data: object, *, table: Name | None, source: Name | None, branch: Name | None
) -> tuple[Pulled, ...]:  # fmt: skip
    """Load every resource; see `LakeHandle.load_dlt`."""
    resources = _resources(data)
    if (table or source) and len(resources) != 1:
        raise InvalidInput(f"there are {len(resources)} resources; a name for the table or source is of one")
    found = [_load(lake, each, table or each.name, source or each.name, branch) for each in resources]
    return tuple(each for each in found if each is not None)


def _resources(data: object) -> list[Any]:
    """The resources to be read."""
    library("dlt")
    extract: Any = import_module("dlt.extract")
    if isinstance(data, extract.DltSource):
        return list(data.selected_resources.values())
    if isinstance(data, extract.DltResource):
        return [data]
    raise InvalidInput(f"a {type(data).__name__} is no source or resource of dlt; call the decorated function first")


def _load(lake: Lake, resource: Any, table: str, source: str, branch: str | None) -> Pulled | None:
    """One resource; None where it yields nothing."""
    mode, keys = _disposition(resource)
    lake.declare_source(source, _address(resource), table, mode=mode, keys=keys)
    before = lake.declared_source(source, branch=branch).position
    state = _State(_decoded(before))
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES, prefix="yard-dlt-") as spool:
        form = _written(resource, state, spool)
        if form is None:
            return None
        head = {"before": before, "after": _encoded(state.kept), "format": form}
        spool.seek(0)
        return lake.give(source, _framed(head, spool), branch=branch)


def _disposition(resource: Any) -> tuple[PullMode, tuple[str, ...]]:
    told: dict[str, Any] = resource.compute_table_schema()
    wish, strategy = str(told.get("write_disposition", "append")), told.get("x-merge-strategy")
    if wish not in _MODES or (wish == "merge" and strategy not in _MERGES):
        raise InvalidInput(
            f"resource {resource.name} is to be written by {wish} {strategy or ''}; the lake takes append, replace, "
            "and merge by delete-insert or upsert. Every version of a table is kept, so scd2 is not needed"
        )
    columns: dict[str, dict[str, Any]] = told.get("columns", {})
    by = [tuple(n for n, each in columns.items() if each.get(how)) for how in ("primary_key", "merge_key")]
    return _MODES[wish], by[0] or by[1]


def _address(resource: Any) -> str:
    names = [str(each) for each in (getattr(resource, "source_name", None), resource.name) if each]
    return "dlt://" + "/".join(names)


class _State(dict[str, Any]):
    """The state of a pipeline, in which that of the source is the one kept, whatever the source is called today."""

    def __init__(self, kept: dict[str, Any]) -> None:
        super().__init__()
        self.kept = kept
        self["sources"] = _Sources(kept)


class _Sources(dict[str, Any]):
    def __init__(self, kept: dict[str, Any]) -> None:
        super().__init__()
        self._kept = kept

    def __missing__(self, name: str) -> dict[str, Any]:
        self[name] = self._kept
        return self._kept

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The state that was kept."""
        del default
        return self[name]


def _json() -> Any:
    return import_module("dlt.common.json").json


def _encoded(state: dict[str, Any]) -> str:
    """A state as a position; empty where there is none."""
    return str(_json().typed_dumps(state, sort_keys=True)) if state else ""


def _decoded(position: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = _json().typed_loads(position) if position else {}
    except ValueError as err:
        raise InvalidInput("the position that is kept is none of dlt; give another name: source=...") from err
    return found


def _written(resource: Any, state: _State, spool: IO[bytes]) -> Format | None:
    """Write down what a resource yields; its form, or None where it yields nothing."""
    container: Any = import_module("dlt.common.configuration.container").Container()
    injected: Any = import_module("dlt.common.pipeline").StateInjectableContext
    with container.injectable_context(injected(state=state)):
        items = iter(resource)
        first = next(items, None)
        if first is None:
            return None
        if isinstance(first, dict):
            _write_documents(first, items, spool)
            return Format.JSON_LINES
        _write_tables(resource, first, items, spool)
        return Format.ARROW


def _write_documents(first: dict[str, Any], rest: Iterator[Any], spool: IO[bytes]) -> None:
    encode = _json().dumpb
    spool.write(encode(first) + b"\n")
    for item in rest:
        if not isinstance(item, dict):
            raise InvalidInput(f"a resource that began with dictionaries yields a {type(item).__name__}; keep to one")
        spool.write(encode(item) + b"\n")


def _write_tables(resource: Any, first: Any, rest: Iterator[Any], spool: IO[bytes]) -> None:
    arrow = library("pyarrow")
    table = _plain(resource, first)
    with arrow.ipc.new_stream(spool, table.schema) as writer:
        writer.write_table(table)
        for item in rest:
            more = _plain(resource, item)
            if set(more.schema.names) - set(table.schema.names):
                raise InvalidInput(f"tables of resource {resource.name} differ in their columns; yield them alike")
            gaps = [n for n in table.schema.names if n not in more.schema.names]
            for name in gaps:
                more = more.append_column(name, arrow.nulls(more.num_rows, table.schema.field(name).type))
            writer.write_table(more.select(table.schema.names).cast(table.schema))


def _plain(resource: Any, item: Any) -> Any:
    """An item as a table of Arrow; what is nested becomes JSON text."""
    arrow = library("pyarrow")
    if not (hasattr(item, "__arrow_c_stream__") or hasattr(item, "__arrow_c_array__")):
        raise InvalidInput(f"resource {resource.name} yields a {type(item).__name__}; yield dictionaries or tables")
    table = arrow.Table.from_batches([item]) if isinstance(item, arrow.RecordBatch) else arrow.table(item)
    for place, field in enumerate(table.schema):
        if _is_nested(field.type):
            encode = _json().dumps
            texts = [None if value is None else encode(value) for value in table.column(place).to_pylist()]
            table = table.set_column(place, field.name, arrow.array(texts, arrow.string()))
    return table.replace_schema_metadata(None)


def _is_nested(kind: Any) -> bool:
    """True for what the lake has no type for: records, maps, and lists of such."""
    types = library("pyarrow").types
    if types.is_list(kind) or types.is_large_list(kind):
        return bool(types.is_nested(kind.value_type))
    return bool(types.is_nested(kind) or types.is_time(kind) or types.is_duration(kind))


def _framed(head: dict[str, str], spool: IO[bytes]) -> Iterator[bytes]:
    yield msgspec.json.encode(head) + b"\n"
    while chunk := spool.read(_CHUNK):
        yield chunk

"""Names of columns that would break careless SQL, and very many columns: every verb and every reading bears them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Column, Declared, Lake, Mode
from tests.lake.stand import read

NAMES = (
    'a"b', "a'b", "a;b--", "select", "_file", "filename", "old", "new", "o0", "n0", "ok0", "na", "source", "count(*)",
    "ключ", "名前", "🚕", "a\nb", "a\\b", "{x}", "%s", "?", "*", "d.o.t", "ß", "İ", "group by",
    "file_row_number",
)  # fmt: skip


def arrow(table: pa.Table) -> list[bytes]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return [bytes(sink.getvalue())]


def test_every_verb_bears_every_name(lake: Lake) -> None:
    columns = (Column(name="id", type="int64"), *(Column(name=name, type="string") for name in NAMES))
    lake.create("t", Declared(columns=columns, keys=("id", NAMES[0])))
    rows = pa.table({"id": [1, 2, 3], **{name: [f"{name}{n}" for n in range(3)] for name in NAMES}})
    lake.write("t", arrow(rows))
    fresh = rows.slice(0, 1).set_column(2, NAMES[1], pa.array(["changed"]))
    lake.write("t", arrow(fresh), mode=Mode.MERGE)
    found = lake.diff("t", "2")
    assert [(c.column, c.new) for c in found.rows[0].cells] == [(NAMES[1], "changed")]
    quoted = NAMES[0].replace('"', '""')
    assert lake.delete_where("t", f"\"{quoted}\" = '{NAMES[0]}1'").rows == 2
    assert lake.delete_keys("t", arrow(rows.slice(2).select(["id", NAMES[0]]))).rows == 1
    lake.add_column("t", Column(name='x"y', type="string"), expression=f'"{quoted}" || 1')
    lake.rename_column("t", "🚕", 'taxi"')
    lake.drop_column("t", "select")
    assert read(lake, "t")[0]["d.o.t"] == "d.o.t0"
    feed = pa.ipc.open_stream(b"".join(lake.changes("t", since=2))).read_all()
    assert feed.num_rows > 0
    assert len(pa.ipc.open_stream(b"".join(lake.sql('select "d.o.t", "a""b" from t'))).read_all()) == 1


def test_names_that_differ_in_case_alone_are_one_name(lake: Lake) -> None:
    for twice in (("a", "A"), ("ß", "ß"), ("straße", "STRAßE"), ("É", "é")):
        with pytest.raises(InvalidInput):
            lake.create("t", Declared(columns=tuple(Column(name=name, type="int64") for name in twice)))
    lake.create("t", Declared(columns=(Column(name="a", type="int64"),)))
    with pytest.raises(InvalidInput):
        lake.add_column("t", Column(name="A", type="int64"))
    for reserved in ("_load", "_row"):
        with pytest.raises(InvalidInput):
            lake.add_column("t", Column(name=reserved, type="int64"))


def test_four_thousand_columns_are_borne(lake: Lake) -> None:
    columns = tuple(Column(name=f"c{n}", type="int64") for n in range(4000))
    lake.create("wide", Declared(columns=columns, keys=("c0",)))
    lake.write("wide", arrow(pa.table({f"c{n}": [1, 2] for n in range(4000)})))
    lake.write("wide", arrow(pa.table({f"c{n}": [2 if n == 0 else 7] for n in range(4000)})), mode=Mode.MERGE)
    assert lake.diff("wide", "2", columns=("c1", "c2")).changed == 1
    assert lake.delete_where("wide", "c3999 = 7").rows == 1
    lake.add_column("wide", Column(name="late", type="int64"))
    assert read(lake, "wide", columns=("c3999", "late")) == [{"c3999": 1, "late": None}]
    with pytest.raises(InvalidInput, match="at most 4,096 columns"):
        lake.create("wider", Declared(columns=tuple(Column(name=f"c{n}", type="int64") for n in range(4100))))

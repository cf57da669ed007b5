"""Contracts come from text: YAML, the Open Data Contract Standard, schemas of pandera; nothing is lost in silence."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import polars as pl
import pytest

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.store import MIGRATIONS as LAKE
from modelyard.quality.api import (
    ColumnRule,
    Contract,
    FreshnessRule,
    ReferenceRule,
    RowsRule,
    Severity,
    TextForm,
    UniqueRule,
    Verdict,
)
from modelyard.quality.store import MIGRATIONS
from modelyard.sdk.pandera import contract_of
from modelyard.testing import Bench
from tests.quality.stand import House, open_house

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what the library says about itself at import is not ours to judge
    import pandera.pandas as pandas_schema
    import pandera.polars as polars_schema


@pytest.fixture
def house() -> Iterator[House]:
    with Bench([*LAKE, *MIGRATIONS]) as bench, open_house(bench) as made:
        yield made


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("columns:\n  fare: {}\n  zone:\n    min: [3]\n", "line 4, columns.zone.min: expected `int"),
        ("unique:\n- columns: [a]\n- colums: [b]\n", r"line 3, unique\[1\].colums: .*did you mean columns\?"),
        ("frehsness: []\n", "line 1, frehsness: there is no such field; did you mean freshness"),
        ("columns:\n  a: {min: 1}\n  a: {min: 2}\n", "line 3: 'a' comes twice"),
        ("rows: {min: no}\n", "line 1, rows.min: expected `int"),
        ("columns:\n  a:\n    severity: loud\n", "line 3, columns.a.severity: invalid enum value 'loud'"),
        ("columns: [\n", "no YAML: line 2"),
        ('{"columns": {"a": {"mni": 1}}}', "columns.a.mni: .*did you mean min"),
        ("columns: !!python/object:os.system {}\n", "line 1: .*is no kind of value"),
        ("a: &a [x, x, x, x]\nb: &b [*a, *a, *a]\n" + "".join(
            f"c{n}: &c{n} [{', '.join([f'*c{n - 1}' if n else '*b'] * 20)}]\n" for n in range(9)), "unfolds to more"),
        ("", "it is a mapping of"),
    ],
)  # fmt: skip
def test_a_wrong_text_is_refused_with_its_line_and_field(house: House, text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        house.quality.declare_text("t", text)


def test_words_of_old_yaml_stay_words(house: House) -> None:
    text = "columns:\n  land: {one_of: [NO, SE, on, 1e3, 12:30, 010]}\n  at: {type: timestamp, min: 2024-01-01}\n"
    made = house.quality.declare_text("t", text).contract
    assert made.columns["land"].one_of == ("NO", "SE", "on", 1000.0, "12:30", 10)
    assert made.columns["at"].min == "2024-01-01"
    written = house.quality.contract_text("t").text
    assert "'NO'" in written, "other readers would take it for a truth"
    assert house.quality.declare_text("t", written).version == 1


ODCS = """
apiVersion: v3.1.0
kind: DataContract
id: trips-contract
version: 1.2.0
status: active
description: {purpose: rides of the city}
price: {priceAmount: 9.95}
schema:
- name: zones
  properties: [{name: id}]
- name: rides
  physicalType: table
  properties:
  - {name: trip, logicalType: integer, primaryKey: true, primaryKeyPosition: 1, businessName: the trip}
  - name: fare
    logicalType: number
    physicalType: numeric(10, 2)
    required: true
    logicalTypeOptions: {minimum: 0, exclusiveMaximum: 500, format: f32}
    quality:
    - {type: library, metric: nullValues, mustBeLessThan: 5, unit: percent}
  - name: code
    logicalType: string
    classification: restricted
    logicalTypeOptions: {minLength: 2, pattern: "^[A-Z]+$"}
    quality:
    - {metric: invalidValues, arguments: {validValues: [AB, CD]}, mustBe: 0, severity: warning}
    - {type: custom, engine: soda, implementation: "x"}
    - {type: text, description: the code is the one on the bill}
  - {name: at, logicalType: timestamp}
  - {name: zone, logicalType: integer, relationships: [{type: foreignKey, to: zones.id}]}
  quality:
  - {metric: rowCount, mustBeGreaterThan: 0}
  - {metric: duplicateValues, arguments: {properties: [code, at]}, mustBe: 0}
  - {type: sql, name: sums, query: "SELECT sum({property}) FROM {object}", mustNotBe: 3}
  - {type: sql, name: dear, query: "SELECT count(*) FROM ${table} WHERE fare > 400", mustBeLessOrEqualTo: 1}
slaProperties:
- {property: latency, value: 2, unit: d, element: rides.at}
- {property: retention, value: 3, unit: y, element: rides.at}
"""


def test_a_document_of_the_standard_becomes_a_contract_and_says_what_does_not(house: House) -> None:
    house.lake.load("zones", [b"id\n1\n"])
    rows = b"1,10.5,AB,2026-05-02T12:00:00Z,1\n2,,CD,2026-05-02T12:00:00Z,1\n3,499,EF,2026-05-02T13:00:00Z,9\n"
    house.lake.load("trips", [b"trip,fare,code,at,zone\n" + rows])
    with pytest.raises(InvalidInput, match="no table trips; it has zones, rides"):
        house.quality.declare_odcs("trips", ODCS)
    found = house.quality.declare_odcs("trips", ODCS.replace("numeric(10, 2)", "double"), object="rides")
    contract = found.declared.contract
    assert contract.columns["fare"] == ColumnRule(type="float64", nullable=False, min=0, below=500)
    assert contract.columns["code"] == ColumnRule(
        type="string", min_length=2, pattern="[A-Z]+", one_of=("AB", "CD"), severity=Severity.WARN
    )
    assert contract.unique == (UniqueRule(columns=("trip",)), UniqueRule(columns=("code", "at")))
    assert contract.references == (ReferenceRule(columns=("zone",), table="zones", their=("id",)),)
    assert contract.rows == RowsRule(min=1)
    assert contract.freshness == (FreshnessRule(column="at", max_age="2d"),)
    assert contract.description == "rides of the city"
    left = "\n".join(found.left_out)
    for told in (
        "schema[0]: zones is another table", "format", "classification", "of soda", "of type text", "sums", "price",
        "retention", "businessName", "physicalType",
    ):  # fmt: skip
        assert told in left, told
    report = house.quality.check("trips")
    assert {r.name: r.note or r.failed for r in report.results if r.note or r.failed} == {
        "fare: present": 1, "code: one of AB, CD": 1, "zone: in zones (id)": 1,
        "fare: nullValues": "the query gave 33.3333, not at most 4.999999999999999",
    }  # fmt: skip


def test_a_contract_survives_the_standard(house: House) -> None:
    text = """
columns:
  n: {type: int32, nullable: false, above: 0, max: 9, severity: warn}
  word: {type: string, pattern: "[a-z]+", one_of: [a, b], none_of: [n/a], min_length: 1}
  at: {type: timestamp, min: 2024-01-01}
unique: [{columns: [word]}, {columns: [n, at], severity: block}]
rows: {min: 1, max: 10, severity: warn}
freshness: [{column: at, max_age: 36h}]
volume: {grow: 0.5}
drift: [{column: n, at: good, distance: tv, max: 0.1}]
balance: [{column: word, min_share: 0.1}]
checks: [{name: odd, sql: n % 2 = 1}]
queries: [{name: mean, sql: SELECT avg(n) FROM t, max: 5}]
description: what the table is for
"""
    made = house.quality.declare_text("t", text).contract
    written = house.quality.contract_text("t", form=TextForm.ODCS)
    house.quality.declare("t", Contract())
    again = house.quality.declare_odcs("t", written.text)
    assert again.declared.contract == made
    assert [line for line in again.left_out if "engine" in line or "implementation" in line] == []


@pytest.mark.parametrize("text", ["apiVersion: v2.2.2\nkind: DataContract\n", "kind: Pod\napiVersion: v3\n", "- x\n"])
def test_what_is_no_document_of_the_standard_is_refused(house: House, text: str) -> None:
    with pytest.raises(InvalidInput):
        house.quality.declare_odcs("t", text)


FIELD = polars_schema.Field


class Trips(polars_schema.DataFrameModel):
    id: int = FIELD(unique=True, ge=0)
    fare: float = FIELD(gt=0, le=100, nullable=True)
    code: str = FIELD(str_matches="[A-Z]", str_length={"min_value": 2, "max_value": 3})
    kind: str = FIELD(isin=["cash", "card"], raise_warning=True)
    at: pl.Datetime("us", "UTC")  # type: ignore[valid-type]  # a type that the library makes at run time


def trips_schema() -> object:
    schema = Trips.to_schema()
    return schema.update_column("fare", checks=[*schema.columns["fare"].checks, polars_schema.Check(bool, name="even")])


def test_a_schema_of_pandera_holds_loads_as_it_holds_frames(house: House) -> None:
    found = contract_of(trips_schema())
    assert found.left_out == ("fare: check even: its code cannot be asked in SQL",)
    house.quality.declare("t", found.contract)
    head = b"id,fare,code,kind,at\n"
    good = b"1,5.5,AB,cash,2026-01-01T00:00:00Z\n2,,ABC,barter,2026-01-01T00:00:00Z\n"
    bad = b"3,0,AB,cash,2026-01-01T00:00:00Z\n3,1,ab,card,2026-01-01T00:00:00Z\n"
    load = house.lake.load("t", [head + good + bad])
    assert (load.rows_loaded, load.rows_quarantined) == (2, 2)
    assert house.quality.check("t").verdict is Verdict.WARNED


def test_what_a_frame_may_and_a_table_may_not_is_named() -> None:
    schema = pandas_schema.DataFrameSchema(
        {
            "a": pandas_schema.Column("category"), "b": pandas_schema.Column("Int64", pandas_schema.Check.ge(1)),
            "c": pandas_schema.Column(str, pandas_schema.Check.str_matches("(?=x)y")),
            "d": pandas_schema.Column(int, required=False),
        },
        index=pandas_schema.Index(int), strict=True, unique=["a", "b"],
        checks=pandas_schema.Check(lambda frame: len(frame) > 1, name="long"),
    )  # fmt: skip
    found = contract_of(schema)
    assert found.contract.columns["b"] == ColumnRule(type="int64", nullable=False, min=1)
    assert found.contract.unique == (UniqueRule(columns=("a", "b")),)
    said = "\n".join(found.left_out)
    for told in ("type category", "RE2", "may be left out", "check long", "index", "strict"):
        assert told in said, told
    with pytest.raises(InvalidInput, match="no schema of pandera"):
        contract_of({"a": "int"})

"""Every kind of rule finds what it is for: on a load that waits, on a version that stands, and by failing rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pyarrow as pa
import pytest

from modelyard.kernel.errors import Forbidden, Gone, InvalidInput, NotFound, TimedOut
from modelyard.lake.api import Classification, Column, Declared, Mend, Mode
from modelyard.lake.store import MIGRATIONS as LAKE
from modelyard.quality.api import (
    BalanceRule,
    CheckResult,
    ColumnRule,
    Contract,
    Distance,
    DriftRule,
    FreshnessRule,
    QueryRule,
    ReferenceRule,
    Report,
    RowsRule,
    Severity,
    SqlRule,
    UniqueRule,
    Verdict,
    VolumeRule,
)
from modelyard.quality.store import MIGRATIONS
from modelyard.testing import Bench
from tests.quality.stand import House, open_house

WARN = Severity.WARN


@pytest.fixture
def house() -> Iterator[House]:
    with Bench([*LAKE, *MIGRATIONS]) as bench, open_house(bench) as made:
        yield made


def rows_of(house: House, report: Report, check: str) -> list[dict[str, object]]:
    stream = b"".join(house.quality.failing_rows(report.table, report.id, check))
    found: list[dict[str, object]] = pa.ipc.open_stream(stream).read_all().to_pylist()
    return found


def only(report: Report) -> CheckResult:
    (result,) = report.results
    return result


def broken(report: Report) -> dict[str, str | int]:
    return {r.name: r.note or r.failed for r in report.results if r.note or r.failed}


def test_bounds_lengths_and_values_that_may_not_be(house: House) -> None:
    house.lake.load("t", [b"n,word\n0,a\n1,ab\n10,abc\n11,n/a\n"])
    rule = ColumnRule(above=0, below=11)
    house.quality.declare(
        "t", Contract(columns={"n": rule, "word": ColumnRule(min_length=2, max_length=3, none_of=("n/a",))})
    )
    report = house.quality.check("t")
    assert broken(report) == {
        "n: above 0, below 11": 2, "word: of length 2 to 3": 1, "word: other than n/a": 1,
    }  # fmt: skip
    assert [row["n"] for row in rows_of(house, report, "n: above 0, below 11")] == [0, 11]


def test_a_reference_finds_values_that_the_other_table_lacks(house: House) -> None:
    house.lake.load("zones", [b"id,side\n1,n\n2,s\n"])
    house.lake.load("trips", [b"zone,side\n1,n\n1,s\n3,n\n,n\n"])
    pair = ReferenceRule(columns=("zone", "side"), table="zones", their=("id", "side"))
    house.quality.declare("trips", Contract(references=(pair,)))
    report = house.quality.check("trips")
    assert only(report).failed == 2
    assert report.against == {"zones": 1}
    load = house.lake.load("trips", [b"zone,side\n2,s\n9,s\n"])
    assert (load.rows_loaded, load.rows_quarantined) == (1, 1)
    (held,) = house.lake.quarantine(load.id).items
    assert held.reasons == ("zone, side: 9, s is not in zones (id, side)",)
    house.lake.load("zones", [b"id,side\n3,n\n"])
    assert [row["zone"] for row in rows_of(house, report, only(report).name)] == [1, 3], "zones as they were"
    assert only(house.quality.check("trips")).failed == 1


def test_a_reference_may_name_a_version_or_its_own_table(house: House) -> None:
    house.lake.load("zones", [b"id\n1\n"])
    house.lake.load("zones", [b"id\n2\n"])
    house.lake.load("tree", [b"id,parent,zone\n1,,1\n2,1,2\n3,7,1\n"])
    old = ReferenceRule(columns=("zone",), table="zones", their=("id",), at="1", severity=WARN)
    own = ReferenceRule(columns=("parent",), table="tree", their=("id",))
    house.quality.declare("tree", Contract(references=(old, own)))
    assert broken(house.quality.check("tree")) == {"zone: in zones@1 (id)": 1, "parent: in tree (id)": 1}
    load = house.lake.load("tree", [b"id,parent,zone\n8,1,1\n9,8,1\n10,11,1\n"])
    assert (load.rows_loaded, load.rows_quarantined) == (2, 1), "a parent may be in the table or in the same load"


def test_a_reference_that_cannot_be_is_refused_when_declared(house: House) -> None:
    house.lake.load("zones", [b"id,name\n1,a\n"])
    house.lake.load("trips", [b"zone\n1\n"])
    refer = ReferenceRule(columns=("zone",), table="zones")
    for rule, why in (
        (ReferenceRule(columns=("zone",), table="zones", their=("name",)), "it is int64 here and string there"),
        (refer, "no column 'zone'; there are id, name"),
        (ReferenceRule(columns=("zone",), table="zones", their=("id", "name")), "refers to 2"),
        (ReferenceRule(columns=("zone",), table="regions"), "no table regions"),
        (ReferenceRule(columns=("area",), table="zones"), "no column 'area'; there are zone"),
    ):
        with pytest.raises(InvalidInput, match=why):
            house.quality.declare("trips", Contract(references=(rule,)))


def test_a_contract_tells_nothing_of_tables_that_its_author_may_not_read(house: House) -> None:
    house.lake.load("secret", [b"pay\n100\n"])
    house.lake.load("trips", [b"zone\n1\n"])
    actor = house.bench.act_as("confined")
    house.bench.actor = type(actor)(
        id=actor.id, name=actor.name, scopes=actor.scopes, resources=("table:trips",)
    )  # fmt: skip
    spy = QueryRule(name="spy", sql="SELECT max(pay) FROM secret", max=1, tables=("secret",))
    with pytest.raises(Forbidden, match="secret"):
        house.quality.declare("trips", Contract(queries=(spy,)))
    with pytest.raises(InvalidInput):
        house.quality.declare("trips", Contract(queries=(QueryRule(name="spy", sql="SELECT * FROM secret"),)))


def test_volume_is_compared_with_the_version_before(house: House) -> None:
    house.lake.load("t", [b"n\n" + b"1\n" * 100])
    house.quality.declare("t", Contract(volume=VolumeRule(shrink=0.1, grow=0.5, severity=Severity.BLOCK)))
    assert only(house.quality.check("t")).measured is None
    with pytest.raises(InvalidInput, match=r"100 rows became 160 \(\+60.0%\)"):
        house.lake.load("t", [b"n\n" + b"1\n" * 60])
    with pytest.raises(InvalidInput, match=r"100 rows became 80 \(-20.0%\)"):
        house.lake.load("t", [b"n\n" + b"1\n" * 80], mode=Mode.OVERWRITE)
    house.lake.load("t", [b"n\n" + b"1\n" * 40])
    assert only(house.quality.check("t")).measured == pytest.approx(0.4)
    house.lake.load("t", [b"n\n" + b"1\n" * 130], mode=Mode.OVERWRITE)
    assert only(house.quality.check("t", at="2")).measured == pytest.approx(0.4)


def test_freshness_goes_by_the_clock(house: House) -> None:
    moment = house.bench.clock.now()
    text = f"at\n{(moment - timedelta(days=3)).isoformat()}\n{(moment - timedelta(hours=20)).isoformat()}\n"
    house.lake.load("t", [text.encode()])
    house.quality.declare("t", Contract(freshness=(FreshnessRule(column="at", max_age="1d"),)))
    assert only(house.quality.check("t")).measured == 20 * 3600
    house.bench.clock.advance(timedelta(hours=5))
    report = house.quality.check("t")
    assert (report.verdict, only(report).note) == (Verdict.WARNED, "the newest value is 1 d 1 h old")
    load = house.lake.load("t", [b"at\n2026-05-01T00:00:00Z\n"])
    assert load.notes == ("at: at most 1d old: the newest value is 1 d 1 h old",)
    load = house.lake.load("t", [f"at\n{moment.isoformat()}\n".encode()])
    assert load.notes == ()
    with pytest.raises(InvalidInput, match="needs a timestamp or a date"):
        house.lake.load("words", [b"w\nabc\n"])
        house.quality.declare("words", Contract(freshness=(FreshnessRule(column="w", max_age="1d"),)))
    with pytest.raises(InvalidInput, match="no duration"):
        house.quality.declare("t", Contract(freshness=(FreshnessRule(column="at", max_age="soon"),)))


def test_a_column_that_moves_away_from_its_reference_is_seen(house: House) -> None:
    def text(shift: int) -> bytes:
        kinds = (b"a", b"b", b"b") if shift else (b"a", b"a", b"b")
        return b"n,kind\n" + b"".join(b"%d,%s\n" % (n % 97 + shift, kinds[n % 3]) for n in range(900))

    house.lake.load("t", [text(0)])
    house.lake.tag("t", "good")
    rules = [DriftRule(column="n", at="good", distance=d, max=0.15) for d in Distance]
    rules += [DriftRule(column="kind", at="1", distance=d, max=0.1) for d in (Distance.PSI, Distance.TV)]
    house.quality.declare("t", Contract(drift=tuple(rules)))
    report = house.quality.check("t")
    assert [round(r.measured or 0, 6) for r in report.results] == [0.0] * 5
    load = house.lake.load("t", [text(40)])
    assert len(load.notes) == 5
    kinds = house.quality.reports(table="t").items[0].results[4]
    assert kinds.measured == pytest.approx(1 / 3)
    assert house.lake.load("t", [text(0)]).notes == (), "the rows that come in are compared, not the table"
    assert house.lake.load("t", [b"n,kind\n900,z\n"]).notes == (), "a handful of rows says nothing"
    with pytest.raises(InvalidInput, match="ks needs numbers"):
        house.quality.declare("t", Contract(drift=(DriftRule(column="kind", at="good", distance=Distance.KS),)))
    with pytest.raises(NotFound):
        house.quality.declare("t", Contract(drift=(DriftRule(column="n", at="never"),)))


def test_balance_says_who_is_missing_and_whose_labels_differ(house: House) -> None:
    people = b"".join(b"%s,%s\n" % (g, y) for g, y, n in (
        (b"f", b"true", 20), (b"f", b"false", 80), (b"m", b"true", 45), (b"m", b"false", 55), (b"x", b"true", 4),
    ) for _ in range(n))  # fmt: skip
    house.lake.load("t", [b"sex,hired\n" + people])
    rule = BalanceRule(column="sex", groups=("f", "m", "d", "x"), min_share=0.1, label="hired", min_ratio=0.8)
    house.quality.declare("t", Contract(balance=(rule,)))
    result = only(house.quality.check("t"))
    assert result.note == (
        "d is not there, x has 2.0% of the rows, hired rate is 20.0% in f and 45.0% in m, a ratio of 0.44"
    )
    assert result.measured == pytest.approx(0.2 / 0.45)
    load = house.lake.load("t", [b"sex,hired\n" + b"d,true\n" * 200])
    assert "m has 24.8% of the rows" not in load.notes[0], "the table as it will be is looked at"
    assert "hired rate is 20.0% in f and 100.0% in d" in load.notes[0]


def test_queries_see_the_whole_table_and_those_they_name(house: House) -> None:
    house.lake.load("zones", [b"id,open\n1,true\n2,false\n"])
    columns = (Column(name="id", type="int64"), Column(name="zone", type="int64"), Column(name="fare", type="float64"))
    house.lake.load("trips", [b"id,zone,fare\n1,1,5\n2,2,7\n3,2,9\n"], schema=Declared(columns=columns, keys=("id",)))
    closed = "SELECT t.id, t.zone FROM trips t JOIN zones z ON z.id = t.zone WHERE NOT z.open"
    rules = (
        QueryRule(name="closed zones", sql=closed, tables=("zones",)),
        QueryRule(name="mean fare", sql="SELECT avg(fare) FROM trips;", min=1, max=6.5, severity=Severity.BLOCK),
    )
    house.quality.declare("trips", Contract(columns={"fare": ColumnRule(min=0)}, queries=rules))
    report = house.quality.check("trips")
    assert broken(report) == {"closed zones": 2, "mean fare": "the query gave 7, not 1 to 6.5"}
    assert report.results[1].samples == ("id=2", "id=3")
    assert report.verdict is Verdict.BLOCKED
    assert rows_of(house, report, "closed zones") == [{"id": 2, "zone": 2}, {"id": 3, "zone": 2}]
    load = house.lake.load("trips", [b"id,zone,fare\n4,1,3\n5,1,2\n6,2,-90\n"])
    assert load.rows_loaded == 2, "the mean is that of the rows that stay: with -90 it would be below 1"
    with pytest.raises(InvalidInput, match="blocks the load: mean fare: the query gave 28"):
        house.lake.load("trips", [b"id,zone,fare\n7,1,142\n"])


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM trips; SELECT 1",
        "DROP TABLE trips",
        "SELECT * FROM zones",
        "COPY trips TO '/tmp/x'",
        "SELECT nobody FROM trips",
        "SELECT 1) UNION (SELECT 2",
    ],
)
def test_a_query_reaches_nothing_that_it_does_not_name(house: House, query: str) -> None:
    house.lake.load("zones", [b"id\n1\n"])
    house.lake.load("trips", [b"id\n1\n"])
    with pytest.raises(InvalidInput):
        house.quality.declare("trips", Contract(queries=(QueryRule(name="q", sql=query),)))


def test_the_table_as_a_whole_cannot_go_to_the_quarantine(house: House) -> None:
    for contract in (
        Contract(rows=RowsRule(min=1, severity=Severity.QUARANTINE)),
        Contract(queries=(QueryRule(name="q", sql="SELECT 1", max=2, severity=Severity.QUARANTINE),)),
        Contract(drift=(DriftRule(column="n", at="1", severity=Severity.QUARANTINE),)),
    ):
        with pytest.raises(InvalidInput, match="no single row can go to the quarantine"):
            house.quality.declare("t", contract)


def test_all_rows_of_a_load_that_broke_a_check_are_found(house: House) -> None:
    house.lake.load("t", [b"id,n\n1,1\n"])
    contract = Contract(
        columns={"n": ColumnRule(min=0, max=9)}, checks=(SqlRule(name="odd", sql="n % 2 = 1", severity=WARN),)
    )
    house.quality.declare("t", contract)
    text = b"id,n\n" + b"".join(b"%d,%d\n" % (n, n % 20) for n in range(12_000))
    load = house.lake.load("t", [text])
    (report,) = house.quality.reports(table="t").items
    held = rows_of(house, report, "n: 0 to 9")
    assert len(held) == load.rows_quarantined == 6_000
    assert held[0] == {"_row": 11, "raw": "10,10", "reasons": ["n: 10 is not 0 to 9"]}
    odd = rows_of(house, report, "odd")
    assert len(odd) == 3_000
    assert {row["_load"] for row in odd} == {load.id}
    house.lake.replay(load.id, mends=(Mend(row=11, raw="10,4"), Mend(row=12, raw="11,5")))
    replayed = house.quality.reports(table="t").items[0]
    assert [row["id"] for row in rows_of(house, replayed, "odd")] == [10]
    with pytest.raises(NotFound, match="no check 'even'"):
        house.quality.failing_rows("t", report.id, "even")
    with pytest.raises(NotFound, match="is of table t"):
        house.quality.failing_rows("other", report.id, "odd")
    house.quality.declare("t", Contract(rows=RowsRule(max=5)))
    with pytest.raises(InvalidInput):
        house.lake.load("t", [b"id,n\n1,1\n"])
    refused = house.quality.reports(table="t").items[0]
    with pytest.raises(Gone, match="refused"):
        house.quality.failing_rows("t", refused.id, "rows: at most 5")


def test_a_check_has_a_history(house: House) -> None:
    house.quality.declare("t", Contract(columns={"n": ColumnRule(min=0, severity=WARN)}, rows=RowsRule(max=100)))
    for n in range(3):
        house.lake.load("t", [b"n\n1\n" + b"-1\n" * n])
    seen = house.quality.trend("t", "n: at least 0")
    assert [(one.failed, one.broke) for one in seen.items] == [(2, True), (1, True), (0, False)]
    page = house.quality.trend("t", "rows: at most 100", limit=2)
    assert [one.measured for one in page.items] == [6, 3]
    assert [one.measured for one in house.quality.trend("t", "rows: at most 100", cursor=page.next).items] == [1]


def test_a_classified_column_shows_no_value_in_reports_and_reasons(house: House) -> None:
    columns = (
        Column(name="mail", type="string", classification=Classification.PII), Column(name="n", type="int64"),
    )  # fmt: skip
    house.lake.load("t", [b"mail,n\nada@x,1\n"], schema=Declared(columns=columns, keys=("mail",)))
    rule = BalanceRule(column="mail", max_share=0.1)
    house.quality.declare(
        "t",
        Contract(columns={"mail": ColumnRule(pattern=".*@x"), "n": ColumnRule(max=0, severity=WARN)}, balance=(rule,)),
    )
    report = house.quality.check("t")
    assert "ada" not in str(report)
    assert report.results[1].samples[0].startswith("load_")
    load = house.lake.load("t", [b"mail,n\nbob,1\n"])
    (held,) = house.lake.quarantine(load.id).items
    assert held.reasons == ("mail: the value is not like .*@x",)
    report = house.quality.reports(table="t").items[0]
    assert [row["raw"] for row in rows_of(house, report, "mail: like .*@x")] == ["bob,1"]


def test_a_condition_that_some_rows_cannot_be_asked_blocks_and_says_so(house: House) -> None:
    house.lake.load(
        "t",
        [b"word,n\n1,1\n"],
        schema=Declared(columns=(Column(name="word", type="string"), Column(name="n", type="int64"))),
    )
    rule = SqlRule(name="small", sql="CAST(word AS INT) < 9")
    house.quality.declare("t", Contract(checks=(rule,), columns={"n": ColumnRule(min=0, severity=WARN)}))
    with pytest.raises(InvalidInput, match=r"small: it cannot be asked: .*abc"):
        house.lake.load("t", [b"word,n\nabc,-1\n"])
    assert {r.name: r.failed for r in house.quality.reports(table="t").items[0].results} == {
        "n: at least 0": 1,
        "small": 0,
    }


def test_hostile_rules_end_in_time_or_are_refused(house: House) -> None:
    house.lake.load("t", [b"w\n" + b"a" * 5000 + b"!\n"])
    house.quality.declare("t", Contract(columns={"w": ColumnRule(pattern="(a+)+$", severity=WARN)}))
    assert only(house.quality.check("t")).failed == 1
    with pytest.raises(InvalidInput):
        house.quality.declare("t", Contract(columns={"w": ColumnRule(pattern="((a{1000}){1000}){1000}")}))
    with pytest.raises((InvalidInput, TimedOut)):
        house.quality.declare("t", Contract(columns={"w": ColumnRule(pattern="a(?=b)")}))


def test_keys_are_told_apart_by_value_not_by_their_hash(house: House) -> None:
    rows = b"".join(b"%d,k%d\n" % (n % 500, n) for n in range(1000))
    house.lake.load("t", [b"a,b\n" + rows])
    house.quality.declare(
        "t", Contract(unique=(UniqueRule(columns=("a",)), UniqueRule(columns=("b",)), UniqueRule(columns=("a", "b"))))
    )
    assert [result.failed for result in house.quality.check("t").results] == [500, 0, 0]
    load = house.lake.load("t", [b"a,b\n600,k3\n601,x\n601,y\n"])
    assert [held.row for held in house.lake.quarantine(load.id).items] == [1, 3]


def test_a_merge_is_judged_by_the_table_that_it_makes(house: House) -> None:
    columns = tuple(Column(name=name, type="string" if name == "mail" else "int64") for name in ("id", "mail", "fare"))
    first = b"id,mail,fare\n1,a@x,10\n2,b@x,20\n3,c@x,30\n"
    house.lake.load("t", [first], schema=Declared(columns=columns, keys=("id",)))
    total = QueryRule(name="in sum", sql="SELECT sum(fare) FROM t", max=70, severity=Severity.BLOCK)
    contract = Contract(rows=RowsRule(min=3, max=4), unique=(UniqueRule(columns=("mail",)),), queries=(total,))
    house.quality.declare("t", contract)
    load = house.lake.load("t", [b"id,mail,fare\n2,b@x,25\n4,a@x,1\n5,e@x,2\n"], mode=Mode.MERGE)
    assert (load.rows_loaded, load.rows_quarantined) == (2, 1)
    assert house.lake.quarantine(load.id).items[0].reasons == ("mail: a row with the same key came before",)
    found = pa.ipc.open_stream(b"".join(house.lake.rows("t"))).read_all().to_pylist()
    assert sorted((row["id"], row["fare"]) for row in found) == [(1, 10), (2, 25), (3, 30), (5, 2)]
    for text, why in ((b"6,f@x,1\n", "rows"), (b"1,a@x,15\n", "in sum")):
        with pytest.raises(InvalidInput, match=why):
            house.lake.load("t", [b"id,mail,fare\n" + text], mode=Mode.MERGE)
    swapped = house.lake.load("t", [b"id,mail,fare\n1,c@x,9\n3,a@x,29\n"], mode=Mode.MERGE)
    assert (swapped.rows_loaded, swapped.rows_quarantined) == (2, 0)

"""Held rows are put right by a rule: tried first, then applied with a reason; and a table's quarantine is one whole."""

from __future__ import annotations

import pytest

from modelyard.kernel.errors import InvalidInput, NotFound, TimedOut
from modelyard.lake.api import (
    Column,
    Declared,
    Inspection,
    Lake,
    LoadState,
    MendRule,
    Reading,
    RowState,
    TableCommitted,
    Verdict,
)
from modelyard.testing import Bench
from tests.lake.stand import lake_service, read

COLUMNS = (
    Column(name="id", type="int64", nullable=False), Column(name="fare", type="float64"),
    Column(name="note", type="string"),
)  # fmt: skip
TEXT = b'id;fare;note\n1;5.5;ok\n2;7,5;"a ""b"""\n3;9,25;\n4;none;""\nx;1;z\n5;6\n'
COMMAS = MendRule(set={"fare": "replace(fare, ',', '.')"}, where="fare LIKE '%,%'")


def test_a_rule_is_tried_before_it_is_applied(lake: Lake) -> None:
    load = lake.load("t", [TEXT], schema=Declared(columns=COLUMNS))
    trial = lake.try_mend(load.id, COMMAS)
    assert (trial.held, trial.matched, trial.changed, trial.passing) == (5, 2, 2, 2)
    first = trial.examples[0]
    assert (first.row, first.before, first.after, first.passes) == (2, '2;7,5;"a ""b"""', '2;7.5;"a ""b"""', True)
    assert first.reasons == ("fare: '7,5' is not float64",)
    assert lake.table("t").rows == 1
    assert len(lake.loads().items) == 1, "a trial leaves nothing behind"
    nothing = lake.try_mend(load.id, MendRule(set={"fare": "fare || 'x'"}, where="id = '4'"))
    assert (nothing.matched, nothing.passing) == (1, 0)
    assert nothing.examples[0].remains == ("fare: 'nonex' is not float64",)


def test_a_rule_is_applied_with_who_when_and_why(lake: Lake, bench: Bench) -> None:
    load = lake.load("t", [TEXT], source="n.csv", schema=Declared(columns=COLUMNS))
    with pytest.raises(InvalidInput, match="why"):
        lake.mend(load.id, COMMAS, " ")
    bench.act_as("ada")
    again = lake.mend(load.id, COMMAS, "the export wrote commas")
    assert (again.rows_loaded, again.rows_quarantined, again.author) == (2, 0, "actor_ada")
    assert again.notes[0] == "mended by fare = replace(fare, ',', '.') where fare LIKE '%,%': the export wrote commas"
    assert "the export wrote commas" in lake.history("t").items[0].message
    rows = read(lake, "t", provenance=True)
    assert [(r["id"], r["fare"], r["note"], r["_row"]) for r in rows] == [
        (1, 5.5, "ok", 1), (2, 7.5, 'a "b"', 2), (3, 9.25, None, 3),
    ]  # fmt: skip
    done = lake.quarantine(load.id, state=RowState.REPLAYED).items
    assert [(r.row, r.raw, r.note, r.by) for r in done] == [
        (2, '2;7,5;"a ""b"""', again.id, "actor_ada"), (3, "3;9,25;", again.id, "actor_ada"),
    ]  # fmt: skip
    assert done[0].at_ms == bench.clock.now_ms()
    assert lake.load_record(load.id).held == 3
    assert bench.events(TableCommitted)[-1].decode(TableCommitted).operation == "replay"
    with pytest.raises(InvalidInput, match="means none"):
        lake.mend(load.id, COMMAS, "again")


def test_rows_are_chosen_by_their_reasons_and_texts_that_are_no_rows_are_mended_whole(lake: Lake) -> None:
    load = lake.load("t", [TEXT], schema=Declared(columns=COLUMNS))
    unknown = MendRule(set={"fare": "NULL"}, where="list_contains(_reasons, 'fare: ''none'' is not float64')")
    assert lake.mend(load.id, unknown, "no fare was taken").rows_loaded == 1
    short = MendRule(raw="raw || ';'", where="length(raw) = 3")
    assert lake.mend(load.id, short, "the last field was cut").rows_loaded == 1
    assert [(r["id"], r["fare"], r["note"]) for r in read(lake, "t")] == [(1, 5.5, "ok"), (4, None, ""), (5, 6.0, None)]


def test_rows_of_json_are_mended_by_the_same_rules(lake: Lake) -> None:
    lines = b'{"id": 1, "fare": 2}\n{"id": "n7", "fare": 3, "note": "x,\\"y"}\n'
    load = lake.load("t", [lines], source="a.jsonl", schema=Declared(columns=COLUMNS), reading=Reading())
    again = lake.mend(load.id, MendRule(set={"id": "substr(id, 2)"}), "ids carried a letter")
    assert again.rows_loaded == 1
    assert read(lake, "t")[1] == {"id": 7, "fare": 3.0, "note": 'x,"y'}


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (MendRule(), "gives `set`"),
        (MendRule(set={"fare": "fare"}, raw="raw"), "gives `set`"),
        (MendRule(set={"fee": "fare"}), "no field 'fee'; they have id, fare, note"),
        (MendRule(set={"fare": "nobody"}), "nobody"),
        (MendRule(set={"fare": "fare) FROM held; DROP TABLE held; --"}), "one SQL expression|cannot be answered"),
        (MendRule(set={"fare": "(SELECT content FROM read_text('/etc/passwd'))"}), "cannot be answered"),
        (MendRule(set={"fare": "fare"}, where="1 +"), "cannot be answered"),
    ],
)
def test_a_rule_that_cannot_work_changes_nothing(lake: Lake, rule: MendRule, said: str) -> None:
    load = lake.load("t", [TEXT], schema=Declared(columns=COLUMNS))
    with pytest.raises((InvalidInput, TimedOut), match=said):
        lake.mend(load.id, rule, "try")
    assert lake.load_record(load.id).held == 5
    with pytest.raises(NotFound):
        lake.try_mend(lake.load("u", [b"a\n1\n"]).id, COMMAS)


def test_a_trial_says_what_the_contract_would_block(bench: Bench) -> None:
    class Strict:
        dry = list[bool]()

        def judges(self, table: str) -> bool:
            return True

        def inspect(self, about: Inspection) -> Verdict:
            self.dry.append(about.dry)
            return Verdict(blocks=("too few",) if about.dry else ())

    inspector = Strict()
    with lake_service(bench, inspector) as service:
        lake = bench.open(Lake, service)
        load = lake.load("t", [TEXT], schema=Declared(columns=COLUMNS))
        trial = lake.try_mend(load.id, COMMAS)
        assert (trial.passing, trial.blocks, inspector.dry) == (0, ("too few",), [False, True])


def test_the_quarantine_of_a_table_is_grouped_across_its_loads(lake: Lake) -> None:
    first = lake.load("t", [TEXT], source="a.csv", schema=Declared(columns=COLUMNS))
    second = lake.load("t", [b"id;fare;note\n8;a,b;x\n9;c;y\n"], source="b.csv")
    lake.drop_rows(first.id, "not worth it", rows=(4,))
    found = lake.table_quarantine("t")
    assert found.held == 6
    assert [(each.source, each.held) for each in found.loads] == [("b.csv", 2), ("a.csv", 4)]
    assert [(each.reason, each.rows, each.loads) for each in found.reasons] == [
        ("fare: … is not float64", 4, 2), ("id: … is not int64", 1, 1),
        ("… fields where 3 are expected", 1, 1),
    ]  # fmt: skip
    commas = lake.held("t", reason="fare: … is not float64", limit=3)
    assert [(row.source, row.row) for row in commas.items] == [("b.csv", 1), ("b.csv", 2), ("a.csv", 2)]
    rest = lake.held("t", reason="fare: … is not float64", limit=3, cursor=commas.next)
    assert [(row.source, row.row) for row in rest.items] == [("a.csv", 3)]
    assert rest.next is None
    assert {load.id for load in lake.loads().items if load.state is LoadState.DONE} == {first.id, second.id}
    with pytest.raises(NotFound):
        lake.table_quarantine("nobody")

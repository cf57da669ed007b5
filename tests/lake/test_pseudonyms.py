"""Pseudonyms: no name of a person reaches a table, its refused rows or its sources; joins hold; a name can be lost."""

from __future__ import annotations

import io

import msgspec
import pyarrow as pa
import pytest

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.operations import operations
from modelyard.lake.api import REVEAL, Classification, Column, Declared, Lake, Mode
from modelyard.lake.model.pseudonyms import is_token
from modelyard.testing import Bench
from tests.lake.stand import read

NAME = "anna.karenina@example.org"


def column(name: str = "rider", **how: object) -> Column:
    return Column(name=name, type="string", classification=Classification.PII, pseudonym="person", **how)  # type: ignore[arg-type]  # passed through


RIDES = Declared(columns=(Column(name="id", type="int64"), column(), Column(name="fare", type="float64")), keys=("id",))


def rows(*given: tuple[int, str | None, str]) -> list[bytes]:
    return [b"id,rider,fare\n", *(f"{i},{who or ''},{fare}\n".encode() for i, who, fare in given)]


def riders(lake: Lake, table: str = "rides") -> dict[object, object]:
    return {row["id"]: row["rider"] for row in read(lake, table)}


def test_loads_writes_pushes_merges_and_replays_give_a_name_one_token(lake: Lake, bench: Bench) -> None:
    load = lake.load("rides", rows((1, NAME, "5"), (2, "ben", "7"), (3, NAME, "much"), (4, None, "1")), schema=RIDES)
    arrow = io.BytesIO()
    made = pa.table({"id": pa.array([5, 6]), "rider": pa.array([NAME, "carl"]).dictionary_encode(), "fare": [1.0, 2.0]})
    with pa.ipc.new_stream(arrow, made.schema) as writer:
        writer.write_table(made)
    lake.write("rides", [arrow.getvalue()])
    lake.push("rides", [b'{"id": 7, "rider": "' + NAME.encode() + b'", "fare": 3}'])
    lake.flush()
    lake.load("rides", rows((2, NAME, "9"), (8, "ben", "9")), mode=Mode.MERGE)
    held = lake.quarantine(load.id).items
    assert len(held) == 1
    assert NAME not in held[0].raw
    lake.replay(load.id, mends=())
    found = riders(lake)
    token = found[1]
    assert isinstance(token, str)
    assert is_token(token)
    assert [found[n] for n in (2, 4, 5, 7)] == [token, None, token, token]
    assert len({found[n] for n in (1, 6, 8)}) == 3
    files = [path for path in bench.home.rglob("*") if path.is_file()]
    assert [path for path in files if NAME.encode() in path.read_bytes()] == []


def test_tokens_join_across_tables_and_stay_themselves_when_rows_come_back(lake: Lake) -> None:
    lake.load("rides", rows((1, NAME, "5"), (2, "ben", "7")), schema=RIDES)
    people = Declared(columns=(column("name"), Column(name="city", type="string")))
    lake.load("people", [f"name,city\n{NAME},Moscow\n".encode()], schema=people)
    joined = b"".join(lake.sql("select r.id, p.city from rides r join people p on p.name = r.rider"))
    assert pa.ipc.open_stream(joined).read_all().to_pylist() == [{"id": 1, "city": "Moscow"}]
    lake.write("copies", [b"".join(lake.rows("rides"))], schema=RIDES)
    assert riders(lake, "copies") == riders(lake)
    apart = Declared(columns=(msgspec.structs.replace(column("name"), pseudonym="supplier"),))
    lake.load("suppliers", [f"name\n{NAME}\n".encode()], schema=apart)
    assert read(lake, "suppliers")[0]["name"] not in riders(lake).values()


def test_rows_are_found_by_name_in_keys_in_comparisons_and_in_erasures(lake: Lake) -> None:
    keyed = Declared(columns=RIDES.columns, keys=("rider",))
    lake.load("rides", rows((1, NAME, "5"), (2, "ben", "7"), (3, "carl", "7")), schema=keyed)
    lake.load("rides", rows((4, "ben", "8")), mode=Mode.MERGE)
    assert sorted(map(str, riders(lake))) == ["1", "3", "4"]
    lake.delete_keys("rides", [b"rider\nben\n"])
    assert sorted(map(str, riders(lake))) == ["1", "3"]
    assert lake.erase("rides", "rider", (NAME,)).rows == 1
    assert list(riders(lake)) == [3]


def test_only_those_who_may_reveal_are_told_names_and_a_shredded_one_is_nobodys(lake: Lake) -> None:
    lake.load("rides", rows((1, NAME, "5"), (2, "ben", "7")), schema=RIDES)
    before = riders(lake)
    tokens = tuple(str(token) for token in before.values())
    assert {each.name for each in lake.reveal("person", tokens)} == {NAME, "ben"}
    assert lake.reveal("supplier", tokens) == ()
    assert [each.token for each in lake.pseudonyms("person", (NAME, "nobody"))] == [before[1]]
    assert (lake.shred("person", (NAME, "nobody")), lake.shred("person", (NAME,))) == (1, 0)
    assert [each.name for each in lake.reveal("person", tokens)] == ["ben"]
    assert riders(lake) == before
    lake.load("rides", rows((3, NAME, "5")))
    assert riders(lake)[3] not in before.values()
    scopes = {op.method: op.scope for op in operations(Lake)}
    assert {scopes["reveal"], scopes["pseudonyms"]} == {REVEAL}
    assert scopes["shred"] == "governance:erase"


def test_a_table_with_pseudonyms_keeps_no_source(lake: Lake) -> None:
    load = lake.load("rides", rows((1, NAME, "5")), schema=RIDES)
    with pytest.raises(NotFound, match="kept no source"):
        lake.source(load.id)


@pytest.mark.parametrize(("given", "says"), [({"type": "int64"}, "string"), ({"classification": None}, "pii or phi")])
def test_a_column_that_cannot_hold_tokens_is_refused(lake: Lake, given: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        lake.create("rides", Declared(columns=(msgspec.structs.replace(column(), **given),)))


def test_many_names_in_many_batches_have_one_token_each(lake: Lake) -> None:
    text = b"id,rider,fare\n" + b"".join(b"%d,rider %d,1\n" % (n, n % 17_000) for n in range(40_000))
    lake.load("rides", [text], schema=RIDES)
    found = riders(lake)
    assert len(set(found.values())) == 17_000
    assert all(found[n] == found[n + 17_000] for n in range(0, 17_000, 500))

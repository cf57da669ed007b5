"""Policies: readers without `governance:reveal` see masked columns and filtered rows, whichever way they ask."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound, YardError
from modelyard.lake.api import Column, Lake, Mask, PolicySet
from modelyard.testing import Bench
from tests.lake.stand import read

ROWS = b"id,name,phone,born,region,pay\n1,Ann,555-123-4567,1980-05-03,north,10\n"
ROWS += b"2,Bob,12,1991-12-31,south,20\n3,,,,north,30\n"
SECRETS = ("Ann", "Bob", "555-123-4567", "1980-05-03")


@pytest.fixture
def hidden(lake: Lake, bench: Bench) -> Iterator[Lake]:
    """A lake with a table that hides something, seen by one who may read it but not see all of it."""
    lake.load("people", [ROWS + b"4,Zoe,5,1980-05-03,north,40,more\n"])
    masks = {"name": Mask.HASH, "phone": Mask.TAIL, "born": Mask.YEAR, "pay": Mask.NULL}
    lake.set_policy("people", row_filter="region = 'north'", masks=masks)
    bench.act_as("reader", ["lake:*"])
    yield lake


def seen(stream: Iterator[bytes]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pa.ipc.open_stream(b"".join(stream)).read_all().to_pylist()
    return rows


def test_rows_come_masked_and_filtered(hidden: Lake) -> None:
    rows = sorted(read(hidden, "people"), key=lambda row: str(row["id"]))
    assert [row["id"] for row in rows] == [1, 3]
    assert (rows[0]["phone"], str(rows[0]["born"]), rows[0]["pay"]) == ("•••4567", "1980-01-01", None)
    assert isinstance(rows[0]["name"], str)
    assert len(rows[0]["name"]) == 16
    assert (rows[1]["name"], rows[1]["phone"], rows[1]["born"]) == (None, None, None)


def test_a_hash_is_equal_for_equal_values_and_tells_nothing_without_its_salt(lake: Lake, bench: Bench) -> None:
    lake.load("a", [b"id,name\n1,Ann\n2,Ann\n3,Bob\n"])
    lake.load("b", [b"id,name\n1,Ann\n"])
    for table in ("a", "b"):
        lake.set_policy(table, masks={"name": Mask.HASH})
    bench.act_as("reader", ["lake:read"])
    first, second, third = (row["name"] for row in sorted(read(lake, "a"), key=lambda row: str(row["id"])))
    assert first == second != third
    assert read(lake, "b")[0]["name"] != first


def test_conditions_and_sql_see_what_the_reader_sees(hidden: Lake) -> None:
    assert read(hidden, "people", where="name = 'Ann'") == []
    assert seen(hidden.sql("select count(*) as n, max(pay) as pay from people")) == [{"n": 2, "pay": None}]
    window = hidden.preview("people", sort="id")
    assert (window.total, [row[0] for row in window.rows]) == (2, [1, 3])
    assert hidden.profile("people").rows == 2
    told = str(hidden.profile("people")) + str(window)
    assert not any(secret in told for secret in SECRETS)


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_parquet('{file}')",
        "select * from people union all select * from read_parquet('{file}')",
        "select (select min(name) from read_parquet('{file}'))",
        "select * from '{file}'",
        "select * from glob('{folder}/**')",
    ],
)
def test_the_stored_files_are_out_of_reach(hidden: Lake, bench: Bench, query: str) -> None:
    folder = bench.home / "lake" / "tables" / "people"
    (file,) = folder.glob("*.parquet")
    text = query.format(file=file, folder=folder)
    with pytest.raises(YardError) as refused:
        seen(hidden.sql(text))
    assert not any(secret in str(refused.value) for secret in SECRETS)
    with pytest.raises(YardError):
        read(hidden, "people", where=f"exists (select 1 from read_parquet('{file}') where name = 'Ann')")


def test_what_shows_rows_as_they_came_is_refused(hidden: Lake) -> None:
    (load,) = hidden.loads().items
    for ask in (
        lambda: hidden.quarantine(load.id),
        lambda: hidden.held("people"),
        lambda: hidden.table_quarantine("people"),
        lambda: hidden.rename_column("people", "name", "plain"),
        lambda: hidden.delete_where("people", "name = 'Ann'"),
        lambda: hidden.add_column("people", Column(name="plain", type="string"), expression="name"),
        lambda: list(hidden.source(load.id)),
        lambda: hidden.diff("people", "1"),
        lambda: list(hidden.changes("people")),
    ):
        with pytest.raises(Forbidden, match="governance:reveal"):
            ask()


def test_whoever_may_reveal_sees_everything(hidden: Lake, bench: Bench) -> None:
    bench.act_as("owner", ["*"])
    assert {row["name"] for row in read(hidden, "people")} == {"Ann", "Bob", None}
    (load,) = hidden.loads().items
    assert "Zoe" in hidden.quarantine(load.id).items[0].raw
    assert hidden.profile("people").rows == 3


def test_a_filter_can_ask_who_reads(lake: Lake, bench: Bench) -> None:
    lake.load("notes", [b"id,owner\n1,ann\n2,bob\n"])
    lake.set_policy("notes", row_filter="owner = $actor")
    for name, row in (("ann", 1), ("bob", 2)):
        bench.act_as(name, ["lake:read"])
        assert [each["id"] for each in read(lake, "notes")] == [row]
    bench.act_as("x' or '1'='1", ["lake:read"])
    assert read(lake, "notes") == []


def test_a_mask_follows_a_column_to_its_new_name(hidden: Lake, bench: Bench) -> None:
    bench.act_as("owner", ["*"])
    hidden.rename_column("people", "name", "called")
    bench.act_as("reader", ["lake:read"])
    assert not any(row["called"] in SECRETS for row in read(hidden, "people"))
    assert not any(row["name"] in SECRETS for row in read(hidden, "people", at="1"))


def test_a_policy_holds_for_every_version_and_ends_when_it_is_lifted(hidden: Lake, bench: Bench) -> None:
    bench.act_as("owner", ["*"])
    hidden.load("people", [b"id,name,phone,born,region,pay\n5,Eve,555,2000-01-01,north,1\n"])
    bench.act_as("reader", ["lake:read"])
    assert len(read(hidden, "people", at="1")) == 2
    assert len(read(hidden, "people")) == 3
    assert not any("Eve" in str(row) for row in read(hidden, "people"))
    bench.act_as("owner", ["*"])
    hidden.set_policy("people")
    bench.act_as("reader", ["lake:read"])
    assert any("Eve" in str(row) for row in read(hidden, "people"))
    with pytest.raises(NotFound):
        hidden.policy("people")
    assert [e.decode(PolicySet).filtered for e in bench.events(PolicySet)] == [True, False]


def test_copies_go_when_somebody_is_forgotten(hidden: Lake, bench: Bench) -> None:
    assert read(hidden, "people")
    copies = bench.home / "lake" / "seen" / "people"
    assert list(copies.glob("*.parquet"))
    bench.act_as("owner", ["*"])
    hidden.erase("people", "name", ("Ann",))
    assert not list(copies.glob("*"))
    bench.act_as("reader", ["lake:read"])
    assert [row["id"] for row in read(hidden, "people")] == [3]


@pytest.mark.parametrize(
    ("row_filter", "masks", "words"),
    [
        ("nowhere = 1", {}, "nowhere"),
        ("1; drop table x", {}, "."),
        ("exists (select * from read_csv('/etc/passwd'))", {}, "."),
        ("", {"nobody": Mask.NULL}, "no column 'nobody'"),
        ("", {"id": Mask.HASH}, "hash is for string"),
        ("", {"name": Mask.YEAR}, "date and timestamp"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(lake: Lake, row_filter: str, masks: dict[str, Mask], words: str) -> None:
    lake.load("people", [ROWS])
    with pytest.raises(InvalidInput, match=words):
        lake.set_policy("people", row_filter=row_filter, masks=masks)
    with pytest.raises(NotFound):
        lake.policy("people")

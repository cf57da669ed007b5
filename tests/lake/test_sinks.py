"""Tables delivered into other systems: what changed, once, by key; secrets nowhere; cut off and repeated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from modelyard.adapters.secrets import open_secrets
from modelyard.adapters.sinks import KnownSinks
from modelyard.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from modelyard.lake.api import Column, Declared, Lake, Mode, SinkDelivered, Way
from modelyard.ports import sinks as port
from modelyard.ports.secrets import Secret
from modelyard.ports.sinks import Parcel, Sinks, Target
from modelyard.testing import Bench
from tests.engines.listener import listening
from tests.engines.redis import redis_server
from tests.lake.stand import lake_service

KEYED = Declared(
    columns=(
        Column(name="id", type="int64"), Column(name="name", type="string"), Column(name="at", type="timestamp"),
        Column(name="price", type="decimal(8, 2)"),
    ),
    keys=("id",),
)  # fmt: skip
FIRST = b"id,name,at,price\n1,ana,2026-01-01T00:00:00Z,1.50\n2,bob,2026-01-02T00:00:00Z,2.25\n3,cy,,3.00\n"


class Torn:
    """Sinks that die after the other side took a delivery, as often as `times` says."""

    def __init__(self, inner: Sinks, times: int = 0) -> None:
        self.inner = inner
        self.times = times

    def check(self, address: str, way: port.Way, options: Mapping[str, str], *, sealed: bool) -> None:
        self.inner.check(address, way, options, sealed=sealed)

    def open(self, address: str, *, way: port.Way, secret: Secret | None, options: Mapping[str, str]) -> Target:
        return TornTarget(self.inner.open(address, way=way, secret=secret, options=options), self)


class TornTarget:
    def __init__(self, inner: Target, sinks: Torn) -> None:
        self._inner, self._sinks = inner, sinks
        self.by_parts = inner.by_parts

    def reached(self, sink: str, target: str) -> int:
        return self._inner.reached(sink, target)

    def take(self, parcel: Parcel) -> bool:
        done = self._inner.take(parcel)
        if self._sinks.times:
            self._sinks.times -= 1
            raise Unavailable("the yard died here")
        return done

    def close(self) -> None:
        self._inner.close()


@pytest.fixture
def sinks(tmp_path: Path) -> Torn:
    return Torn(KnownSinks(("/tmp", str(tmp_path), "127.0.0.1"), pauses_s=()))


@pytest.fixture
def lake(bench: Bench, sinks: Torn) -> Iterator[Lake]:
    secrets = open_secrets(bench.home)
    with lake_service(bench, sinks=lambda: sinks, secrets=lambda: secrets) as service:
        yield bench.open(Lake, service)


def rows_of(address: str, query: str) -> list[tuple[object, ...]]:
    import psycopg

    with psycopg.connect(address) as connection:
        return connection.execute(query.encode()).fetchall()


def test_a_merge_brings_changes_and_removals_by_key(lake: Lake, bench: Bench, postgres_address: str) -> None:
    lake.load("shop", [FIRST], schema=KEYED)
    sink = lake.declare_sink("pg", "shop", postgres_address)
    assert (sink.position, sink.target, sink.has_secret) == (0, "shop", False)
    first = lake.deliver("pg")
    assert (first.since, first.version, first.written, first.removed) == (0, lake.table("shop").version, 3, 0)
    assert rows_of(postgres_address, "SELECT id, name, at IS NULL, price::text FROM shop ORDER BY id") == [
        (1, "ana", False, "1.50"), (2, "bob", False, "2.25"), (3, "cy", True, "3.00"),
    ]  # fmt: skip
    lake.load("shop", [b"id,name,at,price\n2,bobby,,9.00\n4,dee,,4.00\n"], mode=Mode.MERGE)
    lake.load("shop", [b"id,name,at,price\n4,deirdre,,4.50\n"], mode=Mode.MERGE)
    lake.erase("shop", "name", ("ana",))
    second = lake.deliver("pg")
    assert second.since == first.version
    assert (second.written, second.arrived) == (2, True)
    assert rows_of(postgres_address, "SELECT id, name FROM shop WHERE id > 1 ORDER BY id") == [
        (2, "bobby"), (3, "cy"), (4, "deirdre"),
    ]  # fmt: skip
    nothing = lake.deliver("pg")
    assert (nothing.since, nothing.written) == (nothing.version, 0)
    assert [each.version for each in lake.deliveries("pg").items] == [second.version, first.version]
    event = bench.events(SinkDelivered)[-1]
    assert (event.reads, event.writes) == ((f"table:shop@{second.version}",), (f"sink:pg@{second.version}",))
    (listed,) = lake.sinks().items
    assert listed.position == second.version


def test_rows_that_leave_the_table_leave_the_sink(lake: Lake, postgres_address: str) -> None:
    lake.load("shop", [FIRST], schema=KEYED)
    lake.declare_sink("pg", "shop", postgres_address, target="public.mirror")
    lake.deliver("pg")
    lake.load("shop", [b"id,name,at,price\n2,bob,,2.25\n5,eve,,5.00\n"], mode=Mode.OVERWRITE)
    done = lake.deliver("pg")
    assert done.removed == 2
    assert sorted(rows_of(postgres_address, "SELECT id FROM mirror")) == [(2,), (5,)]


@pytest.mark.parametrize("way", [Way.MERGE, Way.APPEND, Way.OVERWRITE])
def test_a_delivery_cut_off_before_it_was_noted_arrives_once(
    lake: Lake, sinks: Torn, postgres_address: str, way: Way
) -> None:
    lake.load("shop", [FIRST], schema=KEYED)
    lake.declare_sink("pg", "shop", postgres_address, way=way)
    sinks.times = 2
    for _ in range(2):
        with pytest.raises(Unavailable, match="died here"):
            lake.deliver("pg")
    done = lake.deliver("pg")
    assert (done.written, done.arrived) == (3, False)
    lake.load("shop", [b"id,name,at,price\n4,dee,,4.00\n"])
    lake.deliver("pg")
    assert sorted(rows_of(postgres_address, "SELECT id FROM shop")) == [(1,), (2,), (3,), (4,)]


def test_a_delivery_cut_off_is_finished_first_where_the_table_has_gone_on(
    lake: Lake, sinks: Torn, postgres_address: str, tmp_path: Path
) -> None:
    lake.load("shop", [FIRST], schema=KEYED)
    lake.declare_sink("pg", "shop", postgres_address, way=Way.APPEND)
    lake.declare_sink("files", "shop", f"file://{tmp_path}/out", way=Way.APPEND)
    for name in ("pg", "files"):
        sinks.times = 1
        with pytest.raises(Unavailable, match="died here"):
            lake.deliver(name)
    lake.load("shop", [b"id,name,at,price\n4,dee,,4.00\n"])
    for name in ("pg", "files"):
        assert lake.deliver(name).written == 1
        assert [(each.written, each.arrived) for each in lake.deliveries(name).items] == [(1, True), (3, False)]
    assert rows_of(postgres_address, "SELECT id FROM shop ORDER BY id") == [(1,), (2,), (3,), (4,)]
    files = sorted((tmp_path / "out" / "shop").iterdir())
    assert [pq.read_table(file).column("id").to_pylist() for file in files] == [[1, 2, 3], [4]]
    assert pq.read_schema(files[0]).names == ["id", "name", "at", "price"]


def test_files_of_a_table_are_replaced_in_one_step_and_anew_where_somebody_was_erased(
    lake: Lake, tmp_path: Path
) -> None:
    lake.load("shop", [FIRST], schema=KEYED)
    lake.declare_sink("files", "shop", f"file://{tmp_path}/out", target="mirror", way=Way.OVERWRITE)
    lake.deliver("files")
    lake.load("shop", [FIRST.replace(b"1,ana", b"9,eve")], mode=Mode.OVERWRITE)
    assert lake.deliver("files").written == 3
    (file,) = (tmp_path / "out" / "mirror").iterdir()
    assert pq.read_table(file).column("name").to_pylist() == ["eve", "bob", "cy"]
    lake.erase("shop", "name", ("eve",))
    lake.declare_sink("files", "shop", f"file://{tmp_path}/out", target="mirror", way=Way.OVERWRITE)
    lake.deliver("files")
    (file,) = (tmp_path / "out" / "mirror").iterdir()
    assert pq.read_table(file).column("name").to_pylist() == ["bob", "cy"]


def test_a_webhook_is_gone_on_with_behind_what_arrived_though_the_table_changed(
    lake: Lake,
) -> None:
    text = "id,name,at,price\n" + "".join(f"{n},n{n},,1.00\n" for n in range(1, 1201))
    lake.load("shop", [text.encode()], schema=KEYED)
    with listening() as heard:
        lake.declare_sink("hook", "shop", heard.url, secret="signing-word")
        heard.fails_after = 2
        with pytest.raises(Unavailable, match="part 3 with 503"):
            lake.deliver("hook")
        assert lake.sinks().items[0].position == 0
        heard.fails_after = None
        lake.load("shop", [b"id,name,at,price\n1,changed,,2.00\n"], mode=Mode.MERGE)
        assert lake.deliver("hook").written == 1
        told = [(head["webhook-id"].partition(".")[2], json.loads(body)["data"]) for head, body in heard.got]
    assert [id_ for id_, _ in told] == ["1.1", "1.2", "1.3", "1.3", "2.1"]
    assert told[2] == told[3]
    ids = [row["id"] for _, data in (told[0], told[1], told[3], told[4]) for row in data["rows"]]
    assert ids == [*range(1, 1201), 1]
    assert (told[3][1]["last"], told[4][1]["rows"][0]["name"]) == (True, "changed")
    assert [(each.since, each.version) for each in lake.deliveries("hook").items] == [(1, 2), (0, 1)]


def test_rows_that_postgres_cannot_take_change_nothing(lake: Lake, postgres_address: str) -> None:
    lake.load("shop", [FIRST], schema=KEYED)
    lake.declare_sink("pg", "shop", postgres_address)
    lake.deliver("pg")
    import psycopg

    with psycopg.connect(postgres_address, autocommit=True) as connection:
        connection.execute("ALTER TABLE shop ADD CONSTRAINT dear CHECK (price < 100)")
    lake.load("shop", [b"id,name,at,price\n1,ana,,2.00\n7,gus,,700.00\n"], mode=Mode.MERGE)
    with pytest.raises(InvalidInput, match="nothing was written"):
        lake.deliver("pg")
    assert rows_of(postgres_address, "SELECT price::text FROM shop WHERE id = 1") == [("1.50",)]


def test_redis_holds_a_document_for_each_key(lake: Lake) -> None:
    import redis

    lake.load("shop", [FIRST], schema=KEYED)
    with redis_server() as address:
        path = address.removeprefix("unix://")
        lake.declare_sink("cache", "shop", f"redis+unix://{path}", target="shop:row")
        lake.deliver("cache")
        with redis.Redis(unix_socket_path=path) as client:
            found = json.loads(str(client.get("shop:row:1"), "utf-8"))
            assert (found["name"], found["price"], found["at"][:10]) == ("ana", "1.50", "2026-01-01")
            lake.load("shop", [b"id,name,at,price\n2,bobby,,9.00\n"], mode=Mode.OVERWRITE)
            lake.deliver("cache")
            assert [bytes(key) for key in client.scan_iter("shop:row:*")] == [b"shop:row:2"]
        with pytest.raises(InvalidInput, match="merge"):
            lake.declare_sink("cache", "shop", f"redis+unix://{path}", way=Way.APPEND)


def test_a_secret_is_shown_nowhere_and_goes_with_its_sink(lake: Lake, bench: Bench) -> None:
    lake.load("shop", [FIRST], schema=KEYED)
    sink = lake.declare_sink("pg", "shop", "postgresql://w@127.0.0.1:9/shop", secret="hunter2-secret")
    assert sink.has_secret
    with pytest.raises(Unavailable) as refused:
        lake.deliver("pg")
    assert "hunter2" not in refused.value.detail
    assert lake.sinks().items[0].position == 0
    held = [p for p in bench.home.rglob("*") if p.is_file() and b"hunter2-secret" in p.read_bytes()]
    assert held == []
    lake.declare_sink("pg", "shop", "postgresql://w@127.0.0.1:9/shop", secret="another-secret")
    assert len(open_secrets(bench.home).names()) == 1
    lake.remove_sink("pg")
    assert open_secrets(bench.home).names() == []
    with pytest.raises(NotFound, match="no sink pg"):
        lake.deliver("pg")


def test_only_hosts_that_are_listed_are_written_to(lake: Lake, bench: Bench, tmp_path: Path) -> None:
    lake.load("shop", [FIRST], schema=KEYED)
    with pytest.raises(Forbidden, match="_hosts"):
        lake.declare_sink("s", "shop", "postgresql://w@elsewhere.example/shop")
    with pytest.raises(Forbidden):
        KnownSinks(()).check("postgresql://w@127.0.0.1/shop", port.Way.MERGE, {}, sealed=False)
    with pytest.raises(InvalidInput, match="secret"):
        lake.declare_sink("s", "shop", "postgresql://w:pw@127.0.0.1/shop")
    with pytest.raises(InvalidInput, match="no sink is known"):
        lake.declare_sink("s", "shop", "ftp://127.0.0.1/etc")
    with pytest.raises(NotFound):
        lake.declare_sink("s", "nowhere", "postgresql://w@127.0.0.1/shop")
    lake.load("keyless", [b"a\n1\n"])
    with pytest.raises(InvalidInput, match="no keys"):
        lake.declare_sink("s", "keyless", "postgresql://w@127.0.0.1/shop")
    assert lake.sinks().items == []


def test_a_table_that_was_made_anew_asks_for_its_sink_again(lake: Lake, postgres_address: str) -> None:
    lake.load("shop", [FIRST], schema=KEYED)
    lake.load("shop", [b"id,name,at,price\n4,dee,,4.00\n"])
    lake.declare_sink("pg", "shop", postgres_address)
    lake.deliver("pg")
    lake.drop("shop")
    lake.load("shop", [b"id,name,at,price\n9,new,,1.00\n"], schema=KEYED)
    with pytest.raises(Conflict, match="declare the sink again"):
        lake.deliver("pg")
    lake.declare_sink("pg", "shop", postgres_address, target="anew")
    assert lake.deliver("pg").written == 1

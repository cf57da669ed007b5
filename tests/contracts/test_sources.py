"""The sources port's suites on databases, folders, buckets and the web."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from modelyard.adapters.sources import Grounds, KnownSources
from modelyard.kernel.errors import Forbidden, MissingExtra
from modelyard.ports.secrets import Secret
from modelyard.ports.sources import Ask, Batch, RowSource
from modelyard.testing.sources_contract import RowSourceContract
from tests.engines.redis import redis_server
from tests.engines.s3 import s3_server


class SqlStand:
    stream = "orders"
    cursor = "id"
    secret = ""

    def __init__(self, address: str, grounds: Grounds) -> None:
        self._address = address
        self._sources = KnownSources(grounds)

    def open(self) -> RowSource:
        source = self._sources.open(self._address, secret=None, options={})
        assert isinstance(source, RowSource)
        return source

    def ids(self, batch: Batch) -> list[int]:
        return [int(n) for n in batch.rows.column("id").to_pylist()]


class SqliteStand(SqlStand):
    def __init__(self, folder: Path) -> None:
        self._path = folder / "shop.db"
        super().__init__(f"sqlite://{self._path}", Grounds(folders=(str(folder),)))
        with sqlite3.connect(self._path) as connection:
            connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT, price REAL)")
        connection.close()

    def add(self, ids: Sequence[int]) -> None:
        with sqlite3.connect(self._path) as connection:
            connection.executemany("INSERT INTO orders VALUES (?, NULL, 1.5)", [(n,) for n in ids])
        connection.close()


class PostgresStand(SqlStand):
    def __init__(self, address: str) -> None:
        import psycopg

        self._plain = address
        super().__init__(address, Grounds(folders=("/tmp",)))
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE TABLE orders (id int PRIMARY KEY, note text, price numeric(8, 2))")

    def add(self, ids: Sequence[int]) -> None:
        import psycopg

        with psycopg.connect(self._plain, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO orders VALUES (%s, NULL, 1.5)", [(n,) for n in ids])


class ByText(SqlStand):
    """Stands whose rows come as text and that have an order of their own."""

    cursor = ""
    options: Mapping[str, str] = {}

    def open(self) -> RowSource:
        secret = Secret(self.secret) if self.secret else None
        source = self._sources.open(self._address, secret=secret, options=self.options)
        assert isinstance(source, RowSource)
        return source


class RedisStand(ByText):
    stream = "clicks"

    def __init__(self, address: str) -> None:
        import redis

        path = address.removeprefix("unix://")
        super().__init__(f"redis+unix://{path}", Grounds(folders=(str(Path(path).parent),)))
        self._client = redis.Redis(unix_socket_path=path)

    def add(self, ids: Sequence[int]) -> None:
        with self._client.pipeline() as pipe:
            for n in ids:
                pipe.xadd("clicks", {"id": n, "note": f"n{n}"})
                pipe.hset(f"user:{n}", mapping={"id": n, "name": f"u{n}"})
            pipe.execute()
        self._client.close()


class KafkaStand(ByText):
    """A cluster of one broker within the client library."""

    stream = "orders"
    secret = ""

    def __init__(self) -> None:
        from confluent_kafka import Producer

        self._producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "none:1", "log_level": 0})
        (broker,) = self._producer.list_topics(timeout=10).brokers.values()
        super().__init__(f"kafka://{broker.host}:{broker.port}", Grounds(hosts=(broker.host,)))

    def add(self, ids: Sequence[int]) -> None:
        for n in ids:
            self.produce(msgspec.json.encode({"id": n, "note": f"n{n}", "price": n * 0.5}), key=str(n))
        assert self._producer.flush(10) == 0

    def produce(self, value: bytes | None, key: str) -> None:
        self._producer.produce("orders", value=value, key=key)
        self._producer.poll(0)


class DynamoStand(ByText):
    stream = "orders"
    cursor = "id"
    secret = "AKIDEXAMPLE:very/secret-key"

    def __init__(self, url: str) -> None:
        import boto3

        self.options = {"endpoint": url}
        super().__init__("dynamodb://eu-central-1", Grounds(hosts=("127.0.0.1",)))
        self._client = boto3.client(
            "dynamodb", region_name="eu-central-1", endpoint_url=url, aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="very/secret-key",
        )  # fmt: skip
        for name in self._client.list_tables()["TableNames"]:
            self._client.delete_table(TableName=name)
        self._client.create_table(
            TableName="orders", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST",
        )  # fmt: skip

    def add(self, ids: Sequence[int]) -> None:
        items = [
            {"pk": {"S": f"k{n}"}, "id": {"N": str(n)}, "price": {"N": "1.5"}, "tags": {"L": [{"S": "a"}]}} for n in ids
        ]
        for start in range(0, len(items), 25):
            puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            self._client.batch_write_item(RequestItems={"orders": puts})


@pytest.fixture(scope="module")
def redis_address() -> Iterator[str]:
    with redis_server() as address:
        yield address


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with s3_server() as server:
        yield server.url


class TestRedis(RowSourceContract):
    @pytest.fixture
    def stand(self, redis_address: str) -> RedisStand:
        import redis

        with redis.Redis(unix_socket_path=redis_address.removeprefix("unix://")) as client:
            client.flushall()
        return RedisStand(redis_address)

    def test_hashes_are_read_by_a_pattern_with_their_key(self, stand: RedisStand) -> None:
        stand.add(range(1, 31))
        with closing(stand.open()) as source:
            batches = list(source.read(Ask(stream="user:*", batch_rows=7)))
        rows = [row for batch in batches for row in batch.rows.to_pylist()]
        assert sorted(row["key"] for row in rows) == sorted(f"user:{n}" for n in range(1, 31))
        assert all(row["name"] == f"u{row['id']}" for row in rows)

    def test_an_entry_with_another_field_is_told_as_wrong(self, stand: RedisStand) -> None:
        stand.add(range(1, 1001))
        stand._client.xadd("clicks", {"id": 1001, "strange": "x"})
        with closing(stand.open()) as source:
            batches = list(source.read(Ask(stream="clicks")))
        assert sum(batch.rows.num_rows for batch in batches) == 1000
        (wrong,) = [each for batch in batches for each in batch.wrong]
        assert "strange" in wrong.reason


class TestKafka(RowSourceContract):
    @pytest.fixture
    def stand(self) -> KafkaStand:
        pytest.importorskip("confluent_kafka", reason="pip install 'modelyard[kafka]'")
        return KafkaStand()

    def test_types_are_told_and_what_is_no_object_is_wrong(self, stand: KafkaStand) -> None:
        stand.add([1, 2])
        stand.produce(b"no json", "x")
        stand.produce(None, "tombstone")
        stand.add([3])
        with closing(stand.open()) as source:
            shape = source.shape(Ask(stream="orders"))
            batches = list(source.read(Ask(stream="orders")))
        assert dict(shape.hints) == {"id": "int64", "price": "float64"}
        assert sorted(n for batch in batches for n in stand.ids(batch)) == [1, 2, 3]
        assert sorted(w.reason for batch in batches for w in batch.wrong) == ["no value", "not a JSON object"]
        assert all(place.partition(":")[2].isdigit() for batch in batches for place in batch.positions or ())

    def test_raw_values_come_with_key_and_time(self, stand: KafkaStand) -> None:
        stand.produce(b"plain text", "k1")
        stand.add([])
        stand.options = {"format": "text"}
        with closing(stand.open()) as source:
            ((row,),) = [batch.rows.to_pylist() for batch in source.read(Ask(stream="orders"))]
        assert (row["key"], row["value"]) == ("k1", "plain text")
        assert row["time"].startswith("20")

    def test_a_cluster_that_names_other_hosts_is_not_followed(self, stand: KafkaStand) -> None:
        stand._sources = KnownSources(Grounds(hosts=("localhost",)))
        stand._address = stand._address.replace("127.0.0.1", "localhost")
        with closing(stand.open()) as source, pytest.raises(Forbidden, match=r"127\.0\.0\.1"):
            list(source.streams())


class TestDynamo(RowSourceContract):
    @pytest.fixture
    def stand(self, aws: str) -> DynamoStand:
        pytest.importorskip("boto3", reason="pip install 'modelyard[dynamodb]'")
        return DynamoStand(aws)

    def test_values_keep_their_kinds_and_what_is_nested_is_json(self, stand: DynamoStand) -> None:
        stand.add([7])
        with closing(stand.open()) as source:
            shape = source.shape(Ask(stream="orders"))
            (batch,) = source.read(Ask(stream="orders"))
        assert dict(shape.hints) == {"id": "int64", "price": "float64"}
        assert batch.rows.to_pylist() == [{"pk": "k7", "id": "7", "price": "1.5", "tags": '["a"]'}]

    def test_keys_of_the_machine_are_never_used(self, stand: DynamoStand) -> None:
        with pytest.raises(Forbidden, match="ACCESS_KEY_ID"):
            KnownSources(Grounds()).open("dynamodb://eu-central-1", secret=None, options=stand.options)


@pytest.mark.parametrize(
    ("address", "how"),
    [
        ("mysql://reader@127.0.0.1/shop", "dbc install mysql"),
        ("snowflake://user@account/db", "pip install adbc-driver-snowflake"),
        ("bigquery://project/dataset", "pip install adbc-driver-bigquery"),
    ],
)
def test_a_database_whose_driver_is_missing_says_how_to_get_it(address: str, how: str) -> None:
    with closing(KnownSources(Grounds()).open(address, secret=Secret("hush"), options={})) as source:
        assert isinstance(source, RowSource)
        with pytest.raises(MissingExtra, match=how) as missing:
            source.shape(Ask(stream="orders"))
    assert "hush" not in missing.value.detail


class TestSqlite(RowSourceContract):
    @pytest.fixture
    def stand(self, tmp_path: Path) -> SqliteStand:
        return SqliteStand(tmp_path)


class TestPostgres(RowSourceContract):
    @pytest.fixture
    def stand(self, postgres_address: str) -> PostgresStand:
        return PostgresStand(postgres_address)

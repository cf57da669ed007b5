"""The sinks port's suite on Postgres, Redis, folders, buckets and webhooks; and what each refuses."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import from_url

from modelyard.adapters.sinks import KnownSinks
from modelyard.kernel.errors import Forbidden, InvalidInput, Unavailable
from modelyard.ports.secrets import Secret
from modelyard.ports.sinks import Target, Way
from modelyard.testing.sinks_contract import Held, SinkContract, parcel, rows
from tests.engines.listener import Listener, listening
from tests.engines.redis import redis_server
from tests.engines.s3 import S3Server, s3_server

_number = count(1)


class PostgresStand:
    ways = frozenset(Way)
    whole = True
    secret = ""

    def __init__(self, address: str) -> None:
        self._address = address

    def open(self, way: Way) -> Target:
        return KnownSinks(("/tmp",)).open(self._address, way=way, secret=None, options={})

    def held(self, target: str) -> Held:
        import psycopg

        with psycopg.connect(self._address) as connection:
            if connection.execute("SELECT to_regclass(%s)", (target,)).fetchone() == (None,):
                return []
            return connection.execute(f"SELECT id, name FROM {target} ORDER BY id".encode()).fetchall()


class TestPostgres(SinkContract):
    @pytest.fixture
    def stand(self, postgres_address: str) -> PostgresStand:
        return PostgresStand(postgres_address)


class RedisStand:
    ways = frozenset({Way.MERGE})
    whole = False
    secret = ""

    def __init__(self, path: str) -> None:
        self._path = path

    def open(self, way: Way) -> Target:
        address = f"redis+unix://{self._path}"
        return KnownSinks((str(Path(self._path).parent),)).open(address, way=way, secret=None, options={})

    def held(self, target: str) -> Held:
        import redis

        with redis.Redis(unix_socket_path=self._path) as client:
            keys = list(client.scan_iter(f"{target}:*"))
            found = [json.loads(str(text, "utf-8")) for text in client.mget(keys)] if keys else []
        return sorted((row["id"], row["name"]) for row in found)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with redis_server() as address:
        yield address


class TestRedis(SinkContract):
    @pytest.fixture
    def stand(self, address: str) -> RedisStand:
        import redis

        path = address.removeprefix("unix://")
        with redis.Redis(unix_socket_path=path) as client:
            client.flushall()
        return RedisStand(path)


def _of(tables: list[pa.Table]) -> Held:
    return sorted((row["id"], row["name"]) for table in tables for row in table.to_pylist())


class FolderStand:
    ways = frozenset({Way.APPEND, Way.OVERWRITE})
    whole = True
    secret = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, way: Way) -> Target:
        known = KnownSinks((str(self._folder),))
        return known.open(f"file://{self._folder}/out", way=way, secret=None, options={})

    def held(self, target: str) -> Held:
        assert list(self._folder.rglob(".*")) == []
        return _of([pq.read_table(path) for path in self._folder.glob(f"out/{target}/*.parquet")])


class TestFolder(SinkContract):
    @pytest.fixture
    def stand(self, tmp_path: Path) -> FolderStand:
        return FolderStand(tmp_path)


class BucketStand:
    ways = frozenset({Way.APPEND, Way.OVERWRITE})
    whole = True
    secret = "hidden-key"

    def __init__(self, server: S3Server) -> None:
        self._options = {key: value for key, value in server.options.items() if key != "secret_access_key"}
        self._address = server.make_bucket(f"sinks-{next(_number)}")
        opened: Any = from_url  # its overloads tell the stores apart
        self._store = opened(self._address, config=server.options, client_options={"allow_http": True})

    def open(self, way: Way) -> Target:
        known = KnownSinks(("127.0.0.1",))
        return known.open(f"{self._address}/out", way=way, secret=Secret(self.secret), options=self._options)

    def held(self, target: str) -> Held:
        paths = [meta["path"] for batch in obstore.list(self._store, prefix=f"out/{target}") for meta in batch]
        found = [bytes(obstore.get(self._store, path).bytes()) for path in paths]
        return _of([pq.read_table(pa.BufferReader(content)) for content in found])


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


class TestBucket(SinkContract):
    @pytest.fixture
    def stand(self, server: S3Server) -> BucketStand:
        return BucketStand(server)


class WebhookStand:
    ways = frozenset({Way.APPEND, Way.MERGE})
    whole = False
    secret = "signing-word"

    def __init__(self, heard: Listener) -> None:
        self._heard = heard

    def open(self, way: Way) -> Target:
        known = KnownSinks(("127.0.0.1",), pauses_s=(0.0, 0.0))
        return known.open(self._heard.url, way=way, secret=Secret(self.secret), options={})

    def held(self, target: str) -> Held:
        """As a receiver has them that checks the signature and takes each id once."""
        found, seen = dict[int, str | None](), dict[str, bytes]()
        for headers, body in self._heard.got:
            id_ = headers["webhook-id"]
            text = f"{id_}.{headers['webhook-timestamp']}.".encode() + body
            digest = base64.b64encode(hmac.digest(self.secret.encode(), text, hashlib.sha256)).decode()
            assert headers["webhook-signature"] == f"v1,{digest}"
            assert seen.setdefault(id_, body) == body
            data = json.loads(body)["data"]
            assert (data["target"], len(data.get("rows", [])) <= 500) == (target, True)
            found = {n: name for n, name in found.items() if n not in {row["id"] for row in data.get("gone", [])}}
            found |= {row["id"]: row["name"] for row in data.get("rows", [])}
        return sorted(found.items())


class TestWebhook(SinkContract):
    @pytest.fixture
    def heard(self) -> Iterator[Listener]:
        with listening() as heard:
            yield heard

    @pytest.fixture
    def stand(self, heard: Listener) -> WebhookStand:
        return WebhookStand(heard)

    def test_a_part_that_is_not_taken_is_tried_again_and_stops_the_delivery(
        self, stand: WebhookStand, heard: Listener
    ) -> None:
        target = stand.open(Way.MERGE)
        for status, error, tries in ((503, Unavailable, 3), (429, Unavailable, 3), (400, InvalidInput, 1),
                                     (302, InvalidInput, 1), (401, Forbidden, 1)):  # fmt: skip
            heard.status = status
            heard.got.clear()
            with pytest.raises(error, match=str(status)):
                target.take(parcel(Way.MERGE, rows(*range(1, 801)), since=0, upto=1))
            assert len(heard.got) == tries
            assert len({body for _, body in heard.got}) == 1
        heard.status = 200
        heard.got.clear()
        assert target.take(parcel(Way.MERGE, rows(*range(1, 801)), since=0, upto=1, gone=[9_000]))
        first, *_, last = (json.loads(body) for _, body in heard.got)
        assert (first["id"], first["data"]["gone"], first["data"]["last"]) == ("sink_01.1.1", [{"id": 9000}], False)
        assert (last["id"], last["data"]["part"], last["data"]["last"]) == ("sink_01.1.3", 3, True)
        assert last["data"]["rows"][0] == {"id": 501, "name": None, "at": "2026-01-02T03:04:05Z", "price": "1.50"}


def test_a_webhook_is_signed_goes_over_https_and_never_to_a_private_address_that_is_not_listed() -> None:
    known = KnownSinks(("hooks.example", "127.0.0.1"))
    with pytest.raises(InvalidInput, match="signed"):
        known.check("https://hooks.example/in", Way.APPEND, {}, sealed=False)
    with pytest.raises(InvalidInput, match="https only"):
        known.check("http://hooks.example/in", Way.APPEND, {}, sealed=True)
    with pytest.raises(Forbidden):
        known.check("https://10.0.0.5/in", Way.APPEND, {}, sealed=True)
    with pytest.raises(InvalidInput, match="secret"):
        known.check("https://hooks.example/in?token=abc", Way.APPEND, {}, sealed=True)
    with pytest.raises(Forbidden):
        KnownSinks(("169.254.169.254",)).check("https://169.254.169.254/in", Way.APPEND, {}, sealed=True)


def test_a_name_that_stands_for_a_private_number_is_reached_only_where_the_number_is_listed(
    monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    import socket

    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", free_port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: found)
    for hosts, error in ((("hooks.example",), Forbidden), (("hooks.example", "127.0.0.1"), Unavailable)):
        target = KnownSinks(hosts, pauses_s=()).open(
            "https://hooks.example/", way=Way.MERGE, secret=Secret("s"), options={}
        )
        with pytest.raises(error):
            target.take(parcel(Way.MERGE, rows(1), since=0, upto=1))


def test_files_are_put_only_into_what_is_listed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    known = KnownSinks((str(tmp_path / "in"), "s3://mine/out"))
    known.check(f"file://{tmp_path}/in/deep", Way.APPEND, {}, sealed=False)
    known.check("s3://mine/out/deep", Way.APPEND, {"region": "eu-1"}, sealed=False)
    for address, options in (
        ("file:///etc", {}), (f"file://{tmp_path}/in/../elsewhere", {}), ("s3://mine/other", {}), ("s3://theirs", {}),
        ("s3://mine/out", {"endpoint": "https://evil.example"}),
    ):  # fmt: skip
        with pytest.raises(Forbidden):
            known.check(address, Way.APPEND, options, sealed=False)
    for address, options in (
        ("s3://mine/out/../other", {}), ("s3://mine/out/*", {}), ("file://in", {}),
        ("s3://mine/out", {"secret_access_key": "x"}),
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            known.check(address, Way.APPEND, options, sealed=False)
    with pytest.raises(InvalidInput, match="append, overwrite alone"):
        known.check(f"file://{tmp_path}/in", Way.MERGE, {}, sealed=False)
    (tmp_path / "in" / "shop").symlink_to(tmp_path)
    target = known.open(f"file://{tmp_path}/in", way=Way.APPEND, secret=None, options={})
    with pytest.raises(Forbidden):
        target.take(parcel(Way.APPEND, rows(1), since=0, upto=1))
    assert list(tmp_path.glob("*.parquet")) == []

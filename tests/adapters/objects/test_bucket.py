"""What a bucket of objects does beyond its port: addresses, faults of the other side, a killed writer, damage."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest

from modelyard.adapters.objects import open_objects
from modelyard.adapters.objects.bucket import open_bucket
from modelyard.kernel.errors import Damaged, InvalidInput, Unavailable
from modelyard.ports.objects import Digest
from tests.engines.s3 import S3Server, s3_server

WRITER = """
import json, sys
from pathlib import Path
from modelyard.adapters.objects import open_objects

def content():
    yield bytes(20_000_000)
    sys.stdout.write("midway\\n")
    sys.stdout.flush()
    sys.stdin.read()

open_objects(sys.argv[1], options=json.loads(sys.argv[2]), spool=Path(sys.argv[3])).put(content())
"""


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


def test_a_writer_killed_midway_leaves_nothing_in_the_bucket_and_no_spool(server: S3Server, tmp_path: Path) -> None:
    address = server.make_bucket("killed")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, address, json.dumps(server.options), str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as writer:  # fmt: skip
        assert writer.stdout is not None
        assert writer.stdout.readline() == "midway\n"
        os.kill(writer.pid, signal.SIGKILL)
    assert list(open_objects(address, options=server.options).digests()) == []
    assert server.unfinished_uploads("killed") == 0
    assert list(tmp_path.iterdir()) == []


def test_harmed_bytes_are_found_by_a_whole_read(server: S3Server) -> None:
    address = server.make_bucket("harmed")
    objects = open_objects(address, options=server.options)
    digest = objects.put([b"content"]).digest
    raw = open_bucket(address, server.options)
    obstore.put(raw, f"{digest[:2]}/{digest}", b"c0ntent")
    with pytest.raises(Damaged, match=digest):
        list(objects.read(digest))


def test_a_bucket_that_does_not_exist_is_said(server: S3Server) -> None:
    objects = open_objects("s3://nowhere", options=server.options)
    with pytest.raises(Unavailable, match="s3://nowhere refused or did not answer; check that it exists"):
        objects.put([b"content"])


def test_strangers_among_the_keys_are_passed_over(server: S3Server) -> None:
    address = server.make_bucket("strangers") + "/inner"
    objects = open_objects(address, options=server.options)
    stored = objects.put([b"content"])
    outer = open_objects("s3://strangers", options=server.options)
    raw = open_bucket(address, server.options)
    obstore.put(raw, "README", b"not ours")
    assert list(objects.digests()) == [stored]
    assert list(outer.digests()) == []


@pytest.mark.parametrize("address", ["ftp://host/objects", "s3://", "gopher://x"])
def test_an_address_of_no_known_store_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match=r"s3://"):
        open_objects(address)


def test_an_unknown_option_is_refused_without_showing_its_value() -> None:
    with pytest.raises(InvalidInput, match="endpont") as caught:
        open_objects("s3://bucket", options={"endpont": "secret"})
    assert "secret" not in str(caught.value).replace("secret_access_key", "")


def test_a_name_that_is_no_digest_never_reaches_the_bucket() -> None:
    objects = open_objects("s3://bucket", options={"endpoint": "http://127.0.0.1:9", "region": "x"})
    with pytest.raises(InvalidInput):
        objects.read(Digest("../x"))

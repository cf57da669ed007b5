"""The objects port's suite on a folder and on S3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from modelyard.adapters.objects import open_objects
from modelyard.adapters.seals import Keyring
from modelyard.adapters.secrets import open_secrets
from modelyard.ports.objects import Objects
from modelyard.testing.objects_contract import ObjectsContract
from tests.engines.s3 import S3Server, s3_server

_number = count(1)


class TestFolder(ObjectsContract):
    @pytest.fixture
    def objects(self, tmp_path: Path) -> Objects:
        return open_objects(tmp_path / "objects")


class TestSealedFolder(ObjectsContract):
    @pytest.fixture
    def objects(self, tmp_path: Path) -> Objects:
        keys = Keyring(lambda: open_secrets(tmp_path / "state"), seals=True)
        return open_objects(tmp_path / "objects", keys=keys)


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


class TestS3(ObjectsContract):
    gives_links = True
    many = 40

    @pytest.fixture
    def objects(self, server: S3Server, tmp_path: Path) -> Iterator[Objects]:
        bucket = f"contract-{next(_number)}"
        yield open_objects(server.make_bucket(bucket) + "/some/prefix", options=server.options, spool=tmp_path)
        assert server.unfinished_uploads(bucket) == 0
        assert list(tmp_path.iterdir()) == [], "a spool file stayed"


def test_a_bucket_that_seals_gives_no_links(server: S3Server, tmp_path: Path) -> None:
    address = server.make_bucket("sealed-doors")
    plain = open_objects(address, options=server.options, spool=tmp_path)
    sealed = open_objects(
        address, options=server.options, spool=tmp_path,
        keys=Keyring(lambda: open_secrets(tmp_path / "state"), seals=True),
    )  # fmt: skip
    kept = sealed.put([b"not for everybody"]).digest
    before, after = plain.doors(), sealed.doors()
    assert before is not None
    assert after is not None
    assert (before.are_open(), after.are_open()) == (True, False)
    assert before.link(kept, lasts=timedelta(minutes=1)) is None


UPLOAD = "upl_01M85YFRS22QW0NTCPZ562W6YB"


def test_azure_and_google_sign_links_too_without_being_asked() -> None:
    secret = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    account = {"client_email": "yard@example.org", "private_key": pem, "private_key_id": "1"}
    for address, options, host, expires, headers in (
        ("az://files/yard", {"account_name": "acme", "account_key": "c2VjcmV0"}, "acme.blob.core.windows.net", "sp=w",
         {"x-ms-blob-type": "BlockBlob"}),
        ("gs://files/yard", {"service_account_key": json.dumps(account)}, "storage.googleapis.com",
         "X-Goog-Expires=300", {}),
    ):  # fmt: skip
        doors = open_objects(address, options=options).doors()
        assert doors is not None
        assert doors.are_open()
        first, second = doors.part_links(UPLOAD, 2, lasts=timedelta(minutes=5))
        assert first.url.startswith(f"https://{host}/files/yard/parts/{UPLOAD}/00001?")
        assert expires in first.url
        assert (first.headers, f"/{UPLOAD}/00002?" in second.url) == (headers, True)

"""The objects port's suite on a folder and on S3."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

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
    @pytest.fixture
    def objects(self, server: S3Server, tmp_path: Path) -> Iterator[Objects]:
        bucket = f"contract-{next(_number)}"
        yield open_objects(server.make_bucket(bucket) + "/some/prefix", options=server.options, spool=tmp_path)
        assert server.unfinished_uploads(bucket) == 0
        assert list(tmp_path.iterdir()) == [], "a spool file stayed"

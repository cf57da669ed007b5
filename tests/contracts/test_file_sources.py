"""The suite for places that hold files, on a folder and on S3."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import from_url

from modelyard.adapters.sources import Grounds, KnownSources
from modelyard.ports.secrets import Secret
from modelyard.ports.sources import FileSource
from modelyard.testing.sources_contract import FileSourceContract
from tests.engines.s3 import S3Server, s3_server

_number = count(1)


class FolderStand:
    secret = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, pattern: str = "") -> FileSource:
        sources = KnownSources(Grounds(folders=(str(self._folder),)))
        found = sources.open(f"{self._folder}/{pattern}", secret=None, options={"settle_s": "0"})
        assert isinstance(found, FileSource)
        return found

    def put(self, name: str, content: bytes) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def remove(self, name: str) -> None:
        (self._folder / name).unlink()


class TestFolder(FileSourceContract):
    @pytest.fixture
    def stand(self, tmp_path: Path) -> FolderStand:
        return FolderStand(tmp_path)


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


class BucketStand:
    secret = "hidden-key"

    def __init__(self, server: S3Server) -> None:
        self._options = {key: value for key, value in server.options.items() if key != "secret_access_key"}
        self._address = server.make_bucket(f"files-{next(_number)}")
        opened: Any = from_url  # its overloads tell the stores apart
        self._store = opened(self._address, config=server.options, client_options={"allow_http": True})

    def open(self, pattern: str = "") -> FileSource:
        found = KnownSources(Grounds()).open(
            f"{self._address}/in/{pattern}", secret=Secret(self.secret), options=self._options
        )
        assert isinstance(found, FileSource)
        return found

    def put(self, name: str, content: bytes) -> None:
        obstore.put(self._store, f"in/{name}", content)

    def remove(self, name: str) -> None:
        obstore.delete(self._store, f"in/{name}")


class TestBucket(FileSourceContract):
    @pytest.fixture
    def stand(self, server: S3Server) -> BucketStand:
        return BucketStand(server)

"""The online port's suite on LMDB and on a real Redis server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from modelyard.adapters.online import open_online
from modelyard.ports.online import Online
from modelyard.testing.online_contract import OnlineContract, Opener
from tests.engines.redis import redis_server

_number = count(1)


class TestEmbedded(OnlineContract):
    @pytest.fixture
    def again(self, tmp_path: Path) -> Iterator[Opener]:
        """What other processes see is tested beside the adapter."""
        with ExitStack() as opened:

            def another() -> Online:
                online = open_online(tmp_path / "online")
                opened.callback(online.close)
                return online

            yield another

    @pytest.fixture
    def online(self, again: Opener) -> Online:
        return again()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with redis_server() as address:
        yield address


class TestServer(OnlineContract):
    @pytest.fixture
    def again(self, server: str) -> Iterator[Opener]:
        namespace = f"yard[{next(_number)}]*"
        with ExitStack() as opened:

            def another() -> Online:
                online = open_online(server, namespace=namespace)
                opened.callback(online.close)
                return online

            yield another

    @pytest.fixture
    def online(self, again: Opener) -> Online:
        return again()

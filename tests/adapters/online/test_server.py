"""What online rows on a server do beyond their port: a server that is not there, an address that is of none."""

from __future__ import annotations

import pytest

from modelyard.adapters.online import open_online
from modelyard.kernel.errors import InvalidInput, Unavailable


def test_a_server_that_does_not_answer_is_said_without_its_password(free_port: int) -> None:
    pytest.importorskip("redis", reason="pip install 'modelyard[redis]'")
    with pytest.raises(Unavailable, match=f"the online store at 127.0.0.1:{free_port}/0 refused") as caught:
        open_online(f"redis://:secret@127.0.0.1:{free_port}/0")
    assert "secret" not in caught.value.detail


def test_an_address_of_no_known_store_is_refused() -> None:
    with pytest.raises(InvalidInput, match="redis://"):
        open_online("memcached://127.0.0.1")

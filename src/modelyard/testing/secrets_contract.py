"""What every adapter of the secrets port must do. Derive a test class and give it a `secrets` fixture.

The fixture holds two secrets: `kafka_password` = `hunter2` and `warehouse_key` = `ключ ☃`.
"""

from __future__ import annotations

import copy
import traceback

import msgspec
import pytest

from modelyard.kernel.errors import Conflict, InvalidInput
from modelyard.ports.secrets import Secret, Secrets


class SecretsContract:
    """The suite."""

    def test_a_secret_is_given_by_its_name(self, secrets: Secrets) -> None:
        assert secrets.get("kafka_password") == Secret("hunter2")
        assert secrets.get("warehouse_key") == Secret("ключ ☃")
        assert secrets.get("unknown") is None

    def test_names_are_listed_without_values(self, secrets: Secrets) -> None:
        assert secrets.names() == ["kafka_password", "warehouse_key"]

    def test_a_secret_shows_itself_nowhere(self, secrets: Secrets) -> None:
        secret = secrets.get("kafka_password")
        assert secret is not None
        shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", str([secret]), str({"password": secret})]
        try:
            raise RuntimeError("connecting failed", secret)
        except RuntimeError:
            shown.append(traceback.format_exc())
        assert "hunter2" not in " ".join(shown)
        with pytest.raises(TypeError):
            msgspec.json.encode(secret)
        with pytest.raises(TypeError, match="not copied"):
            copy.copy(secret)
        assert secret.reveal() == "hunter2"
        assert "hunter2" not in repr(secrets)

    @pytest.mark.parametrize("name", ["", "../x", "a b", "x=y", "a\n", "x" * 121])
    def test_a_name_that_no_secret_can_have_is_refused(self, secrets: Secrets, name: str) -> None:
        with pytest.raises(InvalidInput):
            secrets.get(name)

    def test_a_secret_is_replaced_and_forgotten_where_that_is_allowed(self, secrets: Secrets) -> None:
        if not secrets.writable:
            with pytest.raises(Conflict):
                secrets.put("new.one", Secret("x"))
            with pytest.raises(Conflict):
                secrets.delete("kafka_password")
            return
        secrets.put("kafka_password", Secret("new"))
        secrets.put("empty.one", Secret(""))
        assert secrets.get("kafka_password") == Secret("new")
        assert secrets.get("empty.one") == Secret("")
        assert secrets.delete("kafka_password")
        assert not secrets.delete("kafka_password")
        assert secrets.get("kafka_password") is None
        assert secrets.names() == ["empty.one", "warehouse_key"]

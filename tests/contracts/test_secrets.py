"""The secrets port's suite on a sealed file and on the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.adapters.secrets import open_secrets
from modelyard.ports.secrets import Secret, Secrets
from modelyard.testing.secrets_contract import SecretsContract


class TestSealed(SecretsContract):
    @pytest.fixture
    def secrets(self, tmp_path: Path) -> Secrets:
        secrets = open_secrets(tmp_path / "state")
        secrets.put("kafka_password", Secret("hunter2"))
        secrets.put("warehouse_key", Secret("ключ ☃"))
        return secrets


class TestEnvironment(SecretsContract):
    @pytest.fixture
    def secrets(self, monkeypatch: pytest.MonkeyPatch) -> Secrets:
        monkeypatch.setenv("YARD_SECRET_KAFKA_PASSWORD", "hunter2")
        monkeypatch.setenv("YARD_SECRET_WAREHOUSE_KEY", "ключ ☃")
        return open_secrets("env:")

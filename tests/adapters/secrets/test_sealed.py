"""What a sealed file of secrets does beyond its port: modes, damage, a lost key, several writers, a crash."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from modelyard.adapters.secrets import open_secrets
from modelyard.adapters.secrets.sealed import SealedSecrets
from modelyard.kernel.errors import Damaged, Forbidden, InvalidInput
from modelyard.ports.secrets import Secret


@pytest.fixture
def secrets(tmp_path: Path) -> SealedSecrets:
    secrets = SealedSecrets(tmp_path)
    secrets.put("name", Secret("hunter2-hunter2"))
    return secrets


def test_no_value_and_no_name_stands_readable_in_any_file(secrets: SealedSecrets, tmp_path: Path) -> None:
    for path in tmp_path.iterdir():
        assert b"hunter2" not in path.read_bytes()
        assert b"name" not in path.read_bytes()


def test_every_file_is_its_owners_alone(secrets: SealedSecrets, tmp_path: Path) -> None:
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "secrets.sealed": 0o600, "secrets.key": 0o600, "secrets.lock": 0o600,
    }  # fmt: skip


def test_a_key_that_others_may_read_is_refused(secrets: SealedSecrets, tmp_path: Path) -> None:
    (tmp_path / "secrets.key").chmod(0o640)
    with pytest.raises(Forbidden, match="chmod 600"):
        secrets.get("name")


@pytest.mark.parametrize("place", [0, 12, 30, -1])
def test_a_changed_byte_is_found(secrets: SealedSecrets, tmp_path: Path, place: int) -> None:
    content = bytearray((tmp_path / "secrets.sealed").read_bytes())
    content[place] ^= 1
    (tmp_path / "secrets.sealed").write_bytes(content)
    with pytest.raises(Damaged, match="cannot be unsealed"):
        secrets.get("name")
    with pytest.raises(Damaged):
        secrets.put("other", Secret("x"))


@pytest.mark.parametrize("length", [0, 5, 15, 25])
def test_a_cut_off_file_is_found(secrets: SealedSecrets, tmp_path: Path, length: int) -> None:
    (tmp_path / "secrets.sealed").write_bytes((tmp_path / "secrets.sealed").read_bytes()[:length])
    with pytest.raises(Damaged):
        secrets.names()


def test_a_lost_key_is_said_and_never_replaced_by_reading(secrets: SealedSecrets, tmp_path: Path) -> None:
    (tmp_path / "secrets.key").unlink()
    with pytest.raises(Damaged, match="lost"):
        secrets.get("name")
    with pytest.raises(Damaged, match="lost"):
        secrets.put("other", Secret("x"))
    assert not (tmp_path / "secrets.key").exists()


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    def write(side: int) -> None:
        secrets = SealedSecrets(tmp_path)
        for n in range(10):
            secrets.put(f"secret.{side}.{n}", Secret("x"))

    threads = [threading.Thread(target=write, args=(side,)) for side in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(SealedSecrets(tmp_path).names()) == 40


def test_what_a_crash_left_beside_the_file_does_not_matter(secrets: SealedSecrets, tmp_path: Path) -> None:
    (tmp_path / "secrets.sealed.new").write_bytes(b"half")
    secrets.put("other", Secret("x"))
    assert secrets.names() == ["name", "other"]
    assert not (tmp_path / "secrets.sealed.new").exists()


def test_reading_an_empty_home_writes_nothing(tmp_path: Path) -> None:
    assert SealedSecrets(tmp_path / "state").names() == []
    assert list(tmp_path.iterdir()) == []


def test_the_same_secrets_sealed_twice_look_different(secrets: SealedSecrets, tmp_path: Path) -> None:
    first = (tmp_path / "secrets.sealed").read_bytes()
    secrets.put("name", Secret("hunter2-hunter2"))
    assert (tmp_path / "secrets.sealed").read_bytes() != first


def test_an_address_of_no_known_store_is_refused() -> None:
    with pytest.raises(InvalidInput, match="vault://"):
        open_secrets("vault://somewhere")

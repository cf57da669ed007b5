"""A home goes into one file and comes back the same; nothing damaged or foreign gets in."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

import modelyard
from modelyard.app.backup import backup, restore
from modelyard.app.examination import Health, examine
from modelyard.app.house import House
from modelyard.kernel.errors import Conflict, Damaged, InvalidInput, NotFound
from modelyard.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    with modelyard.connect(str(folder)) as yard:
        yard.governance.create_actor("ana")
    with_object = House(Settings(home=str(folder)))
    with_object.engines.objects.put([b"some bytes"])
    with_object.close()
    return folder


def test_a_home_comes_back_from_its_backup(home: Path, tmp_path: Path) -> None:
    with modelyard.connect(str(home)) as yard:
        backup(Settings(home=str(home)), tmp_path / "b.tar")
        yard.governance.create_actor("after")
    restore(tmp_path / "b.tar", tmp_path / "again")
    with modelyard.connect(str(tmp_path / "again")) as yard:
        assert {m.name for m in yard.governance.actors().items} == {"owner", "ana"}
        assert yard.governance.whoami().name == "owner"
    house = House(Settings(home=str(tmp_path / "again")))
    assert {f.health for f in examine(house)} == {Health.OK}
    house.close()


def test_nothing_is_written_over(home: Path, tmp_path: Path) -> None:
    backup(Settings(home=str(home)), tmp_path / "b.tar")
    with pytest.raises(Conflict, match="exists"):
        backup(Settings(home=str(home)), tmp_path / "b.tar")
    with pytest.raises(Conflict, match="not empty"):
        restore(tmp_path / "b.tar", home)
    with pytest.raises(NotFound, match="no home"):
        backup(Settings(home=str(tmp_path / "none")), tmp_path / "c.tar")


def test_a_damaged_backup_restores_nothing(home: Path, tmp_path: Path) -> None:
    backup(Settings(home=str(home)), tmp_path / "b.tar")
    whole = (tmp_path / "b.tar").read_bytes()
    at = whole.index(b"some bytes")
    (tmp_path / "flipped.tar").write_bytes(whole[:at] + b"SOME" + whole[at + 4 :])
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.tar").write_bytes(b"")
    with pytest.raises(Damaged, match="does not match"):
        restore(tmp_path / "flipped.tar", tmp_path / "again")
    for name in ("cut.tar", "empty.tar"):
        with pytest.raises(InvalidInput):
            restore(tmp_path / name, tmp_path / "again")
    assert [p.name for p in tmp_path.iterdir() if "again" in p.name] == []


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside-of-the-home", "state/../../outside", "stranger"])
def test_a_hostile_backup_writes_nowhere(home: Path, tmp_path: Path, name: str) -> None:
    backup(Settings(home=str(home)), tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar", "a") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))
    with pytest.raises((InvalidInput, Damaged)):
        restore(tmp_path / "b.tar", tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert not list(tmp_path.glob("**/outside*"))


def test_the_doctor_finds_damage_and_open_doors(home: Path) -> None:
    stored = next(p for p in (home / "objects").rglob("*") if p.is_file() and p.read_bytes() == b"some bytes")
    stored.chmod(0o600)
    stored.write_bytes(b"other bytes")
    (home / "state" / "owner.token").chmod(0o644)
    house = House(Settings(home=str(home)))
    found = {f.what: f for f in examine(house) if f.health is Health.BAD}
    house.close()
    assert set(found) == {"objects", "state/owner.token"}
    assert found["state/owner.token"].do.startswith("chmod 600")


def test_rows_that_wait_to_be_folded_are_in_a_backup_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with modelyard.connect(str(home)) as yard:
        yard.lake.push("t", [b'[{"a": 1}]'])
        yard.lake.flush()
        yard.lake.push("t", [b'[{"a": 2}]'])
        backup(Settings(home=str(home)), tmp_path / "b.tar")
        yard.lake.flush()
    restore(tmp_path / "b.tar", tmp_path / "again")
    with modelyard.connect(str(tmp_path / "again")) as yard:
        assert yard.lake.table("t").rows == 1
        assert [made.rows for made in yard.lake.flush()] == [1]
        assert yard.lake.table("t").rows == 2

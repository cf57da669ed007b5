"""A home that seals: what it stores and what it holds back cannot be read off its disk, and everything still works."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

import modelyard
from modelyard.app.cli import main
from modelyard.app.house import House
from modelyard.app.sealing import opened
from modelyard.governance.service.packed import Sought
from modelyard.governance.service.scan import search
from modelyard.kernel.errors import Unavailable
from modelyard.lake.api import Column, Declared, LoadId
from modelyard.sdk.hub import Yard
from modelyard.settings import Settings
from tests.sdk.filesets.conftest import put

WORD = "quarantined-kingfisher"
ROWS = f"id,n\n1,5\n2,{WORD}\n".encode()
SOUGHT = Sought(WORD, {"utf-8": WORD.encode()})
DECLARED = Declared(columns=(Column(name="id", type="int64"), Column(name="n", type="int64")))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YARD_SYNC", "normal")
    folder = tmp_path / "photos"
    for number in range(30):
        put(folder / f"{number}.txt", f"{WORD} {number}".encode())
    put(folder / "large.bin", f"{WORD} ".encode() * 20_000)
    return folder


def fill(yard: Yard, photos: Path) -> LoadId:
    """Every kind of thing that may be sealed; the load that holds a row back."""
    yard.lake.add_folder("photos", photos)
    load = yard.lake.load("numbers", [ROWS], schema=DECLARED)
    return load.id


def sealable(home: Path) -> list[str]:
    """The files that hold the word, among those that may be sealed; packed ones are looked into."""
    seen = search(home, SOUGHT)
    return [name for name in seen.found + seen.within if name.startswith(("objects/", "lake/", "run/"))]


def read_back(yard: Yard, load: LoadId, photos: Path, out: Path) -> None:
    assert [row.raw for row in yard.lake.quarantine(load).items] == [f"2,{WORD}"]
    assert yard.lake.checkout("photos", out).written == 31
    assert all((out / path.name).read_bytes() == path.read_bytes() for path in photos.iterdir())
    part = b"".join(yard.lake.read_file("photos", "large.bin", start=70_000, stop=70_050))
    assert part == (photos / "large.bin").read_bytes()[70_000:70_050]
    assert b"".join(yard.lake.source(load)) == ROWS
    assert [each for each in yard.lake.verify_files("photos") if each.missing or each.damaged] == []


def test_a_home_that_seals_shows_nothing_of_what_it_keeps_and_finds_it_when_it_searches(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("YARD_SEAL", "true")
    home = tmp_path / "home"
    with modelyard.connect(str(home)) as yard:
        load = fill(yard, photos)
        assert sealable(home) == []
        read_back(yard, load, photos, tmp_path / "out")
        done = yard.lake.erase("numbers", "n", ("5",))
        assert done.rows == 1
    house = House(Settings(home=str(home)))
    seen = search(home, SOUGHT, partial(opened, house.engines.keyring))
    house.close()
    assert len([name for name in seen.found if name.startswith(("objects/", "lake/quarantine/"))]) >= 3
    assert seen.unreadable == []
    (home / "state" / "secrets.sealed").unlink()
    with modelyard.connect(str(home)) as yard, pytest.raises(Unavailable, match="not among the secrets"):
        yard.lake.quarantine(load)
    assert main(["--home", str(home), "doctor"]) == 8
    assert "contents of file sets: 31 of 31 cannot be read as what they are" in capsys.readouterr().out


def test_what_was_plain_is_sealed_by_command_resealed_and_opened(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    with modelyard.connect(str(home)) as yard:
        load = fill(yard, photos)
    assert sealable(home)
    assert main(["--home", str(home), "seal"]) == 2
    assert "set seal = true" in capsys.readouterr().err
    monkeypatch.setenv("YARD_SEAL", "true")
    assert main(["--home", str(home), "seal", "--open"]) == 2
    for step in ("seal", "seal --rotate", "doctor"):
        assert main(["--home", str(home), *step.split()]) == 0
        assert sealable(home) == []
    with modelyard.connect(str(home)) as yard:
        read_back(yard, load, photos, tmp_path / "out")
    monkeypatch.setenv("YARD_SEAL", "false")
    capsys.readouterr()
    assert main(["--home", str(home), "seal", "--open"]) == 0
    assert "quarantined loads: 1 unsealed" in capsys.readouterr().out
    assert len(sealable(home)) >= 3

"""The same verbs against a yard that runs elsewhere: added, read, checked out and played over HTTP alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from modelyard.app.control import Control
from modelyard.app.house import House
from modelyard.sdk.hub import Yard
from modelyard.sdk.remote import HttpTransport
from modelyard.settings import Settings
from tests.lake.filesets.pictures import png, wav
from tests.sdk.filesets.conftest import put
from tests.sdk.filesets.test_checkout import held


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpTransport]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    house = House(Settings(home=str(tmp_path / "home"), port=0, sync="normal"))
    house.yard()
    token = (house.settings.home_path / "state" / "owner.token").read_text().strip()
    control = Control(house)
    ready = threading.Event()
    thread = threading.Thread(target=control.run, args=(lambda _: ready.set(),))
    thread.start()
    assert ready.wait(10)
    transport = HttpTransport(control.address, token)
    yield transport
    transport.close()
    control.stop()
    thread.join(15)


def test_a_folder_goes_to_a_yard_elsewhere_and_comes_back(served: HttpTransport, folder: Path, tmp_path: Path) -> None:
    lake = Yard(served).lake
    done = lake.add_folder("pets", folder, describe="folder")
    assert (done.version, done.added) == (1, 41)
    put(folder / "cat/001.txt", b"another picture")
    assert lake.add_folder("pets", folder).replaced == 1

    out = tmp_path / "out"
    assert lake.checkout("pets@1", out).written == 41
    assert held(out)["cat/001.txt"] == b"picture 1"
    assert lake.checkout("pets", out).written == 1
    assert held(out) == held(folder)

    reader = lake.fileset("pets").reader(shuffle=3, keep=tmp_path / "kept")
    first = {file.path: content for content, file in reader}
    assert first == held(folder)
    served.close()  # what is kept needs no yard: each content travels once
    assert {file.path: content for content, file in reader} == first


def test_players_are_given_parts_and_safe_types(served: HttpTransport, tmp_path: Path) -> None:
    source = tmp_path / "media"
    for name, content in {
        "cat.png": png(1), "sound.wav": wav(), "page.html": b"<script>alert(1)</script>", "drawing.svg": b"<svg/>",
        "pack.zip": b"PK\x03\x04" + bytes(99), "script.png": b"<html><script>alert(1)</script>",
    }.items():  # fmt: skip
        put(source / name, content)
    Yard(served).lake.add_folder("media", source)
    headers = {"authorization": f"Bearer {served._token}"}
    with httpx2.Client(base_url=served.address, headers=headers, trust_env=False) as http:
        told = {path: http.get(f"/v1/filesets/media/content/{path}") for path in held(source)}
        kinds = {path: answer.headers["content-type"] for path, answer in told.items()}
        assert kinds == {
            "cat.png": "image/png", "sound.wav": "audio/wav", "page.html": "text/plain; charset=utf-8",
            "drawing.svg": "text/plain; charset=utf-8", "pack.zip": "application/octet-stream",
            "script.png": "text/plain; charset=utf-8",
        }  # fmt: skip
        assert all(answer.headers["x-content-type-options"] == "nosniff" for answer in told.values())
        part = http.get("/v1/filesets/media/content/sound.wav", headers={"range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, wav()[100:200])

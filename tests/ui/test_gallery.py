"""The gallery of a file set over a real house."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from modelyard.app import screens
from modelyard.app.house import House
from modelyard.settings import Settings
from modelyard.ui.kit.frame import Vitals

EVIL = "<b>x"


def png(grey: int) -> bytes:
    """A picture of 2 by 2 points."""

    def part(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = bytes([0, grey, grey]) * 2
    head = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(Settings(home=str(tmp_path_factory.mktemp("pages"))))
    lake = made.yard().lake
    lake.put_file("cats", "train/tom.png", [png(40)], labels=("cat", EVIL), split="train")
    lake.put_file("cats", "test/notes.txt", [b"two of them"])
    yield made
    made.close()


@pytest.fixture
def client(house: House) -> TestClient:
    made = TestClient(screens.site(house, Vitals), base_url="http://yard.test", follow_redirects=False)
    house.owner()
    link = house.yard().governance.sign_in_link()
    assert made.post("/sign-in", data={"code": link.code}).status_code == 303
    made.headers.update({"accept": "text/html"})
    return made


def test_a_gallery_shows_pictures_kinds_labels_and_versions(client: TestClient) -> None:
    assert "cats" in client.get("/filesets").text
    page = client.get("/filesets/cats").text
    assert "/v1/filesets/cats/thumbnails/train/tom.png?size=128" in page and "2 × 2" in page
    assert EVIL not in page and "&lt;b&gt;x" in page
    data = client.get("/filesets/cats.json?label=cat").json()
    assert [t["path"] for t in data["tiles"]] == ["train/tom.png"] and data["counts"]["files"] == 2
    assert "No file matches" in client.get("/filesets/cats?label=dog").text
    assert client.get("/filesets/dogs").status_code == 404


def test_files_are_labelled_by_hand_and_the_version_says_so(house: House, client: TestClient) -> None:
    token = client.get("/filesets/cats").text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    said = {"csrf": token, "pick:test/notes.txt": "on", "label": "paper", "do": "on"}
    assert client.post("/filesets/cats/label", data=said).status_code == 303
    assert house.yard().lake.file("cats", "test/notes.txt").labels == ("paper",)
    assert client.post("/filesets/cats/label", data=said | {"do": "off"}).status_code == 303
    assert house.yard().lake.file("cats", "test/notes.txt").labels == ()
    assert client.post("/filesets/cats/label", data={"csrf": token, "label": "paper"}).status_code == 422

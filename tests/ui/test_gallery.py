"""The gallery of a file set over a real house."""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING

import pytest

from modelyard.app.house import House

if TYPE_CHECKING:
    from tests.ui.conftest import Reader

EVIL = "<b>x"


def png(grey: int) -> bytes:
    """A picture of 2 by 2 points."""

    def part(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = bytes([0, grey, grey]) * 2
    head = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")


def tone(hertz: int) -> bytes:
    """A tenth of a second of a sound."""
    rate, points = 8000, 800
    body = b"".join(struct.pack("<h", int(30000 * math.sin(2 * math.pi * hertz * n / rate))) for n in range(points))
    head = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + len(body), b"WAVEfmt ", 16, 1, 1, rate, rate * 2, 2, 16,
                       b"data", len(body))  # fmt: skip
    return head + body


@pytest.fixture(scope="module")
def house(bare: House) -> House:
    lake = bare.yard().lake
    lake.put_file("cats", "train/tom.png", [png(40)], labels=("cat", EVIL), split="train")
    lake.put_file("cats", "test/notes.txt", [b"two of them"])
    return bare


def test_a_gallery_shows_pictures_kinds_labels_and_versions(reader: Reader) -> None:
    assert "cats" in reader.get("/filesets").text
    page = reader.get("/filesets/cats").text
    assert "/v1/filesets/cats/thumbnails/train/tom.png?size=128" in page and "2 × 2" in page
    assert EVIL not in page and "&lt;b&gt;x" in page
    data = reader.get("/filesets/cats.json?label=cat").json()
    assert [t["path"] for t in data["tiles"]] == ["train/tom.png"] and data["counts"]["files"] == 2
    assert "No file matches" in reader.get("/filesets/cats?label=dog").text
    assert reader.get("/filesets/birds").status_code == 404


def test_files_are_labelled_by_hand_and_the_version_says_so(house: House, reader: Reader) -> None:
    said = {"pick:test/notes.txt": "on", "label": "paper", "do": "on"}
    assert reader.fill("/filesets/cats/label", **said).status_code == 303
    assert house.yard().lake.file("cats", "test/notes.txt").labels == ("paper",)
    assert reader.fill("/filesets/cats/label", **said | {"do": "off"}).status_code == 303
    assert house.yard().lake.file("cats", "test/notes.txt").labels == ()
    assert reader.fill("/filesets/cats/label", label="paper").status_code == 422


def test_a_file_has_a_page_that_shows_plays_or_reads_it(house: House, reader: Reader) -> None:
    lake = house.yard().lake
    lake.put_file("pets", "meow.wav", [tone(440)], labels=("sound",))
    picture = reader.twin("/filesets/cats/file?path=train/tom.png")
    assert (picture["shows"], picture["file"]["split"]) == ("image", "train") and picture["thumbnail"]
    text = reader.get("/filesets/cats/file?path=test/notes.txt").text
    assert "two of them" in text and "text/plain" in text
    lake.put_file("pets", "list.csv", [f"name,kind\nrex,{EVIL}\ntom,cat,lost\n".encode()])
    fields = reader.twin("/filesets/pets/file?path=list.csv")
    assert fields["shows"] == "table" and [r["cells"] for r in fields["rows"]["rows"]] == [
        ["rex", EVIL],
        ["tom", "cat"],
    ]
    assert EVIL not in reader.get("/filesets/pets/file?path=list.csv").text
    sound = reader.twin("/filesets/pets/file?path=meow.wav")
    assert sound["shows"] == "audio" and max(sound["wave"]["peaks"]) > 0.5
    page = reader.get("/filesets/pets/file?path=meow.wav").text
    assert "<audio controls" in page and 'class="wave"' in page
    assert reader.get("/filesets/cats/file?path=nothing").status_code == 404
    assert reader.get("/filesets/cats/file").status_code == 404
    done = reader.fill("/filesets/pets/file/label", path="meow.wav", label=EVIL, do="on")
    assert done.status_code == 303 and EVIL not in reader.get(done.headers["location"]).text
    assert reader.fill("/filesets/pets/file/label", path="meow.wav", label=" ").status_code == 422


def test_two_versions_of_a_set_are_compared_file_by_file(house: House, reader: Reader) -> None:
    lake = house.yard().lake
    lake.put_file("dogs", "rex.png", [png(10)])
    lake.put_file("dogs", "rex.png", [png(200)])
    lake.label_files("dogs", paths=("rex.png",), add=("good",))
    data = reader.twin("/filesets/dogs/diff?base=1&target=3")
    (change,) = data["files"]
    assert (change["fate"], change["path"]) == ("replaced", "rex.png") and ["labels", "none", "good"] in change["said"]
    assert change["before"] != change["after"]
    assert "No file differs" in reader.get("/filesets/dogs/diff?base=2&target=2").text
    assert reader.get("/filesets/dogs/diff?base=99").status_code == 404

"""How alike two files are, kind by kind."""

from __future__ import annotations

import io
import json
import math
import zipfile

import numpy as np
import pytest

from modelyard.sdk.reproducing.likeness import of_files, of_series
from modelyard.tracking.api import Likeness

SAME, EQUAL, OTHER = Likeness.IDENTICAL, Likeness.EQUAL, Likeness.DIFFERENT


def npy(values: object, kind: str = "f8") -> bytes:
    out = io.BytesIO()
    np.save(out, np.array(values, dtype=kind), allow_pickle=False)
    return out.getvalue()


def packed(members: dict[str, bytes], year: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in members.items():
            archive.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), body)
    return out.getvalue()


def skops(base: int, weight: float, year: int) -> bytes:
    """As skops writes it: objects and members are named by where Python had them."""
    schema = {"__class__": "Fit", "__id__": base, "content": [{"__id__": base + 8, "file": f"{base + 8}.npy"}]}
    return packed({f"{base + 8}.npy": npy([1.0, weight]), "schema.json": json.dumps(schema).encode()}, year)


@pytest.mark.parametrize(
    ("name", "first", "again", "likeness", "words"),
    [
        ("a.bin", b"one", b"one", SAME, ""),
        ("a.bin", b"onE", b"one", OTHER, "from byte 2 on"),
        ("model.pkl", b"\x80\x04K\x01.", b"\x80\x04K\x02.", OTHER, "other bytes"),
        ("a.json", b'{"a": 1.0}', b'{"a":1.0}', SAME, "written otherwise"),
        ("a.json", b'{"a": [1.0, 2.0]}', b'{"a": [1.0, 2.0000001]}', EQUAL, "most at a[1]"),
        ("a.json", b'{"a": 1, "b": "x"}', b'{"a": 1, "b": "y"}', OTHER, "b: x -> y"),
        ("a.json", b'{"a": true}', b'{"a": 1}', SAME, ""),
        ("a.json", b"{", b"[", OTHER, "is no json file"),
        ("a.csv", b"x,y\n1,2\n", b"x,y\n1,2.0000001\n", EQUAL, "within"),
        ("a.csv", b"x\n1\n", b"x\n1\n2\n", OTHER, "2 lines and 3"),
        ("a.npy", npy([1.0, 2.0]), npy([1.0, 2.0000001]), EQUAL, "1 of 2 numbers"),
        ("a.npy", npy([1, 2], "i8"), npy([1, 3], "i8"), OTHER, "[1]: 2.0 -> 3.0"),
        ("a.npy", npy([1.0]), npy([1.0], "f4"), OTHER, "<f8[1] and <f4[1]"),
        ("a.npy", b"\x93NUMPY\x01", b"", OTHER, "is no npy file"),
        ("a.zip", packed({"a.txt": b"x"}, 2020), packed({"a.txt": b"x"}, 2021), SAME, "when it was made"),
        ("a.npz", packed({"w.npy": npy([1.0])}, 2020), packed({"w.npy": npy([3.0])}, 2021), OTHER, "w.npy: 1 of 1"),
        ("a.zip", packed({"a": b""}, 2020), packed({"b": b""}, 2020), OTHER, "other members: a, b"),
        ("a.zip", b"PK", b"PK0", OTHER, "is no zip file"),
        ("m.skops", skops(1000, 2.0, 2020), skops(7000, 2.0, 2021), SAME, "the same contents"),
        ("m.skops", skops(1000, 2.0, 2020), skops(7000, 2.0000001, 2021), EQUAL, "within"),
        ("m.skops", skops(1000, 2.0, 2020), skops(7000, 9.0, 2021), OTHER, "2.0 -> 9.0"),
        ("m/MLmodel", b"run_id: a\nflavors: {x: 1}", b"run_id: b\nflavors: {x: 1}", SAME, "but for run_id"),
        ("m/MLmodel", b"run_id: a\nflavors: {x: k}", b"run_id: b\nflavors: {x: l}", OTHER, "flavors.x: k -> l"),
        ("m/MLmodel", b"a: [", b"a: {", OTHER, "is no MLmodel file"),
    ],
)
def test_files_are_looked_into_by_their_kind(
    name: str, first: bytes, again: bytes, likeness: Likeness, words: str
) -> None:
    kind, said = of_files(name, first, again, 1e-6)
    assert (kind, words in said) == (likeness, True), said


def test_a_picture_is_its_pixels_and_not_what_is_written_beside() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + kind + body + b"crc!"

    def picture(pixels: bytes, said: bytes) -> bytes:
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"1") + chunk(b"tEXt", said) + chunk(b"IDAT", pixels)

    assert of_files("a.png", picture(b"p", b"x"), picture(b"p", b"y"), 0.0)[0] is SAME
    assert of_files("a.png", picture(b"p", b"x"), picture(b"q", b"x"), 0.0)[0] is OTHER


def test_series_are_compared_point_by_point_and_not_a_number_is_like_itself() -> None:
    nan, inf = math.nan, math.inf
    assert of_series([(0, nan), (1, inf)], [(0, nan), (1, inf)], 0.0) == (SAME, "")
    assert of_series([(0, 1.0), (1, 2.0)], [(0, 1.0), (1, 2.0 + 1e-12)], 1e-9)[0] is EQUAL
    assert of_series([(0, 1.0)], [(1, 1.0)], 1.0)[0] is OTHER
    assert of_series([(0, 1.0)], [(0, nan)], 1.0)[0] is OTHER
    assert of_series([(0, inf)], [(0, -inf)], 1.0)[0] is OTHER

"""A home in this process, a cache of its own, and a folder of files whose times lie back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.app.embedded import open_home
from modelyard.sdk.hub import Yard

LONG_AGO_NS = 1_700_000_000_000_000_000


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("YARD_SYNC", "normal")
    with open_home(str(tmp_path / "home")) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "photos"
    for number in range(40):
        put(source / f"{'cat' if number % 2 else 'dog'}/{number:03d}.txt", b"picture %d" % number)
    put(source / "large.bin", b"large" * 300_000)
    return source


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))

"""A check-out makes a folder hold a version, again with only what differs, and never writes where it must not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelyard.kernel.errors import Conflict
from modelyard.sdk.filesets.checkout import Link
from modelyard.sdk.hub import Yard


def held(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != ".yard-checkout")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_a_folder_comes_to_hold_one_version_after_the_other(yard: Yard, folder: Path, tmp_path: Path) -> None:
    yard.lake.add_folder("photos", folder)
    first, out = held(folder), tmp_path / "out"
    assert yard.lake.checkout("photos", out).written == 41
    assert held(out) == first
    (folder / "cat" / "001.txt").write_bytes(b"another")
    (folder / "dog" / "000.txt").unlink()
    (folder / "fresh" / "deep").mkdir(parents=True)
    (folder / "fresh" / "deep" / "x.txt").write_bytes(b"x")
    yard.lake.add_folder("photos", folder, mirror=True)
    done = yard.lake.checkout("photos@2", out)
    assert (done.written, done.removed, done.unchanged) == (2, 1, 39)
    assert held(out) == held(folder)
    assert yard.lake.checkout("photos@1", out).written == 2
    assert held(out) == first
    assert not (out / "fresh").exists()
    assert yard.lake.add_folder("photos", out, mirror=True).removed == 1


def test_nothing_of_somebody_else_is_written_over(yard: Yard, folder: Path, tmp_path: Path) -> None:
    yard.lake.add_folder("photos", folder)
    out = tmp_path / "out"
    yard.lake.checkout("photos", out)
    mine = out / "cat" / "001.txt"
    mine.write_bytes(b"my own notes")
    with pytest.raises(Conflict, match=r"cat/001\.txt"):
        yard.lake.checkout("photos", out)
    assert mine.read_bytes() == b"my own notes"
    yard.lake.checkout("photos", out, overwrite=True)
    assert mine.read_bytes() == b"picture 1"
    yard.lake.add_folder("other", folder)
    with pytest.raises(Conflict, match="photos"):
        yard.lake.checkout("other", out)


def test_a_link_in_the_way_is_not_followed(yard: Yard, folder: Path, tmp_path: Path) -> None:
    yard.lake.add_folder("photos", folder)
    out, outside = tmp_path / "out", tmp_path / "outside"
    outside.mkdir()
    out.mkdir()
    (out / "cat").symlink_to(outside)
    with pytest.raises(Conflict, match="link"):
        yard.lake.checkout("photos", out, overwrite=True)
    assert list(outside.iterdir()) == []
    assert not (out / "large.bin").exists()
    (out / "cat").unlink()
    (out / "large.bin").symlink_to(outside / "target")
    with pytest.raises(Conflict):
        yard.lake.checkout("photos", out)
    assert not (outside / "target").exists()


def test_large_files_may_be_linked_and_are_read_only_then(yard: Yard, folder: Path, tmp_path: Path) -> None:
    yard.lake.add_folder("photos", folder)
    for link in Link:
        yard.lake.checkout("photos", tmp_path / link, link=link)
        assert held(tmp_path / link) == held(folder)
    linked = (tmp_path / "hardlink" / "large.bin").stat()
    assert (linked.st_nlink, linked.st_mode & 0o222) == (2, 0)
    assert (tmp_path / "copy" / "large.bin").stat().st_nlink == 1
    assert os.access(tmp_path / "copy" / "large.bin", os.W_OK)
    assert list(yard.lake.verify_files("photos"))[-1].damaged == ()

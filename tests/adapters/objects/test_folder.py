"""What a folder of objects does beyond its port: crashes, damage, a full disk, strangers among the files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.adapters.objects.folder import FolderObjects
from modelyard.kernel.errors import Damaged, NotFound, Unavailable
from modelyard.ports.objects import Digest

WRITER = """
import sys
from pathlib import Path
from modelyard.adapters.objects.folder import FolderObjects

def content():
    yield bytes(3_000_000)
    sys.stdout.write("midway\\n")
    sys.stdout.flush()
    sys.stdin.read()

FolderObjects(Path(sys.argv[1])).put(content())
"""

ON_A_SMALL_DISK = """
import resource, sys
from pathlib import Path
from modelyard.adapters.objects.folder import FolderObjects
from modelyard.kernel.errors import Unavailable

resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
objects = FolderObjects(Path(sys.argv[1]))
try:
    objects.put(bytes(300_000) for _ in range(9))
except Unavailable as err:
    sys.stdout.write(err.detail)
"""


def files_under(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_a_writer_killed_midway_leaves_nothing_visible_and_the_sweep_removes_its_file(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "midway\n"
        assert objects.sweep() == 0, "its writer still lives"
        os.kill(writer.pid, signal.SIGKILL)
    assert len(files_under(tmp_path)) == 1
    assert list(objects.digests()) == []
    assert objects.sweep() == 1
    assert files_under(tmp_path) == []
    assert objects.sweep() == 0


def test_a_full_disk_is_said_and_nothing_stays(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", ON_A_SMALL_DISK, str(tmp_path)], capture_output=True, text=True, timeout=30, check=True
    )
    assert "write an object after 900 kB: file too large; nothing was stored. Free space" in run.stdout
    assert str(tmp_path) not in run.stdout
    assert files_under(tmp_path) == []


@pytest.mark.parametrize("harm", [b"x" + b"b" * 9, b"short", b"b" * 11, b""])
def test_harmed_bytes_are_found_by_a_whole_read(tmp_path: Path, harm: bytes) -> None:
    objects = FolderObjects(tmp_path)
    digest = objects.put([b"b" * 10]).digest
    path = objects.local(digest)
    assert path is not None
    path.write_bytes(harm)
    with pytest.raises(Damaged, match=digest):
        list(objects.read(digest))


def test_a_cut_off_object_is_mended_by_putting_it_again(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    digest = objects.put([b"content"]).digest
    path = objects.local(digest)
    assert path is not None
    path.write_bytes(b"con")
    objects.put([b"content"])
    assert b"".join(objects.read(digest)) == b"content"


def test_an_object_deleted_before_its_first_chunk_is_read_says_so(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    digest = objects.put([b"content"]).digest
    chunks = objects.read(digest)
    objects.delete(digest)
    with pytest.raises(NotFound):
        next(chunks)


def test_strangers_among_the_files_are_passed_over(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    stored = objects.put([b"content"])
    (tmp_path / stored.digest[:2] / "note.txt").write_text("not ours")
    (tmp_path / "README").write_text("not ours")
    assert list(objects.digests()) == [stored]


def test_objects_are_private_to_their_owner(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    path = objects.local(objects.put([b"secret"]).digest)
    assert path is not None
    assert path.stat().st_mode & 0o077 == 0


def test_moving_the_folder_moves_the_objects(tmp_path: Path) -> None:
    digest = FolderObjects(tmp_path / "here").put([b"content"]).digest
    (tmp_path / "here").rename(tmp_path / "there")
    assert b"".join(FolderObjects(tmp_path / "there").read(digest)) == b"content"


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="could not open the objects folder"):
        FolderObjects(tmp_path / "file" / "objects")


def test_a_store_of_another_folder_knows_nothing_of_this_one(tmp_path: Path) -> None:
    digest = FolderObjects(tmp_path / "one").put([b"content"]).digest
    assert FolderObjects(tmp_path / "two").size(Digest(digest)) is None

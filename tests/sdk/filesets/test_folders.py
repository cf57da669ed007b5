"""A folder is added in one commit; only what is new travels, and nothing that could do harm is taken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelyard.kernel.errors import InvalidInput
from modelyard.sdk.filesets.adding import AddProgress, Note
from modelyard.sdk.hub import Yard


def test_a_folder_is_added_whole_and_again_only_by_what_changed(yard: Yard, folder: Path) -> None:
    seen: list[AddProgress] = []
    done = yard.lake.add_folder("photos", folder, describe="folder", progress=seen.append)
    assert (done.added, done.version) == (41, 1)
    assert (seen[-1].files, seen[-1].hashed, seen[-1].sent) == (41, 41, 41)
    assert seen[-1].sent_bytes == seen[-1].hashed_bytes == seen[-1].size_bytes
    assert yard.lake.count_files("photos").labels == {"cat": 20, "dog": 20}
    (folder / "cat" / "001.txt").write_bytes(b"another")
    (folder / "new.txt").write_bytes(b"picture 2")
    seen.clear()
    done = yard.lake.add_folder("photos", folder, progress=seen.append)
    assert (done.added, done.replaced, done.unchanged, done.version) == (1, 1, 40, 2)
    assert seen[-1].sent == 1
    assert yard.lake.file("photos", "cat/003.txt").labels == ("cat",)
    assert yard.lake.add_folder("photos", folder, cache=False).version == 2


def test_a_file_that_changed_behind_its_times_is_found_without_the_cache(yard: Yard, folder: Path) -> None:
    yard.lake.add_folder("photos", folder)
    path = folder / "cat" / "001.txt"
    told = path.stat()
    path.write_bytes(b"PICTURE 1")
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert yard.lake.add_folder("photos", folder, cache=False).replaced == 1


def test_files_go_below_a_prefix_with_notes_of_their_own(yard: Yard, folder: Path) -> None:
    yard.lake.add_folder(
        "photos", folder / "cat", into="train", describe=lambda path: Note(labels=(path[-7:-4],), split="train")
    )
    file = yard.lake.file("photos", "train/003.txt")
    assert (file.labels, file.split) == (("003",), "train")
    with pytest.raises(InvalidInput, match="mirror"):
        yard.lake.add_folder("photos", folder, into="x", mirror=True)


def test_a_mirror_leaves_out_what_left_the_folder(yard: Yard, folder: Path) -> None:
    yard.lake.add_folder("photos", folder)
    (folder / "large.bin").unlink()
    assert yard.lake.add_folder("photos", folder, mirror=True).removed == 1


@pytest.mark.parametrize("kind", ["link to a file", "link to a folder", "pipe", "name"])
def test_what_is_no_ordinary_file_is_refused_by_name_and_nothing_is_added(
    yard: Yard, folder: Path, kind: str
) -> None:  # fmt: skip
    strange = folder / "cat" / "strange"
    if kind == "link to a file":
        strange.symlink_to("/etc/passwd")
    elif kind == "link to a folder":
        strange.symlink_to("/etc")
    elif kind == "pipe":
        os.mkfifo(strange)
    else:
        (folder / "cat" / "strange\nname").write_bytes(b"")
    with pytest.raises(InvalidInput, match="strange"):
        yard.lake.add_folder("photos", folder)
    assert yard.lake.filesets().items == []


def test_a_name_that_is_no_text_is_refused(yard: Yard, folder: Path) -> None:
    with open(os.fsencode(folder) + b"/bad\xff.txt", "wb"):  # noqa: PTH123 - no path holds such a name
        pass
    with pytest.raises(InvalidInput, match="UTF-8"):
        yard.lake.add_folder("photos", folder)

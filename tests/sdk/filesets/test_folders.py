"""A folder is added in one commit; only what is new travels, and nothing that could do harm is taken."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from modelyard.app.cli import main
from modelyard.kernel.errors import InvalidInput, StaleVersion
from modelyard.sdk.filesets.adding import AddProgress, Note
from modelyard.sdk.hub import Yard
from tests.sdk.filesets.conftest import put


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


def test_what_others_did_to_the_set_meanwhile_is_made_good(yard: Yard, folder: Path) -> None:
    lake = yard.lake
    assert lake.add_folder("pets", folder, describe="folder").added == 41
    assert lake.add_folder("pets", folder, describe="folder").unchanged == 41
    lake.remove_files("pets", paths=("cat/001.txt",))
    assert lake.add_folder("pets", folder, describe="folder").added == 1
    lake.erase_files("pets", "path", ("cat/003.txt",))  # leaves the version's number as it was
    assert lake.add_folder("pets", folder, describe="folder").added == 1
    lake.label_files("pets", where="path = 'cat/005.txt'", add=("odd",))
    assert lake.add_folder("pets", folder, describe="folder").edited == 1
    assert lake.add_folder("pets", folder).unchanged == 41
    assert lake.add_folder("pets", folder, describe=lambda path: Note(split="train")).edited == 41
    (folder / "cat/007.txt").unlink()
    assert lake.add_folder("pets", folder, mirror=True).removed == 1
    assert lake.fileset("pets").files == 40


def test_only_what_differs_is_named_where_the_set_stands_as_it_was_left(yard: Yard, folder: Path) -> None:
    lake = yard.lake
    before = lake.add_folder("pets", folder)
    put(folder / "cat/001.txt", b"another")
    put(folder / "new.txt", b"new")
    done = lake.add_folder("pets", folder)
    assert (done.added, done.replaced, done.unchanged) == (1, 1, 40)
    entry = b'{"path":"a.txt","digest":"' + hashlib.sha256(b"new").hexdigest().encode() + b'"}'
    with pytest.raises(StaleVersion, match="not at version 1 any more"):
        lake.commit_files("pets", [entry], after=before.version)
    assert lake.commit_files("pets", [entry], after=done.version).added == 1


def test_folders_go_in_and_out_by_command(
    yard: Yard, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--home", str(tmp_path / "home"), "lake"]
    yard.close()
    assert main([*home, "add-folder", "pets", str(folder), "--label-by-folder"]) == 0
    put(folder / "cat/001.txt", b"another")
    assert main([*home, "add-folder", "pets", str(folder), "--label-by-folder", "--json"]) == 0
    assert main([*home, "checkout", "pets@1", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "pets@1: 41 added" in said
    assert '"replaced": 1' in said
    assert "holds pets@1: 41 written, 0 removed, 0 unchanged" in said
    assert (tmp_path / "out/cat/001.txt").read_bytes() == b"picture 1"
    assert main([*home, "checkout", "pets@9", str(tmp_path / "out")]) == 3

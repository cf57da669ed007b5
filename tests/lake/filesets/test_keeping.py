"""Contents are checked, erased everywhere, and collected only once nobody refers to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.adapters.objects.folder import FolderObjects
from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import NotFound
from modelyard.lake.api import ADD, Column, Fault, FileEntry, Lake
from modelyard.ports.objects import Digest
from modelyard.testing import Bench
from tests.lake.filesets.pictures import add, digest_of, entries, framed, png

BIG = b"big" * 100_000


def contents(bench: Bench) -> dict[str, int]:
    """Every stored content, with its size."""
    return {str(each.digest): each.size_bytes for each in FolderObjects(bench.home / "objects" / "files").digests()}


def bytes_hold(bench: Bench, wanted: bytes) -> list[str]:
    """Files of the home that hold some bytes."""
    files = (path for path in Path(bench.home).rglob("*") if path.is_file())
    return [str(path.relative_to(bench.home)) for path in files if wanted in path.read_bytes()]


def test_a_check_reads_every_content_and_names_what_is_wrong(bench: Bench, lake: Lake) -> None:
    add(lake, "cats", {"a.bin": BIG, "b.txt": b"two", "c.txt": b"three"})
    add(lake, "cats", {"a.bin": b"other" * 100_000})
    done = list(lake.verify_files("cats"))[-1]
    assert (done.checked, done.total, done.missing, done.damaged, done.done) == (4, 4, (), (), True)
    store = bench.home / "objects" / "files"
    (big,) = [path for path in store.rglob(digest_of(BIG)) if path.is_file()]
    big.write_bytes(b"x" + BIG[1:])
    (pack,) = (store / "packs").glob("*.pack")
    pack.unlink()
    found = list(lake.verify_files("cats"))
    assert {p for line in found for p in line.damaged} == {"a.bin@1"}
    assert {p for line in found for p in line.missing} == {"b.txt@2", "c.txt@2"}
    newest = list(lake.verify_files("cats", at="2"))[-1]
    assert (newest.total, newest.damaged) == (3, ())


def test_an_examination_names_what_contents_lack_and_clears_away_what_is_nobodys(bench: Bench, lake: Lake) -> None:
    add(lake, "cats", {"a.bin": BIG, "b.txt": b"two"})
    lake.load("t", [b"id\n1\n"])
    assert lake.examine(deep=True).findings == ()
    store = FolderObjects(bench.home / "objects" / "files")
    store.put([b"nobody's"])
    (stray,) = lake.examine().findings
    assert (stray.fault, stray.mended) == (Fault.STRAY, False)
    assert lake.examine(mend=True).findings[0].mended
    assert contents(bench).keys() == {digest_of(BIG), digest_of(b"two")}

    (big,) = [path for path in (bench.home / "objects" / "files").rglob(digest_of(BIG)) if path.is_file()]
    big.write_bytes(b"x" + BIG[1:])
    store.discard([Digest(digest_of(b"two"))])
    FolderObjects(bench.home / "objects").discard([Digest(lake.loads().items[0].digest)])
    found = lake.examine(deep=True).findings
    assert [(each.fault, each.table) for each in found] == [
        (Fault.MISSING, "fileset.cats"), (Fault.DAMAGED, "fileset.cats"), (Fault.MISSING, "t"),
    ]  # fmt: skip
    assert "b.txt@1" in found[0].detail
    add(lake, "cats", {"b.txt": b"two"})
    assert [each.fault for each in lake.examine().findings] == [Fault.MISSING]


def test_erased_files_leave_every_version_and_the_disk(bench: Bench, lake: Lake) -> None:
    lake.create_fileset("scans", columns=(Column(name="patient", type="string"),))
    files = {"p1/a.txt": b"first scan of somebody", "p1/b.bin": BIG, "p2/c.txt": b"of another"}
    given = [
        FileEntry(path=path, digest=digest_of(each), attributes={"patient": path[:2]}) for path, each in files.items()
    ]
    add(lake, "scans", files, given=given)
    lake.tag_fileset("scans", "paper")
    lake.label_files("scans", where="true", add=("seen",))
    done = lake.erase_files("scans", "patient", ("p1",))
    assert (done.rows, done.objects, done.shared) == (2, 2, 0)
    assert [str(ref) for ref in done.versions] == ["fileset:scans@2", "fileset:scans@3"]
    assert contents(bench).keys() == {digest_of(b"of another")}
    assert bytes_hold(bench, b"first scan") == bytes_hold(bench, b"p1/a.txt") == []
    for at in (None, "paper", "2", "3"):
        assert [file.path for file in lake.list_files("scans", at=at).items] == ["p2/c.txt"]
    assert list(lake.verify_files("scans"))[-1].total == 1


def test_bytes_that_another_file_has_stay_for_it(bench: Bench, lake: Lake) -> None:
    add(lake, "cats", {"a.txt": b"shared", "b.txt": b"alone"})
    add(lake, "dogs", {"x.txt": b"shared"})
    done = lake.erase_files("cats", "path", ("a.txt",))
    assert (done.rows, done.objects, done.shared) == (1, 0, 1)
    assert b"".join(lake.read_file("dogs", "x.txt")) == b"shared"


def test_one_content_is_erased_everywhere_with_its_thumbnails(bench: Bench, lake: Lake) -> None:
    pytest.importorskip("PIL", reason="needs Pillow: pip install 'modelyard[media]'")
    add(lake, "cats", {"a.png": png(1), "b.png": png(2)})
    add(lake, "cats", {"a.png": png(3)})
    add(lake, "dogs", {"x/y.png": png(1)})
    lake.thumbnail("cats", "a.png", at="1")
    lake.thumbnail("cats", "b.png")
    adding = ADD.new(SystemClock())
    lake.upload_files("mice", adding, [framed([png(1)])])
    done = lake.erase_object(digest_of(png(1)))
    assert [str(ref) for ref in done.versions] == ["fileset:cats@1", "fileset:dogs@1"]
    assert (done.rows, done.objects) == (1, 1)
    held = contents(bench)
    assert digest_of(png(1)) not in held
    assert len(held) == 3
    assert bytes_hold(bench, png(1)) == []
    assert [file.path for file in lake.list_files("cats", at="1").items] == ["b.png"]
    assert lake.erase_object(digest_of(png(1))).objects == 0


def test_what_no_version_refers_to_is_collected_and_nothing_else(bench: Bench, lake: Lake) -> None:
    add(lake, "cats", {"a.txt": b"one", "b.txt": b"two"})
    add(lake, "cats", {"a.txt": b"three"})
    coming = ADD.new(SystemClock())
    lake.upload_files("cats", coming, [framed([b"on its way", BIG])])
    assert lake.collect_objects().objects == 0
    lake.commit_files(
        "cats", [b'{"path": "c.txt", "digest": "' + digest_of(b"on its way").encode() + b'"}'], add=coming
    )
    found = lake.collect_objects()
    assert (found.objects, found.size_bytes) == (1, len(BIG))
    assert contents(bench).keys() == {digest_of(each) for each in (b"one", b"two", b"three", b"on its way")}


def test_dropping_a_set_frees_what_only_it_had(bench: Bench, lake: Lake) -> None:
    add(lake, "cats", {"a.txt": b"one", "b.txt": b"two"})
    add(lake, "dogs", {"a.txt": b"one"})
    assert lake.drop_fileset("cats").objects == 1
    assert contents(bench).keys() == {digest_of(b"one")}
    with pytest.raises(NotFound):
        lake.fileset("cats")
    assert [each.name for each in lake.filesets().items] == ["dogs"]


def test_many_contents_are_fetched_in_the_order_asked_for_and_only_those_of_the_set(lake: Lake) -> None:
    add(lake, "cats", {"a.txt": b"one", "b.bin": BIG})
    add(lake, "dogs", {"a.txt": b"other"})
    wanted = (digest_of(BIG), digest_of(b"one"))
    assert b"".join(lake.fetch_files("cats", wanted)) == framed([BIG, b"one"])
    with pytest.raises(NotFound):
        list(lake.fetch_files("cats", (digest_of(b"other"),)))


def test_a_change_is_told_with_what_it_read_and_wrote(bench: Bench, lake: Lake) -> None:
    add(lake, "cats", {"secret/a.txt": b"one"})
    lake.label_files("cats", paths=("secret/a.txt",), add=("x",))
    events = bench.events("lake.file_set_changed")
    assert [(list(map(str, e.reads)), list(map(str, e.writes))) for e in events] == [
        ([], ["fileset:cats@1"]), (["fileset:cats@1"], ["fileset:cats@2"])
    ]  # fmt: skip
    assert not any(b"secret" in bytes(event.body) for event in bench.events())
    assert entries({"a": b""})

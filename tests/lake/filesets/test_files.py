"""File sets: what goes in comes out, every version stays, and each change is one commit."""

from __future__ import annotations

import pyarrow as pa
import pytest

from modelyard.kernel.errors import AlreadyExists, InvalidInput, NotFound, StaleVersion
from modelyard.lake.api import READS_KEY, Column, FileEntry, FileFate, Lake
from modelyard.testing import Bench
from tests.lake.filesets.pictures import add, digest_of, entries, framed, png, wav
from tests.lake.stand import read

CATS = {"train/tom.png": png(1), "train/kit.png": png(2), "test/leo.png": png(3)}


def paths(lake: Lake, name: str = "cats", **how: object) -> list[str]:
    return [file.path for file in lake.list_files(name, **how).items]  # type: ignore[arg-type]  # the options of list_files


def content(lake: Lake, path: str, name: str = "cats", **how: object) -> bytes:
    return b"".join(lake.read_file(name, path, **how))  # type: ignore[arg-type]  # the options of read_file


def test_files_that_were_added_are_listed_and_read_back(lake: Lake) -> None:
    done = add(lake, "cats", CATS)
    assert (done.added, done.replaced, done.unchanged, str(done.ref)) == (3, 0, 0, "fileset:cats@1")
    assert paths(lake) == sorted(CATS)
    assert all(content(lake, path) == each for path, each in CATS.items())
    file = lake.file("cats", "train/tom.png")
    assert (file.facts.media_type, file.facts.width, file.facts.height) == ("image/png", 32, 24)
    assert (file.facts.digest, file.facts.size_bytes) == (digest_of(png(1)), len(png(1)))
    assert (file.added_by, file.labels, file.split) == ("actor_bench", (), "")


def test_a_second_adding_brings_only_what_changed(lake: Lake) -> None:
    add(lake, "cats", CATS)
    again = {**CATS, "train/kit.png": png(20), "train/new.png": png(1)}
    done = add(lake, "cats", again)
    assert (done.added, done.replaced, done.unchanged, done.version) == (1, 1, 2, 2)
    assert content(lake, "train/kit.png") == png(20)
    assert content(lake, "train/kit.png", at="1") == png(2)
    nothing = add(lake, "cats", again)
    assert (nothing.version, nothing.unchanged) == (2, 4)


def test_a_mirror_removes_what_is_not_named(lake: Lake) -> None:
    add(lake, "cats", CATS)
    done = add(lake, "cats", {"train/tom.png": png(1)}, mirror=True)
    assert (done.removed, done.unchanged) == (2, 1)
    assert paths(lake) == ["train/tom.png"]
    assert paths(lake, at="1") == sorted(CATS)


def test_a_content_must_be_brought_by_whoever_names_it(lake: Lake) -> None:
    add(lake, "cats", CATS)
    with pytest.raises(StaleVersion, match="upload them"):
        lake.commit_files("dogs", [b'{"path": "a.png", "digest": "' + digest_of(png(1)).encode() + b'"}'])
    assert [each.name for each in lake.filesets().items] == ["cats"]


def test_one_file_is_put_and_replaced(lake: Lake) -> None:
    file = lake.put_file("notes", "a/read.md", [b"# one"], labels=("doc",), split="train")
    assert (file.facts.media_type, file.labels, file.split) == ("text/markdown", ("doc",), "train")
    assert lake.put_file("notes", "a/read.md", [b"# two"]).labels == ("doc",)
    assert content(lake, "a/read.md", "notes") == b"# two"
    assert content(lake, "a/read.md", "notes", start=2) == b"two"
    assert content(lake, "a/read.md", "notes", start=0, stop=1) == b"#"


def test_labels_are_edited_by_hand_and_in_bulk(lake: Lake) -> None:
    add(lake, "cats", CATS)
    lake.label_files("cats", paths=("train/tom.png",), add=("cat", "blurred"))
    done = lake.label_files("cats", where="path like 'train/%'", add=("cat",), message="all are")
    assert (done.edited, done.unchanged) == (1, 1)
    assert paths(lake, label="cat") == ["train/kit.png", "train/tom.png"]
    assert paths(lake, label="") == ["test/leo.png"]
    lake.label_files("cats", where="true", remove=("blurred",))
    lake.label_files("cats", paths=("test/leo.png",), replace=("lion",))
    counts = lake.count_files("cats")
    assert (counts.labels, counts.unlabelled, counts.files) == ({"cat": 2, "lion": 1}, 0, 3)
    version = lake.fileset_history("cats").items[0]
    assert (version.author, version.operation) == ("actor_bench", "label")
    changes = lake.diff_files("cats", "1").files
    assert {c.path: c.new.labels for c in changes if c.new} == {
        "test/leo.png": ("lion",), "train/kit.png": ("cat",), "train/tom.png": ("cat",)
    }  # fmt: skip
    with pytest.raises(NotFound, match=r"train/none\.png"):
        lake.label_files("cats", paths=("train/none.png",), add=("cat",))
    with pytest.raises(InvalidInput):
        lake.label_files("cats", paths=("train/tom.png",))


def test_a_condition_can_only_choose_among_the_files_of_the_set(lake: Lake) -> None:
    add(lake, "cats", CATS)
    done = lake.label_files("cats", where="false) union all (select 'made/up.png'", add=("x",))
    assert (done.edited, done.version) == (0, 1)
    for where in ("1); drop table x; (", "path in (select * from read_csv('/etc/passwd'))"):
        with pytest.raises(InvalidInput):
            lake.list_files("cats", where=where)


def test_splits_are_stable_and_keep_groups_together(lake: Lake) -> None:
    lake.create_fileset("scans", columns=(Column(name="patient", type="string"),))
    files = {f"{n:03d}.txt": b"scan %d" % n for n in range(200)}
    given = [
        FileEntry(path=path, digest=digest_of(each), attributes={"patient": f"p{int(path[:3]) // 4}"})
        for path, each in files.items()
    ]
    add(lake, "scans", files, given=given)
    shares = {"train": 0.8, "test": 0.2}
    lake.split_files("scans", shares, seed=7, by="patient")
    first = {f.path: (f.split, f.attributes["patient"]) for f in lake.list_files("scans", limit=1000).items}
    assert len({patient for _, patient in first.values()}) == len(set(first.values())) == 50
    assert 20 < sum(split == "test" for split, _ in first.values()) < 70
    add(lake, "scans", {"new.txt": b"new"})
    again = lake.split_files("scans", {"test": 0.2, "train": 0.8}, seed=7, by="patient")
    assert (again.edited, again.unchanged) == (1, 200)
    assert paths(lake, "scans", split="test", limit=1000) == sorted(
        [path for path, (split, _) in first.items() if split == "test"]
        + paths(lake, "scans", prefix="new", split="test")
    )
    with pytest.raises(InvalidInput, match="together 1"):
        lake.split_files("scans", {"train": 0.8})


def test_a_difference_tells_the_four_fates_page_by_page(lake: Lake) -> None:
    add(lake, "cats", {**CATS, "same.png": png(9)})
    add(lake, "cats", {"train/kit.png": png(20), "new.png": png(21)})
    lake.remove_files("cats", paths=("train/tom.png",))
    lake.label_files("cats", paths=("test/leo.png",), add=("lion",))
    found = lake.diff_files("cats", "1")
    assert (found.added, found.removed, found.replaced, found.edited, found.next) == (1, 1, 1, 1, None)
    assert [(c.path, c.fate) for c in found.files] == [
        ("new.png", FileFate.ADDED), ("test/leo.png", FileFate.EDITED), ("train/kit.png", FileFate.REPLACED),
        ("train/tom.png", FileFate.REMOVED),
    ]  # fmt: skip
    pages, cursor = [], None
    while True:
        page = lake.diff_files("cats", "1", "4", cursor=cursor, limit=1)
        pages += [change.path for change in page.files]
        if (cursor := page.next) is None:
            break
    assert pages == ["new.png", "test/leo.png", "train/kit.png", "train/tom.png"]
    back = lake.diff_files("cats", "4", "1")
    assert (back.added, back.removed, back.replaced, back.edited) == (1, 1, 1, 1)


def test_an_older_version_comes_back_as_a_new_one(lake: Lake) -> None:
    add(lake, "cats", CATS)
    add(lake, "cats", {"train/kit.png": png(20), "new.png": png(21)})
    lake.remove_files("cats", where="path = 'train/tom.png'")
    done = lake.restore_fileset("cats", "1")
    assert (done.added, done.replaced, done.removed, done.version) == (1, 1, 1, 4)
    assert lake.diff_files("cats", "1").files == []
    assert content(lake, "train/kit.png") == png(2)


def test_versions_go_by_tag_and_are_read_by_sql(lake: Lake) -> None:
    add(lake, "cats", CATS)
    lake.tag_fileset("cats", "paper")
    lake.remove_files("cats", paths=("test/leo.png",))
    assert len(paths(lake, at="paper")) == 3
    assert lake.fileset("cats", at="paper").files == 3
    rows = read(lake, "fileset.cats", columns=("path", "width"))
    assert rows == [{"path": "train/kit.png", "width": 32}, {"path": "train/tom.png", "width": 32}]
    answer = pa.ipc.open_stream(b"".join(lake.sql('select count(*) from "fileset.cats@paper"')))
    assert (answer.schema.metadata or {})[READS_KEY.encode()] == b"fileset:cats@1"
    assert lake.profile("fileset.cats").ref == "fileset:cats@2"


def test_a_merge_and_a_tag_of_the_lake_name_file_sets(lake: Lake, bench: Bench) -> None:
    add(lake, "cats", CATS)
    lake.create_branch("more")
    lake.put_file("cats", "new.png", [png(7)], branch="more")
    (move,) = lake.publish("more").tables
    assert move.version == "fileset:cats@3"
    lake.tag_lake("all")
    named = {ref for event in bench.events() for ref in (*event.reads, *event.writes)}
    assert not [ref for ref in named if ref.startswith("table:")]


def test_a_branch_has_files_of_its_own_until_it_is_published(lake: Lake) -> None:
    add(lake, "cats", CATS)
    lake.create_branch("more")
    lake.put_file("cats", "new.png", [png(7)], branch="more")
    lake.label_files("cats", where="true", add=("cat",), branch="more")
    lake.put_file("dogs", "rex.txt", [b"woof"], branch="more")
    assert (len(paths(lake)), len(paths(lake, at="more"))) == (3, 4)
    assert paths(lake, label="cat") == []
    assert content(lake, "new.png", at="more") == png(7)
    assert [each.name for each in lake.filesets().items] == ["cats"]
    assert [each.name for each in lake.filesets(branch="more").items] == ["cats", "dogs"]
    assert lake.diff_files("cats", "main", "more").edited == 3
    assert lake.collect_objects().objects == 0
    done = lake.erase_files("dogs", "path", ("rex.txt",))
    assert done.objects == 1
    lake.discard("more")
    assert len(paths(lake)) == 3


def test_file_sets_are_no_plain_tables(lake: Lake) -> None:
    add(lake, "cats", CATS)
    lake.load("trips", [b"a\n1\n"], source="t.csv")
    assert [table.name for table in lake.tables().items] == ["trips"]
    for change in (
        lambda: lake.load("fileset.cats", [b"path\nx\n"], source="x.csv"), lambda: lake.drop("fileset.cats"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput, match="file set"):
            change()
    with pytest.raises(NotFound, match="file set dogs"):
        lake.fileset("dogs")
    with pytest.raises(AlreadyExists):
        lake.create_fileset("cats")


def test_lists_are_paged_and_filtered(lake: Lake) -> None:
    files = {f"{'ab'[n % 2]}/{n:03d}.txt": b"%d" % n for n in range(30)}
    add(lake, "texts", files)
    found, cursor = [], None
    while True:
        page = lake.list_files("texts", prefix="a/", limit=4, cursor=cursor)
        found += [file.path for file in page.items]
        if (cursor := page.next) is None:
            break
    assert found == sorted(path for path in files if path.startswith("a/"))
    assert paths(lake, "texts", where="size_bytes = 1") == sorted(p for p, each in files.items() if len(each) == 1)
    assert lake.count_files("texts", prefix="b/").files == 15


def test_a_set_has_columns_of_its_own(lake: Lake) -> None:
    lake.create_fileset(
        "scans", columns=(Column(name="patient", type="string"), Column(name="age", type="int64"),
                          Column(name="taken", type="date")),
    )  # fmt: skip
    files = {"a.png": png(1)}
    told = {"patient": "p1", "age": 44, "taken": "2026-02-03"}
    add(lake, "scans", files, given=entries(files, attributes=told))
    assert lake.file("scans", "a.png").attributes == told
    assert paths(lake, "scans", where="age > 40 and taken < '2027-01-01'") == ["a.png"]
    for wrong, why in (({"age": "old"}, "int64"), ({"size": 3}, "no column"), ({"taken": "soon"}, "date")):
        with pytest.raises(InvalidInput, match=why):
            add(lake, "scans", files, given=entries(files, attributes=wrong))
    with pytest.raises(InvalidInput, match="digest"):
        lake.create_fileset("x", columns=(Column(name="digest", type="string"),))


@pytest.mark.parametrize(
    "path",
    ["../x.png", "/etc/passwd", "a/../../x", "a//b", "a/./b", "a\0b", "a\nb", "CON", "aux.txt", "x/nul.png", "a\\b",
     "trailing.", "trailing ", " leading", "c:x", "a" * 251, "é" * 126, "x/" * 499 + "long", "a/", "\x7f"],
)  # fmt: skip
def test_a_path_that_could_do_harm_is_refused_and_nothing_is_added(lake: Lake, path: str) -> None:
    files = {"fine.png": png(1), path: png(2)}
    with pytest.raises(InvalidInput):
        add(lake, "cats", files)
    assert lake.filesets().items == []


@pytest.mark.parametrize(
    ("one", "other"),
    [("A.png", "a.png"), ("caf\u00e9.png", "cafe\u0301.png"), ("a", "a/b"), ("X/y", "x"), ("d/E/f", "d/e")],
)
def test_paths_that_clash_on_some_systems_are_refused(lake: Lake, one: str, other: str) -> None:
    with pytest.raises(InvalidInput, match="clash"):
        add(lake, "cats", {one: png(1), other: png(2)})
    add(lake, "cats", {one: png(1)})
    with pytest.raises(InvalidInput, match="clash"):
        add(lake, "cats", {other: png(2), "fine.png": png(3)})
    assert paths(lake) == [one]
    lake.remove_files("cats", paths=(one,))
    add(lake, "cats", {other: png(2)})


def test_a_path_is_told_to_no_log_and_no_audit() -> None:
    from modelyard.kernel.operations import operations

    known = {op.method: op.private for op in operations(Lake)}
    assert known["put_file"] == {"path"}
    assert known["label_files"] == known["remove_files"] == {"paths", "where"}


def test_broken_frames_are_refused(lake: Lake) -> None:
    from modelyard.kernel.clock import SystemClock
    from modelyard.kernel.errors import Malformed
    from modelyard.lake.api import ADD

    adding = ADD.new(SystemClock())
    good = framed([b"one", b"two" * 100_000])
    for cut in (4, 10, len(good) - 1):
        with pytest.raises(Malformed):
            lake.upload_files("cats", adding, [good[:cut]])
    with pytest.raises(Malformed):
        lake.upload_files("cats", adding, [b"\xff" * 8])
    for size in (1, 7, 64, len(good)):
        found = lake.upload_files(
            "cats", adding, (good[at : at + size] for at in range(0, min(len(good), 10_000_000), size))
        )
        assert [each.size_bytes for each in found] == [3, 300_000]
        assert [each.digest for each in found] == [digest_of(b"one"), digest_of(b"two" * 100_000)]


def test_a_sound_is_drawn_in_bars(lake: Lake) -> None:
    add(lake, "sounds", {"a.wav": wav(), "b.txt": b"no sound"})
    assert lake.file("sounds", "a.wav").facts.duration_ms == 500
    drawn = lake.waveform("sounds", "a.wav", bars=10)
    assert (drawn.sample_rate, drawn.channels, drawn.duration_ms, len(drawn.peaks)) == (8000, 1, 500, 10)
    assert drawn.peaks == sorted(drawn.peaks)
    assert 0.85 < drawn.peaks[-1] < 0.95

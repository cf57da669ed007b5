"""Artifacts: bytes in and out, listing, and paths that must never lead elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.kernel.errors import Conflict, InvalidInput, NotFound
from modelyard.tracking.api import ArtifactsDeleted
from modelyard.tracking.api.limits import safe_path
from tests.tracking.conftest import Workplace

BAD = [
    "../a", "a/../b", "a/..", "..", ".", "./a", "a/./b", "/etc/passwd", "//server/share", "a//b", "a/", "\\a",
    "a\\..\\b",
    "%2e%2e/a", "%2E%2E%2Fa", "%252e%252e%252fa", "a/%2e%2e/b", "..%2fa", "%5c..%5ca", "C:/a", "c:", "a\x00b", "a%00b",
    "..;/a", "a;b", "a#b", "a\nb", "x" * 1025, "a/" + "y" * 256, "", "%", "a%25252525252525252525252e%2e/../b",
]  # fmt: skip


@pytest.mark.parametrize("path", [p for p in BAD if p != "%"])
def test_a_path_that_could_lead_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match="Invalid path"):
        safe_path(path)


@pytest.mark.parametrize("path", ["a", "model/MLmodel", "a b/ü.txt", "100%", "a..b", "..a/b..", "x/y/z.tar.gz"])
def test_a_plain_path_is_taken_as_it_is(path: str) -> None:
    assert safe_path(path) == path


@given(st.text(alphabet="./\\%2eEfF;:#a\x00 ", max_size=20))
def test_whatever_is_let_through_stays_below(path: str) -> None:
    try:
        kept = safe_path(path)
    except InvalidInput:
        return
    assert not kept.startswith("/")
    assert all(part not in ("", ".", "..") for part in kept.split("/"))


def test_bytes_come_back_and_are_listed(place: Workplace) -> None:
    yard = place.tracking
    run = yard.start_run().id
    yard.upload(run, "model/MLmodel", [b"abc", b"def"])
    yard.upload(run, "model/data/x.bin", [b""])
    yard.upload(run, "model-card.md", [b"#"])
    yard.upload(run, "notes.txt", [b"one"])
    yard.upload(run, "notes.txt", [b"two"])
    assert b"".join(yard.download(run, "model/MLmodel")) == b"abcdef"
    assert b"".join(yard.download(run, "notes.txt")) == b"two"
    assert [(a.path, a.is_folder, a.size_bytes) for a in yard.artifacts(run).items] == [
        ("model-card.md", False, 1), ("model", True, None), ("notes.txt", False, 3),
    ]  # fmt: skip
    assert [a.path for a in yard.artifacts(run, "model").items] == ["model/MLmodel", "model/data"]
    assert yard.artifacts(run, "notes.txt").items == []
    paged, cursor = [], None
    while True:
        page = yard.artifacts(run, limit=1, cursor=cursor)
        paged += [a.path for a in page.items]
        if (cursor := page.next) is None:
            break
    assert paged == ["model-card.md", "model", "notes.txt"]
    assert yard.artifact(run, "notes.txt").size_bytes == 3


def test_a_folder_is_removed_with_all_below_it(place: Workplace) -> None:
    yard = place.tracking
    run = yard.start_run().id
    for path in ("a/1", "a/b/2", "ab", "c"):
        yard.upload(run, path, [b"x"])
    assert yard.delete_artifacts(run, "a") == 2
    assert [a.path for a in yard.artifacts(run).items] == ["ab", "c"]
    assert place.bench.events(ArtifactsDeleted)[0].writes == (f"run:{run}",)
    with pytest.raises(NotFound):
        yard.delete_artifacts(run, "a")
    with pytest.raises(NotFound):
        list(yard.download(run, "a/1"))


def test_a_file_and_a_folder_never_share_a_name(small: Workplace) -> None:
    yard = small.tracking
    run = yard.start_run().id
    yard.upload(run, "a/b", [b"x"])
    with pytest.raises(Conflict, match="is a folder"):
        yard.upload(run, "a", [b"x"])
    with pytest.raises(Conflict, match="is a file"):
        yard.upload(run, "a/b/c", [b"x"])


def test_a_logged_model_owns_files_too_and_nobody_else_does(small: Workplace) -> None:
    yard = small.tracking
    model = yard.create_logged_model("0").id
    yard.upload(model, "MLmodel", [b"x"])
    assert [a.path for a in yard.artifacts(model).items] == ["MLmodel"]
    for ghost in ("nobody", "0" * 32, "m-" + "0" * 32, "../etc"):
        with pytest.raises(NotFound, match="could own a file"):
            yard.upload(ghost, "a", [b"x"])

"""Packs: small objects share files; another process sees at once what was added, removed or damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.adapters.objects.folder import FolderObjects
from modelyard.kernel.errors import Damaged, NotFound
from modelyard.testing.objects_contract import stored_bytes


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and path.name != "lock"]


def test_a_thousand_small_objects_are_one_file(tmp_path: Path) -> None:
    FolderObjects(tmp_path).keep(b"%d" % n for n in range(1000))
    assert len(files(tmp_path)) == 1


def test_another_process_sees_what_comes_and_goes(tmp_path: Path) -> None:
    here, there = FolderObjects(tmp_path), FolderObjects(tmp_path)
    for n in range(20):
        (stored,) = here.keep([b"number %d" % n])
        assert stored_bytes(there, stored.digest) == b"number %d" % n
        here.delete(stored.digest)
        assert there.size(stored.digest) is None


def test_what_is_removed_leaves_no_byte_in_any_pack(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    kept = objects.keep([b"the patient's secret", b"something else"])
    objects.delete(kept[0].digest)
    assert not any(b"secret" in path.read_bytes() for path in files(tmp_path))
    objects.delete(kept[1].digest)
    assert files(tmp_path) == []


def test_a_flipped_bit_is_found_when_its_object_is_read_and_no_other(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    kept = objects.keep([b"a" * 100, b"b" * 100])
    (pack,) = files(tmp_path)
    content = bytearray(pack.read_bytes())
    content[150] ^= 1
    pack.write_bytes(content)
    fresh = FolderObjects(tmp_path)
    assert stored_bytes(fresh, kept[0].digest) == b"a" * 100
    with pytest.raises(Damaged, match=kept[1].digest):
        stored_bytes(fresh, kept[1].digest)


@pytest.mark.parametrize("cut", [0, 10, 90])
def test_a_pack_cut_short_counts_as_missing_and_breaks_nothing_else(tmp_path: Path, cut: int) -> None:
    objects = FolderObjects(tmp_path)
    (lost,) = objects.keep([b"lost"])
    (pack,) = files(tmp_path)
    (other,) = objects.keep([b"other"])
    pack.write_bytes(pack.read_bytes()[:cut])
    fresh = FolderObjects(tmp_path)
    assert stored_bytes(fresh, other.digest) == b"other"
    with pytest.raises(NotFound):
        fresh.read(lost.digest)
    assert fresh.keep([b"lost"]) == [lost]
    assert stored_bytes(fresh, lost.digest) == b"lost"

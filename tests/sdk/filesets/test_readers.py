"""Readers: the same order twice, every file once over all shares, resumed where they stood; also for frameworks."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from modelyard.kernel.errors import Conflict, InvalidInput
from modelyard.lake.api import File
from modelyard.sdk.hub import Yard


def names(samples: Any) -> list[str]:
    return [file.path for _, file in samples]


@pytest.fixture
def filled(yard: Yard, folder: Path) -> Yard:
    yard.lake.add_folder("photos", folder, describe="folder")
    return yard


def test_a_reader_gives_bytes_and_records_in_an_order_that_the_seed_decides(filled: Yard, folder: Path) -> None:
    photos = filled.lake.fileset("photos@1")
    plain = list(photos.reader())
    assert names(plain) == sorted(names(plain))
    assert all(content == (folder / file.path).read_bytes() for content, file in plain)
    one, other = photos.reader(shuffle=7), photos.reader(shuffle=7)
    first = names(one)
    assert first == names(other) != names(plain)
    assert sorted(first) == names(plain)
    assert names(one) == names(other) != first
    assert names(photos.reader(shuffle=8)) != first


def test_shares_are_all_files_and_no_file_twice(filled: Yard) -> None:
    photos = filled.lake.fileset("photos")
    shares = [names(photos.reader(shuffle=3, shard=(n, 4))) for n in range(4)]
    assert sorted(path for share in shares for path in share) == names(photos.reader())
    assert [len(share) for share in shares] == [11, 10, 10, 10]
    with pytest.raises(InvalidInput):
        photos.reader(shard=(4, 4))


def test_a_reader_goes_on_where_another_stood(filled: Yard) -> None:
    photos = filled.lake.fileset("photos")
    whole = names(photos.reader(shuffle=5, shard=(1, 2)))
    for stop in (0, 1, 13, 20):
        first = photos.reader(shuffle=5, shard=(1, 2))
        begun = names(islice(first, stop))
        rest = photos.reader(shuffle=5, shard=(1, 2))
        rest.load_state_dict(first.state_dict())
        assert begun + names(rest) == whole
    with pytest.raises(Conflict):
        photos.reader(shuffle=6, shard=(1, 2)).load_state_dict(first.state_dict())


def test_a_reader_keeps_to_its_version_and_filter(filled: Yard, folder: Path) -> None:
    photos = filled.lake.fileset("photos")
    reader = photos.reader(label="cat")
    (folder / "cat" / "new.txt").write_bytes(b"new")
    filled.lake.add_folder("photos", folder, describe="folder")
    assert len(names(reader)) == 20
    assert len(filled.lake.fileset("photos").reader(label="cat")) == 21
    assert [file.path for file in photos.reader(where="size_bytes > 1000").files()] == ["large.bin"]


def text(content: bytes, file: File) -> tuple[str, int]:
    return file.path, len(content)


@pytest.mark.parametrize("workers", [0, 2])
def test_torch_workers_share_the_files_out(filled: Yard, workers: int) -> None:
    data = pytest.importorskip("torch.utils.data", reason="needs torch: pip install torch")
    photos = filled.lake.fileset("photos")
    shares = []
    for share in range(2):
        dataset = photos.reader(shuffle=3, shard=(share, 2)).to_torch(text)
        loader = data.DataLoader(dataset, batch_size=None, num_workers=workers)
        shares += [path for path, _ in loader]
    assert sorted(shares) == names(photos.reader())


def test_hugging_face_reads_rows(filled: Yard) -> None:
    pytest.importorskip("datasets", reason="needs datasets: pip install datasets")
    rows = list(filled.lake.fileset("photos").reader(label="cat").to_hf())
    assert len(rows) == 20
    assert rows[0]["bytes"] == b"picture 1" and rows[0]["labels"] == ["cat"]


def test_tensorflow_reads_samples(filled: Yard) -> None:
    tf = pytest.importorskip("tensorflow", reason="needs tensorflow: pip install tensorflow")
    signature = (tf.TensorSpec((), tf.string), tf.TensorSpec((), tf.int32))
    found = list(filled.lake.fileset("photos").reader(shuffle=1).to_tf(text, signature))
    assert len(found) == 41

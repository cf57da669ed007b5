"""Sealed streams: any part comes out as it went in, and nothing that was changed comes out at all."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.adapters.seals import Key, Keyring, KnownSeals
from modelyard.adapters.seals.frames import (
    FRAME_BYTES,
    HEAD_BYTES,
    TAIL_BYTES,
    Sealer,
    Stream,
    plain_size,
    sealed_size,
)
from modelyard.adapters.secrets import open_secrets
from modelyard.kernel.errors import Damaged, InvalidInput, Unavailable
from modelyard.ports.secrets import Secret


class Ring(Keyring):
    """One key, held in memory."""

    def key(self, wanted: bytes) -> Key:
        """The key."""
        return Key(wanted, b"k" * 32)


KEY = Key(b"i" * 8, b"k" * 32)


def sealed(content: bytes, pieces: int = 100_000) -> bytes:
    sealer = Sealer(KEY)
    parts = [sealer.add(content[at : at + pieces]) for at in range(0, len(content), pieces)]
    return b"".join(parts) + sealer.end(sha256(content).digest(), len(content))


def opened(stream: bytes) -> Stream:
    ends = stream[:HEAD_BYTES], stream[-TAIL_BYTES:]
    return Stream(*ends, size_bytes=len(stream), keys=Ring(), what="it")


def part(stream: bytes, start: int, stop: int, chunk: int = 50_000) -> bytes:
    known = opened(stream)
    begin, end = known.span(start, stop)
    chunks = (stream[at : min(at + chunk, end)] for at in range(begin, end, chunk))
    return b"".join(known.unsealed(chunks, start, stop))


SIZES = st.sampled_from([0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES]) | st.integers(
    0, 300_000
)


@given(size=SIZES, ends=st.tuples(st.integers(0, 300_000), st.integers(0, 300_000)), chunk=st.integers(1, 200_000))
def test_any_part_comes_out_as_it_went_in(size: int, ends: tuple[int, int], chunk: int) -> None:
    content = bytes(n % 251 for n in range(size))
    stream = sealed(content, pieces=chunk)
    assert len(stream) == sealed_size(size)
    assert plain_size(len(stream)) == size
    start, stop = (min(each, size) for each in sorted(ends))
    assert (opened(stream).digest, opened(stream).size_bytes) == (sha256(content).hexdigest(), size)
    assert part(stream, start, stop, chunk) == content[start:stop]


CONTENT = b"".join(b"%d " % n for n in range(40_000))
STREAM = sealed(CONTENT)


@given(at=st.integers(0, len(STREAM) - 1), bit=st.integers(0, 7))
def test_no_bit_can_be_changed(at: int, bit: int) -> None:
    bent = bytearray(STREAM)
    bent[at] ^= 1 << bit
    with pytest.raises(Damaged):
        part(bytes(bent), 0, len(CONTENT))


def test_frames_cannot_be_cut_off_repeated_or_exchanged() -> None:
    frame = FRAME_BYTES + 16
    first, second = STREAM[HEAD_BYTES : HEAD_BYTES + frame], STREAM[HEAD_BYTES + frame : HEAD_BYTES + 2 * frame]
    rest = STREAM[HEAD_BYTES + 2 * frame :]
    head = STREAM[:HEAD_BYTES]
    for bent in (head + second + first + rest, head + first + rest, head + first + first + rest, STREAM[:-1], b""):
        with pytest.raises(Damaged):
            part(bent, 0, len(CONTENT))


def test_equal_contents_look_different_when_sealed() -> None:
    assert sealed(CONTENT)[HEAD_BYTES:] != STREAM[HEAD_BYTES:]


def test_a_missing_key_is_named_and_a_wrong_one_is_not_taken(tmp_path: Path) -> None:
    keys = Keyring(lambda: open_secrets(tmp_path), seals=True)
    key = keys.newest()
    assert key is not None
    with (tmp_path / "file").open("wb") as file:
        sealer = Sealer(key)
        file.write(sealer.add(b"content") + sealer.end(sha256(b"content").digest(), 7))
    secrets = open_secrets(tmp_path)
    secrets.put(f"seal.{key.id.hex()}", Secret("ab" * 32))
    secrets.put("seal.current", Secret("cd" * 32))
    seals = KnownSeals(Keyring(lambda: secrets))
    with pytest.raises(Unavailable, match=key.id.hex()):
        seals.open(tmp_path / "file")
    secrets.put("seal.current", Secret("not a key"))
    with pytest.raises(InvalidInput, match=r"seal\.current"):
        Keyring(lambda: secrets, seals=True).newest()


def test_keys_from_the_environment_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YARD_SECRET_SEAL_CURRENT", "ef" * 32)
    keys = Keyring(lambda: open_secrets(tmp_path), seals=True)
    key = keys.newest()
    assert key is not None
    assert key.secret == bytes.fromhex("ef" * 32)
    assert keys.key(key.id) == key
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_home_is_written_sealed_and_read_at_any_place(tmp_path: Path) -> None:
    seals = KnownSeals(Keyring(lambda: open_secrets(tmp_path / "state"), seals=True))
    path = tmp_path / "file"
    with seals.create(path) as file:
        for at in range(0, len(CONTENT), 77_777):
            file.write(CONTENT[at : at + 77_777])
    assert b"12345 12346" not in path.read_bytes()
    with seals.open(path) as back:
        back.seek(-20, io.SEEK_END)
        assert back.read() == CONTENT[-20:]
        back.seek(100_001)
        assert back.read(90_000) == CONTENT[100_001:190_001]
        back.seek(0)
        assert back.read() == CONTENT


def test_files_written_before_are_read_and_brought_under_the_seal(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "old").write_bytes(CONTENT)
    keys = Keyring(lambda: open_secrets(tmp_path / "state"), seals=True)
    seals = KnownSeals(keys)
    for step in ("sealed", "rotated"):
        if step == "rotated":
            keys.rotate()
        assert (seals.reseal(folder), seals.reseal(folder)) == (1, 0)
        assert b"12345 12346" not in (folder / "old").read_bytes()
        with seals.open(folder / "old") as file:
            assert file.read() == CONTENT
    keys.seals = False
    assert seals.reseal(folder) == 1
    assert (folder / "old").read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["old"]

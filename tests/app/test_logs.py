"""What children write is bounded, while they go on writing."""

from __future__ import annotations

from pathlib import Path

from modelyard.app.logs import trim


def test_a_long_log_is_moved_aside_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "child.out"
    with log.open("ab", buffering=0) as child:
        child.write(b"first\n" * 100)
        assert not trim(log, most_bytes=1_000)
        child.write(b"more\n" * 100)
        assert trim(log, most_bytes=1_000)
        child.write(b"last words\n")
        assert log.read_bytes() == b"last words\n"
        assert (tmp_path / "child.out.1").stat().st_size == 1_100
        child.write(b"x" * 2_000)
        assert trim(log, most_bytes=1_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["child.out", "child.out.1"]
    assert not trim(tmp_path / "nothing.out")

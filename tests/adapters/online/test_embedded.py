"""What embedded online rows do beyond their port: other processes, a growing file, kill -9, erased bytes, forks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.adapters.online import open_online
from modelyard.adapters.online.embedded import EmbeddedOnline
from modelyard.kernel.errors import Unavailable

ANSWERER = """
import sys
from pathlib import Path
from modelyard.adapters.online.embedded import EmbeddedOnline

online = EmbeddedOnline(Path(sys.argv[1]), map_bytes=1 << 20)
for line in sys.stdin:
    verb, key = line.split()
    if verb == "put":
        online.put("v", 1, {key.encode(): b"theirs"})
    found = online.get("v", 1, [key.encode()])[0]
    sys.stdout.write((found or b"-").decode()[:10] + "\\n")
    sys.stdout.flush()
"""

WRITER = """
import sys
from pathlib import Path
from modelyard.adapters.online.embedded import EmbeddedOnline

online = EmbeddedOnline(Path(sys.argv[1]))
for n in range(1_000_000):
    online.put("v", 1, {b"first": b"%d" % n, b"second": b"%d" % n})
    sys.stdout.write(f"{n}\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "online"


@pytest.fixture
def online(root: Path) -> Iterator[EmbeddedOnline]:
    online = EmbeddedOnline(root, map_bytes=1 << 20)
    yield online
    online.close()


class Other:
    """Another process that uses the same rows."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", ANSWERER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, verb: str, key: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{verb} {key}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@pytest.fixture
def other(root: Path, online: EmbeddedOnline) -> Iterator[Other]:
    other = Other(root)
    with other.process:
        yield other
        assert other.process.stdin is not None
        other.process.stdin.close()


def test_another_process_reads_and_writes_the_same_rows(online: EmbeddedOnline, other: Other) -> None:
    online.put("v", 1, {b"a": b"ours"})
    assert other.ask("get", "a") == "ours"
    assert other.ask("put", "b") == "theirs"
    assert online.get("v", 1, [b"b"]) == [b"theirs"]


def test_the_file_grows_past_its_first_mapping_and_other_processes_follow(online: EmbeddedOnline, other: Other) -> None:
    assert other.ask("get", "a") == "-"
    online.put("v", 1, {f"key{n}".encode(): os.urandom(1000) for n in range(5000)})
    online.put("v", 1, {b"a": b"ours"})
    assert other.ask("get", "a") == "ours"
    assert other.ask("put", "b") == "theirs"
    assert online.get("v", 1, [b"b"]) == [b"theirs"]
    assert len(list(online.rows("v", 1))) == 5002


def test_it_grows_while_other_threads_read(online: EmbeddedOnline) -> None:
    online.put("v", 1, {b"a": b"1"})
    seen, stop = list[bytes | None](), threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.extend(online.get("v", 1, [b"a"]))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for batch in range(8):
        online.put("v", 1, {f"key{batch}.{n}".encode(): os.urandom(1000) for n in range(1000)})
    stop.set()
    for thread in threads:
        thread.join(30)
    assert set(seen) == {b"1"}


def test_bytes_of_deleted_rows_leave_the_disk_with_a_scrub(root: Path, online: EmbeddedOnline, other: Other) -> None:
    online.put("v", 1, {b"subject-41": b"a secret of theirs", b"b": b"kept"})
    assert other.ask("get", "b") == "kept"
    online.delete("v", 1, [b"subject-41"])

    def on_disk(needle: bytes) -> bool:
        return any(needle in path.read_bytes() for path in root.rglob("*") if path.is_file())

    assert on_disk(b"a secret of theirs")
    online.scrub()
    assert not on_disk(b"a secret of theirs")
    assert not on_disk(b"subject-41")
    assert online.get("v", 1, [b"b"]) == [b"kept"]
    assert other.ask("get", "b") == "kept"
    assert other.ask("put", "c") == "theirs"
    assert online.get("v", 1, [b"c"]) == [b"theirs"]
    assert [path.name for path in root.iterdir() if path.is_dir()] == ["2"]


def test_a_writer_killed_at_any_moment_leaves_whole_transactions(root: Path, online: EmbeddedOnline) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(50)][-1]
        os.kill(writer.pid, signal.SIGKILL)
    first, second = online.get("v", 1, [b"first", b"second"])
    assert first == second
    assert first is not None
    assert int(first) >= acknowledged
    online.put("v", 1, {b"first": b"after"})
    assert online.get("v", 1, [b"first"]) == [b"after"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the threads of other tests' servers
def test_a_forked_process_opens_its_own(online: EmbeddedOnline) -> None:
    online.put("v", 1, {b"a": b"1"})
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write, online.get("v", 1, [b"a"])[0] or b"-")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    os.close(write)
    assert os.read(read, 10) == b"1"
    os.close(read)
    online.put("v", 1, {b"a": b"2"})
    assert online.get("v", 1, [b"a"]) == [b"2"]


def test_rows_stay_when_it_is_closed_and_opened_again(root: Path) -> None:
    first = EmbeddedOnline(root)
    first.put("v", 1, {b"a": b"1"})
    first.scrub()
    first.close()
    second = EmbeddedOnline(root)
    assert second.get("v", 1, [b"a"]) == [b"1"]
    second.close()


def test_whoever_opens_the_same_folder_in_one_process_shares_it_until_the_last_closes(root: Path) -> None:
    first, second = open_online(root), open_online(str(root))
    first.put("v", 1, {b"a": b"1"})
    first.close()
    assert second.get("v", 1, [b"a"]) == [b"1"]
    second.close()
    third = open_online(root)
    assert third.get("v", 1, [b"a"]) == [b"1"]
    third.close()


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="folder of the online rows"):
        EmbeddedOnline(tmp_path / "file" / "online")

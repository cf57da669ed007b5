"""Adding a folder to a set: hashed in threads, only what is not there yet travels, one commit at the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from itertools import islice
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import Conflict, NotFound, StaleVersion
from modelyard.kernel.refs import ref
from modelyard.lake.api import ADD, Cell, FileEntry, FilesCommit, Lake, Version
from modelyard.lake.api.paths import check_clashes, shown
from modelyard.sdk.filesets.folder import Added, Found, Memory

BATCH_BYTES = 8 << 20
BATCH_FILES = 2_000
SMALL_BYTES = 1 << 20
_ASKED_AT_ONCE = 20_000
_CHUNK = 1 << 20
_THREADS = 4
_ATTEMPTS = 3
_encode = msgspec.json.Encoder().encode


class Note(Struct, frozen=True, kw_only=True):
    """What is to be noted of a file; what is None stays as it is in the set."""

    labels: tuple[str, ...] | None = None
    split: str | None = None
    attributes: dict[str, Cell] | None = None


class AddProgress(Struct, frozen=True, kw_only=True):
    """How far an adding has come.

    Attributes:
        hashed: files whose digest is known by now.
        sent, sent_bytes: contents that had to travel.
    """

    files: int
    size_bytes: int
    hashed: int
    hashed_bytes: int
    sent: int
    sent_bytes: int


Tell = Callable[[AddProgress], None]
Describe = Callable[[str], Note] | Literal["folder"] | None


@dataclass(slots=True)
class _Batch:
    """Files that are hashed together; small ones are held until it is known whether they must travel."""

    files: list[Found] = field(default_factory=list)
    size: int = 0
    held: dict[str, bytes] = field(default_factory=dict)
    digests: dict[Found, str] = field(default_factory=dict)


class Adding:
    """One adding of a folder.

    Args:
        memory: what was hashed before; None hashes every file.
        tell: is called now and then with how far it has come.
    """

    def __init__(self, lake: Lake, fileset: str, *, memory: Memory | None, tell: Tell | None) -> None:
        self._lake = lake
        self._set = fileset
        self._memory = memory
        self._tell = tell
        self._add = ADD.new(SystemClock())
        self._digests: dict[Found, str] = {}
        self._sent: set[str] = set()
        self._is_new = False
        self._total = self._hashed = self._sent_now = (0, 0)

    def run(self, found: Sequence[Found], *, describe: Describe, mirror: bool, message: str) -> FilesCommit:
        """Bring what is missing, then commit; begun anew if the yard lost what was brought.

        As long as the set stands as the last adding of the folder left it, only what differs is looked at.
        """
        check_clashes(each.path for each in found)
        self._total = (len(found), sum(each.size_bytes for each in found))
        base = self._base(found, mirror=mirror)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                done, lines = self._commit(found, base, describe=describe, mirror=mirror, message=message)
                break
            except StaleVersion:
                if attempt == _ATTEMPTS:
                    raise
                base, self._add, self._is_new = None, ADD.new(SystemClock()), False
                self._sent.clear()
        if self._memory is not None and (stands := self._stands()) is not None and stands.version == done.version:
            self._memory.keep(self._digests, self._set, _left(stands, lines))
        self._say()
        return done

    def _commit(
        self, found: Sequence[Found], base: Added | None, *, describe: Describe, mirror: bool, message: str
    ) -> tuple[FilesCommit, Mapping[str, bytes]]:
        """The commit, and what it said of every file."""
        trusted = {} if base is None else base.lines
        self._bring(found, lambda each, digest: trusted.get(each.path) == _seal(_line(each.path, digest, describe)))
        lines = {each.path: _line(each.path, self._digests[each], describe) for each in found}
        if base is None:
            done = self._lake.commit_files(
                self._set, _joined(lines.values()), add=self._add, mirror=mirror, message=message
            )  # fmt: skip
            return done, lines
        changed = [line for path, line in lines.items() if trusted.get(path) != _seal(line)]
        same = len(lines) - len(changed)
        if not changed:
            about = ref("fileset", self._set, base.version)
            done = FilesCommit(
                fileset=self._set, ref=about, version=base.version, added=0, replaced=0, removed=0, edited=0,
                unchanged=same,
            )  # fmt: skip
            return done, lines
        done = self._lake.commit_files(
            self._set, _joined(changed), add=self._add, message=message, after=base.version
        )  # fmt: skip
        return replace(done, unchanged=done.unchanged + same), lines

    def _base(self, found: Sequence[Found], *, mirror: bool) -> Added | None:
        """What the last adding left, if the set still stands so and nothing is to be removed."""
        last = None if self._memory is None else self._memory.added(self._set)
        stands = self._stands()
        self._is_new = stands is None
        if last is None or stands is None:
            return None
        if (stands.commit, stands.version, stands.rows) != (last.commit, last.version, last.files):
            return None
        if mirror and not (len(last.lines) == last.files and last.lines.keys() <= {each.path for each in found}):
            return None
        return last

    def _stands(self) -> Version | None:
        """The newest version of the set."""
        try:
            return next(iter(self._lake.fileset_history(self._set, limit=1).items), None)
        except NotFound:
            return None

    def _bring(self, found: Sequence[Found], trusted: Callable[[Found, str], bool]) -> None:
        """Hash what is not known, and send what is not there; what is trusted is not asked for."""
        known = {} if self._memory is None else {f: d for f in found if (d := self._memory.digest(f)) is not None}
        known |= self._digests
        self._digests.update(known)
        lost = self._missing(digest for each, digest in known.items() if not trusted(each, digest))
        fresh = [each for each in found if each not in known or known[each] in lost]
        seen = len(found) - len(fresh)
        self._hashed = (seen, self._total[1] - sum(each.size_bytes for each in fresh))
        if not fresh:
            return
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="yard-hash") as pool:
            for batch in _ahead(pool, _hashed, _batches(fresh)):
                self._digests.update(batch.digests)
                self._hashed = (self._hashed[0] + len(batch.files), self._hashed[1] + batch.size)
                self._send(batch)
                self._say()

    def _missing(self, digests: Iterable[str]) -> set[str]:
        wanted = list(dict.fromkeys(digests))
        if self._is_new:
            return set(wanted)
        lost: set[str] = set()
        for begin in range(0, len(wanted), _ASKED_AT_ONCE):
            part = tuple(wanted[begin : begin + _ASKED_AT_ONCE])
            lost.update(self._lake.missing_files(self._set, self._add, part))
        return lost

    def _send(self, batch: _Batch) -> None:
        """Send those contents of a batch that are not there, in one request."""
        lost = self._missing(digest for digest in batch.digests.values() if digest not in self._sent)
        chosen = {digest: each for each, digest in batch.digests.items() if digest in lost}
        if not chosen:
            return
        facts = self._lake.upload_files(self._set, self._add, _frames(chosen, batch.held))
        for (digest, each), brought in zip(chosen.items(), facts, strict=True):
            if brought.digest != digest:
                raise Conflict(
                    f"file {shown(each.path)} was written to while it was read; nothing was added. Wait until its "
                    "writer is done, then add the folder again"
                )
            self._sent.add(digest)
        self._sent_now = (len(self._sent), self._sent_now[1] + sum(each.size_bytes for each in facts))

    def _say(self) -> None:
        if self._tell is not None:
            self._tell(
                AddProgress(
                    files=self._total[0], size_bytes=self._total[1], hashed=self._hashed[0],
                    hashed_bytes=self._hashed[1], sent=self._sent_now[0], sent_bytes=self._sent_now[1],
                )
            )  # fmt: skip


def _batches(files: Iterable[Found]) -> Iterator[_Batch]:
    batch = _Batch()
    for each in files:
        batch.files.append(each)
        batch.size += each.size_bytes
        if batch.size >= BATCH_BYTES or len(batch.files) >= BATCH_FILES:
            yield batch
            batch = _Batch()
    if batch.files:
        yield batch


def _ahead(pool: ThreadPoolExecutor, work: Callable[[_Batch], _Batch], batches: Iterator[_Batch]) -> Iterator[_Batch]:
    """Results in order, a few of them worked on ahead."""
    waiting = deque(pool.submit(work, batch) for batch in islice(batches, _THREADS))
    while waiting:
        done = waiting.popleft().result()
        if (batch := next(batches, None)) is not None:
            waiting.append(pool.submit(work, batch))
        yield done


def _hashed(batch: _Batch) -> _Batch:
    for each in batch.files:
        if each.size_bytes <= SMALL_BYTES:
            content = Path(each.place).read_bytes()
            digest = sha256(content).hexdigest()
            batch.held[digest] = content
        else:
            seen = sha256()
            with Path(each.place).open("rb", buffering=0) as file:
                while chunk := file.read(_CHUNK):
                    seen.update(chunk)
            digest = seen.hexdigest()
        batch.digests[each] = digest
    return batch


def _frames(chosen: Mapping[str, Found], held: Mapping[str, bytes]) -> Iterator[bytes]:
    """Each content with its size before it; small ones joined, so that few pieces travel."""
    joined, size = list[bytes](), 0
    for digest, each in chosen.items():
        content = held.get(digest)
        if content is not None:
            joined += [len(content).to_bytes(8, "big"), content]
            size += len(content)
            if size >= _CHUNK:
                yield b"".join(joined)
                joined, size = [], 0
            continue
        yield b"".join([*joined, each.size_bytes.to_bytes(8, "big")])
        joined, size = [], 0
        yield from _pieces(each)
    if joined:
        yield b"".join(joined)


def _pieces(each: Found) -> Iterator[bytes]:
    """A large file's bytes: as many as were announced."""
    left = each.size_bytes
    with Path(each.place).open("rb", buffering=0) as file:
        while left > 0:
            chunk = file.read(min(left, _CHUNK))
            if not chunk:
                raise Conflict(f"file {shown(each.path)} became shorter while it was read; add the folder again")
            left -= len(chunk)
            yield chunk


def _line(path: str, digest: str, describe: Describe) -> bytes:
    """An entry as a line of JSON."""
    note = _note(path, describe)
    entry = FileEntry(path=path, digest=digest, labels=note.labels, split=note.split, attributes=note.attributes)
    return _encode(entry)


def _joined(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines, many in a piece."""
    flow = iter(lines)
    while piece := list(islice(flow, BATCH_FILES)):
        yield b"\n".join(piece) + b"\n"


def _seal(line: bytes) -> bytes:
    return blake2b(line, digest_size=16).digest()


def _left(stands: Version, lines: Mapping[str, bytes]) -> Added:
    sealed = {path: _seal(line) for path, line in lines.items()}
    return Added(commit=stands.commit, version=stands.version, files=stands.rows, lines=sealed)


def _note(path: str, describe: Describe) -> Note:
    if describe is None:
        return Note()
    if describe == "folder":
        folder = path.rpartition("/")[0].rpartition("/")[2]
        return Note(labels=(folder,) if folder else ())
    return describe(path)

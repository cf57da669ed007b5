"""Check-out: a version of a set as files in a folder, again and again with only what differs.

Nothing is ever written outside the folder, through a link, or over a file that is not of an earlier check-out.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import partial
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import Conflict, Damaged, Unavailable
from modelyard.lake.api import File
from modelyard.lake.api.paths import check_path, shown
from modelyard.sdk.filesets.contents import Contents, batches
from modelyard.sdk.filesets.folder import CHECKED_OUT

STATE = CHECKED_OUT
_FICLONE = 0x40049409


class Link(StrEnum):
    """How files come into the folder: as copies that share their blocks where the disk can do that, as plain copies,
    or as hard links, which are read-only because they are the yard's own bytes.
    """

    REFLINK = "reflink"
    COPY = "copy"
    HARDLINK = "hardlink"


class CheckedOut(Struct, frozen=True, kw_only=True):
    """What a check-out did."""

    fileset: str
    version: int
    folder: str
    written: int
    removed: int
    unchanged: int


class Written(Struct, frozen=True):
    """A file as a check-out left it; it is as it was while size and time are the same."""

    digest: str
    size_bytes: int
    changed_ns: int


class State(Struct, frozen=True, kw_only=True):
    """What a folder holds of a set."""

    fileset: str
    version: int
    files: dict[str, Written]


class Checkout:
    """One folder.

    Args:
        contents: where bytes come from; those that are files of their own on this machine may be linked.
        overwrite: True to write over files that are not of an earlier check-out, or were changed since.
    """

    def __init__(self, contents: Contents, folder: Path, *, link: Link, overwrite: bool) -> None:
        self._contents = contents
        self._folder = folder
        self._link = link
        self._overwrite = overwrite
        self._safe: set[str] = {""}

    def run(self, fileset: str, version: int, files: Iterable[File]) -> CheckedOut:
        """Make the folder hold a version.

        Raises:
            Conflict: a file stands in the way that no check-out left so.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        state = self._state()
        if state is not None and state.fileset != fileset:
            raise Conflict(
                f"{self._folder} holds a check-out of {state.fileset}; choose another folder, or remove {STATE} in it"
            )
        before = {} if state is None else state.files
        kept: dict[str, Written] = {}
        due: list[File] = []
        for file in files:
            check_path(file.path)
            now = self._as_it_is(file.path)
            if now is not None and before.get(file.path) == Written(file.facts.digest, *now):
                kept[file.path] = before[file.path]
            else:
                due.append(file)
        for file in due:
            self._may_write(file, before)
        coming = {file.path for file in due}
        gone = [path for path in before if path not in kept and path not in coming]
        removed = self._remove(gone, before)
        for file in self._written(fileset, due):
            size, changed_ns = self._as_it_is(file.path) or (0, 0)
            kept[file.path] = Written(file.facts.digest, size, changed_ns)
        self._keep(State(fileset=fileset, version=version, files=kept))
        return CheckedOut(
            fileset=fileset, version=version, folder=str(self._folder), written=len(due), removed=removed,
            unchanged=len(kept) - len(due),
        )  # fmt: skip

    def _state(self) -> State | None:
        try:
            return msgspec.json.decode((self._folder / STATE).read_bytes(), type=State)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as err:
            raise Damaged(f"{self._folder / STATE} cannot be read; remove it and check out again") from err

    def _keep(self, state: State) -> None:
        fresh = self._folder / f"{STATE}.{token_hex(4)}"
        fresh.write_bytes(msgspec.json.encode(state))
        fresh.replace(self._folder / STATE)

    def _as_it_is(self, path: str) -> tuple[int, int] | None:
        """Size and time of a file in the folder; None if there is no ordinary file."""
        try:
            told = os.lstat(self._folder / path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return (told.st_size, told.st_mtime_ns) if stat.S_ISREG(told.st_mode) else None

    def _may_write(self, file: File, before: Mapping[str, Written]) -> None:
        """Refuse to write over somebody's own work, or through a link."""
        self._within(file.path)
        place = self._folder / file.path
        now, known = self._as_it_is(file.path), before.get(file.path)
        if now is None and not os.path.lexists(place):
            return
        mine = known is not None and now == (known.size_bytes, known.changed_ns)
        same = now is not None and now[0] == file.facts.size_bytes and _digest_of(place) == file.facts.digest
        if not (mine or same or (self._overwrite and now is not None)):
            raise Conflict(
                f"{shown(file.path)} stands in {self._folder} and is no file that a check-out left so; move it away, "
                "or check out with overwrite=True"
            )

    def _remove(self, gone: Iterable[str], before: Mapping[str, Written]) -> int:
        """Remove files of the earlier version that nobody changed since; how many."""
        removed = 0
        for path in gone:
            check_path(path)
            self._within(path)
            if self._as_it_is(path) == (before[path].size_bytes, before[path].changed_ns):
                (self._folder / path).unlink()
                removed += 1
                self._prune(path)
        return removed

    def _prune(self, path: str) -> None:
        """Remove folders that became empty."""
        for parent in list((self._folder / path).parents):
            if parent == self._folder:
                return
            try:
                parent.rmdir()
            except OSError:
                return

    def _written(self, fileset: str, due: list[File]) -> Iterator[File]:
        """Write files; each is yielded once it stands."""
        remote: list[File] = []
        for file in due:
            source = self._contents.local(file.facts.digest)
            if source is None:
                remote.append(file)
                continue
            self._put(file, partial(_linked, source, link=self._link))
            yield file
        for batch in batches(remote, lambda file: file.facts.size_bytes):
            contents = self._contents.many(fileset, [file.facts for file in batch])
            for file in batch:
                content = contents[file.facts.digest]
                self._put(file, partial(_write, content=content))
                yield file

    def _put(self, file: File, fill: Callable[[Path], None]) -> None:
        """Let a file appear whole."""
        self._within(file.path)
        place = self._folder / file.path
        fresh = place.with_name(f".yard-{token_hex(8)}")
        try:
            fill(fresh)
            fresh.replace(place)
        except OSError as err:
            raise Unavailable(
                f"{shown(file.path)} could not be written to {self._folder}: {os.strerror(err.errno or 0).lower()}; "
                "check out again when it can, what stands is kept"
            ) from err
        finally:
            fresh.unlink(missing_ok=True)

    def _within(self, path: str) -> None:
        """Make the folders above a path, and see that none of them is a link.

        Raises:
            Conflict: one is, or is no folder.
        """
        above = path.rpartition("/")[0]
        if above in self._safe:
            return
        self._within(above)
        place = self._folder / above
        try:
            place.mkdir()
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(place).st_mode):
                raise Conflict(
                    f"{shown(above)} in {self._folder} is a link or a file; a check-out writes through none. Remove it"
                ) from None
        self._safe.add(above)


def _digest_of(place: Path) -> str:
    seen = sha256()
    with place.open("rb") as file:
        while chunk := file.read(1 << 20):
            seen.update(chunk)
    return seen.hexdigest()


def _write(fresh: Path, *, content: bytes) -> None:
    with fresh.open("xb") as file:
        file.write(content)


def _linked(source: Path, fresh: Path, *, link: Link) -> None:
    """The content as a file of the folder, by the way that was asked for or the nearest the disk can do."""
    if link is Link.HARDLINK:
        try:
            os.link(source, fresh)
        except OSError as err:
            if err.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
                raise
        else:
            fresh.chmod(0o444)
            return
    with source.open("rb") as given, fresh.open("xb") as made:
        if link is Link.REFLINK:
            try:
                fcntl.ioctl(made.fileno(), _FICLONE, given.fileno())
            except OSError:
                shutil.copyfileobj(given, made, 1 << 20)
        else:
            shutil.copyfileobj(given, made, 1 << 20)

"""A place where a run is done again: a clean worktree at its commit, its changes applied, gone afterwards.

The worktree lies in the user's cache folder and is entered in the repository as git does it; no hook of the repository
runs. What a repetition that was killed left (folder, worktree, processes) is swept when the next one begins.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import Conflict, Damaged, NotFound, TimedOut, Unavailable
from modelyard.sdk.filesets.folder import cache_home
from modelyard.sdk.recording.spool import born
from modelyard.sdk.reproducing.recorded import Recorded

_GIT_S = 300
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false")


class Owner(Struct, frozen=True, kw_only=True):
    """Whose place it is: the process that repeats, the repository, and the command's process group."""

    pid: int
    born: float
    repository: str = ""
    group: int = 0
    group_born: float = 0.0


class Workplace:
    """One place.

    Attributes:
        code: the worktree.
        beside: room for an environment and for what the command says.
    """

    def __init__(self, top: Path, repository: Path | None) -> None:
        self.code = top / "code"
        self.beside = top / "beside"
        self._top = top
        pid = os.getpid()
        self._owner = Owner(pid=pid, born=born(pid), repository=str(repository or ""))

    def open(self) -> None:
        """Make it, under this process's name."""
        self.beside.mkdir(parents=True, mode=0o700)
        self._sign()

    def started(self, group: int) -> None:
        """Remember the command's process group, for whoever sweeps."""
        self._owner = msgspec.structs.replace(self._owner, group=group, group_born=born(group))
        self._sign()

    def _sign(self) -> None:
        part = self._top / ".owner"
        part.write_bytes(msgspec.json.encode(self._owner))
        part.replace(self._top / "owner")


@contextmanager
def workplace(told: Recorded, repository: Path) -> Iterator[Workplace]:
    """The code as the run had it.

    Raises:
        NotFound: the repository, or the commit in it, is not there.
        Conflict: what was changed since the commit does not apply.
    """
    root = cache_home() / "reproductions"
    sweep(root)
    base = _repository(repository, told.commit) if told.commit else None
    place = Workplace(root / token_hex(8), base)
    place.open()
    try:
        if base is None:
            place.code.mkdir()
        else:
            _git(base, "worktree", "add", "--detach", str(place.code), told.commit)
        if told.diff:
            _apply(place.code, told.diff)
        for name, body in told.files.items():
            _put(place.code, name, body)
        yield place
    finally:
        _remove(place._top, base)


def sweep(root: Path) -> None:
    """Remove what repetitions that are gone left."""
    for top in sorted(root.iterdir()) if root.is_dir() else ():
        with suppress(OSError, msgspec.MsgspecError):
            owner = msgspec.json.decode((top / "owner").read_bytes(), type=Owner)
            if abs(born(owner.pid) - owner.born) < 1.0:
                continue
            if owner.group and abs(born(owner.group) - owner.group_born) < 1.0:
                os.killpg(owner.group, signal.SIGKILL)
            _remove(top, Path(owner.repository) if owner.repository else None)


def _repository(given: Path, commit: str) -> Path:
    found = _ask(given, "rev-parse", "--show-toplevel") or _ask(given, "rev-parse", "--absolute-git-dir")
    if not found:
        raise NotFound(f"{given} is no git repository; go to the one that the run's code is from, or --repository")
    if not _ask(given, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"):
        raise NotFound(f"commit {commit[:12]} is not in {found}; git fetch it, or name the repository: --repository")
    return Path(found)


def _apply(code: Path, diff: bytes) -> None:
    done = _run(["git", *_QUIET, "apply", "--binary", "--whitespace=nowarn", "-"], code, diff)
    if done.returncode != 0:
        why = done.stderr.decode("utf-8", "replace").strip().splitlines()[:1]
        raise Conflict(f"the run's uncommitted changes do not apply to its commit: {''.join(why)[:300]}")


def _put(code: Path, name: str, body: bytes) -> None:
    target = code / name
    if not target.parent.resolve().is_relative_to(code.resolve()) or target.is_symlink():
        raise Damaged(f"the run's record names {name!r}, which does not lie below its code")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(body)


def _remove(top: Path, repository: Path | None) -> None:
    shutil.rmtree(top, ignore_errors=True)
    if repository is not None and repository.is_dir():
        _run(["git", *_QUIET, "worktree", "prune"], repository)


def _git(repository: Path, *words: str) -> None:
    done = _run(["git", *_QUIET, *words], repository)
    if done.returncode != 0:
        why = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise Unavailable(f"git {words[0]} in {repository} failed: {''.join(why)[:300]}")


def _ask(repository: Path, *words: str) -> str:
    if not repository.is_dir():
        return ""
    done = _run(["git", *_QUIET, *words], repository)
    return done.stdout.decode("utf-8", "surrogateescape").strip() if done.returncode == 0 else ""


def _run(words: list[str], folder: Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environ = {k: v for k, v in os.environ.items() if k not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")}
    try:
        return subprocess.run(
            words, cwd=folder, input=given, capture_output=True, timeout=_GIT_S, check=False,
            env=environ | {"GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": environ.get("GIT_LFS_SKIP_SMUDGE", "0")},
        )  # fmt: skip
    except FileNotFoundError as err:
        raise Unavailable("there is no git here; install it") from err
    except subprocess.TimeoutExpired as err:
        raise TimedOut(f"git did not answer within {_GIT_S} s") from err

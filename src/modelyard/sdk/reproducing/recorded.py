"""What a run tells of how it was made: what was captured beside it, or the little that MLflow's client says itself.

Everything here came over a wire and may be hostile: paths are checked, commits are hex digits, nothing is run.
"""

from __future__ import annotations

import re
import shlex

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import Damaged, InvalidInput, NotFound
from modelyard.sdk.recording.surroundings import (
    DIFF,
    ENTRY,
    FOLDER,
    MASK,
    PACKAGES,
    RECORD,
    UNTRACKED,
    Code,
    Surroundings,
)
from modelyard.tracking.api import Run, Tracking
from modelyard.tracking.api.limits import safe_path

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_MODEL_PACKAGES = "requirements.txt"


class Recorded(Struct, frozen=True, kw_only=True):
    """How a run was made.

    Attributes:
        command: what to do again.
        folder: where, below the repository's root.
        commit: of the code; empty where there was no repository.
        diff: what was changed since the commit.
        files: further files, by their path below the root.
        python: its version; empty if nobody said.
        packages: what was installed, as `recording.packages` says it.
        wanted: what the run's model says it needs; where nothing else is known.
        root: the repository's root on the machine of the run.
        notes: what the run did not tell, in sentences.
    """

    command: list[str]
    folder: str = ""
    commit: str = ""
    diff: bytes = b""
    files: dict[str, bytes] = {}
    python: str = ""
    packages: list[str] = []
    wanted: str = ""
    switches: dict[str, str] = {}
    root: str = ""
    notes: list[str] = []


def recorded(tracking: Tracking, run: Run, command: str = "") -> Recorded:
    """How `run` was made; `command` takes the place of what it says.

    Raises:
        InvalidInput: it does not say what was run, or a secret stood in its command.
        Damaged: what was captured cannot be read, or names a path outside.
    """
    files = dict(_below(tracking, run.id, FOLDER))
    given = shlex.split(command)
    if RECORD not in files:
        return _from_tags(tracking, run, given)
    try:
        told = msgspec.json.decode(_bytes(tracking, run.id, RECORD), type=Surroundings)
    except msgspec.MsgspecError as err:
        raise Damaged(f"{RECORD} of run {run.id} cannot be read: {err}; it was not captured by this version") from err
    code = told.code
    doing = given or told.command
    if any(MASK in word for word in doing):
        raise InvalidInput(
            f"the command of run {run.id} held a secret, which was not kept: {shlex.join(doing)}; "
            'say it whole: --command "..."'
        )
    if told.notebook and not given:
        raise InvalidInput(f'run {run.id} was made in a notebook; say how to run it: --command "..."')
    further = {
        name.removeprefix(f"{UNTRACKED}/"): _bytes(tracking, run.id, name)
        for name in files
        if name.startswith(f"{UNTRACKED}/")
    }
    for name in files:
        if name.startswith(f"{ENTRY}/") and told.entry:
            further[_path(told.entry)] = _bytes(tracking, run.id, name)
    packages = _bytes(tracking, run.id, PACKAGES).decode("utf-8", "replace") if PACKAGES in files else ""
    notes = [f"{name} was too large to be kept" for name in (code.untracked if code else ()) if name not in further]
    masked = [name for name, value in told.switches.items() if value == MASK]
    notes += [f"the switch {name} was a secret and was not kept; what is set here counts" for name in masked]
    return Recorded(
        command=doing, folder=_path(code.folder) if code and code.folder not in ("", ".") else "",
        commit=_commit(code), diff=_bytes(tracking, run.id, DIFF) if DIFF in files else b"",
        files={_path(name): body for name, body in further.items()}, python=told.python,
        packages=packages.splitlines(),
        switches={k: v for k, v in told.switches.items() if v != MASK}, root=_root(told), notes=notes,
    )  # fmt: skip


def _from_tags(tracking: Tracking, run: Run, given: list[str]) -> Recorded:
    """What MLflow's client says by itself: the file, the commit, and what its models need."""
    source = run.tags.get("mlflow.source.name", "")
    if not given and not (source.endswith(".py") and run.tags.get("mlflow.source.type", "LOCAL") == "LOCAL"):
        raise InvalidInput(
            f"run {run.id} does not say what was run (its source is {source[:80]!r}); say it: --command "
            '"python train.py", or capture it next time: yard run -- python train.py'
        )
    doing = given or ["python", source]
    notes = ["the run was not made under `yard run`: changes since the commit and switches are not known"]
    if not given:
        notes.append("its arguments are not known; it is repeated without any (--command says them)")
    wanted = ""
    for owner in [run.id, *(output.model for output in run.outputs)]:
        for path, _ in _below(tracking, owner, ""):
            if path.rpartition("/")[2] == _MODEL_PACKAGES:
                wanted = _bytes(tracking, owner, path).decode("utf-8", "replace")
    return Recorded(command=doing, commit=_valid(run.commit or ""), wanted=wanted, notes=notes)


def walk(tracking: Tracking, owner: str, folder: str = "") -> list[tuple[str, str, int]]:
    """Every file below a run or logged model: path, digest, size."""
    found: list[tuple[str, str, int]] = []
    cursor: str | None = None
    while True:
        page = tracking.artifacts(owner, folder, cursor=cursor)
        for each in page.items:
            if each.is_folder:
                found += walk(tracking, owner, each.path)
            else:
                found.append((each.path, each.digest or "", each.size_bytes or 0))
        cursor = page.next
        if cursor is None:
            return found


def _below(tracking: Tracking, owner: str, folder: str) -> list[tuple[str, str]]:
    try:
        return [(path, digest) for path, digest, _ in walk(tracking, owner, folder)]
    except NotFound:
        return []


def _bytes(tracking: Tracking, owner: str, path: str) -> bytes:
    return b"".join(tracking.download(owner, path))


def _commit(code: Code | None) -> str:
    return _valid(code.commit) if code else ""


def _valid(commit: str) -> str:
    if commit and not _COMMIT.fullmatch(commit):
        raise Damaged(f"{commit[:80]!r} is no commit of git; the run's record was tampered with")
    return commit


def _path(name: str) -> str:
    try:
        return safe_path(name)
    except InvalidInput as err:
        raise Damaged(f"the run's record names {name[:80]!r}, which does not lie below its code") from err


def _root(told: Surroundings) -> str:
    """Where the repository lay: the folder of the command without the part below the root."""
    inside = told.code.folder if told.code else ""
    if inside in ("", "."):
        return told.folder
    return told.folder.removesuffix("/" + inside)

"""The packages that a run had, once more: the present ones if they match, else put together by uv, or pip."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from modelyard.kernel.errors import Conflict, InvalidInput, Unavailable
from modelyard.sdk.recording.packages import FROM_A_FOLDER
from modelyard.sdk.recording.surroundings import interpreter_of
from modelyard.sdk.reproducing.recorded import Recorded

_BUILD_S = 1800
_TOLD = 5


class Packages(StrEnum):
    """Where the packages come from."""

    AUTO = "auto"
    HERE = "here"
    FRESH = "fresh"


class Environment(Struct, frozen=True, kw_only=True):
    """An interpreter to repeat a run with.

    Attributes:
        words: what it is.
        notes: how it differs from what the run had.
    """

    python: Path
    words: str
    notes: list[str] = []


def environment(told: Recorded, code: Path, beside: Path, *, packages: Packages, python: str = "") -> Environment:
    """The interpreter for a repetition.

    Args:
        code: the worktree.
        beside: an empty folder, for a fresh environment.
        packages: the present ones, fresh ones, or (auto) the present ones if they are exactly those of the run.
        python: the present interpreter; by default what `python` means here.

    Raises:
        InvalidInput: the interpreter does not answer.
        Conflict: nobody knows which packages the run had.
        Unavailable: they cannot be installed.
    """
    found = shutil.which(python or "python")
    if python and found is None:
        raise InvalidInput(f"there is no interpreter {python!r}; name one that is: --python /usr/bin/python3")
    present = Path(found or sys.executable)
    if packages is not Packages.FRESH:
        here = interpreter_of(str(present))
        differences = _differences(told, here.python, here.packages)
        if not differences:
            count = len(here.packages)
            return Environment(
                python=present, words=f"the present interpreter: Python {here.python}, the same {count} packages",
                notes=_unseen(told.packages),
            )  # fmt: skip
        if packages is Packages.HERE:
            return Environment(
                python=present, words=f"the present interpreter: Python {here.python}", notes=differences
            )
    return _fresh(told, code, beside / "env")


def _differences(told: Recorded, python: str, present: Sequence[str]) -> list[str]:
    """How an interpreter differs from the run's; empty if nothing does and all is known."""
    if not told.packages:
        return ["which packages the run had is not known"]
    found = [] if told.python == python else [f"Python is {python}, it was {told.python}"]
    was, now = set(told.packages), set(present)
    if was != now:
        gone, new = sorted(was - now), sorted(now - was)
        sample = ", ".join([*(f"-{p}" for p in gone[:_TOLD]), *(f"+{p}" for p in new[:_TOLD])])
        found.append(f"packages differ: {len(gone)} of the run's are not here, {len(new)} are new ({sample})")
    return found


def _unseen(lines: Sequence[str]) -> list[str]:
    local = [line.removeprefix("# ").removesuffix(FROM_A_FOLDER) for line in lines if line.endswith(FROM_A_FOLDER)]
    return [f"{', '.join(local)} came from a folder; its code is not compared"] if local else []


def _fresh(told: Recorded, code: Path, target: Path) -> Environment:
    uv = shutil.which("uv")
    python = target / "bin" / "python"
    if not told.packages and uv is not None and (code / "uv.lock").is_file():
        version = ["--python", told.python] if told.python else []
        _do([uv, "sync", "--quiet", "--frozen", *version], code, {"UV_PROJECT_ENVIRONMENT": str(target)})
        return Environment(python=python, words="uv.lock of the commit by uv")
    wanted, words, exact = _wanted(told, code)
    if uv is not None:
        version = ["--python", told.python] if told.python else []
        _do([uv, "venv", "--quiet", *version, str(target)], code)
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    else:
        _same_minor(told.python)
        _do([sys.executable, "-m", "venv", str(target)], code)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    listed = target.with_name("wanted.txt")
    listed.write_text("".join(f"{line}\n" for line in wanted))
    if wanted:
        _do([*install, *(["--no-deps"] if exact else []), "-r", str(listed)], code)
    local = [line.removeprefix("# ").partition("==")[0] for line in told.packages if line.endswith(FROM_A_FOLDER)]
    own = _project(code)
    if own and own in map(_plain, local):
        _do([*install, "--no-deps", str(code)], code)
    missing = [name for name in local if _plain(name) != own]
    notes = [f"{', '.join(missing)} came from a folder and was not installed"] if missing else []
    return Environment(python=python, words=f"{words} by {'uv' if uv else 'pip'}", notes=notes)


def _wanted(told: Recorded, code: Path) -> tuple[list[str], str, bool]:
    """What to install, in words, and whether it is all there was."""
    if told.packages:
        kept = [line for line in told.packages if line and not line.startswith("#")]
        return kept, f"Python {told.python}, the {len(kept)} packages of the run", True
    if told.wanted:
        return told.wanted.splitlines(), "what the run's model needs", False
    for name in ("requirements.lock", "requirements.txt"):
        if (code / name).is_file():
            return (code / name).read_text().splitlines(), f"{name} of the commit", False
    raise Conflict("which packages the run had is not known; repeat it with the present ones: --packages here")


def _same_minor(version: str) -> None:
    if version and version.split(".")[:2] != [str(part) for part in sys.version_info[:2]]:
        here = ".".join(map(str, sys.version_info[:3]))
        raise Unavailable(f"the run had Python {version} and this is {here}; install uv, which brings other versions")


def _project(code: Path) -> str:
    try:
        return _plain(str(tomllib.loads((code / "pyproject.toml").read_text())["project"]["name"]))
    except (OSError, KeyError, TypeError, ValueError):
        return ""


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _do(words: list[str], folder: Path, further: dict[str, str] | None = None) -> None:
    environ = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")}
    try:
        done = subprocess.run(
            words, cwd=folder, capture_output=True, timeout=_BUILD_S, check=False, stdin=subprocess.DEVNULL,
            env=environ | (further or {}),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as err:
        raise Unavailable(f"the packages of the run cannot be installed: {err}") from err
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[-600:]
        raise Unavailable(f"the packages of the run cannot be installed: {said}")

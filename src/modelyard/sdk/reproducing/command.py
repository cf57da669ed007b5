"""The command of a run, done again: in its own process group, within a time, with its switches, without its secrets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from modelyard.sdk.recording.asked import TAGS_VARIABLE
from modelyard.sdk.recording.surroundings import is_switch
from modelyard.sdk.reproducing import guard
from modelyard.sdk.reproducing.environment import Environment
from modelyard.sdk.reproducing.recorded import Recorded

CONTEXT_VARIABLE = "MLFLOW_RUN_CONTEXT"
"""Where MLflow's client takes tags for every run that it begins."""
_GRACE_S = 5.0
_TAIL = 1 << 20
_ADDRESSES = (
    "YARD_HOME",
    "YARD_ADDRESS",
    "YARD_TOKEN",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_RUN_ID",
)


class Ended(Struct, frozen=True, kw_only=True):
    """How a command ended.

    Attributes:
        code: its exit code; None if it was stopped for taking too long.
        said: the end of what it printed.
    """

    code: int | None
    said: bytes

    @property
    def last(self) -> str:
        """Its last line."""
        lines = self.said.decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else ""


def tagging(tags: Mapping[str, str]) -> dict[str, str]:
    """Variables that have every run below, of ours and of MLflow's client, carry `tags` and those asked for already."""
    asked: dict[str, str] = {}
    with suppress(ValueError, TypeError):
        asked = dict(json.loads(os.environ.get(CONTEXT_VARIABLE, "{}")))
    told = json.dumps({**asked, **tags})
    return {CONTEXT_VARIABLE: told, TAGS_VARIABLE: told}


def surroundings_of(
    told: Recorded, reach: Mapping[str, str], tags: Mapping[str, str], *, code: Path, env: Environment
) -> dict[str, str]:
    """The variables of a repetition: this user's, with the run's switches in place of those that are set here."""
    kept = {k: v for k, v in os.environ.items() if not is_switch(k) and k not in _ADDRESSES and k != "VIRTUAL_ENV"}
    switches = {
        k: v.replace(told.root, str(code)) if told.root and k.startswith("PYTHON") else v
        for k, v in told.switches.items()
    }
    path = os.pathsep.join(p for p in (str(env.python.parent), kept.get("PATH", "")) if p)
    return kept | switches | {"PATH": path} | dict(reach) | tagging(tags)


def run(
    words: list[str], *, folder: Path, environ: Mapping[str, str], log: Path, limit_s: float,
    started: Callable[[int], None],
) -> Ended:  # fmt: skip
    """Do it, and wait; whatever it started is gone afterwards, also if this process is killed meanwhile."""
    with log.open("wb") as out, _guarding() as guarded:
        try:
            child = subprocess.Popen(
                words, cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        except OSError as err:
            return Ended(code=127, said=f"{words[0]} cannot be run: {err.strerror}".encode())
        try:
            guarded(child.pid)
            started(child.pid)
            code: int | None = child.wait(limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _stop(child)
    with log.open("rb") as said:
        said.seek(max(0, log.stat().st_size - _TAIL))
        return Ended(code=code, said=said.read())


@contextmanager
def _guarding() -> Iterator[Callable[[int], None]]:
    """A process beside this one that ends the group it is told, should this one end before it is told otherwise."""
    words = [sys.executable, "-I", "-S", str(guard.__file__)]
    beside = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield lambda group: _tell(beside, f"{group}\n")
    finally:
        _tell(beside, "over\n")
        with suppress(BrokenPipeError):
            beside.communicate()


def _tell(beside: subprocess.Popen[bytes], line: str) -> None:
    if beside.stdin is not None:
        with suppress(BrokenPipeError):
            beside.stdin.write(line.encode())
            beside.stdin.flush()


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End the group: asked first, and then made to."""
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_S)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()

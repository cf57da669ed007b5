"""`yard run -- python train.py`: a command whose runs, MLflow's too, keep what it ran in, so that they can be repeated.

The command is not touched: MLflow's client takes a tag for its runs from an environment variable, and what was captured
is put beside the runs that carry the tag when the command has ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from secrets import token_hex

from msgspec import Struct

from modelyard.sdk.recording.surroundings import RECORD, Captured, capture_command
from modelyard.sdk.reproducing.command import tagging
from modelyard.sdk.reproducing.recorded import walk
from modelyard.sdk.reproducing.repetition import runs_of
from modelyard.tracking.api import INVOCATION_TAG, Run, Tracking
from modelyard.tracking.api.limits import safe_path


class Invoked(Struct, frozen=True, kw_only=True):
    """What came of a command: its exit code, and the runs that it made."""

    code: int
    runs: list[Run]


def invoke(tracking: Tracking, words: Sequence[str], reach: Mapping[str, str]) -> Invoked:
    """Run a command here, as a shell would, and keep what it ran in beside each of its runs.

    Raises:
        InvalidInput: there is no such program.
        Unavailable: the yard does not answer; the command has ended all the same.
    """
    invocation = token_hex(16)
    captured = capture_command(words)
    with _left_to_the_command():
        code = subprocess.run(
            list(words), env={**os.environ, **reach, **tagging({INVOCATION_TAG: invocation})}, check=False
        ).returncode
    runs = runs_of(tracking, invocation)
    for run in runs:
        keep(tracking, run, captured)
    return Invoked(code=code, runs=runs)


def keep(tracking: Tracking, run: Run, captured: Captured) -> None:
    """Put what was captured beside a run that has not captured it itself."""
    if RECORD in {path for path, _, _ in walk(tracking, run.id, "reproduce")}:
        return
    for name, body in captured.files.items():
        tracking.upload(run.id, safe_path(name), iter([body]))
    tags = {k: v for k, v in captured.tags.items() if v and run.tags.get(k, "") == ""}
    if tags:
        tracking.log(run.id, tags=tags)


@contextmanager
def _left_to_the_command() -> Iterator[None]:
    """Let the command answer Ctrl-C, which the terminal sends to both."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = signal.signal(signal.SIGINT, lambda *_: None)  # a handler, as an ignored signal stays ignored in the command
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, kept)

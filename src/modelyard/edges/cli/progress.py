"""How far bytes have come: a bar with bytes, rate and time left on a terminal's standard error, and nothing elsewhere.

It is drawn beside the answer, never in it, and is gone when the answer comes.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO

Through = Callable[[Iterable[bytes]], Iterator[bytes]]
"""Passes chunks on and counts them."""


@contextmanager
def progress(what: str, size_bytes: int | None, *, quiet: bool) -> Iterator[Through]:
    """Count chunks as they pass.

    Args:
        what: stands before the bar.
        size_bytes: how many will come; None if nobody knows.
        quiet: draw nothing, as where there is no terminal.
    """
    if quiet or not sys.stderr.isatty():
        yield iter
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    left = (TimeRemainingColumn(compact=True),) if size_bytes else ()
    with Progress(*columns, *left, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=size_bytes)

        def through(chunks: Iterable[bytes]) -> Iterator[bytes]:
            for chunk in chunks:
                yield chunk
                bar.advance(task, len(chunk))
            bar.update(task, description=f"{what}: all sent, the yard works on it")

        yield through


def size_of(file: IO[bytes]) -> int | None:
    """Bytes in an open file; None for a pipe or a terminal."""
    try:
        known = os.fstat(file.fileno())
    except OSError:  # io.UnsupportedOperation is one: there is no file behind it
        return None
    return known.st_size if stat.S_ISREG(known.st_mode) else None

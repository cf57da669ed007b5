"""Children wanted and watched through small files under the home's `run/children`, each replaced whole.

Control process and supervisor share nothing else, so either may be killed and started again without the other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from modelyard.kernel.errors import InvalidInput
from modelyard.ports.children import ChildStatus, Wanted

T = TypeVar("T", bound=msgspec.Struct)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


class FileChildren:
    """Implements the children port in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def want(self, child: Wanted) -> None:
        """Have a child run from now on."""
        if not _NAME.fullmatch(child.name):
            raise InvalidInput(f"{child.name[:80]!r} is no name for a child; use letters, digits, - and _")
        self._put(f"{child.name}.want", child)

    def unwant(self, name: str) -> None:
        """Have it stopped."""
        (self.folder / f"{name}.want").unlink(missing_ok=True)

    def wanted(self) -> list[Wanted]:
        """What is wanted now."""
        return list(self._read("want", Wanted))

    def statuses(self) -> list[ChildStatus]:
        """How each fares."""
        return list(self._read("status", ChildStatus))

    def report(self, status: ChildStatus) -> None:
        """Say how a child fares; for the supervisor."""
        self._put(f"{status.name}.status", status)

    def forget(self, name: str) -> None:
        """Drop the status of a child that is gone; for the supervisor."""
        (self.folder / f"{name}.status").unlink(missing_ok=True)

    def _put(self, name: str, record: msgspec.Struct) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / f".{name}.{os.getpid()}"
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(record))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.folder / name)

    def _read(self, suffix: str, kind: type[T]) -> Iterator[T]:
        for path in sorted(self.folder.glob(f"*.{suffix}")):
            try:
                yield msgspec.json.decode(path.read_bytes(), type=kind)
            except (FileNotFoundError, msgspec.MsgspecError):
                continue

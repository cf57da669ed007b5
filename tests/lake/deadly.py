"""A process that loads into a home until it is killed; run as `python -m tests.lake.deadly HOME WHERE`.

It prints a line for each load that was acknowledged. WHERE names a moment at which it kills itself, or is `never`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.app.house import House
from modelyard.ports.objects import Digest, Stored
from modelyard.ports.tables import DataFile
from modelyard.settings import Settings

COLUMNS = b"n,text\n"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DeadlyTables:
    """Tables that kill the process at one moment of a write."""

    def __init__(self, inner: Any, where: str) -> None:
        self._inner = inner
        self._where = where

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def publish(self, location: str, path: str, source: Path) -> None:
        if self._where == "before_publish":
            die()
        self._inner.publish(location, path, source)
        if self._where == "after_publish":
            die()

    def advance(
        self, location: str, *, base: int, target: Sequence[DataFile], schema: Any, info: Mapping[str, str]
    ) -> int:
        version: int = self._inner.advance(location, base=base, target=target, schema=schema, info=info)
        if self._where == "after_commit":
            die()
        return version


class DeadlyObjects:
    """Objects that kill the process after a source was kept."""

    def __init__(self, inner: Any, where: str) -> None:
        self._inner = inner
        self._where = where

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def put(self, content: Iterable[bytes], *, expect: Digest | None = None) -> Stored:
        stored: Stored = self._inner.put(content, expect=expect)
        if self._where == "after_source":
            die()
        return stored


def main(home: str, where: str) -> None:
    house = House(Settings(home=home, sync="normal"))
    house.recover()
    engines = house.engines
    engines.__dict__["tables"] = DeadlyTables(engines.tables, where)
    engines.services["lake"]._desk = _with_objects(engines.services["lake"], where)  # type: ignore[attr-defined]  # a port is faked inside
    lake = house.yard().lake
    for number in range(1000):
        rows = b"".join(b"%d,x\n" % n for n in range(20)) + b"bad,y\n%d,z,z\n" % number
        load = lake.load("t", [COLUMNS + rows], source=f"{number}.csv")
        sys.stdout.write(f"load {load.id} {load.version} {load.rows_loaded} {load.rows_quarantined}\n")
        sys.stdout.flush()


def _with_objects(service: Any, where: str) -> Any:
    from dataclasses import replace

    return replace(service._desk, objects=DeadlyObjects(service._desk.objects, where))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

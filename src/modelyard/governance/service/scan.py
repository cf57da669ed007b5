"""A search of every file under a folder for some bytes, inside packed files too. It changes nothing.

Memory stays at some megabytes. A file that goes away meanwhile is no finding; one that cannot be read is named.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from modelyard.governance.service.packed import Hit, Sought, holds_inside, holds_plain
from modelyard.kernel.errors import Damaged, Unavailable

Opened = Callable[[Path], Iterator[BinaryIO]]


class Scanned(Struct):
    """What a search went through, where it found something, and where only within longer names."""

    files: int = 0
    bytes: int = 0
    found: list[str] = []
    within: list[str] = []
    unreadable: list[str] = []


def as_it_is(file: Path) -> Iterator[BinaryIO]:
    """A file's bytes as they lie there."""
    with file.open("rb") as stream:
        yield stream


def search(home: Path, sought: Sought, opened: Opened = as_it_is) -> Scanned:
    """Every regular file under `home` that holds what is sought; links are not followed.

    Args:
        opened: gives what a file holds, as one stream or several; what is sealed comes unsealed.

    Costs one read of everything, about a gigabyte a second and form; packed files cost their unpacking.
    """
    done = Scanned()
    for file in _files(home):
        name = file.relative_to(home).as_posix()
        try:
            size, hit = 0, Hit.NONE
            for stream in opened(file):
                read, met = holds_plain(stream, sought)
                size, hit = size + read, max(hit, met)
                if met is not Hit.ALONE:
                    hit = max(hit, holds_inside(stream, sought))
        except FileNotFoundError:
            continue
        except (OSError, Damaged, Unavailable):
            done.unreadable.append(name)
            continue
        done.files += 1
        done.bytes += size
        if hit is not Hit.NONE:
            (done.found if hit >= Hit.UNSURE else done.within).append(name)
    return done


def _files(home: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(home):
        folders.sort()
        for name in sorted(names):
            file = Path(folder) / name
            if file.is_file() and not file.is_symlink():
                yield file

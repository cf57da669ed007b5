"""File sources in local folders: single files, patterns, folders that others write into.

Only below the folders that whoever runs the yard lists; links are followed and judged by where they lead, and only
regular files are read. A file that was touched a moment ago, or has an unfinished name, is left for the next pull.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

from modelyard.adapters.sources.addresses import Grounds, refuse_secret_options
from modelyard.adapters.sources.patterns import cut, is_unfinished, matcher
from modelyard.adapters.sources.places import confined_path, open_regular, refuse_outside
from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound, StaleVersion, Unavailable
from modelyard.ports.secrets import Secret
from modelyard.ports.sources import FileEntry

_CHUNK = 1 << 20
_SETTLES_S = 2.0
_DEEPEST = 32


def check(address: str, options: Mapping[str, str], grounds: Grounds) -> None:
    """Refuse what may not be read."""
    refuse_secret_options(options, known=("settle_s",))
    _settle_s(options)
    base, pattern = _parts(address)
    matcher(pattern)
    confined_path(base, grounds)


def opened(address: str, secret: Secret | None, options: Mapping[str, str], grounds: Grounds) -> FolderSource:
    """The files behind an address; there is no secret to use."""
    del secret
    base, pattern = _parts(address)
    return FolderSource(base, pattern, grounds, settle_s=_settle_s(options))


def _parts(address: str) -> tuple[str, str]:
    path = unquote(address.removeprefix("file://")) if address.startswith("file://") else address
    return cut(path)


def _settle_s(options: Mapping[str, str]) -> float:
    try:
        found = float(options.get("settle_s", _SETTLES_S))
    except ValueError as err:
        raise InvalidInput("settle_s is a number of seconds, e.g. 2.5") from err
    if not 0 <= found <= 86_400:
        raise InvalidInput("settle_s lies between 0 and 86400")
    return found


class FolderSource:
    """Files below one folder, or one file."""

    def __init__(self, base: str, pattern: str, grounds: Grounds, *, settle_s: float) -> None:
        self._given = base
        self._pattern = pattern
        self._grounds = grounds
        self._settle_s = settle_s
        self._clock = SystemClock()

    def entries(self) -> Iterator[FileEntry]:
        """The files, in order of name."""
        base = confined_path(self._given, self._grounds)
        if not base.exists():
            raise NotFound(f"there is no file or folder {self._given}")
        if not base.is_dir():
            if self._pattern:
                raise NotFound(f"{self._given} is no folder to look for {self._pattern} in")
            yield self._entry(base.name, confined_path(self._given, self._grounds, regular=True).stat())
            return
        fits = matcher(self._pattern or "*")
        found = {name: state for name, state in self._walk(base, "", 0) if fits.fullmatch(name)}
        for name in sorted(found):
            yield self._entry(name, found[name])

    def read(self, entry: FileEntry) -> Iterator[bytes]:
        """The bytes of a file, as they were when it was listed."""
        base = confined_path(self._given, self._grounds)
        path = base / entry.name if base.is_dir() else base
        with open_regular(_real(path), self._grounds) as file:
            if _mark(os.fstat(file.fileno())) != entry.mark:
                raise _changed(entry.name)
            while chunk := _read(file, entry.name):
                yield chunk
            if _mark(os.fstat(file.fileno())) != entry.mark:
                raise _changed(entry.name)

    def close(self) -> None:
        """Nothing is held open."""

    def _walk(self, folder: Path, prefix: str, depth: int) -> Iterator[tuple[str, os.stat_result]]:
        if depth > _DEEPEST:
            raise InvalidInput(f"{self._given} is deeper than {_DEEPEST} folders; name one further down")
        try:
            found = list(os.scandir(folder))
        except PermissionError as err:
            raise Forbidden(f"{folder} cannot be listed by this yard") from err
        except OSError as err:
            raise Unavailable(f"{folder} cannot be listed: {err.strerror}") from err
        for each in found:
            name = prefix + each.name
            if is_unfinished(each.name) or not each.name.isprintable():
                continue
            if each.is_dir(follow_symlinks=False):
                yield from self._walk(folder / each.name, name + "/", depth + 1)
                continue
            try:
                state = each.stat()
                if stat.S_ISREG(state.st_mode):
                    refuse_outside(Path(each.path).resolve(), self._grounds, shown=Path(each.path))
                    yield name, state
            except (OSError, Forbidden):
                continue  # gone meanwhile, or a link that leads elsewhere

    def _entry(self, name: str, state: os.stat_result) -> FileEntry:
        touched = max(state.st_ctime, min(state.st_mtime, state.st_ctime))
        settled = self._clock.now_ms() / 1000 - touched >= self._settle_s
        return FileEntry(name=name, size_bytes=state.st_size, mark=_mark(state), settled=settled)


def _mark(state: os.stat_result) -> str:
    return f"{state.st_size}-{state.st_mtime_ns}-{state.st_ino}"


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as err:
        raise Forbidden(f"{path} cannot be followed to its end") from err


def _read(file: object, name: str) -> bytes:
    try:
        found: bytes = file.read(_CHUNK)  # type: ignore[attr-defined]  # an opened binary file
    except OSError as err:
        raise Unavailable(f"{name} cannot be read on: {err.strerror}") from err
    return found


def _changed(name: str) -> StaleVersion:
    return StaleVersion(f"{name} changed while it was to be read; it is left for the next pull")

"""Backups: one file that holds a home, made while it is in use, and a home made from one, checked byte by byte.

The database is copied first, as of one moment; everything else it names is immutable and copied after it, so a backup
may hold a little more than the moment knew, never less. Rows that wait to be folded are copied before anybody may fold
them, so that they are in the copy of either the segments or the tables. What is not of the home (a Postgres, a bucket)
has tools of its own and is named in the refusal.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from modelyard.app.engines import Engines
from modelyard.app.layout import LAYOUT
from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import Conflict, Damaged, InvalidInput, NotFound
from modelyard.kernel.version import VERSION
from modelyard.settings import Settings

_MANIFEST = "manifest.json"
_DATABASE = "state/yard.sqlite"
_LEFT_OUT = ("run", "logs")
_FOLDED = ("state/predictions", "lake/pushes")
_CHUNK = 1 << 20


class Kept(msgspec.Struct, frozen=True):
    """One file of a backup: SHA-256 in hex, and size in bytes."""

    digest: str
    size_bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds, by path below the home."""

    version: str
    layout: int
    made_ms: int
    files: dict[str, Kept]


def backup(settings: Settings, target: Path) -> Manifest:
    """Write the home into one tar file that appears whole or not at all.

    Raises:
        Conflict: there is a file of that name.
        NotFound: there is no home.
        Unavailable: the database or the objects are kept elsewhere; the text says by which tool.
    """
    home = settings.home_path
    if not (home / "layout").exists():
        raise NotFound(f"there is no home at {home}; name one with --home")
    if target.exists():
        raise Conflict(f"{target} exists; a backup never replaces a file, choose another name")
    if settings.objects:
        raise InvalidInput(f"the objects are in {settings.objects}; use that store's own copies and versioning")
    clock = SystemClock()
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    copy = home / "run" / f"backup-{os.getpid()}.sqlite"
    copy.parent.mkdir(exist_ok=True)
    engines = Engines(settings, clock)
    try:
        made_ms = clock.now_ms()
        files: dict[str, Kept] = {}
        with fresh.open("xb") as out:
            with tarfile.open(fileobj=out, mode="w") as tar:
                with _nobody_folds(home):
                    engines.database.copy_to(copy)
                    for folder in _FOLDED:
                        _add_all(tar, home, home / folder, files)
                files[_DATABASE] = _add(tar, copy, _DATABASE)
                _add_all(tar, home, home, files)
                manifest = Manifest(version=VERSION, layout=LAYOUT, made_ms=made_ms, files=files)
                _add_bytes(tar, msgspec.json.encode(manifest), _MANIFEST)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(target)
    finally:
        engines.database.close()
        fresh.unlink(missing_ok=True)
        copy.unlink(missing_ok=True)
    return manifest


def restore(source: Path, home: Path) -> Manifest:
    """Make a home from a backup; every byte is checked before the home appears.

    Raises:
        Conflict: the home exists, or a newer version made the backup.
        Damaged: a file of the backup does not match its hash, or is missing.
        InvalidInput: it is no backup.
    """
    if home.exists() and any(home.iterdir()):
        raise Conflict(f"{home} is not empty; a restore never writes over a home, choose another --home")
    home.parent.mkdir(parents=True, exist_ok=True)
    fresh = home.with_name(f".{home.name}.restoring.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        try:
            with tarfile.open(source, "r:") as tar:
                tar.extractall(fresh, filter="data")
        except (OSError, tarfile.TarError) as err:
            raise InvalidInput(f"{source} is no backup of a yard, or was cut short: {err}") from err
        manifest = _checked(fresh, source)
        for folder, _, _ in os.walk(fresh):
            Path(folder).chmod(0o700)
        if home.exists():
            home.rmdir()
        fresh.rename(home)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return manifest


@contextmanager
def _nobody_folds(home: Path) -> Iterator[None]:
    """Hold back whoever folds segments of predictions and pushes."""
    with ExitStack() as held:
        for folder in _FOLDED:
            (home / folder).mkdir(parents=True, exist_ok=True)
            fcntl.flock(held.enter_context((home / folder / ".folding").open("w")), fcntl.LOCK_EX)
        yield


def _add_all(tar: tarfile.TarFile, home: Path, below: Path, files: dict[str, Kept]) -> None:
    """Add every file below a folder that was not added before."""
    for path in _files(home, below):
        name = path.relative_to(home).as_posix()
        if name not in files and (kept := _add_living(tar, path, name)) is not None:
            files[name] = kept


def _checked(fresh: Path, source: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode((fresh / _MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as err:
        raise InvalidInput(f"{source} holds no manifest; it is no backup of a yard, or was cut short") from err
    if manifest.layout > LAYOUT:
        raise Conflict(f"version {manifest.version} made {source}; restore it with that version or a newer one")
    (fresh / _MANIFEST).unlink()
    found = {p.relative_to(fresh).as_posix() for p in fresh.rglob("*") if p.is_file()}
    for name, kept in manifest.files.items():
        if name not in found or _hash(fresh / name) != kept:
            raise Damaged(f"{name} in {source} does not match its hash; nothing was restored, take another backup")
    if strangers := found - manifest.files.keys():
        raise Damaged(f"{source} holds {sorted(strangers)[0]}, which its manifest does not name; nothing was restored")
    return manifest


def _files(home: Path, below: Path) -> Iterator[Path]:
    """Everything in a folder of the home but its own database, logs and what only runs."""
    for folder, folders, names in os.walk(below):
        here = Path(folder)
        if here == home:
            folders[:] = [f for f in folders if f not in _LEFT_OUT]
        folders.sort()
        for name in sorted(names):
            path = here / name
            if path.parent == home / "state" and name.startswith("yard.sqlite"):
                continue
            if path.is_file() and not path.is_symlink():
                yield path


def _add_living(tar: tarfile.TarFile, path: Path, name: str) -> Kept | None:
    """Add a file that may go or grow meanwhile: what it held when it was opened, or nothing if it is gone."""
    try:
        return _add(tar, path, name)
    except FileNotFoundError:
        return None


def _add(tar: tarfile.TarFile, path: Path, name: str) -> Kept:
    with path.open("rb") as file:
        entry = tar.gettarinfo(arcname=name, fileobj=file)
        reader = _Hashing(file, entry.size)
        tar.addfile(entry, reader)
    return Kept(reader.digest.hexdigest(), entry.size)


class _Hashing(io.RawIOBase):
    """Reads exactly `size` bytes of a file and hashes them as they pass."""

    def __init__(self, file: io.BufferedReader, size: int) -> None:
        super().__init__()
        self._file = file
        self._left = size
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        want = self._left if size < 0 else min(size, self._left)
        chunk = self._file.read(want)
        if len(chunk) < want:
            chunk += bytes(want - len(chunk))
        self._left -= len(chunk)
        self.digest.update(chunk)
        return chunk


def _add_bytes(tar: tarfile.TarFile, content: bytes, name: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o600
    tar.addfile(entry, io.BytesIO(content))


def _hash(path: Path) -> Kept:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Kept(digest.hexdigest(), size)

"""What every part of the lake's service works with: ports, folders, the inspector; and a folder for each job."""

from __future__ import annotations

import errno
import fcntl
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NoReturn

from modelyard.kernel.actors import Authority
from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import Gone, Internal, NotFound, Unavailable
from modelyard.lake.api import Holders, Inspector, LoadId
from modelyard.lake.model.columns import is_uneven
from modelyard.lake.model.moments import MAIN, parse_at
from modelyard.lake.service.underway import UnderWay
from modelyard.lake.store import branches, catalogue, labels, manifests
from modelyard.ports import calls
from modelyard.ports.objects import Objects
from modelyard.ports.queries import Queries
from modelyard.ports.seals import Seals
from modelyard.ports.secrets import Secrets
from modelyard.ports.sinks import Sinks
from modelyard.ports.sources import Sources
from modelyard.ports.tables import DataFile, Tables

_ALIVE = "alive"
_FULL = (errno.ENOSPC, errno.EDQUOT)


def _nowhere() -> NoReturn:
    raise Unavailable("this yard was opened without other systems; open it through the app")


class Unsealed:
    """Files as they are: for a lake that was built without seals."""

    def create(self, path: Path) -> BinaryIO:
        """A new file."""
        return path.open("wb")

    def open(self, path: Path) -> BinaryIO:
        """A file to read."""
        return path.open("rb")

    @contextmanager
    def alone(self, folder: Path) -> Iterator[None]:
        """Nobody reseals anything."""
        del folder
        yield


@dataclass(frozen=True, slots=True)
class Outside:
    """How other systems are reached: what opens them, and the secrets that they ask of the yard."""

    sources: Callable[[], Sources] = _nowhere
    sinks: Callable[[], Sinks] = _nowhere
    secrets: Callable[[], Secrets] = _nowhere


@dataclass(frozen=True, slots=True)
class Desk:
    """The lake's means.

    Attributes:
        tables, queries: made on first use, because their libraries are heavy.
        staging: holds a folder for each job that is under way.
        vault: holds the quarantined rows, one Parquet file a load.
        seals: how those are written and read.
        kept: the contents of file sets, and nothing else: what no file set refers to there is nobody's.
        outside: how other systems are reached.
    """

    tables: Callable[[], Tables]
    queries: Callable[[], Queries]
    objects: Objects
    staging: Path
    vault: Path
    inspector: Inspector | None = None
    holders: Holders | None = None
    authority: Authority | None = None
    kept: Objects | None = None
    seals: Seals = field(default_factory=Unsealed)
    outside: Outside = field(default_factory=Outside)
    under_way: UnderWay = field(default_factory=UnderWay)

    def contents(self) -> Objects:
        """Where the contents of file sets lie."""
        if self.kept is None:
            raise Internal("this lake was built without a store for the contents of file sets")
        return self.kept

    @contextmanager
    def bench(self, job: str) -> Iterator[Path]:
        """A folder for one job, on the same file system as the tables; gone afterwards."""
        folder = self.staging / job
        folder.mkdir(parents=True)
        with (folder / _ALIVE).open("w") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX)
            try:
                yield folder
            except OSError as err:
                if err.errno in _FULL:
                    raise Unavailable(
                        "the disk of this yard is full; nothing was taken. Free space, then repeat"
                    ) from err
                raise
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def dead(self) -> list[Path]:
        """Folders of jobs whose process is gone."""
        return [folder for folder in sorted(self.staging.glob("*")) if _is_dead(folder)]

    def is_staged(self, job: str) -> bool:
        """True while a job's folder stands."""
        return (self.staging / job).exists()

    def quarantine_of(self, load: LoadId) -> Path:
        """Where a load's quarantined rows lie."""
        return self.vault / f"{load}.parquet"

    def paths(self, entry: catalogue.Entry) -> list[str]:
        """The data files of a table's version, as the table knows them."""
        return [file.path for file in self.files(entry)]

    def files(self, entry: catalogue.Entry) -> tuple[DataFile, ...]:
        """The data files of a table's version, in order of path; a branch's own are named by their manifest."""
        if entry.listed:
            listed = _manifest(entry)
            self.tables().learn(entry.location, listed)
            return listed
        return self.tables().files(entry.location, entry.version)

    def uris(self, entry: catalogue.Entry) -> list[str]:
        """Where a query finds the rows of a table's version."""
        return self.located(entry, self.paths(entry))

    def located(self, entry: catalogue.Entry, paths: Sequence[str]) -> list[str]:
        """Where a query finds some data files; the shape goes before them where some may lack a column."""
        found = [self.tables().uri(entry.location, path) for path in paths]
        if not is_uneven(entry.columns) or not found:
            return found
        from modelyard.lake.service.shapes import shape

        return [str(shape(self.staging.parent / "shapes", entry.columns)), *found]


def _manifest(entry: catalogue.Entry) -> tuple[DataFile, ...]:
    """From this call's snapshot, or, where the version is younger than that, as the writer sees it."""
    call = calls.current()
    try:
        return manifests.get(call.tx, entry.name, entry.version)
    except NotFound:
        return call.unit(lambda: manifests.get(calls.current().tx, entry.name, entry.version))


def _is_dead(folder: Path) -> bool:
    try:
        with (folder / _ALIVE).open("r") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return folder.is_dir()
    except BlockingIOError:
        return False
    return True


def resolve(name: str, at: str | None, *, branch: str | None = None) -> catalogue.Entry:
    """The table at what stands behind its `@`: a version, a moment of `main`, a tag, or a branch.

    Args:
        branch: the branch whose newest version is meant where `at` says nothing; `main` where it is left out.

    Raises:
        NotFound: no such table, version, tag or branch.
        InvalidInput: the text is neither a version, a tag, a branch nor a moment.
    """
    tx = calls.current().tx
    wanted = parse_at(at)
    shown = branch or MAIN
    version: int | None = None
    if wanted.version is not None:
        version = wanted.version
    elif wanted.moment_ms is not None:
        version = catalogue.version_before(tx, name, wanted.moment_ms)
    elif wanted.name is not None:
        version = catalogue.tagged(tx, name, wanted.name)
        if version is None and (label := labels.get(tx, wanted.name)) is not None:
            version = label.tables.get(name)
        if version is None and branches.is_open(tx, wanted.name):
            shown, at = wanted.name, None
    if at not in (None, "", MAIN) and version is None:
        raise _nothing(name, str(at))
    found = catalogue.entry(tx, name, version, branch=shown)
    if found is None:
        raise _nothing(name, shown if version is None else str(version))
    if found.expired_ms is not None:
        raise Gone(
            f"version {found.version} of {name} was let go by the table's retention on "
            f"{from_ms(found.expired_ms):%Y-%m-%d %H:%M} UTC; see which stand: yard lake history {name}"
        )
    return found


def _nothing(name: str, at: str) -> NotFound:
    """What to say where a table has nothing at a place."""
    tx = calls.current().tx
    if (newest := catalogue.newest(tx, name)) is None:
        return NotFound(f"there is no table {name}; list them: yard lake tables")
    on = ", ".join(f"{name}@{each}" for each in branches.holders(tx, name)) or "no branch"
    return NotFound(
        f"table {name} has nothing at {at}; its newest version is {newest}, and it stands as {on}. "
        f"List its versions: yard lake history {name} --every"
    )

"""What a step may ask of its surroundings: say what it reads and writes, keep files, reach the yard.

The same step runs under a worker and as a plain function call; there it gets a context of its own that keeps files in
a temporary folder and remembers what was said.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.refs import Ref, parts
from modelyard.pipelines.api import StepFile

if TYPE_CHECKING:
    from modelyard.sdk.hub import Yard


class Keeper(Protocol):
    """Where files of steps are kept."""

    def keep(self, path: Path, name: str) -> StepFile:
        """Keep a file's bytes."""
        ...

    def fetch(self, file: StepFile, target: Path) -> None:
        """Write a kept file's bytes to `target`."""
        ...


class StepContext:
    """The surroundings of one step.

    Attributes:
        run, step: which flow run and which step of its plan; empty outside a worker.
        folder: a scratch folder, gone once the worker is done.
    """

    def __init__(
        self, *, keeper: Keeper, folder: Path, run: str = "", step: str = "", yard: Yard | None = None
    ) -> None:
        self.run = run
        self.step = step
        self.folder = folder
        self._keeper = keeper
        self._yard = yard
        self._reads: dict[Ref, None] = {}
        self._writes: dict[Ref, None] = {}

    @property
    def yard(self) -> Yard:
        """The yard that runs this step, as its typed client; by default what `modelyard.connect()` would give.

        Raises:
            InvalidInput: the step runs outside a worker; pass a yard in, or connect to one.
        """
        if self._yard is None:
            raise InvalidInput("outside a worker a step has no yard; connect to one: modelyard.connect()")
        return self._yard

    def reads(self, *refs: str) -> None:
        """Say that the step's result is made from these, e.g. `table:trips@12`; lineage follows it.

        Raises:
            InvalidInput: one is no ref.
        """
        self._reads |= dict.fromkeys(_checked(refs))

    def writes(self, *refs: str) -> None:
        """Say that the step made these, e.g. `run:run_01J...`.

        Raises:
            InvalidInput: one is no ref.
        """
        self._writes |= dict.fromkeys(_checked(refs))

    @property
    def said(self) -> tuple[tuple[Ref, ...], tuple[Ref, ...]]:
        """What was read and what was written, as far as the step has said."""
        return tuple(self._reads), tuple(self._writes)

    def keep(self, path: str | Path, name: str | None = None) -> StepFile:
        """Keep a file by the digest of its bytes; give the answer back from the step, so that others can read it.

        Raises:
            NotFound: there is no such file.
        """
        file = Path(path)
        if not file.is_file():
            raise NotFound(f"the step keeps {file.name!r}, which is no file")
        return self._keeper.keep(file, name or file.name)

    def path_of(self, file: StepFile) -> Path:
        """A local copy of a kept file, fetched once; never write to it."""
        target = self.folder / "files" / file.digest[:16] / file.name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(target.name + ".part")
            self._keeper.fetch(file, part)
            part.replace(target)
        return target


class LocalKeeper:
    """Keeps files in a folder, by digest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, path: Path, name: str) -> StepFile:
        """Copy it."""
        digest = sha256()
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        kept = StepFile(name=name, digest=digest.hexdigest(), size_bytes=path.stat().st_size)
        shutil.copyfile(path, self._folder / kept.digest)
        return kept

    def fetch(self, file: StepFile, target: Path) -> None:
        """Copy it back."""
        source = self._folder / file.digest
        if not source.exists():
            raise NotFound(f"the file {file.name} was not kept in this process")
        shutil.copyfile(source, target)


_current: ContextVar[StepContext] = ContextVar("modelyard_step_context")
_local: list[tuple[StepContext, tempfile.TemporaryDirectory[str]]] = []


def context() -> StepContext:
    """The surroundings of the step that runs here."""
    found = _current.get(None)
    return _outside() if found is None else found


@contextmanager
def within(surroundings: StepContext) -> Iterator[StepContext]:
    """Make `surroundings` the current context; for workers and tests."""
    token = _current.set(surroundings)
    try:
        yield surroundings
    finally:
        _current.reset(token)


def _outside() -> StepContext:
    """One context for all plain calls of this process; its folder goes when the process does."""
    if not _local:
        folder = tempfile.TemporaryDirectory(prefix="yard-steps-")
        atexit.register(folder.cleanup)
        where = Path(folder.name)
        (where / "kept").mkdir()
        _local.append((StepContext(keeper=LocalKeeper(where / "kept"), folder=where), folder))
    return _local[0][0]


def _checked(refs: tuple[str, ...]) -> list[Ref]:
    for text in refs:
        parts(text)
    return [Ref(text) for text in refs]

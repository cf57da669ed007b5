"""Where a version's files come from: tracking's artifacts or an earlier version, listed and pinned by content."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from modelyard.kernel.errors import NotFound, TooLarge
from modelyard.kernel.refs import Ref, ref
from modelyard.ports.database import Transaction
from modelyard.registry.api import VersionFile
from modelyard.registry.model.sources import Place, Store, place_of
from modelyard.registry.service.found import model_ref, version_of
from modelyard.registry.store import versions
from modelyard.tracking.api import Run, Tracking

_MOST_FILES = 100_000


class Origin(Struct, frozen=True, kw_only=True):
    """Files that were found, and what is known of where they came from.

    Attributes:
        storage: where MLflow's clients fetch them.
        reads: refs that a version made of them was made from.
        inputs: those of them that the run read.
        commit: the code that the run ran.
    """

    storage: str
    files: tuple[VersionFile, ...] = ()
    run: str | None = None
    logged_model: str | None = None
    reads: tuple[Ref, ...] = ()
    inputs: tuple[Ref, ...] = ()
    commit: str = ""


class Intake:
    """Finds what a source names.

    Args:
        tracking: who holds the artifacts of runs and logged models.
    """

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def find(self, tx: Transaction, source: str, *, run: str | None, logged_model: str | None) -> Origin:
        """The files at a source; those of a logged model, if the run holds none of that name itself.

        Raises:
            InvalidInput: the source lies in no known store.
            NotFound: its run, logged model or version does not exist.
        """
        place = place_of(source)
        if place.store is Store.VERSION:
            return self._version(tx, place)
        if place.store is Store.NOBODY:
            return Origin(storage=source, run=run, logged_model=logged_model)
        if place.store is Store.LOGGED_MODEL:
            return self._logged(place.owner, place.path, run=run)
        one = self._tracking.run_record(place.owner)
        files = tuple(self._files(one.id, place.path))
        if not files and (made := self._made(one, place.path)) is not None:
            return self._logged(made, "", run=one.id)
        if logged_model is not None:
            self._tracking.logged_model(logged_model)
        storage = f"{one.artifact_uri}/{place.path}".rstrip("/")
        return self._origin(storage, files, run=one.id, logged_model=logged_model)

    def _logged(self, model: str, path: str, *, run: str | None) -> Origin:
        one = self._tracking.logged_model(model)
        files = tuple(self._files(one.id, path))
        return self._origin(
            f"{one.artifact_uri}/{path}".rstrip("/"), files, run=run or one.run, logged_model=one.id
        )  # fmt: skip

    def _version(self, tx: Transaction, place: Place) -> Origin:
        _, version, one = version_of(tx, place.owner, place.version)
        return Origin(
            storage=one.storage, files=tuple(versions.files(tx, version)), run=one.run, logged_model=one.logged_model,
            reads=(model_ref(one.name, one.version),), inputs=one.reads, commit=one.commit,
        )  # fmt: skip

    def _origin(
        self, storage: str, files: tuple[VersionFile, ...], *, run: str | None, logged_model: str | None
    ) -> Origin:
        reads: list[Ref] = []
        inputs: tuple[Ref, ...] = ()
        commit = ""
        if run is not None:
            try:
                one = self._tracking.run_record(run)
                inputs, commit = tuple(one.reads), one.commit or ""
            except NotFound:
                inputs = ()  # MLflow's clients may name a run that this yard never saw
            else:
                reads.append(ref("run", run))
        if logged_model is not None:
            reads.append(ref("logged_model", logged_model))
        return Origin(
            storage=storage, files=files, run=run, logged_model=logged_model, reads=(*reads, *inputs), inputs=inputs,
            commit=commit,
        )  # fmt: skip

    def _made(self, run: Run, path: str) -> str | None:
        """The last logged model of a run that bears the name of a path."""
        for made in reversed(run.outputs):
            try:
                one = self._tracking.logged_model(made.model)
            except NotFound:
                continue
            if one.name == path or not path:
                return one.id
        return None

    def _files(self, owner: str, folder: str) -> Iterator[VersionFile]:
        """Every file below a folder, its path counted from there; a folder that is a file is that file alone."""
        waiting, count, head = [folder], 0, f"{folder}/" if folder else ""
        while waiting:
            here, cursor = waiting.pop(), None
            while True:
                page = self._tracking.artifacts(owner, here, limit=1000, cursor=cursor)
                for each in page.items:
                    if each.is_folder:
                        waiting.append(each.path)
                        continue
                    count += 1
                    if count > _MOST_FILES:
                        raise TooLarge(f"{owner} holds more than {_MOST_FILES} files below {folder!r}")
                    yield VersionFile(
                        path=each.path.removeprefix(head), digest=each.digest or "", size_bytes=each.size_bytes or 0
                    )
                if (cursor := page.next) is None:
                    break

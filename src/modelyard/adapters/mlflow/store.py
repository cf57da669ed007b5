"""What a store of MLflow gives: its things in the yard's words, with the ids and times that they have there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Protocol, TypeVar

from msgspec import Struct

from modelyard.kernel.errors import Damaged
from modelyard.registry.api import Model, ModelVersion
from modelyard.tracking.api import Experiment, LoggedModel, NewTrace, Point, Run, Span

E = TypeVar("E", bound=StrEnum)
DELETED = "Deleted_Internal"
"""The stage of a version that was deleted, of which only the number is left."""


def said(kind: type[E], value: object, otherwise: E) -> E:
    """What a store says, as one of the words that there are; nothing said is `otherwise`.

    Raises:
        Damaged: it says something else.
    """
    if value in (None, ""):
        return otherwise
    try:
        return kind(str(value))
    except ValueError as err:
        raise Damaged(f"the store says {str(value)[:80]!r}, where one of {', '.join(kind)} stands") from err


class File(Struct, frozen=True, kw_only=True):
    """A file of a run or logged model: its path below, its size if it is known, and its bytes when they are read."""

    path: str
    size_bytes: int | None
    read: Callable[[], Iterator[bytes]]


PLACES = ("mlflow.artifactLocation", "mlflow.trace.spansLocation")
"""Tags that say where a trace lies in a store."""


class Traced(Struct, frozen=True, kw_only=True):
    """A trace with its spans; of older clients they lie in a file of it."""

    trace: NewTrace
    spans: list[Span]
    files: list[File] = []


class TraceReader(Protocol):
    """Who reads what servers answer about traces; each raises InvalidInput where it cannot."""

    def page(self, body: bytes) -> tuple[list[NewTrace], str]:
        """Traces of a search, and the token of the next page."""
        ...

    def old_page(self, body: bytes) -> tuple[list[NewTrace], str]:
        """The same of a server before 3.0."""
        ...

    def spans(self, body: bytes) -> list[Span]:
        """The spans of one trace."""
        ...


class Store(Protocol):
    """A store, open for reading; locations stand where they stand there."""

    @property
    def name(self) -> str:
        """The same words for the same store each time, without a password."""
        ...

    def experiments(self) -> list[Experiment]:
        """All, deleted ones too."""
        ...

    def runs(self, experiment: str) -> Iterator[Run]:
        """All runs of an experiment, deleted ones too, without metrics."""
        ...

    def points(self, run: str) -> Iterator[Point]:
        """The whole history of each metric of a run, with the logged models that points describe."""
        ...

    def models(self, experiment: str) -> Iterator[LoggedModel]:
        """All logged models of an experiment, without metrics."""
        ...

    def traces(self, experiment: str) -> Iterator[Traced]:
        """The traces of an experiment, with spans and what was said of them; nothing where they are not read."""
        ...

    def registered(self) -> list[Model]:
        """All registered models, with their aliases."""
        ...

    def versions(self, model: str) -> list[ModelVersion]:
        """The versions of a registered model, by number."""
        ...

    def files(self, owner: Run | LoggedModel) -> Iterator[File]:
        """The files of a run or logged model.

        Raises:
            NotFound: where they lie is not below what the user named.
        """
        ...

    def close(self) -> None:
        """Let go of it."""
        ...

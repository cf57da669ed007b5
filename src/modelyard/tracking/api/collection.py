"""The operations by which deleted runs, experiments and logged models go for good, with all that belonged to them.

Deleting sets aside and can be undone; collecting cannot. What something else holds stays: the files of a registered
version, a content that another run has as well.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.events import News
from modelyard.kernel.ids import ActorId
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.refs import Ref

KeepDays = Annotated[float, Meta(ge=0, le=36_500)]
NAMED = 100
"""So many of the things that go are named in the answer."""


class KeptBack(Struct, frozen=True, kw_only=True):
    """Something deleted that stays all the same.

    Attributes:
        about: what.
        why: the reason, with what to do about it.
    """

    about: Ref
    why: str


class Collection(Struct, frozen=True, kw_only=True):
    """What went for good, or would.

    Attributes:
        applied: False: nothing went, this is the plan.
        runs, experiments, logged_models, traces: how many of each, with all that was noted in them.
        points: metric points of those runs.
        files: artifacts by path.
        contents_freed: contents that nobody else holds, which are removed from the objects.
        bytes_freed: their size before sealing.
        contents_held: contents of those files that stay, since something else holds them.
        going: the first of the things, by name.
        kept: what is deleted and stays, with the reason.
    """

    applied: bool
    runs: int = 0
    experiments: int = 0
    logged_models: int = 0
    traces: int = 0
    points: int = 0
    files: int = 0
    contents_freed: int = 0
    bytes_freed: int = 0
    contents_held: int = 0
    going: tuple[Ref, ...] = ()
    kept: tuple[KeptBack, ...] = ()


class DeletedRetention(Struct, frozen=True, kw_only=True):
    """How long deleted things can be restored.

    Attributes:
        keep_days: after so many days a running yard collects them; None: they stay until somebody does.
        author, at_ms: who said so, and when.
    """

    keep_days: float | None = None
    author: ActorId | None = None
    at_ms: int | None = None


class RunsCollected(News, frozen=True, kw_only=True):
    """Deleted things went for good; it writes those that went."""

    runs: int = 0
    experiments: int = 0
    logged_models: int = 0
    traces: int = 0
    files: int = 0


class CollectionOperations(ABC):
    """What takes deleted things away."""

    @operation("POST", "/tracking/collections", scope="tracking:admin", effect=Effect.WORK, command="gc")
    @abstractmethod
    def collect(
        self,
        *,
        apply: bool = False,
        older_than: str = "",
        runs: list[str] | None = None,
        experiments: list[str] | None = None,
        models: list[str] | None = None,
    ) -> Collection:
        """Show what deleted runs, experiments and logged models would take with them, or remove it for good.

        A run takes its params, tags, metrics, inputs, files, verdicts and the traces made in it; an experiment all
        that lies in it. Nothing else is touched: a content that a registered version, a load or another run holds
        stays. It works in small parts and can be cut off anywhere: what is deleted then goes the next time. What
        something was made from is still told by lineage and audit, by name.

        Args:
            apply: remove it; else nothing changes and the answer is the plan.
            older_than: only what was deleted so long ago, e.g. 12h or 30d.
            runs: these only, by id; each must be deleted.
            experiments: these only, by number; each must be deleted.
            models: these logged models only, by id; each must be deleted.

        Raises:
            NotFound: one that is named does not exist.
            Conflict: one that is named is not deleted, or not for so long.
            InvalidInput: `older_than` is no duration.

        Example:
            yard tracking gc --older-than 30d --apply
        """

    @operation("PUT", "/tracking/retention", scope="tracking:admin")
    @abstractmethod
    def retain_deleted(self, keep_days: KeepDays | None = None) -> DeletedRetention:
        """Say after how many days a running yard removes deleted things for good; by default it never does.

        Args:
            keep_days: None leaves it to `gc`.

        Example:
            yard tracking retain-deleted --keep-days 30
        """

    @operation("GET", "/tracking/retention", scope="tracking:read")
    @abstractmethod
    def deleted_retention(self) -> DeletedRetention:
        """Show how long deleted things can be restored."""

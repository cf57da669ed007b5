"""Forgetting a person in traces: which of them name it, and removing those with all that belongs to them.

A trace may carry whatever a user typed, so it is searched as a text is: in what went in and came out, in every span,
tag and file. What somebody said of a trace goes alone where only that names the person.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

from msgspec import Meta, Struct

from modelyard.kernel.operations import Effect, operation
from modelyard.tracking.api.records import ExperimentId

Value = Annotated[str, Meta(min_length=1, max_length=300, description="what names the person, as text")]


class ErasedTraces(Struct, frozen=True, kw_only=True):
    """What an experiment holds of somebody, or held.

    Attributes:
        traces: traces that name it.
        assessments: what was said of other traces and names it.
    """

    experiment: ExperimentId
    traces: int
    assessments: int


class TraceErasure(Struct, frozen=True, kw_only=True):
    """What of somebody was found in traces.

    Attributes:
        applied: False: nothing was removed.
        found: by experiment.
        files: files of those traces.
        longer: words that hold the value within them, and are taken for somebody else's.
    """

    applied: bool
    found: tuple[ErasedTraces, ...] = ()
    files: int = 0
    longer: tuple[str, ...] = ()


class TraceErasureOperations(ABC):
    """What takes a person out of traces."""

    @operation(
        "POST", "/trace-erasures", scope="tracking:erase", effect=Effect.WORK, private=("value", "return"),
    )  # fmt: skip
    @abstractmethod
    def erase_traces(self, value: Value, names: tuple[str, ...] = (), *, apply: bool = False) -> TraceErasure:
        """Find the traces that name somebody, or remove them for good with spans, files and assessments.

        A value of at least six bytes counts wherever it stands for itself: in previews, tags, metadata, spans and
        files, JSON within JSON too. A shorter one counts only under one of the names, or as the user of a trace.

        Args:
            value: what names the person, e.g. a customer's number.
            names: keys under which it counts however short it is, e.g. `customer_id`.
            apply: remove them; else nothing changes.

        Example:
            yard tracking erase-traces C-104711 --names customer_id --apply
        """

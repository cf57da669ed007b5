"""What monitoring asks of slices below when an alert acts; the app says who answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from modelyard.kernel.refs import Ref


class Trainer(Protocol):
    """Starts flows."""

    def retrain(self, flow: str, params: Mapping[str, str | int | float | bool], *, because: Ref) -> Ref:
        """Start a flow; the ref of its run. Runs in the writer.

        Raises:
            NotFound: no such flow.
        """
        ...


class Reverter(Protocol):
    """Puts endpoints back."""

    def roll_back(self, endpoint: str, *, because: Ref) -> Ref:
        """Serve the revision before; the ref of the endpoint. Runs outside the writer.

        A repeat with the same `because` does nothing more.

        Raises:
            NotFound: no such endpoint.
            Conflict: there is nothing to go back to.
        """
        ...


class Feedback(Protocol):
    """Knows what turned out to be true for predictions."""

    def labels(self) -> Mapping[str, float]:
        """Every label by the id of its prediction; true and false are 1 and 0, texts are left out."""
        ...

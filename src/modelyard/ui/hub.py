"""The slices as pages see them: one typed door for each, as the looking actor may use it; never a service."""

from __future__ import annotations

from typing import Protocol, cast

from modelyard.cost.api import Cost
from modelyard.features.api import Features
from modelyard.governance.api import Governance
from modelyard.lake.api import Lake
from modelyard.monitoring.api import Monitoring
from modelyard.pipelines.api import Pipelines
from modelyard.quality.api import Quality
from modelyard.registry.api import Registry
from modelyard.serving.api import Serving
from modelyard.teamwork.api import Teamwork
from modelyard.tracking.api import Tracking
from modelyard.ui.kit.calls import PageCalls


class Slices(Protocol):
    """One attribute a slice."""

    @property
    def lake(self) -> Lake:
        """The lake slice."""
        ...

    @property
    def tracking(self) -> Tracking:
        """The tracking slice."""
        ...

    @property
    def pipelines(self) -> Pipelines:
        """The pipelines slice."""
        ...

    @property
    def registry(self) -> Registry:
        """The registry slice."""
        ...

    @property
    def serving(self) -> Serving:
        """The serving slice."""
        ...

    @property
    def monitoring(self) -> Monitoring:
        """The monitoring slice."""
        ...

    @property
    def governance(self) -> Governance:
        """The governance slice."""
        ...

    @property
    def features(self) -> Features:
        """The features slice."""
        ...

    @property
    def quality(self) -> Quality:
        """The quality slice."""
        ...

    @property
    def cost(self) -> Cost:
        """The cost slice."""
        ...

    @property
    def teamwork(self) -> Teamwork:
        """The teamwork slice."""
        ...


def slices(calls: PageCalls) -> Slices:
    """The slices behind a page's calls."""
    return cast(Slices, calls.hub)

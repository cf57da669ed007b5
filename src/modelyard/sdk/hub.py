"""One typed attribute for each slice of a yard, wherever the yard is.

    yard = modelyard.connect("./home")
    yard.lake.tables()

The hub holds a transport and nothing else; a slice's api is imported when its attribute is first used.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from modelyard.sdk.proxy import Transport, proxy

if TYPE_CHECKING:
    from modelyard.cost.api import Cost
    from modelyard.features.api import Features
    from modelyard.governance.api import Governance
    from modelyard.monitoring.api import Monitoring
    from modelyard.pipelines.api import Pipelines
    from modelyard.quality.api import Quality
    from modelyard.registry.api import Registry
    from modelyard.sdk.filesets.contents import Contents
    from modelyard.sdk.lake import LakeHandle
    from modelyard.sdk.tracking import TrackingHandle
    from modelyard.serving.api import Serving
    from modelyard.teamwork.api import Teamwork

A = TypeVar("A")


class Yard:
    """A yard, embedded or remote; close it, or use it in a `with`."""

    def __init__(self, transport: Transport, *, close: object = None, contents: Contents | None = None) -> None:
        self._transport = transport
        self._contents = contents
        self._close = close

    @cached_property
    def features(self) -> Features:
        """Feature views, point-in-time-correct training sets, online features."""
        from modelyard.features.api import Features

        return self.of(Features)

    @cached_property
    def cost(self) -> Cost:
        """What steps, runs, models and predictions cost; prices and budgets."""
        from modelyard.cost.api import Cost

        return self.of(Cost)

    @cached_property
    def governance(self) -> Governance:
        """Who may do what, who did, where things come from, and how somebody is forgotten."""
        from modelyard.governance.api import Governance

        return self.of(Governance)

    @cached_property
    def lake(self) -> LakeHandle:
        """Tables: loads that lose no row, versions, branches, quarantine, reads at any ref, as any frame."""
        from modelyard.sdk.lake import LakeHandle
        from modelyard.sdk.pins import pinned

        handle = proxy(LakeHandle, pinned(self._transport))
        handle.take_contents_from(self._contents)
        return handle

    @cached_property
    def pipelines(self) -> Pipelines:
        """Flows of typed steps, their runs, schedules and queues."""
        from modelyard.pipelines.api import Pipelines

        return self.of(Pipelines)

    @cached_property
    def monitoring(self) -> Monitoring:
        """Monitors, drift, performance, fairness; alerts and what they set off."""
        from modelyard.monitoring.api import Monitoring

        return self.of(Monitoring)

    @cached_property
    def serving(self) -> Serving:
        """Endpoints: model versions answered over open protocols, every prediction logged."""
        from modelyard.serving.api import Serving

        return self.of(Serving)

    @cached_property
    def teamwork(self) -> Teamwork:
        """Comments on anything that has a ref."""
        from modelyard.teamwork.api import Teamwork

        return self.of(Teamwork)

    @cached_property
    def quality(self) -> Quality:
        """Contracts on tables: what they promise, and whether it holds."""
        from modelyard.quality.api import Quality

        return self.of(Quality)

    @cached_property
    def registry(self) -> Registry:
        """Models that others rely on: versions, aliases, proposals."""
        from modelyard.registry.api import Registry

        return self.of(Registry)

    @cached_property
    def tracking(self) -> TrackingHandle:
        """Experiments, runs, metric series, logged models and artifacts; `run` notes one without MLflow."""
        from modelyard.sdk.tracking import TrackingHandle

        return self.of(TrackingHandle)

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which another program finds this yard; none for one in this process."""
        return dict(getattr(self._transport, "environment", {}))

    def of(self, api: Callable[..., A]) -> A:
        """The slice behind an api class."""
        return proxy(api, self._transport)

    def close(self) -> None:
        """Let go of connections, or of the home."""
        if callable(self._close):
            self._close()

    def __enter__(self) -> Yard:
        """The yard itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

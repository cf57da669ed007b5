"""The service of tracking: the operations of `Tracking`, each part in its own file.

service = TrackingService(objects=objects)
service.hot_log  # the short way in for the wires
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modelyard.ports.objects import Keeper, Objects
from modelyard.tracking.api import Log, Tracking
from modelyard.tracking.hot import HotLog
from modelyard.tracking.service.adoption import Adoption
from modelyard.tracking.service.artifacts import Artifacts
from modelyard.tracking.service.assessments import Assessments
from modelyard.tracking.service.boards import Boards
from modelyard.tracking.service.drawn import Drawn
from modelyard.tracking.service.erasures import TraceErasures
from modelyard.tracking.service.experiments import Experiments
from modelyard.tracking.service.folding import Folding
from modelyard.tracking.service.known import Known
from modelyard.tracking.service.metrics import Metrics
from modelyard.tracking.service.models import Models
from modelyard.tracking.service.reproductions import Reproductions
from modelyard.tracking.service.run_erasures import RunErasures
from modelyard.tracking.service.runs import Runs
from modelyard.tracking.service.tails import Tails
from modelyard.tracking.service.traces import Traces
from modelyard.tracking.service.uploads import UnderWay, Uploads


class TrackingService(
    Experiments,
    Runs,
    Boards,
    Metrics,
    Tails,
    Models,
    Artifacts,
    Uploads,
    Reproductions,
    Adoption,
    Traces,
    Assessments,
    TraceErasures,
    RunErasures,
    Tracking,
):
    """Tracking over a database and objects.

    Args:
        objects: where the bytes of artifacts lie.
        keepers: all others whose rows name objects there, asked before one is removed.
        gives_links: False: files pass the yard even where its objects lie in a bucket.
    """

    def __init__(
        self, *, objects: Objects, keepers: Callable[[], Sequence[Keeper]] = lambda: (), gives_links: bool = True
    ) -> None:
        self._log = HotLog()
        self._drawn = Drawn()
        self._known = Known()
        self._objects = objects
        self._gives_links = gives_links
        self._under_way = UnderWay()
        self._keepers = keepers
        self.folding = Folding(self._log)

    @property
    def hot_log(self) -> Log:
        """Where wires hand batches that they have checked and packed already."""
        return self._log


__all__ = ["TrackingService"]

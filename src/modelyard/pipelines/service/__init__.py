"""The service of pipelines: flows, runs, what workers report, and the dispatcher that has runs worked on."""

from modelyard.pipelines.service.dispatch import Dispatcher, Workshop
from modelyard.pipelines.service.pipelines import PipelinesService

__all__ = ["Dispatcher", "PipelinesService", "Workshop"]

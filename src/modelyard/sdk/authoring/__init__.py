"""The words in which pipelines are written: steps, flows, and what a step may ask of its surroundings.

from modelyard import context, flow, step

@step
def split(table: str) -> str: ...

@step
def train(data: str, depth: int) -> float: ...

@flow
def training(table: str = "trips") -> list[float]:
data = split(table)
return [train(data, depth) for depth in (3, 6)]

training.plan()          # the graph, printed before anything runs
training.submit(yard)    # run by the yard, each step at most once for the same inputs
training()               # or right here, as the plain Python that it is
"""

from modelyard.pipelines.api import StepFile
from modelyard.sdk.authoring.context import StepContext, context
from modelyard.sdk.authoring.flows import AuthoredFlow, Submitted, flow
from modelyard.sdk.authoring.steps import Step, step

__all__ = ["AuthoredFlow", "Step", "StepContext", "StepFile", "Submitted", "context", "flow", "step"]

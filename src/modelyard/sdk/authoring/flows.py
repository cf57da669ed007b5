"""Flows: plain functions that wire steps, planned by running their body once with stand-ins.

A flow is sent to a yard as the text of its module; the yard's worker imports it and plans it again there.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

import msgspec

from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import Conflict, InvalidInput, TimedOut
from modelyard.kernel.units import format_duration
from modelyard.pipelines.api import Flow, FlowParameter, FlowRun, FlowRunId, FlowSpec, Json, Plan, Resources, RunStatus
from modelyard.sdk.authoring.sources import bundled, commit_of, place_of
from modelyard.sdk.authoring.steps import Step
from modelyard.sdk.authoring.tracing import tracing, wire

if TYPE_CHECKING:
    from modelyard.sdk.hub import Yard

P = ParamSpec("P")
R = TypeVar("R")
_LOOK_S = 0.1
_EMPTY = inspect.Parameter.empty


class AuthoredFlow(Generic[P, R]):
    """A function that wires steps. Called, it runs them here; submitted, the yard runs them."""

    def __init__(self, fn: Callable[P, R], *, name: str, queue: str, resources: Resources) -> None:
        self.fn = fn
        self.name = name
        self._queue = queue
        self._resources = resources
        self._signature = inspect.signature(fn)
        functools.update_wrapper(self, fn)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the body here and now, each step as the plain function that it is; nothing is cached or recorded."""
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<flow {self.name}>"

    @property
    def spec(self) -> FlowSpec:
        """What is told about the flow beside its sources."""
        parameters = tuple(_parameter(self.name, p) for p in self._signature.parameters.values())
        return FlowSpec(
            entry=f"{place_of(self.fn).module}:{self.fn.__name__}", parameters=parameters,
            doc=(inspect.getdoc(self.fn) or "")[:4000], queue=self._queue, resources=self._resources,
            commit=commit_of(place_of(self.fn)),
        )  # fmt: skip

    def plan(self, *args: P.args, **kwargs: P.kwargs) -> Plan:
        """The graph that the body wires for these parameters; no step runs.

        Raises:
            InvalidInput: the body looks into a result, or passes what is no JSON.
        """
        return self.traced(*args, **kwargs)[0]

    def traced(self, *args: P.args, **kwargs: P.kwargs) -> tuple[Plan, dict[str, Step[..., Any]]]:
        """The plan, and the steps that it calls by name."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        params = dict(bound.arguments)
        with tracing() as trace:
            output = self.fn(*bound.args, **bound.kwargs)
        nothing: dict[str, None] = {}
        plan = Plan(
            flow=self.name,
            params={name: wire(value, nothing, name) for name, value in params.items()},
            steps=tuple(trace.steps),
            output=wire(output, nothing, f"what {self.name} gives back"),
        )
        return plan, {name: maker for name, maker in trace.makers.items() if isinstance(maker, Step)}

    def register(self, yard: Yard) -> Flow:
        """Send the sources to a yard; the same sources give the same version again."""
        return yard.pipelines.register(self.name, self.spec, iter([bundled(place_of(self.fn))]))

    def submit(self, yard: Yard, /, *args: P.args, **kwargs: P.kwargs) -> Submitted:
        """Register the flow and have the yard run it; plans it here first, so that a fault shows at once.

        Raises:
            InvalidInput: the flow cannot be planned, or is in no file.
            BudgetSpent: a budget that covers the flow is used up.
        """
        params = self.plan(*args, **kwargs).params
        registered = self.register(yard)
        run = yard.pipelines.run(self.name, params, version=registered.version)
        return Submitted(yard, run.id)


class Submitted:
    """A run that a yard was asked for."""

    def __init__(self, yard: Yard, run: FlowRunId) -> None:
        self._yard = yard
        self.id = run

    def __repr__(self) -> str:
        return f"<flow run {self.id}>"

    @property
    def now(self) -> FlowRun:
        """The run as it stands."""
        return self._yard.pipelines.flow_run(self.id)

    def wait(self, *, timeout_s: float = 600.0) -> FlowRun:
        """The run once it is over, however it ended.

        Raises:
            TimedOut: it is not over in time; it goes on.
        """
        clock, pause = SystemClock(), threading.Event()
        end = clock.monotonic() + timeout_s
        while not (run := self.now).is_over:
            if clock.monotonic() >= end:
                raise TimedOut(f"{self.id} is {run.status} after {format_duration(timeout_s)}; it goes on")
            pause.wait(_LOOK_S)
        return run

    def result(self, *, timeout_s: float = 600.0) -> Json:
        """What the flow gave back, as JSON.

        Raises:
            Conflict: the run failed or was cancelled.
            TimedOut: it is not over in time; it goes on.
        """
        run = self.wait(timeout_s=timeout_s)
        if run.status is not RunStatus.FINISHED:
            why = f": {run.error}" if run.error else ""
            raise Conflict(f"{self.id} of {run.flow} is {run.status}{why}; its log: yard pipelines log {self.id}")
        return run.output

    def log(self) -> Iterator[str]:
        """What the worker of the last attempt wrote, line by line, as far as it has come."""
        text = b"".join(self._yard.pipelines.log(self.id))
        return iter(text.decode("utf-8", "replace").splitlines())


def _parameter(flow_name: str, p: inspect.Parameter) -> FlowParameter:
    if p.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        raise InvalidInput(f"flow {flow_name} takes *{p.name}; name its parameters")
    default: Any = None if p.default is _EMPTY else p.default
    try:
        plain = msgspec.json.decode(msgspec.json.encode(default))
    except (TypeError, UnicodeEncodeError) as err:
        raise InvalidInput(f"the default of {p.name} of flow {flow_name} does not travel as JSON") from err
    kind = "" if p.annotation is _EMPTY else p.annotation if isinstance(p.annotation, str) else _name(p.annotation)
    return FlowParameter(name=p.name, type=kind[:500], required=p.default is _EMPTY, default=plain)


def _name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


@overload
def flow(fn: Callable[P, R], /) -> AuthoredFlow[P, R]: ...
@overload
def flow(
    *, name: str | None = None, queue: str = "default", resources: Resources | None = None
) -> Callable[[Callable[P, R]], AuthoredFlow[P, R]]: ...


def flow(
    fn: Callable[P, R] | None = None, /, *, name: str | None = None, queue: str = "default",
    resources: Resources | None = None,
) -> AuthoredFlow[P, R] | Callable[[Callable[P, R]], AuthoredFlow[P, R]]:  # fmt: skip
    """Make a flow of a function that wires steps.

    Args:
        fn: a function at the top level of its module, whose parameters are JSON.
        name: by default the function's.
        queue: the line in which its runs wait; how many of one are worked on at a time is the queue's to say.
        resources: what one run may use at most.
    """

    def make(inner: Callable[P, R]) -> AuthoredFlow[P, R]:
        return AuthoredFlow(inner, name=name or inner.__name__, queue=queue, resources=resources or Resources())

    return make if fn is None else make(fn)

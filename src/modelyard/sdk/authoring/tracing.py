"""Tracing: a flow's body runs once with stand-ins for results, so that its graph is known before any step runs.

A stand-in can be passed on and nothing else; a body that looks into one would depend on a result that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import msgspec

from modelyard.kernel.errors import InvalidInput
from modelyard.pipelines.api import STEP_MARK, Json, PlannedStep


class Pending:
    """Stands for what a step will give."""

    __slots__ = ("_id",)
    __hash__ = None  # type: ignore[assignment]  # a key of a dict must be known; this is not

    def __init__(self, id_: str) -> None:
        self._id = id_

    def __repr__(self) -> str:
        return f"<what {self._id} will give>"

    def _refuse(self, *_: Any) -> NoReturn:
        raise InvalidInput(
            f"the flow's body looks into the result of {self._id}, which is not there while the flow is planned; "
            "do this within a step and pass the result on whole"
        )

    __bool__ = __iter__ = __len__ = __getitem__ = __contains__ = __call__ = _refuse
    __str__ = __format__ = __int__ = __float__ = __index__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __mod__ = _refuse

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()


def id_of(pending: Pending) -> str:
    """The step that a stand-in stands for."""
    found: str = object.__getattribute__(pending, "_id")
    return found


class Trace:
    """The steps called so far."""

    def __init__(self) -> None:
        self.steps: list[PlannedStep] = []
        self.makers: dict[str, object] = {}
        self._calls: dict[str, int] = {}

    def call(self, maker: object, step: str, arguments: dict[str, Any], *, cache: bool) -> Pending:
        """Note one call of a step; `maker` is the step itself.

        Raises:
            InvalidInput: another step has the same name, or an argument is no JSON.
        """
        if self.makers.setdefault(step, maker) is not maker:
            raise InvalidInput(f"the flow calls two steps named {step}; name one of them: @step(name=...)")
        count = self._calls[step] = self._calls.get(step, 0) + 1
        id_ = step if count == 1 else f"{step}-{count}"
        needs: dict[str, None] = {}
        wired = {name: wire(value, needs, f"{name} of {id_}") for name, value in arguments.items()}
        self.steps.append(PlannedStep(id=id_, step=step, arguments=wired, needs=tuple(needs), cache=cache))
        return Pending(id_)


_tracing: ContextVar[Trace | None] = ContextVar("modelyard_trace", default=None)


def trace() -> Trace | None:
    """The trace that is being made here; None while code runs for real."""
    return _tracing.get()


@contextmanager
def tracing() -> Iterator[Trace]:
    """Trace what is called within."""
    made = Trace()
    token = _tracing.set(made)
    try:
        yield made
    finally:
        _tracing.reset(token)


def wire(value: Any, needs: dict[str, None], what: str) -> Json:
    """A value as JSON, stand-ins as marks; the steps it needs are added to `needs`.

    Raises:
        InvalidInput: it holds something that is no JSON.
    """
    if isinstance(value, Pending):
        needs[id_of(value)] = None
        return {STEP_MARK: id_of(value)}
    if isinstance(value, list | tuple):
        return [wire(item, needs, what) for item in value]
    if isinstance(value, dict):
        if STEP_MARK in value:
            raise InvalidInput(f"{what} holds the key {STEP_MARK!r}, which plans keep for themselves")
        return {str(key): wire(item, needs, what) for key, item in value.items()}
    try:
        return msgspec.to_builtins(value)
    except (TypeError, RecursionError) as err:
        raise InvalidInput(
            f"{what} is a {type(value).__name__}, which does not travel as JSON; "
            "pass a ref such as table:trips@12, or a file kept with context().keep(path)"
        ) from err


def filled(value: Json, results: dict[str, Json]) -> Json:
    """A wired value with results in the place of marks."""
    if isinstance(value, dict):
        if STEP_MARK in value:
            return results[value[STEP_MARK]]
        return {key: filled(item, results) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, results) for item in value]
    return value

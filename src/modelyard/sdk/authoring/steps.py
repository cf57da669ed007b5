"""Steps: plain typed functions that a flow may call.

Outside a flow's planning a step is the function that it was made from. Its arguments and its result are JSON, by the
types of its signature.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, cast, overload

import msgspec

from modelyard.kernel.errors import InvalidInput
from modelyard.pipelines.api import Json
from modelyard.sdk.authoring.code import refuse_closure
from modelyard.sdk.authoring.tracing import trace

P = ParamSpec("P")
R = TypeVar("R")
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Step(Generic[P, R]):
    """A function that a flow may call.

    Attributes:
        cache: whether an earlier result of the same code, inputs and environment is taken.
    """

    def __init__(self, fn: Callable[P, R], *, name: str, cache: bool) -> None:
        refuse_closure(fn)
        signature = inspect.signature(fn)
        if any(p.kind in _VARIADIC for p in signature.parameters.values()):
            raise InvalidInput(f"step {name} takes *args or **kwargs; name its parameters, they are part of its key")
        self.fn = fn
        self.name = name
        self.cache = cache
        self._signature = signature
        functools.update_wrapper(self, fn)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it; while a flow is planned, note the call instead."""
        made = trace()
        if made is None:
            return self.fn(*args, **kwargs)
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return cast("R", made.call(self, self.name, dict(bound.arguments), cache=self.cache))

    def __repr__(self) -> str:
        return f"<step {self.name}>"

    def run(self, arguments: dict[str, Json]) -> Json:
        """Run it on JSON arguments, each taken as the type of its parameter; the result as JSON.

        Raises:
            InvalidInput: an argument or the result does not fit its declared type.
        """
        hints = typing.get_type_hints(self.fn)
        given = {name: _as_type(value, hints.get(name), f"{name} of {self.name}") for name, value in arguments.items()}
        bound = self._signature.bind_partial()
        bound.arguments.update(given)
        result = self.fn(*bound.args, **bound.kwargs)
        try:
            plain = msgspec.json.decode(msgspec.json.encode(result))
        except (TypeError, UnicodeEncodeError, RecursionError) as err:
            raise InvalidInput(
                f"step {self.name} gave back a {type(result).__name__}, which does not travel as JSON; write it to "
                "the lake and give back its ref, or keep it as a file: context().keep(path)"
            ) from err
        _as_type(plain, hints.get("return"), f"the result of {self.name}")
        return plain


def _as_type(value: Json, hint: Any, what: str) -> Any:
    if hint is None:
        return value
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as err:
        raise InvalidInput(f"{what} does not fit {hint}: {err}") from err
    except TypeError:
        return value  # a type that JSON knows nothing of; the step gets the value as it came


@overload
def step(fn: Callable[P, R], /) -> Step[P, R]: ...
@overload
def step(*, name: str | None = None, cache: bool = True) -> Callable[[Callable[P, R]], Step[P, R]]: ...


def step(
    fn: Callable[P, R] | None = None, /, *, name: str | None = None, cache: bool = True
) -> Step[P, R] | Callable[[Callable[P, R]], Step[P, R]]:
    """Make a step of a function.

    Args:
        fn: a typed function at the top level of its module.
        name: by default the function's.
        cache: take an earlier result of the same code, inputs and environment instead of running again. Turn it off
            for a step that reads what its arguments do not name, or that acts on the world.

    Raises:
        InvalidInput: the function is a closure, or takes *args or **kwargs.
    """

    def make(inner: Callable[P, R]) -> Step[P, R]:
        return Step(inner, name=name or inner.__name__, cache=cache)

    return make if fn is None else make(fn)

"""A slice's api, answered over a transport: the interface itself is the client's static type.

Arguments are checked here, in the caller's own frame, by the record that the wire uses. Nothing is generated into
files.
"""

from __future__ import annotations

import inspect
from abc import ABC
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar, cast

import msgspec

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.operations import Form, Operation, operations

A = TypeVar("A")


class Transport(Protocol):
    """Carries calls to where the services are."""

    def call(self, op: Operation, arguments: dict[str, Any]) -> Any:
        """One call; its answer."""
        ...

    def upload(self, op: Operation, arguments: dict[str, Any], content: Iterable[bytes]) -> Any:
        """Bytes there, an answer back."""
        ...

    def download(self, op: Operation, arguments: dict[str, Any]) -> Iterator[bytes]:
        """Bytes back."""
        ...

    def live(self, op: Operation, arguments: dict[str, Any]) -> Iterator[Any]:
        """Records back, as they come."""
        ...


def proxy(api: Callable[..., A], transport: Transport) -> A:
    """The interface `api` (an abstract class), answered over `transport`."""
    made = _proxy_class(cast("type[Any]", api))()
    made._transport = transport
    return cast("A", made)


_classes: dict[type[Any], type[Any]] = {}


def _proxy_class(api: type[Any]) -> type[Any]:
    if api in _classes:
        return _classes[api]
    body: dict[str, Any] = {
        op.method: _method(api, op)
        for op in operations(api)
        if getattr(getattr(api, op.method), "__isabstractmethod__", False)  # a handle may have a form of its own
    }
    body["__repr__"] = lambda _: f"<{api.__name__} of a yard>"
    bases = (api,) if issubclass(api, ABC) else (api, ABC)
    made = _classes[api] = type(f"{api.__name__}Client", bases, body)
    return made


def _method(api: type[Any], op: Operation) -> Callable[..., Any]:
    declared = getattr(api, op.method)
    signature = inspect.signature(declared)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = dict(signature.bind(self, *args, **kwargs).arguments)
        del arguments[next(iter(arguments))]
        transport: Transport = self._transport
        content = arguments.pop(op.content) if op.content is not None else None
        checked = checked_arguments(op, arguments)
        if op.form is Form.UPLOAD:
            return transport.upload(op, checked, content if content is not None else ())
        if op.form is Form.DOWNLOAD:
            return transport.download(op, checked)
        if op.form is Form.LIVE:
            return transport.live(op, checked)
        return transport.call(op, checked)

    method.__name__ = op.method
    method.__qualname__ = f"{api.__name__}.{op.method}"
    method.__doc__ = declared.__doc__
    method.__signature__ = signature  # type: ignore[attr-defined]  # so that help() shows the declared one
    return method


def checked_arguments(op: Operation, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments as their declared types, defaults filled in.

    Raises:
        InvalidInput: one breaks its type or bound, or is unknown.
    """
    try:
        record = msgspec.convert(given, op.params)
        msgspec.json.encode(record)  # text that no wire can carry (a lone surrogate) fails here as it does there
    except (msgspec.ValidationError, UnicodeEncodeError) as err:
        raise InvalidInput(f"{op.name}: {err}") from err
    except RecursionError as err:
        raise InvalidInput(f"{op.name}: a value is nested too deeply") from err
    return {name: getattr(record, name) for name in record.__struct_fields__}

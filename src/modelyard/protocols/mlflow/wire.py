"""Requests and answers of the wire: JSON or query in, JSON out, on all of MLflow's prefixes.

As with MLflow's own server, numbers may come as text, unknown fields are ignored, and a field that is null or empty
counts as not given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import InvalidInput, Malformed
from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref, ref
from modelyard.ports.wires import WireRequest, WireResponse, WireRoute
from modelyard.protocols.mlflow import errors

B = TypeVar("B", bound=Struct)
T = TypeVar("T")
SECOND, THIRD = ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow"), ("/api/3.0/mlflow", "/ajax-api/3.0/mlflow")
PREFIXES = (*SECOND, *THIRD)
ARTIFACT_PREFIXES = ("/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts")
READ, WRITE = "tracking:read", "tracking:write"
EMPTY = WireResponse(body=b"{}")
encode = msgspec.json.Encoder().encode
_MOST_FIELDS = 1000


class KeyValue(Struct, kw_only=True):
    """A tag or a param, as the wire spells it."""

    key: str | None = None
    value: str | None = None


def as_dict(pairs: list[KeyValue] | None, name: str) -> dict[str, str]:
    """Pairs as a mapping, the last one of a key winning.

    Raises:
        InvalidInput: a key is missing.
    """
    return {required(p.key, f"{name}[{i}].key"): p.value or "" for i, p in enumerate(pairs or ())}


def as_pairs(values: Mapping[str, str]) -> list[KeyValue]:
    """A mapping as the wire lists it."""
    return [KeyValue(key=k, value=v) for k, v in values.items()]


def required(value: T | None, name: str) -> T:
    """`value`, if it was given.

    Raises:
        InvalidInput: it was not, or is empty.
    """
    if value is None or value == "":
        raise InvalidInput(
            f"Missing value for required parameter '{name}'. See the API docs for more information about request "
            "parameters."
        )
    return value


def body_decoder(kind: type[B]) -> Callable[[WireRequest], B]:
    """How a JSON body becomes a record of that type."""
    decoder = msgspec.json.Decoder(kind, strict=False)

    def decode(request: WireRequest) -> B:
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json":
            raise InvalidInput("Bad Request. Content-Type must be one of ['application/json'].")
        body = request.body or b"{}"
        if body[:1] == b'"':  # old clients encode twice
            body = msgspec.json.decode(body, type=str).encode()
        return decoder.decode(body)

    return decode


def query_decoder(kind: type[B]) -> Callable[[WireRequest], B]:
    """How a query becomes a record of that type; a list field may be repeated, of others the first counts."""
    hints = get_type_hints(kind)
    many = {name for name, hint in hints.items() if any(get_origin(h) is list for h in (hint, *get_args(hint)))}

    def decode(request: WireRequest) -> B:
        given: dict[str, Any] = {}
        for name, value in fields_of(request):
            if name in many:
                given.setdefault(name, []).append(value)
            else:
                given.setdefault(name, value)
        return msgspec.convert(given, kind, strict=False)

    return decode


def fields_of(request: WireRequest) -> list[tuple[str, str]]:
    """The fields of a request's query.

    Raises:
        Malformed: it is not UTF-8, or has too many fields.
    """
    try:
        return parse_qsl(request.query, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError as err:
        raise Malformed("the query cannot be read") from err


def either_decoder(kind: type[B]) -> Callable[[WireRequest], B]:
    """How a request becomes a record of that type, from its body if it has one, else from its query."""
    of_body, of_query = body_decoder(kind), query_decoder(kind)

    def decode(request: WireRequest) -> B:
        return of_body(request) if request.body else of_query(request)

    return decode


def answer(record: object) -> WireResponse:
    """A record as JSON."""
    return WireResponse(body=encode(record))


@lru_cache(maxsize=4096)
def run_ref(run: str | None) -> Ref | None:
    """The ref of the run that a request names."""
    return ref("run", run) if run else None


def experiment_ref(experiment: str | None) -> Ref | None:
    """The ref of the experiment that a request names."""
    return ref("experiment", experiment) if experiment else None


def model_ref(model: str | None) -> Ref | None:
    """The ref of the logged model that a request names."""
    return ref("logged_model", model) if model else None


def route(
    name: str, address: str, decode: Callable[[WireRequest], T], handle: Callable[[T], WireResponse], *,
    effect: Effect, about: Callable[[T], Ref | None] | None = None, audited: bool = True, scope: str | None = None,
) -> list[WireRoute]:  # fmt: skip
    """One call of MLflow's, `VERB /path`, on all prefixes; unless told otherwise, what it does decides the scope."""
    verb, _, path = address.partition(" ")
    scope = scope or (WRITE if effect.changes else READ)
    return [
        WireRoute(
            name=f"mlflow.{name}", verb=verb, path=prefix + path, scope=scope, effect=effect, decode=decode,
            handle=handle, error=errors.answer, about=about, audited=audited,
        )
        for prefix in PREFIXES
    ]  # fmt: skip


def below(prefixes: tuple[str, ...], routes: list[WireRoute]) -> list[WireRoute]:
    """Those of a call's routes that one generation of the wire has."""
    return [one for one in routes if one.path.startswith(prefixes)]

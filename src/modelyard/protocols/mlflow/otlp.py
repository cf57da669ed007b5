"""OpenTelemetry's export of spans, read from protobuf or JSON, and spans in its JSON form.

The few messages that an export consists of are read field by field by their numbers (opentelemetry-proto 1.x,
`trace/v1/trace.proto`), so no protobuf library is needed. Values of attributes become JSON text.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import struct
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import msgspec

from modelyard.kernel.errors import InvalidInput
from modelyard.tracking.api.traces import Span, SpanEvent, SpanLink

Field: TypeAlias = tuple[int, int | bytes]
Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
MAX_SPANS = 10_000
_DEPTH = 24
_FIXED = struct.Struct("<q")
_DOUBLE = struct.Struct("<d")
_HIDDEN = "mlflow.traceRequestId"
_STATUS = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_SNAKE = re.compile(r"_([a-z])")
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")


def from_protobuf(body: bytes) -> list[Span]:
    """The spans of an `ExportTraceServiceRequest`.

    Raises:
        InvalidInput: it cannot be read, holds no spans, or too many.
    """
    try:
        found = [
            _span(span)
            for resource in _messages(body, 1)
            for scope in _messages(resource, 2)
            for span in _messages(scope, 2)
        ]
    except (IndexError, ValueError, struct.error) as err:
        raise InvalidInput("Invalid OpenTelemetry format") from err
    return _counted(found)


def _counted(found: list[Span]) -> list[Span]:
    if not found:
        raise InvalidInput("Invalid OpenTelemetry format - no spans found")
    if len(found) > MAX_SPANS:
        raise InvalidInput(f"at most {MAX_SPANS} spans in one export, not {len(found)}; send them in parts")
    return found


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a varint of more than ten bytes")


def _fields(data: bytes) -> Iterator[Field]:
    place, end = 0, len(data)
    while place < end:
        key, place = _varint(data, place)
        number, kind = key >> 3, key & 7
        value: int | bytes
        if kind == 0:
            value, place = _varint(data, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, place = data[place : place + size], place + size
        elif kind == 2:
            size, place = _varint(data, place)
            value, place = data[place : place + size], place + size
        else:
            raise ValueError(f"a field of kind {kind}")
        if place > end:
            raise ValueError("a field that is longer than its message")
        yield number, value


def _messages(data: bytes, number: int) -> Iterator[bytes]:
    return (value for n, value in _fields(data) if n == number and isinstance(value, bytes))


def _span(data: bytes) -> Span:
    ids = {1: "", 2: "", 4: ""}
    name, kind, start, end, status, message = "", 0, 0, 0, 0, ""
    attributes: dict[str, str] = {}
    events: list[SpanEvent] = []
    links: list[SpanLink] = []
    for number, value in _fields(data):
        if isinstance(value, int):
            kind = value if number == 6 else kind
        elif number in ids:
            ids[number] = value.hex()
        elif number == 5:
            name = value.decode()
        elif number == 7:
            start = _FIXED.unpack(value)[0]
        elif number == 8:
            end = _FIXED.unpack(value)[0]
        elif number == 9:
            _pair(value, attributes)
        elif number == 11:
            events.append(_event(value))
        elif number == 13:
            links.append(_link(value))
        elif number == 15:
            status, message = _status(value)
    return Span(
        trace=ids[1], id=ids[2], parent=ids[4] or None, name=name, kind=kind, start_ns=start, end_ns=end or None,
        status=status, message=message, attributes=_shown(attributes), events=events, links=links,
    )  # fmt: skip


def _shown(attributes: dict[str, str]) -> dict[str, str]:
    attributes.pop(_HIDDEN, None)  # the trace's id follows from OpenTelemetry's; nobody is believed about it
    return attributes


def _event(data: bytes) -> SpanEvent:
    name, at = "", 0
    attributes: dict[str, str] = {}
    for number, value in _fields(data):
        if isinstance(value, bytes):
            if number == 1:
                at = _FIXED.unpack(value)[0]
            elif number == 2:
                name = value.decode()
            elif number == 3:
                _pair(value, attributes)
    return SpanEvent(name=name, at_ns=at, attributes=attributes)


def _link(data: bytes) -> SpanLink:
    trace = span = ""
    attributes: dict[str, str] = {}
    for number, value in _fields(data):
        if isinstance(value, bytes):
            if number == 1:
                trace = value.hex()
            elif number == 2:
                span = value.hex()
            elif number == 4:
                _pair(value, attributes)
    return SpanLink(trace=trace, span=span, attributes=attributes)


def _status(data: bytes) -> tuple[int, str]:
    code, message = 0, ""
    for number, value in _fields(data):
        if number == 2 and isinstance(value, bytes):
            message = value.decode()
        elif number == 3 and isinstance(value, int):
            code = value
    return code, message


def _pair(data: bytes, into: dict[str, str]) -> None:
    key, found = _key_value(data, _DEPTH)
    into[key] = json.dumps(found, ensure_ascii=False)


def _key_value(data: bytes, depth: int) -> tuple[str, Json]:
    key: str = ""
    found: Json = None
    for number, value in _fields(data):
        if isinstance(value, bytes):
            if number == 1:
                key = value.decode()
            elif number == 2:
                found = _any(value, depth)
    return key, found


def _any(data: bytes, depth: int) -> Json:
    if depth == 0:
        raise ValueError("a value within more than 24 others")
    found: Json = None
    for number, value in _fields(data):
        if isinstance(value, int):
            if number == 2:
                found = bool(value)
            elif number == 3:
                found = value - (1 << 64) if value >> 63 else value
        elif number == 1:
            found = value.decode()
        elif number == 4:
            found = _number(_DOUBLE.unpack(value)[0])
        elif number == 5:
            found = [_any(v, depth - 1) for v in _messages(value, 1)]
        elif number == 6:
            found = dict(_key_value(v, depth - 1) for v in _messages(value, 1))
        elif number == 7:
            found = base64.b64encode(value).decode()
    return found


def _number(value: float) -> Json:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


class _Value(msgspec.Struct, rename="camel"):
    """`AnyValue` in JSON."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    array_value: _Array | None = None
    kvlist_value: _Pairs | None = None
    bytes_value: str | None = None


class _Array(msgspec.Struct):
    values: list[_Value] = []


class _Pair(msgspec.Struct):
    key: str = ""
    value: _Value | None = None


class _Pairs(msgspec.Struct):
    values: list[_Pair] = []


class _Event(msgspec.Struct, rename="camel"):
    name: str = ""
    time_unix_nano: int | str = 0
    attributes: list[_Pair] = []


class _Link(msgspec.Struct, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    attributes: list[_Pair] = []


class _Status(msgspec.Struct):
    code: int | str = 0
    message: str = ""


class _Span(msgspec.Struct, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    name: str = ""
    kind: int | str = 0
    start_time_unix_nano: int | str = 0
    end_time_unix_nano: int | str = 0
    attributes: list[_Pair] = []
    events: list[_Event] = []
    links: list[_Link] = []
    status: _Status | None = None


class _Scope(msgspec.Struct):
    spans: list[_Span] = []


class _Resource(msgspec.Struct, rename="camel"):
    scope_spans: list[_Scope] = []


class _Export(msgspec.Struct, rename="camel"):
    resource_spans: list[_Resource] = []


_decode = msgspec.json.Decoder(_Export).decode


def from_json(body: bytes) -> list[Span]:
    """The spans of an export in OTLP's JSON form, whose ids are hex.

    Raises:
        InvalidInput: it cannot be read, holds no spans, or too many.
    """
    try:
        export = _decode(body)
        found = [_of_json(s) for r in export.resource_spans for scope in r.scope_spans for s in scope.spans]
    except (msgspec.MsgspecError, ValueError, RecursionError) as err:
        raise InvalidInput("Invalid OpenTelemetry format") from err
    return _counted(found)


def from_mlflow(found: list[dict[str, object]]) -> list[Span]:
    """Spans as `to_json` writes them and MLflow's server does: fields in snake case, ids in base64.

    Raises:
        InvalidInput: one cannot be read.
    """
    try:
        return [_of_json(_with_hex(one)) for one in msgspec.convert(_in_camel_case(found), list[_Span])]
    except (msgspec.MsgspecError, ValueError, RecursionError) as err:
        raise InvalidInput(f"a span cannot be read: {err}") from err


def _with_hex(one: _Span) -> _Span:
    links = [
        msgspec.structs.replace(k, trace_id=_hex(k.trace_id), span_id=_hex(k.span_id)) for k in one.links
    ]  # fmt: skip
    return msgspec.structs.replace(
        one, trace_id=_hex(one.trace_id), span_id=_hex(one.span_id), parent_span_id=_hex(one.parent_span_id),
        links=links,
    )  # fmt: skip


def _hex(text: str) -> str:
    return base64.b64decode(text, validate=True).hex()


def _in_camel_case(found: object) -> object:
    """The same with all names of fields as protobuf's JSON form spells them; what users named is never a field."""
    if isinstance(found, dict):
        return {_SNAKE.sub(lambda m: m[1].upper(), name): _in_camel_case(value) for name, value in found.items()}
    return [_in_camel_case(each) for each in found] if isinstance(found, list) else found


def _of_json(one: _Span) -> Span:
    status = one.status or _Status()
    return Span(
        trace=one.trace_id.lower(), id=one.span_id.lower(), parent=one.parent_span_id.lower() or None, name=one.name,
        kind=_kind(one.kind), start_ns=int(one.start_time_unix_nano), end_ns=int(one.end_time_unix_nano) or None,
        status=_STATUS.get(status.code, 0) if isinstance(status.code, str) else status.code, message=status.message,
        attributes=_shown(_texts(one.attributes)),
        events=[SpanEvent(name=e.name, at_ns=int(e.time_unix_nano), attributes=_texts(e.attributes))
                for e in one.events],
        links=[SpanLink(trace=k.trace_id.lower(), span=k.span_id.lower(), attributes=_texts(k.attributes))
               for k in one.links],
    )  # fmt: skip


def _kind(given: int | str) -> int:
    if isinstance(given, int):
        return given
    word = given.removeprefix("SPAN_KIND_")
    return _KINDS.index(word) if word in _KINDS else 0


def _texts(pairs: list[_Pair]) -> dict[str, str]:
    return {p.key: json.dumps(_plain(p.value, _DEPTH), ensure_ascii=False) for p in pairs}


def _plain(value: _Value | None, depth: int) -> Json:
    if depth == 0:
        raise ValueError("a value within more than 24 others")
    if value is None:
        return None
    if value.int_value is not None:
        return int(value.int_value)
    if value.double_value is not None:
        return _number(float(value.double_value))
    if value.array_value is not None:
        return [_plain(v, depth - 1) for v in value.array_value.values]
    if value.kvlist_value is not None:
        return {p.key: _plain(p.value, depth - 1) for p in value.kvlist_value.values}
    return next((v for v in (value.string_value, value.bool_value, value.bytes_value) if v is not None), None)


def to_json(span: Span) -> dict[str, object]:
    """A span in protobuf's JSON form, whose ids are base64; empty fields are left out."""
    shown: dict[str, object] = {
        "trace_id": _base64(span.trace),
        "span_id": _base64(span.id),
        "parent_span_id": _base64(span.parent or ""),
        "name": span.name,
        "kind": span.kind,
        "start_time_unix_nano": span.start_ns,
        "end_time_unix_nano": span.end_ns or 0,
        "attributes": _values({**span.attributes, _HIDDEN: json.dumps(f"tr-{span.trace}")}),
        "events": [
            {"name": e.name, "time_unix_nano": e.at_ns, "attributes": _values(e.attributes)} for e in span.events
        ],
        "links": [
            {"trace_id": _base64(k.trace), "span_id": _base64(k.span), "attributes": _values(k.attributes)}
            for k in span.links
        ],
        "status": {"code": span.status, "message": span.message},
    }
    return {k: v for k, v in shown.items() if v not in ("", [], 0)}


def _base64(hexadecimal: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
    except (ValueError, binascii.Error):
        return ""


def _values(attributes: Mapping[str, str]) -> list[dict[str, object]]:
    return [{"key": key, "value": _value(json.loads(text))} for key, text in attributes.items()]


def _value(found: Json) -> dict[str, object]:
    if isinstance(found, str):
        return {"string_value": found}
    if isinstance(found, bool):
        return {"bool_value": found}
    if isinstance(found, int):
        return {"int_value": found} if -(2**63) <= found < 2**63 else {"string_value": str(found)}
    if isinstance(found, float):
        return {"double_value": found}
    if isinstance(found, list):
        return {"array_value": {"values": [_value(v) for v in found]}}
    if isinstance(found, dict):
        return {"kvlist_value": {"values": [{"key": k, "value": _value(v)} for k, v in found.items()]}}
    return {}

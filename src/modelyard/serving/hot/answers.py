"""What the data plane sends: inference responses, metadata and problem documents, as whole HTTP messages.

A problem document is RFC 9457's and at the same time the error object of the Open Inference Protocol (`error` repeats
`detail`). Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import TooMany, Unauthenticated, Unavailable, YardError
from modelyard.serving.hot.bundle import OutputSpec, Signature
from modelyard.serving.hot.questions import Question
from modelyard.serving.hot.tensors import Scalar, pack

JSON = b"application/json"
PROBLEM = b"application/problem+json"
TEXT = b"text/plain; version=0.0.4; charset=utf-8"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_json = msgspec.json.Encoder()


class _Tensor(Struct, omit_defaults=True):
    name: str
    datatype: str
    shape: list[int]
    data: list[Scalar] | None = None
    parameters: dict[str, int] | None = None


class _Parameters(Struct):
    prediction_ids: str
    revision: str
    route: str


class _Inference(Struct, omit_defaults=True):
    model_name: str
    model_version: str
    parameters: _Parameters
    outputs: list[_Tensor]
    id: str = ""


class Answered(Struct):
    """What an inference response is made of besides the outputs."""

    endpoint: str
    model_version: str
    revision: str
    route: str
    prediction_ids: str


def message(status: int, body: bytes, *, media: bytes = JSON, close: bool = False, extra: bytes = b"") -> bytes:
    """A whole HTTP/1.1 response; `extra` are further header lines, each with its line end."""
    return b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b%b\r\n%b" % (
        status,
        _REASONS[status],
        media,
        len(body),
        extra,
        b"connection: close\r\n" if close else b"",
        body,
    )


def json_message(value: object, *, status: int = 200, close: bool = False) -> bytes:
    """A JSON response."""
    return message(status, _json.encode(value), close=close)


def problem(error: YardError, *, close: bool = False, status: int | None = None, extra: bytes = b"") -> bytes:
    """The problem document of an error; `status` where HTTP knows a finer one than the error's class."""
    number = error.status if status is None else status
    body = {
        "type": f"urn:modelyard:error:{error.code}",
        "title": error.title,
        "status": number,
        "detail": error.detail,
        "code": error.code,
        "error": error.detail,
    }
    if isinstance(error, Unauthenticated):
        extra += b'www-authenticate: Bearer realm="modelyard"\r\n'
    if isinstance(error, Unavailable | TooMany):
        extra += b"retry-after: 1\r\n"
    return message(number, _json.encode(body), media=PROBLEM, close=close, extra=extra)


class Writer:
    """A signature made ready for writing many responses."""

    def __init__(self, signature: Signature) -> None:
        self._specs = signature.outputs
        self._places = {spec.name: place for place, spec in enumerate(signature.outputs)}

    def write(self, head: Answered, question: Question, outputs: Sequence[list[Scalar]], *, close: bool) -> bytes:
        """The response to a question; `outputs` are flat, in the signature's order."""
        parameters = _Parameters(head.prediction_ids, head.revision, head.route)
        rows = question.rows
        if question.wanted is None:
            tensors = [
                _Tensor(s.name, s.datatype, [rows] if s.width is None else [rows, s.width], values)
                for s, values in zip(self._specs, outputs, strict=True)
            ]
            raw: list[bytes] = []
        else:
            tensors, raw = self._selected(question, outputs)
        body = _json.encode(_Inference(head.endpoint, head.model_version, parameters, tensors, question.id))
        if not raw:
            return message(200, body, close=close)
        extra = b"inference-header-content-length: %d\r\n" % len(body)
        return message(200, body + b"".join(raw), media=b"application/octet-stream", close=close, extra=extra)

    def _selected(self, question: Question, outputs: Sequence[list[Scalar]]) -> tuple[list[_Tensor], list[bytes]]:
        tensors: list[_Tensor] = []
        raw: list[bytes] = []
        for wanted in question.wanted or ():
            place = self._places[wanted.name]
            spec, values = self._specs[place], outputs[place]
            shape = _shape(spec, question.rows)
            if wanted.binary:
                packed = pack(spec.datatype, values)
                raw.append(packed)
                tensors.append(_Tensor(spec.name, spec.datatype, shape, None, {"binary_data_size": len(packed)}))
            else:
                tensors.append(_Tensor(spec.name, spec.datatype, shape, values))
        return tensors, raw


def _shape(spec: OutputSpec, rows: int) -> list[int]:
    return [rows] if spec.width is None else [rows, spec.width]


def model_metadata(endpoint: str, versions: Sequence[str], signature: Signature, platform: str) -> dict[str, Any]:
    """The metadata object of a model."""
    return {
        "name": endpoint,
        "versions": list(versions),
        "platform": platform,
        "inputs": [
            {"name": s.name, "datatype": s.datatype, "shape": [-1] if s.width == 1 else [-1, s.width]}
            for s in signature.inputs
        ],
        "outputs": [{"name": s.name, "datatype": s.datatype, "shape": _shape(s, -1)} for s in signature.outputs],
    }

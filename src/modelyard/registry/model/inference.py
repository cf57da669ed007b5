"""Signatures inferred where a model's files do not say one: from an ONNX graph, or from the example logged beside it.

ONNX is read as protobuf wire format (protobuf.dev/programming-guides/encoding; field numbers of onnx/onnx.proto): only
names, types and shapes of the graph's inputs and outputs; weights are stepped over. Nothing is loaded or run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from modelyard.registry.api import Field, Signature

_GRAPH, _INPUT, _OUTPUT, _INITIALIZER = 7, 11, 12, 5
_NAME, _TYPE, _TENSOR, _ELEMENT, _SHAPE, _DIMENSION, _VALUE = 1, 2, 1, 1, 2, 1, 1
_INITIALIZER_NAME = 8
_ELEMENTS = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip
_MOST_FIELDS = 10_000
_MOST_ROWS = 1000


def of_onnx(content: bytes) -> Signature | None:
    """What an ONNX graph takes and gives; None where the bytes are no such graph."""
    try:
        graph = next((body for number, body in _fields(memoryview(content)) if number == _GRAPH), None)
        if not isinstance(graph, memoryview):
            return None
        inputs: list[Field] = []
        outputs: list[Field] = []
        weights: set[str] = set()
        for number, body in _fields(graph):
            if not isinstance(body, memoryview):
                continue
            if number in (_INPUT, _OUTPUT):
                (inputs if number == _INPUT else outputs).append(_value(body))
            elif number == _INITIALIZER:
                weights.add(_text(body, _INITIALIZER_NAME))
    except (ValueError, TypeError, IndexError):
        return None
    kept = tuple(f for f in inputs if f.name not in weights)[:_MOST_FIELDS]
    return Signature(inputs=kept, outputs=tuple(outputs)[:_MOST_FIELDS]) if kept and outputs else None


def of_example(content: bytes) -> Signature | None:
    """What an example as MLflow logs it takes: columns with the types of their values; None where it says no columns.

    A column that has a gap may be missing. What the model gives is not said by an example.
    """
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return None
    columns: dict[str, list[object]] = {}
    if isinstance(said, dict) and isinstance(said.get("columns"), list) and isinstance(said.get("data"), list):
        names = [str(name) for name in said["columns"]]
        for row in said["data"][:_MOST_ROWS]:
            if not isinstance(row, list) or len(row) != len(names):
                return None
            for name, value in zip(names, row, strict=True):
                columns.setdefault(name, []).append(value)
    elif isinstance(said, list) and said and all(isinstance(row, dict) for row in said[:_MOST_ROWS]):
        names = list(dict.fromkeys(str(name) for row in said[:_MOST_ROWS] for name in row))
        columns = {name: [row.get(name) for row in said[:_MOST_ROWS]] for name in names}
    fields = tuple(_column(name, values) for name, values in columns.items())
    if not fields or len(fields) > _MOST_FIELDS or any(not f.type for f in fields):
        return None
    return Signature(inputs=fields)


def _column(name: str, values: list[object]) -> Field:
    kinds = {type(v) for v in values if v is not None}
    gaps = any(v is None for v in values)
    word = ""
    if kinds == {bool}:
        word = "boolean"
    elif kinds == {int} and not gaps:
        word = "long"
    elif kinds and kinds <= {int, float}:
        word = "double"
    elif kinds == {str}:
        word = "string"
    return Field(name=name, type=word, required=not gaps)


def _value(body: memoryview) -> Field:
    kind, shape = "", []
    for tensor in (t for n, b in _fields(body) if n == _TYPE for m, t in _fields(_bytes(b)) if m == _TENSOR):
        for number, inner in _fields(_bytes(tensor)):
            if number == _ELEMENT and isinstance(inner, int):
                kind = _ELEMENTS.get(inner, "")
            elif number == _SHAPE:
                shape = [_dimension(_bytes(d)) for n, d in _fields(_bytes(inner)) if n == _DIMENSION]
    return Field(name=_text(body, _NAME), type=kind or "object", shape=tuple(shape))


def _dimension(body: memoryview) -> int:
    return next((v for n, v in _fields(body) if n == _VALUE and isinstance(v, int)), -1)


def _text(body: memoryview, wanted: int) -> str:
    found = next((b for n, b in _fields(body) if n == wanted and isinstance(b, memoryview)), None)
    return "" if found is None else bytes(found).decode("utf-8", "replace")


def _bytes(value: memoryview | int) -> memoryview:
    if isinstance(value, int):
        raise TypeError("a number where a message belongs")
    return value


def _fields(body: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Field numbers and values: numbers, and the bytes of texts and messages."""
    place = 0
    while place < len(body):
        key, place = _number(body, place)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, place = _number(body, place)
            yield number, value
        elif wire == 2:
            length, place = _number(body, place)
            if length > len(body) - place:
                raise ValueError("a field longer than what holds it")
            yield number, body[place : place + length]
            place += length
        elif wire in (1, 5):
            place += 8 if wire == 1 else 4
        else:
            raise ValueError("no field of protobuf")


def _number(body: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = body[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
    raise ValueError("no number of protobuf")

"""Inference requests of the Open Inference Protocol, read against a model's signature.

The signature is compiled into message types, so that a usual JSON body is decoded and checked in one native pass.
Whatever those types refuse is read once more in a general form, which takes nested data, columns in any order and raw
tensors, and otherwise says what is wrong. Nothing here converts values for the model.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import chain
from math import isnan
from types import GenericAlias
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import Meta, Struct

from modelyard.kernel.errors import InvalidInput, Malformed
from modelyard.serving.hot.bundle import InputSpec, Signature
from modelyard.serving.hot.tensors import FLOATS, INTEGERS, MAX_FP32, Datatype, Scalar, bounds_of, size_of, unpack

MAX_ROWS = 100_000
_MAX_ID = 200
_MAX_KEYS = 32
_MAX_KEY = 500
_RAW_OUTPUTS = "binary_data_output"


Keys = dict[str, str | int | float | bool]


class Wanted(Struct, frozen=True):
    """An output that the caller asked for, and in which form."""

    name: str
    binary: bool


class Question(Struct):
    """A request that may be put to the model.

    Attributes:
        flat: `rows * width` values, row by row in the signature's order.
        wanted: None for every output as JSON.
        keys: the scalar parameters of the request: what the caller says it is about.
    """

    rows: int
    flat: list[Scalar]
    id: str = ""
    wanted: tuple[Wanted, ...] | None = None
    keys: Keys = {}


class _OutputParameters(Struct, frozen=True):
    binary_data: bool = False


class _Output(Struct):
    name: str
    parameters: _OutputParameters = _OutputParameters()


class _InputParameters(Struct, frozen=True):
    binary_data_size: int | None = None


class _Input(Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: _InputParameters = _InputParameters()


class _Request(Struct):
    inputs: list[_Input]
    id: str = ""
    outputs: list[_Output] | None = None
    parameters: dict[str, Any] = {}


_general = msgspec.json.Decoder(_Request)
_FINITE = Annotated[float, Meta(ge=-MAX_FP32, le=MAX_FP32)]
_NUMBERS = (*FLOATS, *INTEGERS)


def accepted(datatype: Datatype) -> tuple[Datatype, ...]:
    """The datatypes that a caller may send for an input of this one: every number for a float, else its own family."""
    if datatype in FLOATS:
        return (*_NUMBERS, Datatype.BOOL)
    return INTEGERS if datatype in INTEGERS else (datatype,)


class Reader:
    """A signature made ready for reading many requests."""

    def __init__(self, signature: Signature) -> None:
        self._inputs = signature.inputs
        self._width = signature.width
        self._outputs = {spec.name: spec for spec in signature.outputs}
        self._order = {spec.name: place for place, spec in enumerate(signature.inputs)}
        uniform = len({(spec.datatype, spec.optional) for spec in signature.inputs}) == 1
        self._matrix = uniform and signature.inputs[0].datatype is not Datatype.BYTES
        self._quick: list[tuple[msgspec.json.Decoder[Any], Callable[[Any], tuple[int, list[Scalar]] | None]]] = []
        if self._matrix:
            self._quick.append((_matrix_decoder(signature), self._from_matrix))
        if self._width == len(self._inputs):
            self._quick.append((_column_decoder(signature), self._from_columns))

    def read(self, body: bytes, json_bytes: int | None = None) -> Question:
        """Read a request body; `json_bytes` is where raw tensors begin (`Inference-Header-Content-Length`).

        Raises:
            Malformed: the body is no JSON, or its parts do not add up.
            InvalidInput: a name, shape, datatype or value does not fit the signature.
        """
        if json_bytes is None:
            for place, (decoder, shape) in enumerate(self._quick):
                try:
                    request = decoder.decode(body)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    continue
                if (found := shape(request)) is not None:
                    if place:
                        self._quick.insert(0, self._quick.pop(place))
                    return Question(found[0], found[1], request.id, self._wanted(request), _keys(request.parameters))
        return self._read_general(body, json_bytes)

    def _from_matrix(self, request: Any) -> tuple[int, list[Scalar]] | None:
        tensor = request.inputs[0]
        rows = tensor.shape[0]
        if not 0 < rows <= MAX_ROWS or len(tensor.data) != rows * self._width or len(request.id) > _MAX_ID:
            return None
        return rows, tensor.data

    def _from_columns(self, request: Any) -> tuple[int, list[Scalar]] | None:
        columns = request.inputs
        rows = len(columns[0].data)
        if not 0 < rows <= MAX_ROWS or len(request.id) > _MAX_ID:
            return None
        flat, matrix = [rows], [rows, 1]
        for column in columns:
            if len(column.data) != rows or column.shape not in (flat, matrix):
                return None
        if rows == 1:
            return 1, [column.data[0] for column in columns]
        return rows, list(chain.from_iterable(zip(*(column.data for column in columns), strict=True)))

    def _wanted(self, request: Any) -> tuple[Wanted, ...] | None:
        everywhere = request.parameters.get(_RAW_OUTPUTS) is True
        if not request.outputs:
            return tuple(Wanted(name, binary=True) for name in self._outputs) if everywhere else None
        for output in request.outputs:
            if output.name not in self._outputs:
                raise InvalidInput(f"there is no output {output.name[:80]!r}; there are {', '.join(self._outputs)}")
        return tuple(Wanted(o.name, binary=o.parameters.binary_data or everywhere) for o in request.outputs)

    def _read_general(self, body: bytes, json_bytes: int | None) -> Question:
        if json_bytes is not None and not 0 < json_bytes <= len(body):
            raise Malformed(f"Inference-Header-Content-Length is {json_bytes}; the body has {len(body)} bytes")
        try:
            request = _general.decode(body if json_bytes is None else body[:json_bytes])
        except msgspec.ValidationError as err:
            raise InvalidInput(f"the request does not have the form of the protocol: {err}") from None
        except (msgspec.MsgspecError, UnicodeDecodeError) as err:
            raise Malformed(f"the body cannot be read as JSON: {err}") from None
        except RecursionError:
            raise Malformed("the body cannot be read as JSON: it is nested too deep") from None
        if len(request.id) > _MAX_ID:
            raise InvalidInput(f"id has {len(request.id)} characters; {_MAX_ID} are allowed")
        if not request.inputs:
            raise InvalidInput(f"inputs is empty; send {self._expected()}")
        raw = b"" if json_bytes is None else body[json_bytes:]
        tensors = self._with_raw(request.inputs, raw)
        first = request.inputs[0]
        if self._matrix and len(request.inputs) == 1 and len(first.shape) == 2 and first.shape[1] == self._width:
            rows, flat = self._general_matrix(first, tensors[0])
        else:
            rows, flat = self._general_columns(request.inputs, tensors)
        return Question(rows, flat, request.id, self._wanted(request), _keys(request.parameters))

    def _with_raw(self, inputs: list[_Input], raw: bytes) -> list[list[Any]]:
        tensors: list[list[Any]] = []
        at = 0
        for tensor in inputs:
            size = tensor.parameters.binary_data_size
            if size is None:
                if tensor.data is None:
                    raise InvalidInput(f"input {tensor.name[:80]!r} has neither data nor binary_data_size")
                tensors.append(_flatten(tensor))
                continue
            if not 0 <= size <= len(raw) - at:
                raise Malformed(f"input {tensor.name[:80]!r}: binary_data_size {size} reaches behind the body")
            tensors.append(cast(list[Any], unpack(_datatype(tensor), raw[at : at + size], tensor.name[:80])))
            at += size
        if at != len(raw):
            raise Malformed(f"{len(raw) - at} bytes behind the last raw tensor belong to no input")
        return tensors

    def _general_matrix(self, tensor: _Input, values: list[Any]) -> tuple[int, list[Scalar]]:
        spec = self._inputs[0]
        if spec.width > 1 and tensor.name != spec.name:
            raise InvalidInput(f"there is no input {tensor.name[:80]!r}; send {self._expected()}")
        rows = _rows_of(tensor, values, width=self._width)
        return rows, _checked(spec, tensor, values)

    def _general_columns(self, inputs: list[_Input], tensors: list[list[Any]]) -> tuple[int, list[Scalar]]:
        names = [tensor.name for tensor in inputs]
        if set(names) != set(self._order) or len(names) != len(self._order):
            unknown = [name[:80] for name in names if name not in self._order]
            missing = [name for name in self._order if name not in names]
            wrong = (f" unknown: {', '.join(unknown[:5])}." if unknown else "") + (
                f" missing: {', '.join(missing[:5])}." if missing else ""
            )
            raise InvalidInput(f"the inputs do not fit;{wrong} Send {self._expected()}")
        columns: list[list[Scalar]] = [[]] * len(names)
        counts = set()
        for tensor, values in zip(inputs, tensors, strict=True):
            place = self._order[tensor.name]
            spec = self._inputs[place]
            counts.add(_rows_of(tensor, values, width=spec.width))
            columns[place] = _checked(spec, tensor, values)
        if len(counts) > 1:
            raise InvalidInput(f"the inputs have different numbers of rows: {sorted(counts)[:5]}")
        rows = counts.pop()
        if len(columns) == 1:
            return rows, columns[0]
        return rows, list(chain.from_iterable(zip(*columns, strict=True)))

    def _expected(self) -> str:
        if self._inputs[0].width > 1:
            spec = self._inputs[0]
            return f"one tensor {spec.name!r} of {spec.datatype} and shape [rows, {spec.width}]"
        names = ", ".join(f"{spec.name} ({spec.datatype})" for spec in self._inputs[:20])
        more = f" and {len(self._inputs) - 20} more" if len(self._inputs) > 20 else ""
        matrix = f", or one tensor of shape [rows, {self._width}]" if self._matrix else ""
        return f"a tensor of shape [rows] for each of {names}{more}{matrix}"


def _keys(parameters: dict[str, Any]) -> Keys:
    if not parameters:
        return parameters
    keys = {name: value for name, value in parameters.items() if name != _RAW_OUTPUTS}
    for name, value in keys.items():
        if not isinstance(value, str | int | float | bool) or len(name) > _MAX_KEY or len(str(value)) > _MAX_KEY:
            raise InvalidInput(f"the parameter {name[:80]!r} is no short text, number or bool")
    if len(keys) > _MAX_KEYS:
        raise InvalidInput(f"the request has {len(keys)} parameters; {_MAX_KEYS} are allowed")
    return keys


def _datatype(tensor: _Input) -> Datatype:
    try:
        return Datatype(tensor.datatype)
    except ValueError:
        known = ", ".join(Datatype)
        raise InvalidInput(
            f"input {tensor.name[:80]!r}: no datatype {tensor.datatype[:20]!r}; known: {known}"
        ) from None


def _flatten(tensor: _Input) -> list[Any]:
    data = tensor.data or []
    for _ in tensor.shape[1:]:
        if not data or not isinstance(data[0], list):
            break
        if not all(isinstance(row, list) for row in data):
            raise InvalidInput(f"input {tensor.name[:80]!r}: some of its data are nested and some are not")
        data = list(chain.from_iterable(data))
    return data


def _rows_of(tensor: _Input, values: list[Any], *, width: int) -> int:
    shape = tensor.shape
    good = (
        len(shape) == 2 and shape[1] == width if width > 1 else len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)
    )
    wanted = f"[rows, {width}]" if width > 1 else "[rows] or [rows, 1]"
    if not good:
        raise InvalidInput(f"input {tensor.name[:80]!r} has shape {str(shape)[:60]}; it needs {wanted}")
    if not 0 < shape[0] <= MAX_ROWS:
        raise InvalidInput(f"input {tensor.name[:80]!r} has {shape[0]} rows; send 1 to {MAX_ROWS:,}")
    if len(values) != shape[0] * width:
        raise InvalidInput(
            f"input {tensor.name[:80]!r} has shape {shape} and {len(values)} values; that is {shape[0] * width}"
        )
    return shape[0]


def _checked(spec: InputSpec, tensor: _Input, values: list[Any]) -> list[Scalar]:
    """The values if each may go into the input `spec`."""
    sent = _datatype(tensor)
    if sent not in accepted(spec.datatype):
        raise InvalidInput(f"input {tensor.name[:80]!r} is {spec.datatype}; {sent} does not convert to it")
    if None in values and not spec.optional:
        raise InvalidInput(f"input {tensor.name[:80]!r} may not be null")
    checks = {Datatype.BOOL: _is_bool, Datatype.BYTES: _is_text}
    fits = checks.get(sent) or (_float_check(sent) if sent in FLOATS else _integer_check(sent))
    target = None if spec.datatype is sent else _narrowing(spec.datatype)
    if spec.datatype in FLOATS and spec.optional:
        values = [
            None if isinstance(v, float) and isnan(v) else v for v in values
        ]  # NaN in a raw tensor stands for a missing value
    for value in values:
        if value is not None and not (fits(value) and (target is None or target(value))):
            shown = repr(value)[:40]
            raise InvalidInput(f"input {tensor.name[:80]!r}: {shown} is no {sent} value that fits {spec.datatype}")
    return values


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _float_check(datatype: Datatype) -> Callable[[object], bool]:
    limit = MAX_FP32 if size_of(datatype) == 4 else sys.float_info.max

    def fits(value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return abs(value) <= limit

    return fits


def _integer_check(datatype: Datatype) -> Callable[[object], bool]:
    low, high = bounds_of(datatype)

    def fits(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return fits


def _narrowing(datatype: Datatype) -> Callable[[object], bool] | None:
    if datatype in INTEGERS:
        return _integer_check(datatype)
    if datatype is Datatype.FP32:
        return lambda value: isinstance(value, int | float) and abs(value) <= MAX_FP32
    return None


def _value_type(spec: InputSpec) -> Any:
    kind: Any
    if spec.datatype is Datatype.BOOL:
        kind = bool
    elif spec.datatype is Datatype.BYTES:
        kind = str
    elif spec.datatype in FLOATS:
        kind = _FINITE if spec.datatype is Datatype.FP32 else float
    else:
        low, high = bounds_of(spec.datatype)
        kind = Annotated[int, Meta(ge=max(low, -(1 << 63)), le=min(high, (1 << 63) - 1))]
    return kind | None if spec.optional else kind


def _tensor_type(name: str, spec: InputSpec, *, label: Any, shape: Any) -> type[Struct]:
    family = FLOATS if spec.datatype in FLOATS else INTEGERS if spec.datatype in INTEGERS else (spec.datatype,)
    one_of: Any = Literal
    datatypes = one_of[tuple(str(datatype) for datatype in family)]
    data = GenericAlias(list, (_value_type(spec),))
    fields: list[Any] = [("name", label), ("shape", shape), ("datatype", datatypes), ("data", data)]
    return msgspec.defstruct(name, fields)


def _decoder(inputs: Any) -> msgspec.json.Decoder[Any]:
    fields: list[Any] = [
        ("inputs", inputs),
        ("id", str, ""),
        ("outputs", list[_Output] | None, None),
        ("parameters", Keys, {}),
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Request", fields))


def _matrix_decoder(signature: Signature) -> msgspec.json.Decoder[Any]:
    spec = signature.inputs[0]
    label: Any = Literal[spec.name] if spec.width > 1 else str
    width: Any = Literal[signature.width]
    tensor = _tensor_type("Matrix", spec, label=label, shape=tuple[int, width])
    return _decoder(GenericAlias(tuple, (tensor,)))


def _column_decoder(signature: Signature) -> msgspec.json.Decoder[Any]:
    columns = tuple(
        _tensor_type(f"Column{place}", spec, label=Literal[spec.name], shape=list[int])
        for place, spec in enumerate(signature.inputs)
    )
    return _decoder(GenericAlias(tuple, columns))

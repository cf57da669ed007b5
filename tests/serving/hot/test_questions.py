"""Reading requests: the quick way and the general way agree, and raw tensors come back as they went."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.kernel.errors import InvalidInput, Malformed
from modelyard.serving.hot.bundle import InputSpec, OutputSpec, Signature
from modelyard.serving.hot.questions import Reader
from modelyard.serving.hot.tensors import FLOATS, INTEGERS, Datatype, bounds_of, pack, unpack

OUTPUT = (OutputSpec(name="y", datatype=Datatype.FP64, source="y"),)
SPECS = (
    InputSpec(name="ok", datatype=Datatype.BOOL),
    InputSpec(name="small", datatype=Datatype.INT8),
    InputSpec(name="count", datatype=Datatype.UINT32, optional=True),
    InputSpec(name="share", datatype=Datatype.FP32),
    InputSpec(name="amount", datatype=Datatype.FP64, optional=True),
    InputSpec(name="kind", datatype=Datatype.BYTES),
)
READER = Reader(Signature(inputs=SPECS, outputs=OUTPUT))
VALUES: dict[Datatype, st.SearchStrategy[Any]] = {
    Datatype.BOOL: st.booleans(),
    Datatype.BYTES: st.text(max_size=12).filter(lambda t: t.isprintable()),
    Datatype.FP32: st.floats(width=32, allow_nan=False, allow_infinity=False),
    Datatype.FP64: st.floats(allow_nan=False, allow_infinity=False),
} | {datatype: st.integers(*bounds_of(datatype)) for datatype in INTEGERS}


def cell(spec: InputSpec) -> st.SearchStrategy[Any]:
    return VALUES[spec.datatype] | st.none() if spec.optional else VALUES[spec.datatype]


ROWS = st.lists(st.tuples(*(cell(spec) for spec in SPECS)), min_size=1, max_size=6)


def inputs_of(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [
        {"name": s.name, "shape": [len(rows)], "datatype": str(s.datatype), "data": [row[at] for row in rows]}
        for at, s in enumerate(SPECS)
    ]


@given(ROWS)
def test_rows_are_read_as_they_were_sent_in_any_order_of_columns(rows: list[tuple[Any, ...]]) -> None:
    inputs = inputs_of(rows)
    flat = [value for row in rows for value in row]
    quick = READER.read(json.dumps({"inputs": inputs}).encode())
    random.Random(len(rows)).shuffle(inputs)
    for tensor in inputs:
        tensor["shape"] = [len(rows), 1]
        tensor["data"] = [[value] for value in tensor["data"]]
    general = READER.read(json.dumps({"inputs": inputs}).encode())
    assert (quick.rows, quick.flat) == (general.rows, general.flat) == (len(rows), flat)


@given(ROWS.filter(lambda rows: all(v is not None for row in rows for v in row)))
def test_raw_tensors_are_read_like_json(rows: list[tuple[Any, ...]]) -> None:
    inputs, raw = inputs_of(rows), b""
    for spec, tensor in zip(SPECS, inputs, strict=True):
        packed = pack(spec.datatype, tensor.pop("data"))
        tensor["parameters"] = {"binary_data_size": len(packed)}
        raw += packed
    text = json.dumps({"inputs": inputs}).encode()
    assert READER.read(text + raw, len(text)).flat == [value for row in rows for value in row]


@given(st.sampled_from([*FLOATS, *INTEGERS, Datatype.BOOL, Datatype.BYTES]), st.data())
def test_packed_values_come_back(datatype: Datatype, data: st.DataObject) -> None:
    values = data.draw(st.lists(VALUES[datatype], max_size=20))
    assert unpack(datatype, pack(datatype, values), "x") == values


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_our_errors(junk: bytes) -> None:
    for body, split in ((junk, None), (junk, len(junk)), (b'{"inputs":[]}' + junk, 13)):
        with pytest.raises((Malformed, InvalidInput)):
            READER.read(body, split)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@given(ANYTHING, st.sampled_from(["name", "shape", "datatype", "data", "parameters"]))
def test_no_value_anywhere_raises_anything_but_our_errors(value: Any, field: str) -> None:
    inputs = inputs_of([(True, 1, 2, 0.5, 1.5, "a")])
    inputs[3][field] = value
    body = json.dumps({"inputs": inputs}).encode()
    try:
        READER.read(body)
    except InvalidInput as err:
        assert 0 < len(err.detail) < 1000


def test_nan_in_a_raw_tensor_is_a_missing_value_or_refused() -> None:
    reader = Reader(Signature(inputs=(SPECS[4],), outputs=OUTPUT))
    tensor = {"name": "amount", "shape": [2], "datatype": "FP64", "parameters": {"binary_data_size": 16}}
    text = json.dumps({"inputs": [tensor]}).encode()
    assert reader.read(text + pack(Datatype.FP64, [1.0, math.nan]), len(text)).flat == [1.0, None]
    with pytest.raises(InvalidInput, match="no FP64 value"):
        reader.read(text + pack(Datatype.FP64, [1.0, math.inf]), len(text))


@pytest.mark.parametrize(("datatype", "value"), [("INT8", 128), ("INT64", 200), ("FP32", 1), ("INT8", 1.5)])
def test_a_value_outside_its_input_is_refused(datatype: str, value: float) -> None:
    inputs = inputs_of([(True, 1, 2, 0.5, 1.5, "a")])
    inputs[1] |= {"datatype": datatype, "data": [value]}
    with pytest.raises(InvalidInput, match="small"):
        READER.read(json.dumps({"inputs": inputs}).encode())

"""What a version's files say: signature, example, packages, licence; and what is inferred where they do not."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.registry.api import Inferred
from modelyard.registry.model import inference
from tests.registry.conftest import Workplace

MLMODEL = b"""
flavors:
  python_function: {loader_module: mlflow.sklearn, python_version: 3.12.1}
metadata: {license: Apache-2.0}
saved_input_example_info: {artifact_path: input_example.json, type: dataframe, pandas_orient: split}
"""
EXAMPLE = {"columns": ["miles", "zone", "night", "rides"], "data": [[1.5, "n", True, 3], [2, None, False, 4]]}
REQUIREMENTS = b"# made by a tool\nmlflow==3.1\n\nscikit-learn>=1.5 # pinned\n--no-deps\n"


def test_a_version_says_what_its_files_say(place: Workplace) -> None:
    files = {
        "MLmodel": MLMODEL, "requirements.txt": REQUIREMENTS, "input_example.json": json.dumps(EXAMPLE).encode(),
        "weights.bin": b"123",
    }  # fmt: skip
    run = place.run_with(files)
    place.tracking.log(run, tags={"mlflow.source.git.commit": "ab" * 20})
    place.registry.create_model("tips")
    one = place.registry.register("tips", f"runs:/{run}/model", tags={"team": "fares"})
    assert one.requirements == ("mlflow==3.1", "scikit-learn>=1.5")
    assert (one.python, one.example, one.licence, one.commit) == (
        "3.12.1",
        "input_example.json",
        "Apache-2.0",
        "ab" * 20,
    )
    assert one.size_bytes == sum(map(len, files.values()))
    assert one.signature is not None and one.signature_by is Inferred.EXAMPLE
    assert [(f.name, f.type, f.required) for f in one.signature.inputs] == [
        ("miles", "double", True), ("zone", "string", False), ("night", "boolean", True), ("rides", "long", True),
    ]  # fmt: skip
    copied = place.registry.copy_version("tips", 1, "fares")
    assert (copied.requirements, copied.commit, copied.signature) == (one.requirements, one.commit, one.signature)
    assert place.registry.rescan("tips", 1).requirements == one.requirements


def test_a_licence_is_read_from_its_file_or_its_tag(small: Workplace) -> None:
    small.registered("tips", {"LICENSE": b"\n  MIT License\n\nCopyright ...\n"})
    assert small.registry.version("tips", 1).licence == "MIT License"
    run = small.run_with({"a.txt": b"1"})
    assert small.registry.register("tips", f"runs:/{run}/model", tags={"licence": "CC0-1.0"}).licence == "CC0-1.0"


def test_registration_says_what_would_be_safer(small: Workplace) -> None:
    small.registered("tips", {"model.pkl": pickle.dumps({})})
    advice = small.registry.version("tips", 1).advice
    assert all(word in advice for word in ("skops", "ONNX", "safetensors", "signature"))
    small.registered("tips", {"MLmodel": b'signature: {inputs: \'[{"type": "long", "name": "a"}]\'}'})
    assert small.registry.version("tips", 2).advice == ""


def _graph() -> bytes:
    onnx = pytest.importorskip("onnx", reason="needs onnx: pip install 'modelyard[serving]'")
    helper, kinds = onnx.helper, onnx.TensorProto
    weights = helper.make_tensor("w", kinds.FLOAT, [3, 1], [1.0, 2.0, 3.0])
    inputs = [
        helper.make_tensor_value_info("x", kinds.FLOAT, ["rows", 3]),
        helper.make_tensor_value_info("w", kinds.FLOAT, [3, 1]),
    ]
    outputs = [helper.make_tensor_value_info("y", kinds.DOUBLE, [None, 1])]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model: bytes = helper.make_model(helper.make_graph([node], "g", inputs, outputs, [weights])).SerializeToString()
    return model


def test_an_onnx_graph_says_its_signature_itself(small: Workplace) -> None:
    small.registered("tips", {"model.onnx": _graph()})
    one = small.registry.version("tips", 1)
    assert one.signature is not None and one.signature_by is Inferred.ONNX
    assert [(f.name, f.type, f.shape) for f in one.signature.inputs] == [("x", "float32", (-1, 3))]
    assert [(f.name, f.type, f.shape) for f in one.signature.outputs] == [("y", "float64", (-1, 1))]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.integers(0, 400).map(lambda n: b"\x3a" * n))
def test_any_bytes_are_a_graph_or_none(content: bytes) -> None:
    inference.of_onnx(content)
    inference.of_example(content)


@pytest.mark.parametrize(
    "said",
    [
        "[]",
        "{}",
        "[1]",
        '{"columns": ["a"], "data": [[1, 2]]}',
        '{"columns": ["a"], "data": [[{}]]}',
        "nonsense",
        "null",
    ],
)
def test_an_example_that_says_no_columns_infers_nothing(said: str) -> None:
    assert inference.of_example(said.encode()) is None


def test_records_are_an_example_too() -> None:
    found = inference.of_example(b'[{"a": 1, "b": "x"}, {"a": 2.5}]')
    assert found is not None
    assert [(f.name, f.type, f.required) for f in found.inputs] == [("a", "double", True), ("b", "string", False)]

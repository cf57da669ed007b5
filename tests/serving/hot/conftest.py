"""Small real models, made once: linear on a matrix, a pipeline on a table with a category, each in both forms."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.serving.hot.bundle import Feed, InputSpec, OutputSpec, Signature, write_signature
from modelyard.serving.hot.tensors import Datatype
from tests.serving.hot.planes import Plane, endpoint, revision, running

LABEL = OutputSpec(name="label", datatype=Datatype.INT64, source="label")
PROBABILITY = OutputSpec(name="probability", datatype=Datatype.FP64, source="probabilities", width=2)


MATRIX = tuple(InputSpec(name=name, datatype=Datatype.FP64) for name in "abcd")
NATIVE = (
    OutputSpec(name="label", datatype=Datatype.INT64, source="predict"),
    OutputSpec(name="probability", datatype=Datatype.FP64, source="predict_proba", width=2),
)
COLUMNS = (
    InputSpec(name="miles", datatype=Datatype.FP64),
    InputSpec(name="payment", datatype=Datatype.BYTES, optional=True),
)
EXAMPLES = ((1.5, "cash"), (0.25, "card"))


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model folders: `linear`, `opposite`, `native`, `slow`, `table`, `frame`, `broken` and `forged`."""
    root = tmp_path_factory.mktemp("models")
    x = np.random.default_rng(7).normal(size=(200, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _make_matrix_models(root, x, (x[:, 0] > 0).astype(int))
        _make_table_models(root, x)
    _put(root / "broken", Signature(inputs=MATRIX, outputs=(LABEL, PROBABILITY)), onnx=b"no model")
    shutil.copytree(root / "slow", root / "forged")
    return root


def _put(folder: Path, signature: Signature, *, onnx: bytes | None = None, native: object = None) -> None:
    import skops.io

    folder.mkdir()
    write_signature(folder, signature)
    if onnx is not None:
        (folder / "model.onnx").write_bytes(onnx)
    else:
        skops.io.dump(native, folder / "model.skops")


def _make_matrix_models(root: Path, x: Any, y: Any) -> None:
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    compiled = Signature(inputs=MATRIX, outputs=(LABEL, PROBABILITY))
    for name, target in (("linear", y), ("opposite", 1 - y)):
        fitted = LogisticRegression().fit(x, target)
        made = skl2onnx.convert_sklearn(
            fitted, initial_types=[("X", FloatTensorType([None, 4]))], options={id(fitted): {"zipmap": False}}
        )
        _put(root / name, compiled, onnx=made.SerializeToString())
    native = Signature(inputs=MATRIX, outputs=NATIVE)
    _put(root / "native", native, native=LogisticRegression().fit(x, y))
    _put(root / "slow", native, native=RandomForestClassifier(60, random_state=0).fit(x, y))


def _make_table_models(root: Path, x: Any) -> None:
    import pandas as pd
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    table = pd.DataFrame({"miles": x[:, 0], "payment": np.where(x[:, 1] > 0, "cash", "card")})
    kinds = ColumnTransformer([("kind", OneHotEncoder(handle_unknown="ignore"), ["payment"])], remainder="passthrough")
    pipeline = make_pipeline(kinds, LinearRegression()).fit(table, 2.0 * x[:, 0] + (x[:, 1] > 0))
    types = [("miles", FloatTensorType([None, 1])), ("payment", StringTensorType([None, 1]))]
    made = skl2onnx.convert_sklearn(pipeline, initial_types=types)
    tip = OutputSpec(name="tip", datatype=Datatype.FP64, source="variable")
    _put(root / "table", Signature(inputs=COLUMNS, outputs=(tip,), examples=EXAMPLES), onnx=made.SerializeToString())
    predict = OutputSpec(name="tip", datatype=Datatype.FP64, source="predict")
    frame = Signature(inputs=COLUMNS, outputs=(predict,), feed=Feed.FRAME, examples=EXAMPLES)
    _put(root / "frame", frame, native=pipeline)


@pytest.fixture
def home(tmp_path: Path, models: Path) -> Path:
    """A home that holds the models."""
    shutil.copytree(models, tmp_path / "models")
    return tmp_path


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Plane]:
    """A data plane for all tests that change nothing of it; every model answers on it."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(models, home / "models")
    tree = ("sklearn.tree._tree.Tree",)
    served = (
        endpoint("linear", revision("r1", "linear", "3")),
        endpoint("native", revision("r1", "native")),
        endpoint("table", revision("r1", "table")),
        endpoint("frame", revision("r1", "frame")),
        endpoint("slow", revision("r1", "slow", trusted=tree)),
        endpoint("broken", revision("r1", "broken")),
        endpoint("forged", revision("r1", "forged")),
    )
    with running(home, *served, options=("--head-timeout", "1.5", "--roll-seconds", "3600")) as plane:
        yield plane

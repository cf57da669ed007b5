"""Small real models, made once: linear on a matrix, a pipeline on a table with a category, each in both forms."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from modelyard.serving.hot.bundle import Feed, InputSpec, OutputSpec, Signature, write_signature
from modelyard.serving.hot.tensors import Datatype
from tests.serving.hot.planes import Plane, endpoint, revision, running

LABEL = OutputSpec(name="label", datatype=Datatype.INT64, source="label")
PROBABILITY = OutputSpec(name="probability", datatype=Datatype.FP64, source="probabilities", width=2)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of model folders: `linear`, `opposite`, `native`, `table`, `slow`, `broken`, `forged`."""
    import pandas as pd
    import skl2onnx
    import skops.io
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    root = tmp_path_factory.mktemp("models")
    names = ("linear", "opposite", "native", "table", "frame", "slow", "broken", "forged")
    folders = {name: root / name for name in names}
    for folder in folders.values():
        folder.mkdir()
    draw = np.random.default_rng(7)
    x = draw.normal(size=(200, 4))
    y = (x[:, 0] > 0).astype(int)
    matrix = tuple(InputSpec(name=n, datatype=Datatype.FP64) for n in "abcd")
    outputs = (LABEL, PROBABILITY)
    native = (
        OutputSpec(name="label", datatype=Datatype.INT64, source="predict"),
        OutputSpec(name="probability", datatype=Datatype.FP64, source="predict_proba", width=2),
    )
    model = LogisticRegression().fit(x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, target in (("linear", y), ("opposite", 1 - y)):
            fitted = LogisticRegression().fit(x, target)
            made = skl2onnx.convert_sklearn(
                fitted, initial_types=[("X", FloatTensorType([None, 4]))], options={id(fitted): {"zipmap": False}}
            )
            (folders[name] / "model.onnx").write_bytes(made.SerializeToString())
            write_signature(folders[name], Signature(inputs=matrix, outputs=outputs))
        skops.io.dump(model, folders["native"] / "model.skops")
        write_signature(folders["native"], Signature(inputs=matrix, outputs=native))

        table = pd.DataFrame({"miles": x[:, 0], "payment": np.where(x[:, 1] > 0, "cash", "card")})
        pipeline = make_pipeline(
            ColumnTransformer([("kind", OneHotEncoder(handle_unknown="ignore"), ["payment"])], remainder="passthrough"),
            LinearRegression(),
        ).fit(table, 2.0 * x[:, 0] + (x[:, 1] > 0))
        made = skl2onnx.convert_sklearn(
            pipeline,
            initial_types=[("miles", FloatTensorType([None, 1])), ("payment", StringTensorType([None, 1]))],
        )
        columns = (
            InputSpec(name="miles", datatype=Datatype.FP64),
            InputSpec(name="payment", datatype=Datatype.BYTES, optional=True),
        )
        tip = OutputSpec(name="tip", datatype=Datatype.FP64, source="variable")
        examples = ((1.5, "cash"), (0.25, "card"))
        (folders["table"] / "model.onnx").write_bytes(made.SerializeToString())
        write_signature(folders["table"], Signature(inputs=columns, outputs=(tip,), examples=examples))
        skops.io.dump(pipeline, folders["frame"] / "model.skops")
        predict = OutputSpec(name="tip", datatype=Datatype.FP64, source="predict")
        frame = Signature(inputs=columns, outputs=(predict,), feed=Feed.FRAME, examples=examples)
        write_signature(folders["frame"], frame)

        forest = RandomForestClassifier(60, random_state=0).fit(x, y)
        skops.io.dump(forest, folders["slow"] / "model.skops")
        write_signature(folders["slow"], Signature(inputs=matrix, outputs=native))
    (folders["broken"] / "model.onnx").write_bytes(b"no model")
    write_signature(folders["broken"], Signature(inputs=matrix, outputs=outputs))
    shutil.copytree(folders["slow"], folders["forged"], dirs_exist_ok=True)
    return root


@pytest.fixture
def home(tmp_path: Path, models: Path) -> Path:
    """A home that holds the models."""
    shutil.copytree(models, tmp_path / "models")
    return tmp_path


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Plane]:
    """A data plane for the tests of one module that change nothing of it; every model answers on it."""
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

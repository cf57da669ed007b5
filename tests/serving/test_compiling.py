"""Compiling for serving: kept where it agrees with the model on every row, else the model itself; never a pickle."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelyard.kernel.errors import InvalidInput
from modelyard.serving.hot.bundle import read_bundle
from modelyard.serving.hot.runtimes import load
from modelyard.serving.service.compiling import Asked, CompileOrder, CompileReport, compile_model

DRAW = np.random.default_rng(5)
MILES, SECONDS = DRAW.gamma(2, 3, 400), DRAW.integers(60, 4000, 400)
TABLE = pd.DataFrame({"miles": MILES, "seconds": SECONDS, "payment": DRAW.choice(["cash", "card", "app"], 400)})
NUMBERS = TABLE[["miles", "seconds"]]
TIP = 0.3 * MILES + 0.001 * SECONDS + (TABLE["payment"] == "card")
GENEROUS = np.where(TIP.mean() < TIP, "yes", "no")
ASKED = (Asked(name="miles", type="double"), Asked(name="seconds", type="long"), Asked(name="payment", type="string"))


def columns(final: Any, *, scaled: bool = True) -> Any:
    numbers = make_pipeline(SimpleImputer(), StandardScaler()) if scaled else SimpleImputer()
    kinds = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(ColumnTransformer([("n", numbers, ["miles", "seconds"]), ("k", kinds, ["payment"])]), final)


def compiled(
    folder: Path, model: Any, *, asked: tuple[Asked, ...] = (), rows: Any = None, **more: Any
) -> CompileReport:
    import skops.io

    source, target = folder / "source", folder / "target"
    source.mkdir()
    target.mkdir()
    skops.io.dump(model, source / "model.skops")
    records = () if rows is None else tuple(rows.to_dict("records"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile_model(CompileOrder(source=str(source), target=str(target), inputs=asked, rows=records))


def answers(folder: Path, report: CompileReport, rows: list[list[Any]]) -> list[list[Any]]:
    runtime = load(read_bundle(folder / "target"), report.types)
    return [list(output) for output in runtime.predict([value for row in rows for value in row], len(rows))]


@pytest.mark.parametrize(
    "make",
    [
        lambda: columns(LogisticRegression()).fit(TABLE, GENEROUS),
        lambda: columns(GradientBoostingClassifier(n_estimators=20)).fit(TABLE, GENEROUS),
        lambda: columns(LinearRegression()).fit(TABLE, TIP),
        lambda: columns(RandomForestRegressor(20, random_state=1), scaled=False).fit(TABLE, TIP),
    ],
    ids=["logistic", "boosting", "linear", "forest"],
)
def test_pipelines_over_tables_compile_and_agree(tmp_path: Path, make: Callable[[], Any]) -> None:
    model = make()
    report = compiled(tmp_path, model, asked=ASKED, rows=TABLE)
    assert report.runtime == "onnx", report.note
    assert "equal on 400 real rows" in report.note
    outputs = answers(tmp_path, report, TABLE.head(50).to_numpy().tolist())
    expected = model.predict(TABLE.head(50)).tolist()
    assert outputs[0] == (expected if isinstance(expected[0], str) else pytest.approx(expected, rel=1e-4))


def test_a_model_without_a_signature_says_its_columns_itself(tmp_path: Path) -> None:
    report = compiled(tmp_path, HistGradientBoostingRegressor(max_iter=20).fit(NUMBERS, TIP), rows=NUMBERS)
    signature = read_bundle(tmp_path / "target").signature
    assert [(s.name, s.datatype, s.optional) for s in signature.inputs] == [
        ("miles", "FP64", True),
        ("seconds", "FP64", True),
    ]
    assert report.runtime in ("onnx", "sklearn")
    assert len(answers(tmp_path, report, [[1.0, None], [2.0, 60]])[0]) == 2


def test_a_model_on_a_bare_matrix_takes_a_matrix(tmp_path: Path) -> None:
    model = LogisticRegression().fit(NUMBERS.to_numpy(), GENEROUS == "yes")
    report = compiled(tmp_path, model)
    (spec,) = read_bundle(tmp_path / "target").signature.inputs
    assert (spec.width, report.runtime) == (2, "onnx")
    assert "drawn rows" in report.note
    label, probability = answers(tmp_path, report, [[30.0, 4000.0]])
    assert label == [True]
    assert sum(probability) == pytest.approx(1)


def test_what_does_not_compile_faithfully_is_served_as_it_is(tmp_path: Path) -> None:
    model = KNeighborsClassifier(3).fit(NUMBERS, GENEROUS)
    report = compiled(tmp_path, model, rows=NUMBERS)
    assert report.runtime == "sklearn"
    assert "nearest neighbours" in report.note
    assert answers(tmp_path, report, NUMBERS.head(9).to_numpy().tolist())[0] == model.predict(NUMBERS.head(9)).tolist()


def test_types_that_nobody_trusted_are_named(tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler(), _Own()).fit(NUMBERS, TIP)
    with pytest.raises(InvalidInput, match="_Own"):
        compiled(tmp_path, model)


class _Own(LinearRegression):  # type: ignore[misc]  # scikit-learn has no types
    pass


def test_a_pickle_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(InvalidInput, match="serialization_format='skops'"):
        compile_model(CompileOrder(source=str(tmp_path), target=str(tmp_path)))

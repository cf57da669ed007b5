"""No hostile file is missed, and no honest model is flagged."""

from __future__ import annotations

import gzip
import io
import pickle
import pickletools
import warnings
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.registry.api import Verdict
from modelyard.registry.model import scanning
from modelyard.registry.model.scanning import Scanner
from tests.registry import hostile, hostile_names
from tests.registry.conftest import Workplace
from tests.registry.recording import ARCHIVE


def verdict_on(path: str, content: bytes) -> tuple[Verdict, list[str]]:
    scanner = Scanner()
    scanner.file(path, io.BytesIO(content), len(content))
    scan = scanner.scan()
    return scan.verdict, [f"{f.path}: {f.what}" for f in scan.findings]


def test_the_hostile_corpus_is_large() -> None:
    assert len(hostile.RAW) + len(hostile.FILES) >= 130
    assert len(hostile_names.NAMES) >= 350


def test_no_global_of_the_corpus_is_missed_however_it_is_called_or_packed() -> None:
    missed = [
        (name, form, path)
        for name in hostile_names.NAMES
        for form, content in hostile_names.forms(name)
        for path, packed in (("m.pkl", content), ("m.bin", content), ("m.joblib", zlib.compress(content, 1)))
        if verdict_on(path, packed)[0] is not Verdict.UNSAFE
    ]
    assert missed == []


def test_what_unpacks_to_too_much_is_refused_before_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_MOST_UNPACKED", 1 << 20)
    zeros = bytes(1 << 19)
    archive = hostile._zip({f"{n}.zip": hostile._zip({"zeros": zeros}) for n in range(8)})
    for path, content in {
        "bomb.zip": hostile._zip({"zeros": zeros * 3}),
        "bomb.gz": gzip.compress(zeros * 3),
        "bomb.z": zlib.compress(zeros * 3),
        "bomb.tar": hostile._tar({"a": zeros, "b": zeros, "c": zeros}),
        "many.zip": archive,
    }.items():
        verdict, findings = verdict_on(path, content)
        assert verdict is Verdict.UNSAFE, path
        assert findings


@pytest.mark.parametrize("name", list(hostile.RAW))
def test_a_hostile_pickle_is_seen(name: str) -> None:
    verdict, findings = verdict_on("model.pkl", hostile.RAW[name])
    assert verdict is Verdict.UNSAFE, name
    assert findings


@pytest.mark.parametrize("path", list(hostile.FILES))
def test_harm_that_hides_in_a_file_is_seen(path: str) -> None:
    assert verdict_on(path, hostile.FILES[path])[0] is Verdict.UNSAFE


def test_the_offending_name_is_told() -> None:
    _, findings = verdict_on("a.pkl", hostile.RAW["protocol 0"])
    assert findings == ["a.pkl: os.system"]
    _, findings = verdict_on("w.zip", hostile.FILES["weights.zip"])
    assert findings[0].startswith("w.zip!a/b.pkl: ")


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("conda.yaml", b"channels:\n- conda-forge\ndependencies:\n- python=3.12\n"),
        ("python_env.yaml", b"python: 3.12.1\nbuild_dependencies:\n- pip==24\n"),
        ("requirements.txt", b"mlflow==3.1\nscikit-learn==1.9\n"),
        ("README.md", b"(a note) in brackets.\n"),
        ("input_example.json", b'{"columns": ["a"], "data": [[1]]}'),
        ("model.onnx", b"\x08\x07\x12\x07skl2onnx"),
        ("weights.safetensors", b"\x10\x00\x00\x00\x00\x00\x00\x00{}              "),
        ("weights.npy", hostile._npy("'<f8'", b"\x00" * 8)),
        ("x.txt", b"x\x9c is how some compressed files begin"),
        ("empty.pkl", b""),
    ],
)
def test_plain_files_hold_no_pickle(path: str, content: bytes) -> None:
    assert verdict_on(path, content) == (Verdict.NO_PICKLE, [])


def test_no_recorded_model_of_xgboost_lightgbm_or_torch_is_flagged() -> None:
    with zipfile.ZipFile(ARCHIVE) as archive:
        names = archive.namelist()
        flagged = {name: found for name in names if (found := verdict_on(name, archive.read(name)))[1]}
    assert flagged == {}
    models = {name.partition(".")[0].removesuffix("-cloud") for name in names}
    assert len({m for m in models if m.startswith(("xgboost-", "lightgbm-"))}) >= 10
    assert len({m for m in models if m.startswith("torch-")}) >= 6


def test_the_class_of_a_whole_net_of_old_is_known_by_its_id() -> None:
    said = b"X\x06\x00\x00\x00modulectorch.nn.modules.linear\nIdentity\nX\x01\x00\x00\x00sX\x01\x00\x00\x00s"
    net = b"\x80\x02(" + said + b"tQ)R}b."
    assert verdict_on("old.pt", hostile._torch_of_old(net)) == (Verdict.SAFE, [])


def _torch() -> dict[str, bytes]:
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'modelyard[torch]'")
    made: dict[str, bytes] = {}
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    for name, thing in {"state": net.state_dict(), "whole": net}.items():
        kept = io.BytesIO()
        torch.save(thing, kept)
        made[name] = kept.getvalue()
    return made


def test_honest_torch_models_pass() -> None:
    for name, content in _torch().items():
        assert verdict_on(f"{name}.pt", content) == (Verdict.SAFE, [])


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_honest_boosted_trees_pass(library: str) -> None:
    module = pytest.importorskip(library, reason=f"needs {library}: pip install {library}")
    import numpy as np

    classifier = module.XGBClassifier if library == "xgboost" else module.LGBMClassifier
    rows = np.random.default_rng(0).normal(size=(60, 3))
    model = classifier(n_estimators=3).fit(rows, rows[:, 0] > 0)
    assert verdict_on("model.pkl", pickle.dumps(model)) == (Verdict.SAFE, [])


def _models() -> dict[str, Any]:
    """Thirty models as people make them, fitted."""
    import numpy as np
    from sklearn import (
        calibration,
        cluster,
        compose,
        decomposition,
        ensemble,
        gaussian_process,
        impute,
        isotonic,
        linear_model,
        model_selection,
        naive_bayes,
        neighbors,
        neural_network,
        pipeline,
        preprocessing,
        svm,
        tree,
    )  # fmt: skip

    kernels = gaussian_process.kernels
    rng = np.random.RandomState(0)
    rows = np.abs(rng.normal(size=(80, 4)))
    labels = (rows[:, 0] + rng.normal(size=80) * 0.1 > 0.7).astype(int)
    scaled = pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())
    columns = compose.ColumnTransformer(
        [("n", preprocessing.MinMaxScaler(), [0, 1]), ("o", preprocessing.OneHotEncoder(handle_unknown="ignore"), [2])],
        remainder="passthrough",
    )
    made: list[Any] = [
        linear_model.LogisticRegression(), linear_model.Ridge(), linear_model.Lasso(), linear_model.SGDClassifier(),
        linear_model.HuberRegressor(), linear_model.PoissonRegressor(), tree.DecisionTreeClassifier(),
        ensemble.RandomForestClassifier(5), ensemble.ExtraTreesRegressor(5),
        ensemble.GradientBoostingClassifier(n_estimators=3),
        ensemble.HistGradientBoostingClassifier(max_iter=5), ensemble.HistGradientBoostingRegressor(max_iter=5),
        ensemble.AdaBoostClassifier(n_estimators=3), ensemble.IsolationForest(n_estimators=3),
        ensemble.BaggingClassifier(n_estimators=2),
        ensemble.VotingClassifier([("a", naive_bayes.GaussianNB()), ("b", tree.DecisionTreeClassifier())]),
        ensemble.StackingClassifier([("a", naive_bayes.GaussianNB())], cv=2), svm.SVC(),
        svm.LinearSVC(),
        neighbors.KNeighborsClassifier(), neighbors.KNeighborsRegressor(algorithm="ball_tree"),
        naive_bayes.MultinomialNB(), neural_network.MLPClassifier((4,), max_iter=5),
        gaussian_process.GaussianProcessRegressor(kernels.RBF() + kernels.WhiteKernel()),
        cluster.KMeans(2, n_init=1), decomposition.PCA(2), calibration.CalibratedClassifierCV(scaled, cv=2), scaled,
        pipeline.make_pipeline(impute.SimpleImputer(), columns, ensemble.RandomForestRegressor(3)),
        pipeline.make_pipeline(preprocessing.FunctionTransformer(np.log1p), preprocessing.PolynomialFeatures(2),
                               linear_model.LinearRegression()),
        model_selection.GridSearchCV(tree.DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2, scoring="roc_auc"),
        preprocessing.QuantileTransformer(n_quantiles=10), preprocessing.SplineTransformer(),
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = {f"{n}-{type(m).__name__}": m.fit(rows, labels) for n, m in enumerate(made)}
        fitted["isotonic"] = isotonic.IsotonicRegression().fit(rows[:, 0], labels)
    return fitted


@pytest.fixture(scope="module")
def honest() -> dict[str, Any]:
    pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'modelyard[serving]'")
    return _models()


def _kept(write: Callable[[Any, io.BytesIO], object], model: Any) -> bytes:
    kept = io.BytesIO()
    write(model, kept)
    return kept.getvalue()


def test_no_honest_scikit_learn_model_is_flagged(honest: dict[str, Any]) -> None:
    import joblib

    cloudpickle = pytest.importorskip("cloudpickle", reason="needs cloudpickle: pip install mlflow-skinny")
    assert len(honest) >= 30
    for name, model in honest.items():
        forms = {
            "cloudpickle": cloudpickle.dumps(model),
            "protocol 2": pickle.dumps(model, 2),
            "joblib": _kept(joblib.dump, model),
            "joblib packed": _kept(lambda m, f: joblib.dump(m, f, compress=3), model),
        }
        for form, content in forms.items():
            assert verdict_on("model.pkl", content) == (Verdict.SAFE, []), f"{name} as {form}"


def test_no_honest_skops_file_is_flagged(honest: dict[str, Any]) -> None:
    skops = pytest.importorskip("skops.io", reason="needs skops: pip install 'modelyard[serving]'")
    for name, model in honest.items():
        verdict, findings = verdict_on("model.skops", skops.dumps(model))
        assert (verdict.may_load, findings) == (True, []), name


def test_a_version_keeps_the_verdict_of_its_files(small: Workplace) -> None:
    small.registered("tips", {"MLmodel": b"flavors: {}", "model.pkl": hostile.SYSTEM})
    scan = small.registry.version("tips", 1).scan
    assert (scan.verdict, scan.pickles) == (Verdict.UNSAFE, 1)
    assert [f.path for f in scan.findings] == ["model.pkl"]
    small.registered("tips", {"model.pkl": pickle.dumps({"a": 1})})
    assert small.registry.version("tips", 2).scan.verdict is Verdict.SAFE
    assert small.registry.rescan("tips", 1).scan.verdict is Verdict.UNSAFE


def test_a_file_that_a_flavour_unpickles_is_judged_as_a_pickle_whatever_its_name(small: Workplace) -> None:
    model = b"flavors: {sklearn: {pickled_model: model.dat}}"
    small.registered("tips", {"MLmodel": model, "model.dat": b"no pickle at all"})
    assert small.registry.version("tips", 1).scan.verdict is Verdict.UNSAFE


def test_code_that_loading_runs_is_told(small: Workplace) -> None:
    model = b"flavors: {python_function: {loader_module: my_loader, code: code}}"
    small.registered("tips", {"MLmodel": model, "code/my_loader.py": b"x = 1"})
    found = small.registry.version("tips", 1).scan
    assert found.verdict is Verdict.UNSAFE
    assert {f.what for f in found.findings} == {"code", "my_loader"}


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_get_a_verdict(content: bytes) -> None:
    for path in ("a.pkl", "a.txt", "a.zip"):
        assert isinstance(verdict_on(path, content)[0], Verdict)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(hostile.SYSTEM) - 1), st.integers(0, 255))
def test_a_changed_byte_hides_no_call(place_: int, byte: int) -> None:
    changed = bytearray(hostile.SYSTEM)
    changed[place_] = byte
    verdict, _ = verdict_on("a.pkl", bytes(changed))
    assert verdict is Verdict.UNSAFE or b"system" not in _run_of(bytes(changed))


def _run_of(content: bytes) -> bytes:
    """What a loader would come to run: nothing that stands behind the opcode that ends a pickle."""
    try:
        *_, (_, _, end) = pickletools.genops(content)
    except ValueError:
        return content
    return content[: (end or 0) + 1]


_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner) | st.sets(st.integers())
    ),
)


@settings(max_examples=150, deadline=None)
@given(_DATA, st.integers(0, 5))
def test_plain_data_is_safe_in_every_protocol(data: object, protocol: int) -> None:
    assert verdict_on("a.pkl", pickle.dumps(data, protocol)) == (Verdict.SAFE, [])

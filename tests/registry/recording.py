"""Makes `honest.zip`: small models as xgboost, lightgbm and torch write them, for suites that have none of these.

Run it by hand where they are installed, from the root of the repository:

    python -m tests.registry.recording

Rows are random numbers, so nothing in the files is anybody's but ours. The files are only ever read as bytes.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

ARCHIVE = Path(__file__).with_name("honest.zip")
_MOMENT = (2026, 1, 1, 0, 0, 0)


def _written(write: Callable[[io.BytesIO], object]) -> bytes:
    kept = io.BytesIO()
    write(kept)
    return kept.getvalue()


def _rows() -> tuple[Any, Any]:
    np = import_module("numpy")
    rows = np.random.default_rng(0).random((60, 3))
    return rows, (rows[:, 0] > 0.5).astype(int)


def _trees() -> Iterator[tuple[str, Any]]:
    rows, labels = _rows()
    xgb, lgb = import_module("xgboost"), import_module("lightgbm")
    pipeline, scaling = import_module("sklearn.pipeline"), import_module("sklearn.preprocessing")
    few = {"n_estimators": 2, "max_depth": 2}
    yield "xgboost-classifier", xgb.XGBClassifier(**few).fit(rows, labels)
    yield "xgboost-regressor", xgb.XGBRegressor(**few).fit(rows, rows[:, 1])
    yield "xgboost-forest", xgb.XGBRFClassifier(**few).fit(rows, labels)
    yield "xgboost-ranker", xgb.XGBRanker(**few).fit(rows, labels, group=[30, 30])
    yield "xgboost-booster", xgb.train({"max_depth": 2}, xgb.DMatrix(rows, labels), 2)
    yield (
        "xgboost-pipeline",
        pipeline.make_pipeline(scaling.StandardScaler(), xgb.XGBClassifier(**few)).fit(rows, labels),
    )
    quiet = few | {"verbose": -1, "num_leaves": 3}
    yield "lightgbm-classifier", lgb.LGBMClassifier(**quiet).fit(rows, labels)
    yield "lightgbm-regressor", lgb.LGBMRegressor(**quiet).fit(rows, rows[:, 1])
    yield "lightgbm-ranker", lgb.LGBMRanker(**quiet).fit(rows, labels, group=[30, 30])
    yield "lightgbm-booster", lgb.train({"verbose": -1, "num_leaves": 3}, lgb.Dataset(rows, labels), 2)
    yield (
        "lightgbm-pipeline",
        pipeline.make_pipeline(scaling.StandardScaler(), lgb.LGBMClassifier(**quiet)).fit(rows, labels),
    )


def _nets() -> Iterator[tuple[str, Any]]:
    nn = import_module("torch.nn")
    yield "torch-dense", nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Dropout(0.1), nn.Linear(2, 1))
    yield "torch-images", nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.GELU(), nn.MaxPool2d(2), nn.Flatten())
    yield "torch-recurrent", nn.LSTM(2, 2)
    yield "torch-words", nn.Sequential(nn.Embedding(5, 2), nn.LayerNorm(2))
    yield "torch-attention", nn.TransformerEncoderLayer(4, 2, 8)
    yield "torch-half", nn.Linear(3, 2).bfloat16()


def files() -> Iterator[tuple[str, bytes]]:
    """Names and bytes: trees as pickle, cloudpickle, joblib and skops; nets as weights and whole, new and of old."""
    joblib, cloudpickle, skops = import_module("joblib"), import_module("cloudpickle"), import_module("skops.io")
    for name, model in _trees():
        yield f"{name}.pkl", pickle.dumps(model)
        yield f"{name}-2.pkl", pickle.dumps(model, 2)
        yield f"{name}-cloud.pkl", cloudpickle.dumps(model)
        yield f"{name}.joblib", _written(lambda f, m=model: joblib.dump(m, f, compress=3))  # type: ignore[misc]  # bound now
        if "classifier" in name:
            yield f"{name}.skops", skops.dumps(model)
    torch = import_module("torch")
    for name, net in _nets():
        optimizer = torch.optim.Adam(net.parameters())
        for form, thing in {
            "weights": net.state_dict(),
            "whole": net,
            "checkpoint": {"epoch": 3, "model": net.state_dict(), "optimizer": optimizer.state_dict()},
        }.items():
            yield f"{name}-{form}.pt", _written(lambda f, t=thing: torch.save(t, f))  # type: ignore[misc]  # bound now
            if form != "whole":  # the old form of a whole net holds the library's own source text
                yield f"{name}-{form}-old.pt", _written(lambda f, t=thing: _save_old(torch, t, f))  # type: ignore[misc]  # bound now


def _save_old(torch: Any, thing: Any, file: io.BytesIO) -> None:
    torch.save(thing, file, _use_new_zipfile_serialization=False)


def main() -> None:
    """Write the archive."""
    with zipfile.ZipFile(ARCHIVE, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in files():
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), content, zipfile.ZIP_LZMA)


if __name__ == "__main__":
    main()

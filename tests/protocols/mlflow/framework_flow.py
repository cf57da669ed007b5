"""Each framework's autologging, registration and loading, by the unmodified client; prints what it saw as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import mlflow
import numpy as np
from mlflow import MlflowClient

ROWS = np.random.default_rng(1).random((64, 4)).astype("float32")
TARGET = (ROWS[:, 0] > 0.5).astype("float32")


def torch() -> Any:
    """A Lightning module, logged by `mlflow.pytorch.autolog`."""
    import lightning
    import torch as pt
    from torch.utils.data import DataLoader, TensorDataset

    class Small(lightning.LightningModule):  # type: ignore[misc]  # its library has no types
        def __init__(self) -> None:
            super().__init__()
            self.layer = pt.nn.Linear(4, 1)

        def forward(self, rows: Any) -> Any:
            return self.layer(rows)

        def training_step(self, batch: Any, index: int) -> Any:
            loss = pt.nn.functional.mse_loss(self(batch[0]).squeeze(1), batch[1])
            self.log("train_loss", loss, on_epoch=True)
            return loss

        def configure_optimizers(self) -> Any:
            return pt.optim.SGD(self.parameters(), lr=0.1)

    mlflow.pytorch.autolog(registered_model_name="torch")
    model = Small()
    data = DataLoader(TensorDataset(pt.from_numpy(ROWS), pt.from_numpy(TARGET)), batch_size=16)
    trainer = lightning.Trainer(max_epochs=2, logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.fit(model, data)
    return model.eval()(pt.from_numpy(ROWS[:5])).detach().numpy()


def keras() -> Any:
    """A Keras model on the PyTorch backend, logged by its MLflow callback."""
    import os

    os.environ["KERAS_BACKEND"] = "torch"
    import keras as ks

    model = ks.Sequential([ks.layers.Input((4,)), ks.layers.Dense(1)])
    model.compile("sgd", "mse")
    mlflow.keras.autolog(registered_model_name="keras") if hasattr(mlflow.keras, "autolog") else None
    with mlflow.start_run():
        model.fit(ROWS, TARGET, epochs=2, verbose=0, callbacks=[mlflow.keras.MlflowCallback()])
        mlflow.keras.log_model(model, name="model", registered_model_name="keras")
    return model.predict(ROWS[:5], verbose=0)


def tensorflow() -> Any:
    """A Keras model on TensorFlow, logged by `mlflow.tensorflow.autolog`."""
    import tensorflow as tf

    mlflow.tensorflow.autolog(registered_model_name="tensorflow")
    model = tf.keras.Sequential([tf.keras.layers.Input((4,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(ROWS, TARGET, epochs=2, verbose=0)
    return model.predict(ROWS[:5], verbose=0)


def xgboost() -> Any:
    """A booster, logged by `mlflow.xgboost.autolog`."""
    import xgboost as xgb

    mlflow.xgboost.autolog(registered_model_name="xgboost")
    model = xgb.train(
        {"max_depth": 2}, xgb.DMatrix(ROWS, TARGET), num_boost_round=3, evals=[(xgb.DMatrix(ROWS, TARGET), "train")]
    )
    return model.predict(xgb.DMatrix(ROWS[:5]))


def lightgbm() -> Any:
    """A booster, logged by `mlflow.lightgbm.autolog`."""
    import lightgbm as lgb

    mlflow.lightgbm.autolog(registered_model_name="lightgbm")
    data = lgb.Dataset(ROWS, TARGET)
    model = lgb.train({"objective": "regression", "verbose": -1}, data, num_boost_round=3, valid_sets=[data])
    return model.predict(ROWS[:5])


def sklearn() -> Any:
    """A forest, logged by `mlflow.sklearn.autolog`."""
    from sklearn.ensemble import RandomForestRegressor

    mlflow.sklearn.autolog(registered_model_name="sklearn", serialization_format="cloudpickle")
    return RandomForestRegressor(n_estimators=3, random_state=1).fit(ROWS, TARGET).predict(ROWS[:5])


FLOWS: dict[str, Callable[[], Any]] = {
    "torch": torch, "keras": keras, "tensorflow": tensorflow, "xgboost": xgboost, "lightgbm": lightgbm,
    "sklearn": sklearn,
}  # fmt: skip


def main(name: str) -> dict[str, Any]:
    """Train, then look at what was logged and load what was registered."""
    home = mlflow.set_experiment(name).experiment_id
    expected = np.asarray(FLOWS[name]()).ravel()
    client = MlflowClient()
    run = client.search_runs([home], max_results=1)[0]
    client.set_registered_model_alias(name, "champion", "1")
    same = []
    for uri in (f"models:/{name}/1", f"models:/{name}@champion"):
        loaded = mlflow.pyfunc.load_model(uri)
        same.append(bool(np.allclose(np.asarray(loaded.predict(ROWS[:5])).ravel(), expected, atol=1e-5)))
    return {
        "status": run.info.status, "params": len(run.data.params), "metrics": sorted(run.data.metrics), "same": same,
        "version": client.get_model_version(name, "1").status,
    }  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(main(sys.argv[1])) + "\n")

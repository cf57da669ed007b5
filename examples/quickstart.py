"""From a CSV to a prediction over HTTP. First: yard up; then, in a second shell: eval "$(yard env)"."""

import io
import os
from pathlib import Path

import httpx2
import mlflow
import pyarrow as pa
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import modelyard

yard = modelyard.connect()  # the environment says where
csv = Path("examples/wine.csv")
load = yard.lake.load("wine", [csv.read_bytes()], source=csv.name)
print(f"{load.rows_loaded} rows are in wine@{load.version}, {load.rows_quarantined} are quarantined")

wine = pa.ipc.open_stream(io.BytesIO(b"".join(yard.lake.rows("wine")))).read_all().to_pandas()
inputs, label = wine.drop(columns="cultivar").astype("float64"), wine["cultivar"]
mlflow.set_experiment("wine")
mlflow.sklearn.autolog(log_models=False, silent=True)
with mlflow.start_run(tags={"modelyard.inputs": f"table:wine@{load.version}"}):
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(inputs, label)
    signature = mlflow.models.infer_signature(inputs, model.predict(inputs))
    logged = mlflow.sklearn.log_model(model, name="model", signature=signature, input_example=inputs[:50])

if "wine" not in [known.name for known in yard.registry.models().items]:
    yard.registry.create_model("wine", "which cultivar a wine comes from")
version = yard.registry.register("wine", logged.model_uri)
revision = yard.serving.deploy("wine", f"wine@{version.version}")
ask = [{"name": c.name, "shape": [1], "datatype": c.datatype, "data": [inputs[c.name][0]]} for c in revision.inputs]
bearer = {"authorization": f"Bearer {os.environ['YARD_TOKEN']}"}
answer = httpx2.post(yard.serving.endpoint("wine").address, json={"inputs": ask}, headers=bearer).json()
print({output["name"]: output["data"] for output in answer["outputs"]}, answer["parameters"]["prediction_ids"])

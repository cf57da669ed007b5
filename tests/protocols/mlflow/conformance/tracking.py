"""The calls on experiments, runs, metrics, params, tags, inputs and logged models."""

from __future__ import annotations

from typing import Any

from tests.protocols.mlflow.conformance.caller import Caller, pairs

LONG = "k" * 250
NO_RUN = "0" * 32


def experiments(c: Caller) -> None:
    """Names, tags, stages, and what is refused."""
    body: Any
    one = c.experiment("exp-one", {"a": "1"})
    for body in (
        {"name": "exp-one"}, {"name": ""}, {}, {"name": "n" * 500}, {"name": "n" * 501}, {"name": 7},
        {"name": "tagged", "tags": [{"key": "k" * 251, "value": "v"}]},
        {"name": "tagged-2", "tags": [{"key": "a", "value": "v" * 5001}]},
        {"name": "tagged-3", "tags": [{"value": "v"}]}, {"name": "tagged-4", "tags": "none"},
        {"name": " spaced "}, {"name": "ümläut ✓"}, {"name": "located", "artifact_location": "s3://b/p?x=..%2f"},
        {"name": "located-2", "artifact_location": "s3://b/p#frag"},
    ):  # fmt: skip
        c.post("/experiments/create", body)
    for query in (
        {"experiment_id": one},
        {"experiment_id": "99999"},
        {"experiment_id": "abc"},
        {"experiment_id": ""},
        {},
    ):
        c.get("/experiments/get", **query)
    for query in ({"experiment_name": "exp-one"}, {"experiment_name": "EXP-ONE"}, {"experiment_name": "nobody"}, {}):
        c.get("/experiments/get-by-name", **query)
    tag = "/experiments/set-experiment-tag"
    for body in (
        {"key": "a", "value": "2"}, {"key": "", "value": "2"}, {"value": "2"}, {"key": "none"}, {"key": "b" * 250,
        "value": "v"},
        {"key": "b" * 251, "value": "v"}, {"key": "long", "value": "v" * 20000}, {"key": "longer",
        "value": "v" * 20001},
        {"key": "bad!", "value": "v"}, {"key": "num", "value": 3},
    ):  # fmt: skip
        c.post(tag, {"experiment_id": one, **body})
    c.post(tag, {"experiment_id": "99999", "key": "a", "value": "1"})
    c.post("/experiments/delete-experiment-tag", {"experiment_id": one, "key": "num"})
    c.post("/experiments/delete-experiment-tag", {"experiment_id": one, "key": "num"})
    c.get("/experiments/get", experiment_id=one)
    other = c.experiment("exp-two")
    for body in ({"new_name": "exp-one"}, {"new_name": ""}, {}, {"new_name": "exp-renamed"}, {"new_name": "n" * 501}):
        c.post("/experiments/update", {"experiment_id": other, **body})
    c.post("/experiments/update", {"experiment_id": "99999", "new_name": "x"})
    c.get("/experiments/get-by-name", experiment_name="exp-two")
    c.get("/experiments/get-by-name", experiment_name="exp-renamed")


def stages(c: Caller) -> None:
    """Experiments and runs set aside and brought back, and what may be done with them meanwhile."""
    body: Any
    one = c.experiment("stage-exp")
    kept, gone = c.run(one, "kept"), c.run(one, "gone")
    c.post("/runs/log-metric", {"run_id": gone, "key": "m", "value": 1, "timestamp": 1})
    c.post("/runs/delete", {"run_id": gone})
    c.get("/runs/get", run_id=gone)
    for path, body in (
        ("/runs/log-metric", {"key": "m", "value": 1, "timestamp": 1}), ("/runs/log-parameter", {"key": "p",
        "value": "1"}),
        ("/runs/set-tag", {"key": "t", "value": "1"}), ("/runs/delete-tag", {"key": "t"}),
        ("/runs/update", {"status": "FINISHED"}), ("/runs/delete", {}), ("/runs/log-batch",
        {"tags": pairs({"a": "b"})}),
        ("/runs/log-inputs", {"datasets": [{"dataset": {"name": "d", "digest": "1", "source_type": "s",
        "source": "s"}}]}),
    ):  # fmt: skip
        c.post(path, {"run_id": gone, **body})
    for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL", "1", None):
        c.post("/runs/search", {"experiment_ids": [one], "run_view_type": view, "order_by": ["run_name"]})
    c.post("/runs/restore", {"run_id": gone})
    c.post("/runs/restore", {"run_id": gone})
    c.post("/runs/restore", {"run_id": NO_RUN})
    c.post("/runs/delete", {"run_id": NO_RUN})
    c.get("/runs/get", run_id=gone)
    c.post("/runs/delete", {"run_id": gone})
    c.post("/experiments/delete", {"experiment_id": one})
    c.get("/experiments/get", experiment_id=one)
    c.get("/experiments/get-by-name", experiment_name="stage-exp")
    c.post("/experiments/delete", {"experiment_id": one})
    c.post("/experiments/create", {"name": "stage-exp"})
    c.post("/experiments/update", {"experiment_id": one, "new_name": "x-new"})
    c.post("/experiments/set-experiment-tag", {"experiment_id": one, "key": "a", "value": "1"})
    c.post("/experiments/delete-experiment-tag", {"experiment_id": one, "key": "a"})
    c.post("/runs/create", {"experiment_id": one})
    c.get("/runs/get", run_id=kept)
    c.post("/runs/log-metric", {"run_id": kept, "key": "m", "value": 1, "timestamp": 1})
    for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL"):
        c.post("/experiments/search", {"view_type": view, "filter": "name = 'stage-exp'", "max_results": 10})
        c.post("/runs/search", {"experiment_ids": [one], "run_view_type": view, "order_by": ["run_name"]})
    c.post("/experiments/restore", {"experiment_id": one})
    c.post("/experiments/restore", {"experiment_id": one})
    c.post("/experiments/restore", {"experiment_id": "99999"})
    c.post("/experiments/delete", {"experiment_id": "99999"})
    c.get("/runs/get", run_id=kept)
    c.get("/runs/get", run_id=gone)


def runs(c: Caller) -> None:
    """How runs are made, named, ended and changed."""
    body: Any
    one = c.experiment("runs-exp")
    made = c.post("/runs/create", {"experiment_id": one, "run_name": "named", "start_time": 5, "user_id": "ann"})
    run = c.name(made["run"]["info"]["run_id"], "r-named")
    for body in (
        {"run_name": "a", "tags": pairs({"mlflow.runName": "a"})}, {"run_name": "a",
        "tags": pairs({"mlflow.runName": "b"})},
        {"tags": pairs({"mlflow.runName": "from-tag"})}, {"tags": [{"key": "x", "value": "v" * 8000}]},
        {"start_time": "12"}, {"start_time": "abc"}, {"user_id": "bob", "tags": pairs({"mlflow.user": "ann"})},
        {"run_name": "n" * 260},
        {"unknown": 1},
    ):  # fmt: skip
        c.post("/runs/create", {"experiment_id": one, "start_time": 1, "run_name": "r", **body})
    c.post("/runs/create", {"experiment_id": "99999", "start_time": 1, "run_name": "r"})
    c.post("/runs/create", {"experiment_id": "abc", "start_time": 1, "run_name": "r"})
    for query in ({"run_id": run}, {"run_uuid": run}, {"run_id": NO_RUN}, {"run_id": ""}, {}, {"run_id": "../x"}):
        c.get("/runs/get", **query)
    for body in (
        {"status": "FINISHED", "end_time": 9}, {"status": "RUNNING"}, {"status": "KILLED", "end_time": "12"},
        {"status": 4},
        {"run_name": "renamed"}, {"run_name": ""}, {"end_time": "x"}, {},
        {"status": "SCHEDULED", "end_time": 0},
    ):  # fmt: skip
        c.post("/runs/update", {"run_id": run, **body})
    c.post("/runs/set-tag", {"run_id": run, "key": "mlflow.runName", "value": "by-tag"})
    c.get("/runs/get", run_id=run)
    c.post("/runs/update", {"run_id": run, "run_name": "by-update"})
    c.get("/runs/get", run_id=run)
    c.post("/runs/update", {"run_id": NO_RUN, "status": "FINISHED"})
    c.post("/runs/update", {"status": "FINISHED"})
    child = c.run(one, "child", tags={"mlflow.parentRunId": run})
    c.post("/runs/search", {"experiment_ids": [one], "filter": f"tags.mlflow.parentRunId = '{run}'"})
    c.post("/runs/search", {"experiment_ids": [one], "filter": f"tag.`mlflow.parentRunId` = '{run}'"})
    c.post("/runs/delete", {"run_id": run})
    c.get("/runs/get", run_id=child)


def params_and_tags(c: Caller) -> None:
    """Values, lengths, what is twice there."""
    body: Any
    one = c.experiment("params-exp")
    run = c.run(one, "p-run")
    param = "/runs/log-parameter"
    for body in (
        {"key": "a", "value": "1"}, {"key": "a", "value": "1"}, {"key": "a", "value": "2"}, {"key": "empty",
        "value": ""},
        {"key": "none"}, {"value": "1"}, {"key": "", "value": "1"}, {"key": LONG, "value": "1"}, {"key": LONG + "k",
        "value": "1"},
        {"key": "long", "value": "v" * 6000}, {"key": "longer", "value": "v" * 6001}, {"key": "bad!", "value": "1"},
        {"key": "../x", "value": "1"}, {"key": "/x", "value": "1"}, {"key": "x/", "value": "1"}, {"key": "x//y",
        "value": "1"},
        {"key": "./x", "value": "1"}, {"key": ".", "value": "1"}, {"key": "a b/c-d.e:f_g", "value": "1"},
        {"key": "ü", "value": "ü"},
        {"key": "number", "value": 3}, {"key": "flag", "value": True}, {"key": 3, "value": "x"},
        {"key": "new\nline", "value": "1"},
        {"key": "tab\t", "value": "1"}, {"key": "lines", "value": "a\nb"}, {"key": "a@b", "value": "1"},
        {"key": "a\\b", "value": "1"},
        {"key": "(x)", "value": "1"}, {"key": "A", "value": "upper"},
    ):  # fmt: skip
        c.post(param, {"run_id": run, **body})
    c.post(param, {"run_id": NO_RUN, "key": "a", "value": "1"})
    c.post(param, {"key": "a", "value": "1"})
    tag = "/runs/set-tag"
    for body in (
        {"key": "a", "value": "1"}, {"key": "a", "value": "2"}, {"key": "empty", "value": ""}, {"key": "none"},
        {"key": ""},
        {"key": "long", "value": "v" * 8000}, {"key": "longer", "value": "v" * 8001}, {"key": "bad!", "value": "1"},
        {"key": LONG, "value": "1"}, {"key": LONG + "k", "value": "1"}, {"key": "n", "value": 3}, {"key": "Ä",
        "value": "😀"},
    ):  # fmt: skip
        c.post(tag, {"run_id": run, **body})
    c.post(tag, {"run_id": NO_RUN, "key": "a", "value": "1"})
    for body in ({"key": "a"}, {"key": "a"}, {"key": "nothing"}, {"key": ""}, {}):
        c.post("/runs/delete-tag", {"run_id": run, **body})
    c.get("/runs/get", run_id=run)


def batches(c: Caller) -> None:
    """Limits and order of batches; all or nothing."""
    body: Any
    one = c.experiment("batch-exp")
    run = c.run(one, "b-run")

    def metrics(count: int) -> list[dict[str, object]]:
        return [{"key": f"m{i}", "value": i, "timestamp": 1, "step": 0} for i in range(count)]

    def many(count: int, head: str = "k") -> list[dict[str, str]]:
        return [{"key": f"{head}{i}", "value": "v"} for i in range(count)]

    for body in (
        {"metrics": metrics(1001)}, {"params": many(101)}, {"tags": many(101)}, {"metrics": metrics(1000),
        "params": many(1)},
        {"metrics": metrics(3), "params": many(2), "tags": many(2)}, {"params": many(100, "q")}, {},
        {"params": pairs({"k0": "other"}), "tags": pairs({"fresh": "1"})},
        {"params": [{"key": "d", "value": "1"}, {"key": "d", "value": "1"}]},
        {"params": [{"key": "d", "value": "1"}, {"key": "d", "value": "2"}]},
        {"tags": [{"key": "d", "value": "1"}, {"key": "d", "value": "2"}]},
        {"metrics": [{"key": "m", "value": 1, "timestamp": 1, "step": 0}] * 2},
        {"metrics": [{"key": "m", "value": 2, "timestamp": 1}]}, {"metrics": [{"key": "m", "timestamp": 1}]},
        {"metrics": [{"key": "m", "value": 1}]}, {"metrics": [{"value": 1, "timestamp": 1}]},
        {"metrics": [{"key": "good", "value": 1, "timestamp": 1}, {"key": "bad!", "value": 1, "timestamp": 1}]},
        {"params": [{"key": "good", "value": "1"}, {"key": "bad!", "value": "1"}]},
        {"params": [{"key": "big", "value": "v" * 6001}]}, {"tags": [{"key": "big", "value": "v" * 8001}]},
        {"metrics": [{"key": "s", "value": "1.5", "timestamp": "3", "step": "2"}]},
        {"metrics": {"key": "s"}}, {"params": [{"value": "1"}]},
        {"params": [{"key": "pnull", "value": None}]}, {"params": [{"key": "pmiss"}]},
    ):  # fmt: skip
        c.post("/runs/log-batch", {"run_id": run, **body})
    c.post("/runs/log-batch", {"run_id": NO_RUN, "tags": pairs({"a": "b"})})
    c.post("/runs/log-batch", {"tags": pairs({"a": "b"})})
    c.get("/runs/get", run_id=run)
    c.raw("/runs/log-batch", b"{}", media="text/plain")


def metrics(c: Caller) -> None:
    """Values that are no numbers, steps and times out of order, and what is the last one."""
    body: Any
    query: Any
    one = c.experiment("metric-exp")
    run = c.run(one, "m-run")
    at = "/runs/log-metric"
    for body in (
        {"key": "m", "value": 1.5, "timestamp": 10, "step": 1}, {"key": "m", "value": 2.5, "timestamp": 20, "step": 0},
        {"key": "m", "value": 3.5, "timestamp": 5, "step": 1}, {"key": "m", "value": 0.5, "timestamp": 10, "step": 1},
        {"key": "m", "value": 1.5, "timestamp": 10, "step": 1}, {"key": "neg", "value": 1, "timestamp": 1, "step": -5},
        {"key": "neg", "value": 2, "timestamp": 1, "step": -9}, {"key": "nan", "value": "NaN", "timestamp": 1},
        {"key": "nan2", "value": 1, "timestamp": 1}, {"key": "nan2", "value": "NaN", "timestamp": 1},
        {"key": "nan3", "value": "NaN", "timestamp": 1}, {"key": "nan3", "value": 1, "timestamp": 1},
        {"key": "nan4", "value": "NaN", "timestamp": 2}, {"key": "nan4", "value": 1, "timestamp": 1},
        {"key": "x", "value": "abc", "timestamp": 1}, {"key": "x", "value": None, "timestamp": 1}, {"key": "x",
        "timestamp": 1},
        {"key": "x", "value": 1}, {"value": 1, "timestamp": 1}, {"key": "", "value": 1, "timestamp": 1},
        {"key": "x", "value": 1, "timestamp": -1}, {"key": "x", "value": 1, "timestamp": "abc"},
        {"key": "bad!", "value": 1, "timestamp": 1}, {"key": "k" * 250, "value": 1, "timestamp": 1},
        {"key": "k" * 251, "value": 1, "timestamp": 1}, {"key": "zero", "value": 0, "timestamp": 0, "step": 0},
        {"key": "text", "value": "12.5", "timestamp": "7", "step": "3"},
        {"key": "big", "value": 1e308, "timestamp": 1}, {"key": "tiny", "value": 5e-324, "timestamp": 1},
        {"key": "step2", "value": 1, "timestamp": 1, "step": "x"},
        {"key": "last", "value": 1, "timestamp": 9, "step": 2}, {"key": "last", "value": 2, "timestamp": 1, "step": 3},
        {"key": "tie", "value": 5, "timestamp": 1, "step": 1}, {"key": "tie", "value": 3, "timestamp": 1, "step": 1},
    ):  # fmt: skip
        c.post(at, {"run_id": run, **body})
    c.post(at, {"run_id": NO_RUN, "key": "m", "value": 1, "timestamp": 1})
    c.get("/runs/get", run_id=run)
    for key in ("m", "neg", "nan2", "nan3", "nan4", "tie", "nothing", ""):
        c.get("/metrics/get-history", run_id=run, metric_key=key)
    for query in (
        {"max_results": 2}, {"max_results": 0}, {"max_results": -1}, {"max_results": "x"}, {"page_token": "nonsense"},
        {"max_results": 3},
    ):  # fmt: skip
        c.get("/metrics/get-history", run_id=run, metric_key="m", **query)
    c.get("/metrics/get-history", run_id=NO_RUN, metric_key="m")
    c.get("/metrics/get-history", metric_key="m")
    bulk = "/metrics/get-history-bulk-interval"
    for query in (
        {"run_ids": [run], "metric_key": "m"}, {"run_ids": [run], "metric_key": "m", "max_results": 1},
        {"run_ids": [run], "metric_key": "m", "start_step": 0}, {"run_ids": [run], "metric_key": "m",
        "start_step": 2, "end_step": 1},
        {"run_ids": [run], "metric_key": "m", "start_step": 0, "end_step": 0}, {"run_ids": [run], "metric_key": "m",
        "max_results": 2501},
        {"run_ids": [run], "metric_key": "m", "max_results": 0}, {"run_ids": [], "metric_key": "m"}, {"run_ids": [run]},
        {"run_ids": [f"{i:032x}" for i in range(101)], "metric_key": "m"}, {"run_ids": [NO_RUN], "metric_key": "m"},
    ):  # fmt: skip
        c.get(bulk, **query)


def inputs(c: Caller) -> None:
    """Datasets and models that runs read and make."""
    one = c.experiment("input-exp")
    run = c.run(one, "i-run")
    good = {"name": "d", "digest": "1", "source_type": "local", "source": "here"}
    dataset: dict[str, str]
    tags: dict[str, str]
    for dataset, tags in (
        (good, {"mlflow.data.context": "training"}), (good, {"mlflow.data.context": "again"}),
        ({**good, "digest": "2", "schema": "s", "profile": "p"}, {}), ({**good, "name": "n" * 501}, {}),
        ({**good, "digest": "1" * 37}, {}), ({**good, "source": "s" * 65536}, {}), (good, {"k" * 256: "v"}), (good,
        {"k": "v" * 501}),
    ):  # fmt: skip
        c.post("/runs/log-inputs", {"run_id": run, "datasets": [{"dataset": dataset, "tags": pairs(tags)}]})
    c.post("/runs/log-inputs", {"run_id": run})
    c.post("/runs/log-inputs", {"run_id": NO_RUN, "datasets": [{"dataset": good}]})
    c.post("/runs/log-inputs", {"datasets": [{"dataset": good}]})
    c.get("/runs/get", run_id=run)
    c.prefix = "/ajax-api/2.0/mlflow"
    c.post("/experiments/search-datasets", {"experiment_ids": [one]})
    c.post("/experiments/search-datasets", {"experiment_ids": []})
    c.post("/experiments/search-datasets", {"experiment_ids": [str(i) for i in range(21)]})
    c.prefix = "/api/2.0/mlflow"
    for query in ("name = 'd'", "digest = '2'", "context = 'training'", "name LIKE 'D%'", "name ILIKE 'D%'",
    "name IN ('d', 'e')",
                  "other = 'd'", "name != 'd'", "context NOT IN ('x')"):  # fmt: skip
        c.post("/runs/search", {"experiment_ids": [one], "filter": "dataset." + query})


def _search_models(c: Caller, one: str) -> None:
    body: Any
    search = "/logged-models/search"
    for query in (
        "name = 'gbm'", "name LIKE 'g%'", "name ILIKE 'G%'", "params.a = '1'", "params.a != '1'", "tags.t = 'y'",
        "metrics.acc > 0.7",
        "metrics.acc >= 0.5", "attributes.name = 'gbm'", "status = 'READY'", "status = 'LOGGED_MODEL_READY'",
        "model_type = 'tree'",
        "source_run_id IS NULL", "name IN ('gbm', 'lin')", "name NOT IN ('gbm')", "creation_timestamp > 0",
        "creation_time > 0",
        "nonsense = 'a'", "name > 'a'", "metrics.acc = 'x'", "name =", "params.a = '1' AND tags.t = 'y'",
        "params.a = '1' OR tags.t = 'y'",
        "last_updated_timestamp > 0", "model_id = 'x'", "metric.acc > 0.1", "tag.t = 'y'", "param.a = '1'",
    ):  # fmt: skip
        c.post(search, {"experiment_ids": [one], "filter": query, "order_by": [{"field_name": "name"}]})
    for order in ([{"field_name": "metrics.acc", "ascending": False}], [{"field_name": "metrics.acc",
    "ascending": True}],
                  [{"field_name": "name", "ascending": False}], [{"field_name": "creation_time"},
                  {"field_name": "name"}],
                  [{"field_name": "nonsense"}], [{"field_name": "metrics.acc", "dataset_name": "d",
                  "dataset_digest": "1"}, {"field_name": "name"}],
                  [{"field_name": "params.a"}], [{"ascending": True}]):  # fmt: skip
        c.post(search, {"experiment_ids": [one], "filter": "name IN ('gbm', 'lin')", "order_by": order})
    for body in ({"experiment_ids": []}, {}, {"experiment_ids": [one], "max_results": 1}, {"experiment_ids": [one],
    "max_results": 51},
                 {"experiment_ids": [one], "page_token": "nonsense"},
                 {"experiment_ids": [one], "datasets": [{"dataset_name": "d", "dataset_digest": "1"}],
                 "filter": "metrics.acc > 0.7"},
                 {"experiment_ids": [one], "datasets": [{"dataset_name": "e", "dataset_digest": "1"}],
                 "filter": "metrics.acc > 0.7"},
                 {"experiment_ids": [one], "datasets": [{"dataset_digest": "1"}]}):  # fmt: skip
        c.post(search, body)


def logged_models(c: Caller) -> None:
    """Logged models: made, finished, tagged, searched, deleted."""
    body: Any
    one = c.experiment("model-exp")
    run = c.run(one, "lm-run")
    ids = []
    for i, body in enumerate((
        {"name": "gbm", "model_type": "tree", "source_run_id": run, "params": pairs({"a": "1"}),
        "tags": pairs({"t": "x"})},
        {"name": "lin", "params": pairs({"a": "2"})}, {},
    )):  # fmt: skip
        made = c.post("/logged-models", {"experiment_id": one, "name": f"auto-{i}", **body})
        ids.append(c.name(made["model"]["info"]["model_id"], f"model-{i}"))
    for body in ({"name": "a/b"}, {"name": "a.b"}, {"name": "a:b"}, {"name": "a%b"}, {"name": 'a"b'},
    {"name": "ok-name_1 x"},
                 ):  # fmt: skip
        c.post("/logged-models", {"experiment_id": one, **body})
    c.post("/logged-models", {"experiment_id": "99999", "name": "x"})
    c.post("/logged-models", {"name": "x"})
    c.post(f"/logged-models/{ids[0]}", {"model_id": ids[0], "status": "LOGGED_MODEL_READY"}, "PATCH")
    c.post(f"/logged-models/{ids[1]}", {"model_id": ids[1], "status": "LOGGED_MODEL_UPLOAD_FAILED"}, "PATCH")
    c.post(f"/logged-models/{ids[1]}", {"model_id": ids[1]}, "PATCH")
    c.post("/logged-models/m-nothing", {"model_id": "m-nothing", "status": "LOGGED_MODEL_READY"}, "PATCH")
    c.post(f"/logged-models/{ids[0]}/tags", {"tags": pairs({"t": "y", "u": "z"})}, "PATCH")
    c.post(f"/logged-models/{ids[0]}/tags/u", None, "DELETE")
    c.post(f"/logged-models/{ids[0]}/tags/nothing", None, "DELETE")
    c.post(f"/logged-models/{ids[0]}/params", {"model_id": ids[0], "params": pairs({"b": "9"})})
    for i, value in enumerate((0.5, 0.9)):
        c.post(
            "/runs/log-batch",
            {
                "run_id": run,
                "metrics": [
                    {
                        "key": "acc",
                        "value": value,
                        "timestamp": 1,
                        "step": 0,
                        "model_id": ids[i],
                        "dataset_name": "d",
                        "dataset_digest": "1",
                    }
                ],
            },
        )
    c.get(f"/logged-models/{ids[0]}")
    c.get("/logged-models/m-nothing")
    _search_models(c, one)
    c.post("/runs/outputs", {"run_id": run, "models": [{"model_id": ids[0], "step": 3}]})
    c.post("/runs/outputs", {"run_id": run})
    c.post("/runs/outputs", {"run_id": NO_RUN, "models": [{"model_id": ids[0]}]})
    c.post("/runs/log-inputs", {"run_id": run, "models": [{"model_id": ids[1]}]})
    c.get("/runs/get", run_id=run)
    c.post(f"/logged-models/{ids[0]}", None, "DELETE")
    c.get(f"/logged-models/{ids[0]}")
    c.get(f"/logged-models/{ids[0]}", allow_deleted="true")
    c.post(f"/logged-models/{ids[0]}", None, "DELETE")
    c.post(f"/logged-models/{ids[0]}/tags", {"tags": pairs({"t": "y"})}, "PATCH")
    c.post("/logged-models/search", {"experiment_ids": [one], "filter": "name = 'gbm'"})


def careless(c: Caller) -> None:
    """Values that MLflow lets pass, or fails over, and that nobody should send."""
    body: Any
    one = c.experiment("careless-exp", {"a": "1"})
    run = c.run(one, "careless-run")
    c.post("/experiments/create", {"name": "twice", "tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]})
    for body in (
        {"tags": [{"key": "x", "value": "v" * 8001}]}, {"tags": [{"key": "k" * 251, "value": "v"}]},
        {"tags": [{"key": "x", "value": "1"}, {"key": "x", "value": "2"}]}, {"start_time": -1},
        {"tags": [{"value": "v"}]},
    ):  # fmt: skip
        c.post("/runs/create", {"experiment_id": one, "start_time": 1, "run_name": "r", **body})
    c.post("/runs/log-metric", {"run_id": run, "key": "bool", "value": True, "timestamp": 1})
    c.post("/runs/log-metric", {"run_id": run, "key": "step", "value": 1, "timestamp": 1, "step": 1.5})
    c.post("/runs/log-batch", {"run_id": run, "metrics": [{"key": "s", "value": "abc", "timestamp": 1}]})
    c.post("/runs/update", {"run_id": run, "status": "NONSENSE"})
    c.post("/runs/update", {"run_id": run, "end_time": -5})
    c.post("/runs/search", {"experiment_ids": [one], "run_view_type": "NOT_A_VIEW"})
    good = {"name": "d", "digest": "1", "source_type": "local", "source": "here"}
    for name in good:
        c.post("/runs/log-inputs", {"run_id": run, "datasets": [{"dataset": {**good, name: ""}, "tags": []}]})
    c.post("/runs/log-inputs", {"run_id": run, "datasets": [{"tags": []}]})
    for params in ([{"key": "k" * 251, "value": "v"}], [{"key": "k", "value": "v" * 6001}]):
        c.post("/logged-models", {"experiment_id": one, "name": "p", "params": params})
    c.post("/logged-models/search", {"experiment_ids": [one], "max_results": 0})
    c.post("/logged-models/search", {"experiment_ids": [one], "filter": "status = 'READY'"})
    for content in (b"{", b"[1,2]", b""):
        c.raw("/runs/log-batch", content)


SCENARIOS = (experiments, stages, runs, params_and_tags, batches, metrics, inputs, logged_models, careless)

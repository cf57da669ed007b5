"""The calls on registered models, versions, aliases and stages."""

from __future__ import annotations

from typing import Any

from tests.protocols.mlflow.conformance.caller import Caller, pairs

MODEL = "/registered-models"
VERSION = "/model-versions"


def _version(c: Caller, name: str, run: str) -> None:
    c.post(VERSION + "/create", {"name": name, "source": f"runs:/{run}/model", "run_id": run})


def _run(c: Caller, name: str) -> str:
    """A run with a model in it."""
    run = c.run(c.experiment(name + "-exp"), name + "-run")
    at = f"/api/2.0/mlflow-artifacts/artifacts/{c.get('/runs/get', run_id=run)['run']['info']['experiment_id']}"
    model = b"flavors:\n  python_function:\n    loader_module: x\nmodel_uuid: a\n"
    c.http.put(f"{at}/{run}/artifacts/model/MLmodel", content=model)
    return run


def models(c: Caller) -> None:
    """Registered models: made, described, tagged, renamed, deleted."""
    body: Any
    for body in (
        {"name": "m-one", "description": "first", "tags": pairs({"a": "1"})}, {"name": "m-one"}, {"name": ""}, {},
        {"name": 7},
        {"name": "m/x"}, {"name": "m:x"}, {"name": "m x"}, {"name": "m.x-y_z"}, {"name": "\u00fc"}, {"name": "M-ONE"},
        {"name": "m-tag", "tags": [{"key": "k" * 251, "value": "v"}]},
        {"name": "m-tag2", "tags": [{"key": "k", "value": "v" * 100_001}]}, {"name": "m-tag3",
        "tags": [{"value": "v"}]},
        {"name": "m-tag4", "tags": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]},
    ):  # fmt: skip
        c.post(MODEL + "/create", body)
    for query in ({"name": "m-one"}, {"name": "m-nobody"}, {"name": ""}, {}, {"name": "m/x"}):
        c.get(MODEL + "/get", **query)
    c.post(MODEL + "/update", {"name": "m-one", "description": "new"}, "PATCH")
    c.post(MODEL + "/update", {"name": "m-one"}, "PATCH")
    c.post(MODEL + "/update", {"name": "m-nobody", "description": "new"}, "PATCH")
    for body in ({"key": "a", "value": "2"}, {"key": "b"}, {"key": "", "value": "1"}, {"value": "1"},
    {"key": "k" * 251, "value": "v"},
                 {"key": "bad!", "value": "1"}, {"key": "long", "value": "v" * 5001}):  # fmt: skip
        c.post(MODEL + "/set-tag", {"name": "m-one", **body})
    c.post(MODEL + "/set-tag", {"name": "m-nobody", "key": "a", "value": "1"})
    for key in ("a", "a", "nothing", ""):
        c.post(MODEL + "/delete-tag", {"name": "m-one", "key": key}, "DELETE")
    c.get(MODEL + "/get", name="m-one")
    c.post(MODEL + "/create", {"name": "m-two"})
    for body in ({"new_name": "m-two"}, {"new_name": ""}, {}, {"new_name": "a/b"}, {"new_name": "m-renamed"}):
        c.post(MODEL + "/rename", {"name": "m-one", **body})
    c.post(MODEL + "/rename", {"name": "m-nobody", "new_name": "x"})
    c.get(MODEL + "/get", name="m-one")
    c.get(MODEL + "/get", name="m-renamed")
    c.post(MODEL + "/delete", {"name": "m-renamed"}, "DELETE")
    c.post(MODEL + "/delete", {"name": "m-renamed"}, "DELETE")
    c.post(MODEL + "/create", {"name": "m-renamed"})
    c.get(MODEL + "/get", name="m-renamed")


def _stages(c: Caller) -> None:
    body: Any
    for body in (
        {"version": "1", "stage": "Staging"}, {"version": "1", "stage": "staging"}, {"version": "1",
        "stage": "PRODUCTION"},
        {"version": "2", "stage": "Production", "archive_existing_versions": True}, {"version": "2",
        "stage": "Nowhere"},
        {"version": "2", "stage": ""}, {"version": "2"}, {"version": "9", "stage": "Staging"},
        {"version": "2", "stage": "None", "archive_existing_versions": True}, {"version": "2", "stage": "Archived",
        "archive_existing_versions": True},
        {"version": "2", "stage": "Archived"},
    ):  # fmt: skip
        c.post(VERSION + "/transition-stage", {"name": "v-one", "archive_existing_versions": False, **body})
    c.post(VERSION + "/transition-stage", {"name": "v-one", "version": "1", "stage": "Production"})
    for body in (
        {"stages": ["Production"]},
        {"stages": ["Staging", "None"]},
        {},
        {"stages": []},
        {"stages": ["nowhere"]},
        {"stages": ["production"]},
    ):
        c.post(MODEL + "/get-latest-versions", {"name": "v-one", **body})
    c.post(MODEL + "/get-latest-versions", {"name": "v-nobody"})


def versions(c: Caller) -> None:
    """Versions: numbers, tags, stages, deletion."""
    body: Any
    run = _run(c, "ver")
    c.post(MODEL + "/create", {"name": "v-one"})
    for body in (
        {"name": "v-one", "source": f"runs:/{run}/model", "run_id": run, "description": "d", "tags": pairs({"a": "1"})},
        {"name": "v-one", "source": f"runs:/{run}/model", "run_id": run}, {"name": "v-nobody",
        "source": f"runs:/{run}/model", "run_id": run},
        {"name": "v-one"}, {"source": f"runs:/{run}/model"}, {"name": "v-one", "source": ""},
        {"name": "v-one", "source": "/etc/passwd"}, {"name": "v-one", "source": "file:///etc/passwd"},
        {"name": "v-one", "source": f"runs:/{run}/model", "run_id": run, "tags": [{"key": "k" * 251, "value": "v"}]},
    ):  # fmt: skip
        c.post(VERSION + "/create", body)
    for query in ({"name": "v-one", "version": "1"}, {"name": "v-one", "version": "9"}, {"name": "v-nobody",
    "version": "1"},
                  {"name": "v-one", "version": "x"}, {"name": "v-one", "version": ""}, {"name": "v-one"},
                  {"version": "1"},
                  {"name": "v-one", "version": "-1"}, {"name": "v-one", "version": "0"}, {"name": "v-one",
                  "version": "01"}):  # fmt: skip
        c.get(VERSION + "/get", **query)
    c.post(VERSION + "/update", {"name": "v-one", "version": "1", "description": "new"}, "PATCH")
    c.post(VERSION + "/update", {"name": "v-one", "version": "1"}, "PATCH")
    c.post(VERSION + "/update", {"name": "v-one", "version": "9", "description": "new"}, "PATCH")
    for body in (
        {"key": "t", "value": "1"},
        {"key": "", "value": "1"},
        {"key": "bad!", "value": "1"},
        {"key": "k" * 251, "value": "1"},
        {"key": "none"},
    ):
        c.post(VERSION + "/set-tag", {"name": "v-one", "version": "1", **body})
    c.post(VERSION + "/set-tag", {"name": "v-one", "version": "9", "key": "t", "value": "1"})
    for key in ("t", "t", ""):
        c.post(VERSION + "/delete-tag", {"name": "v-one", "version": "1", "key": key}, "DELETE")
    _stages(c)
    c.get(VERSION + "/get-download-uri", name="v-one", version="9")
    c.post(VERSION + "/delete", {"name": "v-one", "version": "2"}, "DELETE")
    c.get(VERSION + "/get", name="v-one", version="2")
    c.post(VERSION + "/delete", {"name": "v-one", "version": "2"}, "DELETE")
    _version(c, "v-one", run)
    c.get(MODEL + "/get", name="v-one")
    c.post(VERSION + "/delete", {"name": "v-one", "version": "3"}, "DELETE")
    _version(c, "v-one", run)


def aliases(c: Caller) -> None:
    """Aliases: set, moved, taken away, refused."""
    body: Any
    run = _run(c, "ali")
    c.post(MODEL + "/create", {"name": "a-one"})
    _version(c, "a-one", run)
    _version(c, "a-one", run)
    at = MODEL + "/alias"
    for body in (
        {"alias": "champion", "version": "1"}, {"alias": "champion", "version": "2"}, {"alias": "Champion",
        "version": "1"},
        {"alias": "latest", "version": "1"}, {"alias": "LATEST", "version": "1"}, {"alias": "v1", "version": "1"},
        {"alias": "V22", "version": "1"},
        {"alias": "a b", "version": "1"}, {"alias": "a/b", "version": "1"}, {"alias": "a.b", "version": "1"},
        {"alias": "a_b-c", "version": "1"},
        {"alias": "", "version": "1"}, {"version": "1"}, {"alias": "x", "version": "9"}, {"alias": "x",
        "version": "abc"}, {"alias": "x"},
        {"alias": "k" * 256, "version": "1"}, {"alias": "version1", "version": "1"},
    ):  # fmt: skip
        c.post(at, {"name": "a-one", **body})
    c.post(at, {"name": "a-nobody", "alias": "champion", "version": "1"})
    for query in (
        {"alias": "champion"},
        {"alias": "CHAMPION"},
        {"alias": "nothing"},
        {"alias": ""},
        {},
        {"alias": "latest"},
    ):
        c.get(at, name="a-one", **query)
    c.get(at, name="a-nobody", alias="champion")
    c.get(MODEL + "/get", name="a-one")
    c.get(VERSION + "/get", name="a-one", version="2")
    for alias in ("champion", "champion", "nothing", "latest", ""):
        c.post(at, {"name": "a-one", "alias": alias}, "DELETE")
    c.post(at, {"name": "a-nobody", "alias": "x"}, "DELETE")
    c.post(at, {"name": "a-one", "alias": "gone", "version": "2"})
    c.post(VERSION + "/delete", {"name": "a-one", "version": "2"}, "DELETE")
    c.get(at, name="a-one", alias="gone")
    c.get(MODEL + "/get", name="a-one")
    c.post(at, {"name": "a-one", "alias": "1", "version": "1"})
    c.post(at, {"name": "a-one", "alias": "1"}, "DELETE")


def search(c: Caller) -> None:
    """Filters, orders and pages of models and versions."""
    run = _run(c, "sea")
    for name, tags in (("s-alpha", {"k": "v"}), ("s-Beta", {"k": "V"}), ("s-gamma", {})):
        c.post(MODEL + "/create", {"name": name, "tags": pairs(tags)})
    for _ in range(2):
        _version(c, "s-alpha", run)
    _version(c, "s-Beta", run)
    c.post(VERSION + "/set-tag", {"name": "s-alpha", "version": "2", "key": "good", "value": "yes"})
    mine = "name ILIKE 's-%'"
    for text in (
        mine, "name = 's-alpha'", "name LIKE 's-b%'", "name ILIKE 's-b%'", "name LIKE 'S-%'", "name != 's-alpha'",
        "tags.k = 'v'", "tag.k = 'v'",
        "tags.k ILIKE 'v'", "tags.k LIKE 'V'", "tags.k != 'v'", "tags.k = 'v' AND " + mine, "name IN ('s-alpha')",
        "name > 'a'",
        "nonsense = 'x'", "name =", "name = s-alpha", "name = 's-alpha' OR name = 's-gamma'",
        "attributes.name = 's-alpha'", "attribute.name = 's-alpha'", "run_id = 'x'",
        "name = \"s-alpha\"", "`name` = 's-alpha'", "metrics.x > 1",
    ):  # fmt: skip
        c.get(MODEL + "/search", filter=text, max_results=100, order_by="name ASC")
    for order in (
        "name",
        "name DESC",
        "last_updated_timestamp",
        "timestamp DESC",
        "creation_timestamp",
        "nonsense",
        "name FOO",
        "",
        "tags.k",
        "attribute.name",
    ):
        c.get(
            MODEL + "/search", filter=mine, max_results=1000, order_by=[order] if "name" in order else [order, "name"]
        )
    for most in (1, 2, 1000, 1001, "x"):
        c.get(MODEL + "/search", filter=mine, max_results=most, order_by="name")
    first = c.get(MODEL + "/search", filter=mine, max_results=2, order_by="name")
    c.get(MODEL + "/search", filter=mine, max_results=2, order_by="name", page_token=first.get("next_page_token", ""))
    c.get(MODEL + "/search", filter=mine, page_token="nonsense")
    every = "name LIKE 's-%'"
    for text in (
        every, "name = 's-alpha'", "name ILIKE 'S-ALPHA'", "run_id = 'x'", f"run_id = '{run}'",
        f"run_id IN ('{run}', 'x')", "run_id IN ('x')", "version_number = 1 AND " + every,
        "version_number > 1 AND " + every, "version_number != 1 AND " + every, "version_number = '1'",
        "version_number <= 1 AND " + every, "source_path LIKE '%model'", "tags.good = 'yes'",
        "tags.good != 'yes'", "tags.good LIKE 'y%'", "tags.good ILIKE 'Y%'", "name IN ('s-alpha')", "version = '1'",
        "stage = 'None'", "nonsense = 'x'", "name != 's-alpha' AND " + every,
        "name = 's-alpha' AND tags.good = 'yes'", "name LIKE 'S-%'", "name =", "run_id != 'x' AND " + every,
        "attributes.name = 's-alpha'",
    ):  # fmt: skip
        c.get(VERSION + "/search", filter=text, max_results=100, order_by=["name ASC", "version_number ASC"])
    for orders in (
        ["name DESC", "version_number DESC"], ["version_number", "name"],
        ["creation_timestamp", "name", "version_number"], ["last_updated_timestamp DESC", "name", "version_number"],
        ["nonsense"], ["name FOO"], [""], ["name", "name DESC"],
    ):  # fmt: skip
        c.get(VERSION + "/search", filter=every, max_results=100, order_by=orders)
    for most in (1, 0, -1, 10_000, 200_000, 200_001, "x"):
        c.get(VERSION + "/search", filter=every, max_results=most, order_by=["name", "version_number"])
    c.get(VERSION + "/search", filter=every, page_token="nonsense")


SCENARIOS = (models, versions, aliases, search)

"""The filter language, the order, and the pages of searches over runs and experiments."""

from __future__ import annotations

from tests.protocols.mlflow.conformance.caller import Caller, pairs

FILTERS = (
    "", "   ", "metrics.acc > 0.5", "metrics.acc >= 0.5", "metrics.acc < 0.5", "metrics.acc <= 0.5",
    "metrics.acc = 0.5",
    "metrics.acc != 0.5", "metric.acc > 0.5", "Metrics.acc > 0.5", "METRICS.acc > 0.5", "metrics.ACC > 0.5",
    "metrics.acc > 5e-1",
    "metrics.acc > .5", "metrics.acc > -1", "metrics.acc > +1", "metrics.acc > 0x1", "metrics.acc > '0.5'",
    "metrics.acc > abc",
    "metrics.acc LIKE '0%'", "metrics.acc IN ('1')", "metrics.acc IS NULL", "metrics.acc IS NOT NULL",
    "metrics.nan > 0",
    "metrics.nan != 0", "metrics.nan = 0", "metrics.`a b` > 0", 'metrics."a b" > 0', "metrics.a b > 0",
    "metrics.'a b' > 0",
    "metrics.val-loss > 0", "metrics.`val-loss` > 0", "metrics.val/loss > 0", "metrics.`val/loss` > 0",
    "metrics.nothing > 0",
    "metrics.acc > 0.1 AND metrics.acc < 0.9", "metrics.acc > 0.1 and metrics.acc < 0.9",
    "metrics.acc > 0.1 OR metrics.acc < 0.9",
    "metrics.acc > 0.1 AND", "AND metrics.acc > 0.1", "metrics.acc > 0.1 metrics.acc < 0.9",
    "metrics.acc > 0.1 AND AND metrics.acc < 0.9",
    "(metrics.acc > 0.1)", "NOT metrics.acc > 0.1", "metrics.acc > 0.1;", "metrics.acc", "metrics.acc >", "> 0.5",
    "metrics. > 0.5",
    "metrics.acc == 0.5", "metrics.acc <> 0.5", "metrics.acc >0.5", "metrics.acc>0.5", "  metrics.acc   >   0.5  ",
    "0.5 < metrics.acc",
    "metrics.acc BETWEEN 0.1 AND 0.9", "metrics.acc > 0.5 -- x", "metrics.acc > 1e400", "metrics.acc > NaN",
    "params.p = 'one'", "params.p = 'ONE'", "params.p != 'one'", "params.p LIKE 'o%'", "params.p LIKE 'O%'",
    "params.p ILIKE 'O%'",
    "params.p like 'o%'", "params.p Ilike 'O%'", "params.p LIKE '%n%'", "params.p LIKE 'o_e'",
    "params.p LIKE 'one'", "params.p LIKE '%'",
    "params.p LIKE '100\\%'", "params.pct LIKE '100%'", "params.pct LIKE '100\\%'", "params.pct = '100%'",
    "params.under LIKE 'a_b'",
    'params.p = "one"', "params.p = one", "params.p = 1", "params.p > 'a'", "params.p IN ('one', 'two')",
    "params.p NOT IN ('one')",
    "params.p IS NULL", "params.p IS NOT NULL", "params.P = 'one'", "param.p = 'one'", "parameter.p = 'one'",
    "parameters.p = 'one'",
    "params.`p` = 'one'", "params.'p' = 'one'", 'params."p" = \'one\'', "params.quote = 'it''s'",
    "params.quote = \"it's\"",
    "params.quote = 'it\\'s'", "params.dq = 'say \"x\"'", "params.p = ''", "params.empty = ''",
    "params.p = 'one' AND tags.t = 'x'",
    "params.p = 'one' AND params.p = 'two'", "params.p = 'one' AND params.q IS NULL", "params.p = 'o AND ne'",
    "params.and = 'x AND y'",
    "params.p NOT LIKE 'o%'", "params.p = '\u00fc'", "params.uml = '\u00fc'", "params.uml ILIKE '\u00dc'",
    "params.uml LIKE '\u00dc'",
    "tags.t = 'x'", "tag.t = 'x'", "tags.t != 'x'", "tags.t LIKE 'X%'", "tags.t ILIKE 'X%'", "tags.t IS NULL",
    "tags.t IS NOT NULL",
    "tags.t is null", "tags.t is not null", "tags.t IN ('x')", "tags.`mlflow.runName` = 'r0'",
    "tags.mlflow.runName = 'r0'",
    "tags.\"mlflow.runName\" = 'r0'", "tags.'mlflow.runName' = 'r0'", "tags.a.b.c = '1'", "tags.`a.b.c` = '1'",
    "tags.t IS", "tags.t NULL",
    "tags.none IS NULL AND tags.t = 'x'", "tags.`t` IS NULL AND params.p IS NOT NULL",
    "attributes.status = 'FINISHED'", "attributes.status = 'finished'", "attributes.status != 'FINISHED'",
    "status = 'RUNNING'",
    "attribute.status = 'RUNNING'", "attr.status = 'RUNNING'", "run.status = 'RUNNING'",
    "attributes.status LIKE 'FIN%'",
    "attributes.status ILIKE 'fin%'", "attributes.status IN ('FINISHED')", "Status = 'RUNNING'",
    "attributes.start_time > 2",
    "attributes.start_time >= 2", "start_time < 2", "start_time = 1", "created > 2", "Created > 2",
    "attributes.start_time = '2'",
    "attributes.start_time = 1.5", "attributes.end_time > 0", "attributes.end_time IS NULL",
    "attributes.run_name = 'r0'",
    "attributes.run_name LIKE 'R%'", "attributes.run_name ILIKE 'R%'", "run_name = 'r0'",
    "attributes.`run name` = 'r0'",
    "attributes.\"run name\" = 'r0'", "`run name` = 'r0'", "`Run name` = 'r0'", "attributes.`Run Name` = 'r0'",
    "run name = 'r0'",
    "attributes.run_id = 'x'", "attributes.run_id IN ('x', 'y')", "attributes.run_id NOT IN ('x')",
    "attributes.run_id IN ()",
    "attributes.run_id IN ('x',)", "attributes.run_id IN (1)", "attributes.run_id IN 'x'", "attributes.run_id in ('x')",
    "attributes.user_id = 'ann'", "user_id = 'ann'", "attributes.artifact_uri LIKE '%x%'",
    "attributes.lifecycle_stage = 'active'",
    "attributes.experiment_id = '1'", "attributes.nonsense = 'x'", "nonsense.x = 'y'", "nonsense = 'x'",
    "attributes.status > 'A'",
    "attributes.start_time LIKE '1%'", "datasets.name = 'x'", "attributes.run_name = ''", "attributes.run_name != 'r0'",
    "attributes.run_name IS NULL", "attributes.status = 5", "foo", "'x' = 'y'", "1 = 1",
    "metrics.acc > 0.5 AND (params.p = 'one')",
    "tags.t = 'x' AND tags.t != 'y' AND params.p ILIKE '%' AND attributes.status = 'FINISHED' AND metrics.acc >= 0",
)  # fmt: skip
ORDERS: tuple[list[str], ...] = (
    [], ["metrics.acc"], ["metrics.acc DESC"], ["metrics.acc ASC"], ["metrics.acc desc"], ["metrics.acc asc",
    "start_time"],
    ["metrics.acc DESC", "params.p DESC"], ["metrics.nan"], ["metrics.nan DESC"], ["metrics.nothing"], ["params.p"],
    ["params.p DESC"],
    ["tags.t"], ["tag.t DESC"], ["attributes.start_time"], ["attributes.start_time DESC"], ["start_time ASC"],
    ["created DESC"],
    ["attributes.status", "run_name"], ["run_name"], ["attributes.run_name DESC"], ["end_time"], ["end_time DESC"],
    ["user_id", "run_name"],
    ["`run name`"], ["attributes.`Run name` DESC"], ["metrics.`a b` DESC", "run_name"], ["metrics.acc FOO"],
    ["metrics.acc DESC ASC"],
    ["nonsense"], ["nonsense.x"], ["metrics.acc", "metrics.acc"], ["metrics.acc", "metrics.acc DESC"], [""], [" "],
    ["metrics.acc, start_time"],
    ["attributes.nonsense"], ["dataset.name"], ["params.p ASC", "metrics.acc DESC", "tags.t ASC"],
    ["metrics.acc  DESC"],
    ["attributes.end_time ASC", "attributes.run_name"], ["status DESC", "start_time DESC"],
)  # fmt: skip


def _some(c: Caller) -> str:
    one = c.experiment("search-exp")
    rows: tuple[tuple[dict[str, float | str], dict[str, str], dict[str, str]], ...] = (
        ({"acc": 0.5, "a b": 1}, {"p": "one", "pct": "100%", "quote": "it's", "under": "a_b"}, {"t": "x"}),
        ({"acc": 0.9, "val-loss": 2, "val/loss": 3}, {"p": "two", "pct": "1000", "dq": 'say "x"', "under": "axb"},
        {"t": "X", "a.b.c": "1"}),
        ({"acc": 0.1, "nan": "NaN"}, {"p": "ONE", "quote": "it''s", "and": "x AND y"}, {"t": "y"}),
        ({"nan": 4}, {"q": "1", "empty": "", "uml": "\u00fc"}, {"a.b.c": "1"}),
        ({"acc": "NaN", "nan": 2}, {"p": "three"}, {"t": "xx"}),
        ({}, {}, {}),
    )  # fmt: skip
    for i, (metrics, params, tags) in enumerate(rows):
        run = c.run(one, f"r{i}", start=1 + i, tags=tags)
        points = [{"key": k, "value": v, "timestamp": 1, "step": 0} for k, v in metrics.items()]
        c.post("/runs/log-batch", {"run_id": run, "metrics": points, "params": pairs(params)})
        if i in (0, 2):
            c.post("/runs/update", {"run_id": run, "status": "FINISHED", "end_time": 10 - i})
    return one


def filters(c: Caller) -> None:
    """Every filter over the same runs; the rows are told by their names."""
    one = _some(c)
    for text in FILTERS:
        c.post("/runs/search", {"experiment_ids": [one], "filter": text, "order_by": ["attributes.run_name"]})


def orders(c: Caller) -> None:
    """Every order, over the same runs."""
    found = c.get("/experiments/get-by-name", experiment_name="search-exp")
    one = found["experiment"]["experiment_id"]
    for order in ORDERS:
        c.post("/runs/search", {"experiment_ids": [one], "order_by": [*order,
        *(["attributes.run_name"] if len(order) == 1 and
               "run" not in order[0].lower() else [])]})  # fmt: skip


def pages(c: Caller) -> None:
    """Bounds and tokens of pages."""
    one = c.get("/experiments/get-by-name", experiment_name="search-exp")["experiment"]["experiment_id"]
    search = "/runs/search"
    for most in (1, 2, 6, 7, 50000, 50001, 0, -1, "3", "x", None, 1.5):
        c.post(search, {"experiment_ids": [one], "max_results": most, "order_by": ["run_name"]})
    token = None
    for _ in range(4):
        body = c.post(
            search, {"experiment_ids": [one], "max_results": 2, "order_by": ["run_name"], "page_token": token}
        )
        token = body.get("next_page_token")
        if not token:
            break
    for bad in ("nonsense", "====", "", "MTIz", 5):
        c.post(search, {"experiment_ids": [one], "max_results": 2, "page_token": bad})
    for ids in ([], ["99999"], ["abc"], [one, one], None, "x", [one, "99999"]):
        c.post(
            search, {"experiment_ids": ids, "max_results": 1, "order_by": ["run_name"], "filter": "params.p = 'one'"}
        )
    c.post(search, {"experiment_ids": [one], "filter": 5})
    c.post(search, {"experiment_ids": [one], "order_by": "run_name"})


def experiments(c: Caller) -> None:
    """Experiments by filter, order and page."""
    for name, tags in (("find-a", {"k": "v"}), ("find-B", {"k": "V"}), ("find-c", {"other": "x"})):
        c.experiment(name, tags)
    mine = "name ILIKE 'find-%'"
    for text in (
        mine, "name LIKE 'find-b'", "name ILIKE 'find-b'", "name = 'find-a'", "name != 'find-a' AND " + mine,
        "name LIKE 'FIND%'",
        "attribute.name = 'find-a'", "attributes.name = 'find-a'", "tags.k = 'v'", "tag.k = 'v'", "tags.k != 'v'",
        "tags.k LIKE 'V'",
        "tags.k ILIKE 'V'", "tags.k IS NULL AND " + mine, "tags.k IS NOT NULL", "tags.k IN ('v')",
        "creation_time > 0 AND " + mine,
        "last_update_time > 0 AND " + mine, "creation_time = 'x'", "creation_time LIKE '1'", "name > 'a'",
        "name IN ('find-a', 'find-c')",
        "name IN ('find-a')", "experiment_id = 'x'", "experiment_id IN ('x')", "lifecycle_stage = 'active'",
        "metrics.x > 1", "params.x = '1'", "nonsense = 'x'",
        "name =", "name = find-a", 'name = "find-a"', "name = 'find-a' OR name = 'find-c'", "name IS NULL",
        "tags.`k` = 'v'",
        "`name` = 'find-a'", "Name = 'find-a'",
    ):  # fmt: skip
        c.post("/experiments/search", {"filter": text, "max_results": 100, "order_by": ["name ASC"]})
    for order in (["name"], ["name DESC"], ["experiment_id DESC"], ["creation_time"], ["last_update_time DESC"],
    ["nonsense"], ["name FOO"],
                  ["name", "name DESC"], [""], ["attribute.name"], ["tags.k"], ["lifecycle_stage"]):  # fmt: skip
        more = [] if "name" in order[0] else ["name"]
        c.post("/experiments/search", {"filter": mine, "max_results": 100, "order_by": order + more})
    for most in (1, 0, -1, 50000, 50001, None, "2", "x"):
        c.post("/experiments/search", {"filter": mine, "max_results": most, "order_by": ["name"]})
    first = c.post("/experiments/search", {"filter": mine, "max_results": 2, "order_by": ["name"]})
    c.post(
        "/experiments/search",
        {"filter": mine, "max_results": 2, "order_by": ["name"], "page_token": first.get("next_page_token")},
    )
    c.post("/experiments/search", {"filter": mine, "max_results": 2, "page_token": "nonsense"})
    c.get("/experiments/search", filter=mine, max_results=2, order_by="name DESC")
    c.get("/experiments/search", filter=mine, max_results=2, order_by="name", view_type="2")
    c.get("/experiments/search", filter=mine, view_type="NONSENSE", max_results=5)


SCENARIOS = (filters, orders, pages, experiments)

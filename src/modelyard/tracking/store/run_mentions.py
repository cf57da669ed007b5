"""Where texts of experiments, runs and logged models lie that may name somebody, and files that were removed for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelyard.kernel.mentions import MARK
from modelyard.ports.database import Migration, Row, Transaction
from modelyard.ports.mentions import Place
from modelyard.ports.statements import batches, cached, in_params, sql
from modelyard.tracking.api.batches import FORGOTTEN_NAME
from modelyard.tracking.api.run_erasures import ForgottenFile, StoredContent
from modelyard.tracking.store import runs

FORGOTTEN = Migration(
    "tracking",
    11,
    "forgotten_files",
    (
        (
            "CREATE TABLE tracking_forgotten (owner {text} NOT NULL, path {text} NOT NULL, at_ms {int} NOT NULL, "
            "PRIMARY KEY (owner, path))"
        ),
    ),
)

_RUN = "JOIN tracking_run o ON o.id = r.run"
_MODEL = "JOIN tracking_model o ON o.id = r.model"
_NOTHING = '{"forgotten": true}'
_BY_ID = (-1,)
_BY_KEY = (-1, "")
_OWNER = (
    "coalesce((SELECT u.experiment FROM tracking_run u WHERE u.run = r.owner), "
    "(SELECT m.experiment FROM tracking_model m WHERE m.model = r.owner), "
    "(SELECT t.experiment FROM tracking_trace t WHERE t.trace = r.owner))"
)
PARAMS = Place("params", "tracking_param", ("run", "key"), _BY_KEY, ("key", "value"), "o.experiment", _RUN, True)
TAGS = Place("tags", "tracking_tag", ("run", "key"), _BY_KEY, ("key", "value"), "o.experiment", _RUN, True)
PATHS = Place(
    "names of files", "tracking_artifact", ("owner", "path"), ("", ""), ("path", "digest"), _OWNER, whole=True,
)  # fmt: skip
PLACES = (
    PATHS,
    PARAMS,
    TAGS,
    Place(
        "runs' names and users", "tracking_run", ("id",), _BY_ID, ("name", "user_id"), "r.experiment",
        under={"user_id": "mlflow.user"},
    ),
    Place(
        "experiments' names", "tracking_experiment", ("id",), _BY_ID, ("name",), "r.id", instead={"name": MARK + " {}"}
    ),
    Place(
        "experiments' tags", "tracking_experiment_tag", ("experiment", "key"), _BY_KEY, ("key", "value"),
        "r.experiment", is_pair=True,
    ),
    Place(
        "datasets", "tracking_dataset", ("id",), _BY_ID,
        ("name", "digest", "source_type", "source", "schema", "profile"), "r.experiment",
        instead={"name": MARK + " {}", "digest": "forgotten{}", "source": _NOTHING, "schema": None, "profile": None},
    ),
    Place("tags of inputs", "tracking_input", ("id",), _BY_ID, ("tags",), "o.experiment", _RUN, packed=True),
    Place("contexts of inputs", "tracking_input", ("id",), _BY_ID, ("context",), "o.experiment", _RUN),
    Place("logged models", "tracking_model", ("id",), _BY_ID, ("name", "model_type"), "r.experiment"),
    Place(
        "logged models' params", "tracking_model_param", ("model", "key"), _BY_KEY, ("key", "value"), "o.experiment",
        _MODEL, True,
    ),
    Place(
        "logged models' tags", "tracking_model_tag", ("model", "key"), _BY_KEY, ("key", "value"), "o.experiment",
        _MODEL, True,
    ),
    Place(
        "logged models' metrics", "tracking_model_metric", ("id",), _BY_ID, ("key", "dataset", "dataset_digest"),
        "o.experiment", "JOIN tracking_model o ON o.model = r.model", instead={"key": "forgotten"},
    ),
    Place(
        "metric names", "tracking_key", ("id",), _BY_ID, ("name",), "''", instead={"name": FORGOTTEN_NAME + "{}"}
    ),
    Place("verdicts", "tracking_verdict", ("by_run", "place"), ("", -1), ("name", "words"), "''"),
    Place("notes on repetitions", "tracking_reproduction", ("by_run",), ("",), ("environment", "problem"), "''"),
    Place("notes on repetitions", "tracking_reproduction", ("by_run",), ("",), ("notes",), "''", packed=True),
    Place("saved views", "tracking_view", ("id",), _BY_ID, ("name", "query"), "''", whole=True),
    Place(
        "names of forgotten files", "tracking_forgotten", ("owner", "path"), ("", ""), ("path",), _OWNER, whole=True
    ),
)  # fmt: skip
"""All of them; a page says what the change of its rows brings with it."""

_CONTENTS = sql(
    "SELECT digest, max(size_bytes) FROM tracking_artifact WHERE digest > :after AND owner NOT LIKE 'tr-%' "
    "GROUP BY digest ORDER BY digest LIMIT :n"
)
_NOTE = sql(
    "INSERT INTO tracking_forgotten (owner, path, at_ms) VALUES (:owner, :path, :now) ON CONFLICT (owner, path) DO "
    "UPDATE SET at_ms = excluded.at_ms"
)
_OF = sql("SELECT path, at_ms FROM tracking_forgotten WHERE owner = :owner ORDER BY path LIMIT 1000")
_ONE = sql("SELECT at_ms FROM tracking_forgotten WHERE owner = :owner AND path = :path")
_DROP = sql("DELETE FROM tracking_artifact WHERE owner = :owner AND path = :path AND digest = :digest")


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file of a run or logged model; `home` is its experiment's number."""

    owner: str
    path: str
    digest: str
    size_bytes: int
    home: str


def contents(tx: Transaction, *, after: str, limit: int) -> list[StoredContent]:
    """Contents of files of runs and logged models, by digest."""
    rows = tx.all(_CONTENTS, {"after": after, "n": limit})
    return [StoredContent(digest=digest, size_bytes=int(size)) for digest, size in rows]


def files(tx: Transaction, digests: Sequence[str]) -> list[HeldFile]:
    """The files of runs and logged models that have one of these contents; at most 200 are asked for."""
    inside, params = in_params("d", digests)
    text = (
        f"SELECT r.owner, r.path, r.digest, r.size_bytes, {_OWNER} FROM tracking_artifact r "
        f"WHERE r.digest IN ({inside}) AND r.owner NOT LIKE 'tr-%' ORDER BY r.owner, r.path"
    )
    return [HeldFile(o, p, d, int(size), _home(home)) for o, p, d, size, home in tx.all(cached(text), params)]


def drop(tx: Transaction, some: Iterable[HeldFile]) -> None:
    """Forget these files, where they still stand for the same content."""
    tx.many(_DROP, [{"owner": one.owner, "path": one.path, "digest": one.digest} for one in some])


def note(tx: Transaction, gone: Iterable[tuple[str, str]], now_ms: int) -> None:
    """Say of places, each an owner and a path, that a file was removed there."""
    tx.many(_NOTE, [{"owner": owner, "path": path, "now": now_ms} for owner, path in gone])


def forgotten(tx: Transaction, owner: str) -> list[ForgottenFile]:
    """What was removed of an owner, by path."""
    return [ForgottenFile(path=path, at_ms=int(at)) for path, at in tx.all(_OF, {"owner": owner})]


def forgotten_at(tx: Transaction, owner: str, path: str) -> int | None:
    """When the file at a path was removed; None if none was."""
    row = tx.one(_ONE, {"owner": owner, "path": path})
    return int(row[0]) if row else None


def renew_documents(tx: Transaction, numbers: Sequence[int]) -> None:
    """Make the ready-made documents of runs anew from their rows."""
    for some in batches(numbers):
        found = {number: runs.Document({}, {}) for number in some}
        for number, key, value in _pairs(tx, PARAMS.table, some):
            found[int(number)].params[key] = value
        for number, key, value in _pairs(tx, TAGS.table, some):
            found[int(number)].tags[key] = value
        for number, body in found.items():
            runs.put_document(tx, number, body)


def _home(number: object) -> str:
    return "" if number is None else str(number)


def _pairs(tx: Transaction, table: str, numbers: Sequence[int]) -> list[Row]:
    inside, params = in_params("r", numbers)
    return tx.all(cached(f"SELECT run, key, value FROM {table} WHERE run IN ({inside})"), params)

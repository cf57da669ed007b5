"""Collection: which deleted things are due, every row of one removed, and the contents that may be nobody's now.

A content whose last file went is doomed: first to be looked at, then free where nobody held it at a committed look,
then gone. A gone one is remembered for a day, so that who uploaded the same bytes meanwhile is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelyard.kernel.ids import ActorId
from modelyard.ports.database import Migration, Row, Transaction
from modelyard.ports.statements import cached, in_params, sql
from modelyard.tracking.api.collection import DeletedRetention

LOOK, FREE, GONE = 0, 1, 2
"""States of a doomed content."""

COLLECTION = Migration(
    "tracking",
    9,
    "collection",
    (
        (
            "CREATE TABLE tracking_doomed (digest {text} PRIMARY KEY, size_bytes {int} NOT NULL, "
            "state {int} NOT NULL, at_ms {int} NOT NULL)"
        ),
        (
            "CREATE TABLE tracking_retention (one {int} PRIMARY KEY, keep_days {real}, author {text} NOT NULL, "
            "at_ms {int} NOT NULL)"
        ),
        "CREATE TABLE tracking_spent (one {int} PRIMARY KEY, experiment {int} NOT NULL)",
        "CREATE INDEX tracking_run_by_deletion ON tracking_run (stage, deleted_ms, id)",
    ),
)

_DUE_RUNS = sql(
    "SELECT id, run FROM tracking_run WHERE stage = 'deleted' AND coalesce(deleted_ms, 0) <= :before AND id > :after "
    "ORDER BY id LIMIT :n"
)
_DUE_EXPERIMENTS = sql(
    "SELECT id FROM tracking_experiment WHERE stage = 'deleted' AND updated_ms <= :before ORDER BY id"
)
_DUE_MODELS = sql(
    "SELECT id, model FROM tracking_model WHERE stage = 'deleted' AND updated_ms <= :before AND id > :after "
    "ORDER BY id LIMIT :n"
)
_RUNS_OF = sql("SELECT id, run FROM tracking_run WHERE experiment = :experiment AND id > :after ORDER BY id LIMIT :n")
_MODELS_OF = sql(
    "SELECT id, model FROM tracking_model WHERE experiment = :experiment AND id > :after ORDER BY id LIMIT :n"
)
_TRACES_OF = sql(
    "SELECT id, trace FROM tracking_trace WHERE experiment = :experiment AND id > :after ORDER BY id LIMIT :n"
)
_ACTIVE_IN = sql(
    "SELECT 1 FROM tracking_run WHERE experiment = :experiment AND (stage <> 'deleted' OR deleted_ms > :before) LIMIT 1"
)
_DELETED_RUN = sql("SELECT id, stage, deleted_ms FROM tracking_run WHERE run = :one")
_DELETED_MODEL = sql("SELECT id, stage, updated_ms FROM tracking_model WHERE model = :one")
_PUT_DOOMED = sql(
    "INSERT INTO tracking_doomed (digest, size_bytes, state, at_ms) VALUES (:digest, :size, 0, :now) "
    "ON CONFLICT (digest) DO UPDATE SET state = 1, at_ms = excluded.at_ms WHERE tracking_doomed.state = 2"
)
_DOOMED = sql(
    "SELECT digest, size_bytes, state FROM tracking_doomed WHERE digest > :after AND state < 2 ORDER BY digest LIMIT :n"
)
_STATE = sql("UPDATE tracking_doomed SET state = :state, at_ms = :now WHERE digest = :digest")
_STATE_OF = sql("SELECT state FROM tracking_doomed WHERE digest = :digest")
_PARDON = sql("DELETE FROM tracking_doomed WHERE digest = :digest")
_FORGET = sql("DELETE FROM tracking_doomed WHERE state = 2 AND at_ms < :before")
_PUT_RETENTION = sql(
    "INSERT INTO tracking_retention (one, keep_days, author, at_ms) VALUES (1, :days, :author, :now) "
    "ON CONFLICT (one) DO UPDATE SET keep_days = excluded.keep_days, author = excluded.author, at_ms = excluded.at_ms"
)
_RETENTION = sql("SELECT keep_days, author, at_ms FROM tracking_retention WHERE one = 1")
_SPEND = sql(
    "INSERT INTO tracking_spent (one, experiment) VALUES (1, :id) "
    "ON CONFLICT (one) DO UPDATE SET experiment = excluded.experiment "
    "WHERE excluded.experiment > tracking_spent.experiment"
)
_OF_RUN_NUMBER = (
    "tracking_document", "tracking_param", "tracking_tag", "tracking_latest", "tracking_tail", "tracking_chunk",
    "tracking_input", "tracking_model_link",
)  # fmt: skip
_OF_TRACE_NUMBER = (
    "tracking_span", "tracking_trace_tag", "tracking_trace_metadata", "tracking_trace_run", "tracking_assessment",
)  # fmt: skip
_MADE_IN = "mlflow.sourceRun"
_AT_ONCE = 200
_FILES = "SELECT digest, size_bytes FROM tracking_artifact WHERE owner"


@dataclass(frozen=True, slots=True)
class One:
    """A thing under its number inside and its id."""

    number: int
    id: str


@dataclass(frozen=True, slots=True)
class Doomed:
    """A content that may be nobody's."""

    digest: str
    size_bytes: int
    state: int


def due_runs(tx: Transaction, before_ms: int, *, after: int, limit: int) -> list[One]:
    """Runs deleted up to a moment, by number."""
    return [One(*row) for row in tx.all(_DUE_RUNS, {"before": before_ms, "after": after, "n": limit})]


def due_experiments(tx: Transaction, before_ms: int) -> list[int]:
    """Experiments deleted up to a moment."""
    return [int(number) for (number,) in tx.all(_DUE_EXPERIMENTS, {"before": before_ms})]


def due_models(tx: Transaction, before_ms: int, *, after: int, limit: int) -> list[One]:
    """Logged models deleted up to a moment, by number."""
    return [One(*row) for row in tx.all(_DUE_MODELS, {"before": before_ms, "after": after, "n": limit})]


def runs_of(tx: Transaction, experiment: int, *, after: int, limit: int) -> list[One]:
    """Runs of an experiment, by number."""
    return [One(*row) for row in tx.all(_RUNS_OF, {"experiment": experiment, "after": after, "n": limit})]


def models_of(tx: Transaction, experiment: int, *, after: int, limit: int) -> list[One]:
    """Logged models of an experiment, by number."""
    return [One(*row) for row in tx.all(_MODELS_OF, {"experiment": experiment, "after": after, "n": limit})]


def traces_of(tx: Transaction, experiment: int, *, after: int, limit: int) -> list[One]:
    """Traces of an experiment, by number."""
    return [One(*row) for row in tx.all(_TRACES_OF, {"experiment": experiment, "after": after, "n": limit})]


def is_in_use(tx: Transaction, experiment: int, before_ms: int) -> bool:
    """True if a run of the experiment is not deleted, or was deleted later."""
    return tx.one(_ACTIVE_IN, {"experiment": experiment, "before": before_ms}) is not None


def run_state(tx: Transaction, run: str) -> tuple[int, str, int] | None:
    """A run's number, stage and when it was deleted."""
    row = tx.one(_DELETED_RUN, {"one": run})
    return (int(row[0]), row[1], int(row[2] or 0)) if row else None


def model_state(tx: Transaction, model: str) -> tuple[int, str, int] | None:
    """A logged model's number, stage and when it was changed last."""
    row = tx.one(_DELETED_MODEL, {"one": model})
    return (int(row[0]), row[1], int(row[2])) if row else None


def still_deleted(tx: Transaction, table: str, some: Sequence[One]) -> list[One]:
    """Those of the runs or logged models (`tracking_run`, `tracking_model`) that are there and deleted."""
    name = "run" if table == "tracking_run" else "model"
    found = _rows(tx, f"SELECT id, {name} FROM {table} WHERE stage = 'deleted' AND id", [one.number for one in some])
    wanted = {one.id for one in some}
    return [One(int(number), identity) for number, identity in found if identity in wanted]


def traces_made_in(tx: Transaction, runs: Sequence[One]) -> list[One]:
    """Traces made in these runs."""
    found: list[One] = []
    for some in _parts([one.id for one in runs]):
        inside, params = in_params("v", some)
        text = (
            "SELECT t.id, t.trace FROM tracking_trace_metadata m JOIN tracking_trace t ON t.id = m.trace "
            f"WHERE m.key = '{_MADE_IN}' AND substr(m.value, 1, 200) IN ({inside})"
        )
        found += [One(int(number), trace) for number, trace in tx.all(cached(text), params)]
    return found


def points_of(tx: Transaction, runs: Sequence[One]) -> int:
    """How many metric points runs have."""
    numbers = [one.number for one in runs]
    tables = ("tracking_tail", "tracking_chunk")
    return sum(
        int(row[0] or 0) for table in tables for row in _rows(tx, f"SELECT sum(points) FROM {table} WHERE run", numbers)
    )


def files_of(tx: Transaction, owners: Sequence[str]) -> list[tuple[str, int]]:
    """Digest and size of each file of these owners."""
    return [(digest, int(size)) for digest, size in _rows(tx, _FILES, owners)]


def doom(tx: Transaction, contents: Iterable[tuple[str, int]], now_ms: int) -> None:
    """Note contents that a file stood for until now, or was to.

    One that went before and was put again is free at once: whoever else has just put it still has to look.
    """
    rows = [{"digest": digest, "size": size, "now": now_ms} for digest, size in dict(contents).items()]
    if rows:
        tx.many(_PUT_DOOMED, rows)


def doomed(tx: Transaction, *, after: str, limit: int) -> list[Doomed]:
    """Contents that may be nobody's, by digest."""
    return [Doomed(*row) for row in tx.all(_DOOMED, {"after": after, "n": limit})]


def as_they_are(tx: Transaction, some: Sequence[Doomed]) -> list[Doomed]:
    """The same contents as they stand now; without those that are not doomed any more."""
    rows = _rows(
        tx, "SELECT digest, size_bytes, state FROM tracking_doomed WHERE state < 2 AND digest",
        [one.digest for one in some],
    )  # fmt: skip
    return [Doomed(*row) for row in rows]


def set_state(tx: Transaction, digests: Iterable[str], state: int, now_ms: int) -> None:
    """Say how far contents have come."""
    rows = [{"digest": digest, "state": state, "now": now_ms} for digest in digests]
    if rows:
        tx.many(_STATE, rows)


def may_be_gone(tx: Transaction, digest: str) -> bool:
    """True if the content was free at some look, so that its object may have been removed."""
    row = tx.one(_STATE_OF, {"digest": digest})
    return row is not None and row[0] != LOOK


def pardon(tx: Transaction, digest: str) -> None:
    """Note that a content is somebody's, and there."""
    tx.run(_PARDON, {"digest": digest})


def forget_gone(tx: Transaction, before_ms: int) -> None:
    """Forget contents that went before a moment."""
    tx.run(_FORGET, {"before": before_ms})


def held(tx: Transaction, digests: Sequence[str], *, but: Sequence[str] = ()) -> set[str]:
    """Those of the digests that a file of tracking stands for; files of the owners in `but` do not count."""
    if not but:
        return {row[0] for row in _rows(tx, "SELECT DISTINCT digest FROM tracking_artifact WHERE digest", digests)}
    left = frozenset(but)
    rows = _rows(tx, "SELECT digest, owner FROM tracking_artifact WHERE digest", digests)
    return {digest for digest, owner in rows if owner not in left}


def drop_runs(tx: Transaction, runs: Sequence[One]) -> None:
    """Remove every row of runs; their files and traces go beside."""
    numbers, ids = [one.number for one in runs], [one.id for one in runs]
    datasets = [int(row[0]) for row in _rows(tx, "SELECT DISTINCT dataset FROM tracking_input WHERE run", numbers)]
    for table in _OF_RUN_NUMBER:
        _drop(tx, f"DELETE FROM {table} WHERE run", numbers)
    _drop(
        tx,
        "DELETE FROM tracking_verdict WHERE by_run IN (SELECT by_run FROM tracking_reproduction WHERE of_run",
        ids, closing=")",
    )  # fmt: skip
    _drop(tx, "DELETE FROM tracking_verdict WHERE by_run", ids)
    _drop(tx, "DELETE FROM tracking_reproduction WHERE of_run", ids)
    _drop(tx, "DELETE FROM tracking_reproduction WHERE by_run", ids)
    _drop(tx, "DELETE FROM tracking_trace_run WHERE run", ids)
    _drop(tx, "DELETE FROM tracking_adoption WHERE kind = 'run' AND target", ids)
    _drop(tx, "DELETE FROM tracking_run WHERE id", numbers)
    unused = "DELETE FROM tracking_dataset WHERE NOT EXISTS (SELECT 1 FROM tracking_input i WHERE i.dataset = "
    _drop(tx, f"{unused}tracking_dataset.id) AND id", datasets)


def drop_traces(tx: Transaction, traces: Sequence[One]) -> None:
    """Remove every row of traces; their files go beside."""
    numbers = [one.number for one in traces]
    for table in _OF_TRACE_NUMBER:
        _drop(tx, f"DELETE FROM {table} WHERE trace", numbers)
    _drop(tx, "DELETE FROM tracking_trace WHERE id", numbers)


def drop_models(tx: Transaction, models: Sequence[One]) -> None:
    """Remove every row of logged models; their files go beside."""
    numbers, ids = [one.number for one in models], [one.id for one in models]
    _drop(tx, "DELETE FROM tracking_model_param WHERE model", numbers)
    _drop(tx, "DELETE FROM tracking_model_tag WHERE model", numbers)
    _drop(tx, "DELETE FROM tracking_model_metric WHERE model", ids)
    _drop(tx, "DELETE FROM tracking_adoption WHERE kind = 'logged_model' AND target", ids)
    _drop(tx, "DELETE FROM tracking_model WHERE id", numbers)


def drop_files(tx: Transaction, owners: Sequence[str], now_ms: int) -> int:
    """Forget all files of these owners, and uploads, and doom their contents; how many files."""
    files = files_of(tx, owners)
    doom(tx, files, now_ms)
    _drop(tx, "DELETE FROM tracking_artifact WHERE owner", owners)
    _drop(tx, "DELETE FROM tracking_upload WHERE owner", owners)
    _drop(tx, "DELETE FROM tracking_forgotten WHERE owner", owners)
    return len(files)


def drop_experiment(tx: Transaction, number: int) -> None:
    """Remove an experiment in which nothing lies any more; its number is not given again."""
    _drop(tx, "DELETE FROM tracking_experiment_tag WHERE experiment", [number])
    _drop(tx, "DELETE FROM tracking_dataset WHERE experiment", [number])
    _drop(tx, "DELETE FROM tracking_adoption WHERE kind = 'experiment' AND target", [str(number)])
    _drop(tx, "DELETE FROM tracking_experiment WHERE id", [number])
    tx.run(_SPEND, {"id": number})


def put_retention(tx: Transaction, rule: DeletedRetention) -> None:
    """Keep the rule."""
    tx.run(_PUT_RETENTION, {"days": rule.keep_days, "author": rule.author or "", "now": rule.at_ms or 0})


def retention(tx: Transaction) -> DeletedRetention:
    """The rule; without one nothing goes by itself."""
    row = tx.one(_RETENTION)
    if row is None:
        return DeletedRetention()
    return DeletedRetention(keep_days=row[0], author=ActorId(row[1]), at_ms=int(row[2]))


def _parts(values: Sequence[int | str]) -> list[Sequence[int | str]]:
    return [values[i : i + _AT_ONCE] for i in range(0, len(values), _AT_ONCE)]


def _rows(tx: Transaction, head: str, values: Sequence[int | str]) -> list[Row]:
    found: list[Row] = []
    for some in _parts(values):
        inside, params = in_params("v", some)
        found += tx.all(cached(f"{head} IN ({inside})"), params)
    return found


def _drop(tx: Transaction, head: str, values: Sequence[int | str], *, closing: str = "") -> None:
    for some in _parts(values):
        inside, params = in_params("v", some)
        tx.run(cached(f"{head} IN ({inside}){closing}"), params)

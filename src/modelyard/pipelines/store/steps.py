"""Rows of the steps of a run, of the cache of their results, and of the files they made."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from modelyard.kernel.refs import Ref
from modelyard.pipelines.api import FlowRunId, Json, PlannedStep, StepFile, StepRun, StepStatus, Used
from modelyard.pipelines.store.tables import insert, p, table
from modelyard.ports.database import Row, Statement, Transaction, upsert

_STEP = (
    "run", "id", "place", "step", "needs", "cache", "status", "attempt", "cache_key", "taken_from", "result",
    "read_refs", "written_refs", "error", "started_ms", "ended_ms", "used",
)  # fmt: skip
_CACHE = ("cache_key", "run", "result", "read_refs", "written_refs", "at_ms")
_step = table("pipelines_step", _STEP)
_cache = table("pipelines_cache", _CACHE)
_file = table("pipelines_file", ("digest", "name", "size_bytes", "run", "at_ms"))

_ADD = insert(_step)
_DROP = Statement(sa.delete(_step).where(_step.c.run == p("run_")))
_ALL = Statement(sa.select(_step).where(_step.c.run == p("run_")).order_by(_step.c.place))
_ONE = Statement(sa.select(_step).where(_step.c.run == p("run_"), _step.c.id == p("id_")))
_STAND = Statement(
    sa.update(_step)
    .where(_step.c.run == p("run_"), _step.c.id == p("id_"))
    .values(
        status=p("status_"), attempt=p("attempt_"), cache_key=p("key_"), taken_from=p("taken_"), result=p("result_"),
        read_refs=p("reads_"), written_refs=p("writes_"), error=p("error_"), started_ms=p("started_"),
        ended_ms=p("ended_"), used=p("used_"),
    )
)  # fmt: skip
_SETTLE = Statement(
    sa.update(_step)
    .where(_step.c.run == p("run_"), _step.c.status == p("from_"))
    .values(status=p("to_"), ended_ms=p("ended_"))
)
_CACHED = Statement(sa.select(_cache).where(_cache.c.cache_key == p("key_")))
_remembering = upsert(_cache).values({name: p(name) for name in _CACHE})
_REMEMBER = Statement(
    _remembering.on_conflict_do_update(
        index_elements=[_cache.c.cache_key],
        set_={name: _remembering.excluded[name] for name in _CACHE if name != "cache_key"},
    )
)
_FORGET = Statement(sa.delete(_cache).where(_cache.c.at_ms < p("before_")))
_KEEP_FILE = Statement(upsert(_file).values({c.name: p(c.name) for c in _file.columns}).on_conflict_do_nothing())
_FILE = Statement(sa.select(_file.c.name, _file.c.digest, _file.c.size_bytes).where(_file.c.digest == p("digest_")))

_refs = msgspec.json.Decoder(tuple[Ref, ...]).decode


class Remembered(Struct, frozen=True):
    """A result under its key."""

    run: str
    result: Json
    reads: tuple[Ref, ...]
    writes: tuple[Ref, ...]


def plan(tx: Transaction, run: FlowRunId, planned: tuple[PlannedStep, ...]) -> None:
    """Write the steps of a plan; of steps that were there before and are the same, how they stand is kept."""
    before = {s.id: s for s in steps(tx, run)}
    tx.run(_DROP, {"run_": run})
    rows = []
    for place, wanted in enumerate(planned):
        old = before.get(wanted.id)
        kept = old if old is not None and (old.step, old.needs) == (wanted.step, wanted.needs) else None
        now = kept or StepRun(run=run, id=wanted.id, step=wanted.step, needs=wanted.needs)
        row = {name.removesuffix("_"): value for name, value in _values(now).items()}
        rows.append(
            {
                "run": run, "id": now.id, "place": place, "step": now.step, "needs": msgspec.json.encode(now.needs),
                "cache": wanted.cache, "status": row["status"], "attempt": row["attempt"], "cache_key": row["key"],
                "taken_from": row["taken"], "result": row["result"], "read_refs": row["reads"],
                "written_refs": row["writes"], "error": row["error"], "started_ms": row["started"],
                "ended_ms": row["ended"], "used": row["used"],
            }
        )  # fmt: skip
    tx.many(_ADD, rows)


def steps(tx: Transaction, run: FlowRunId) -> list[StepRun]:
    """The steps of a run in the order of its plan."""
    return [_to_step(row)[0] for row in tx.all(_ALL, {"run_": run})]


def step(tx: Transaction, run: FlowRunId, id_: str) -> tuple[StepRun, bool] | None:
    """A step, and whether its result may be remembered."""
    row = tx.one(_ONE, {"run_": run, "id_": id_})
    return None if row is None else _to_step(row)


def stand(tx: Transaction, now: StepRun) -> None:
    """Write how a step stands now."""
    tx.run(_STAND, {"run_": now.run, "id_": now.id, **_values(now)})


def settle(tx: Transaction, run: FlowRunId, was: StepStatus, now: StepStatus, at_ms: int | None) -> None:
    """Every step of a run that stands in one way now stands in another."""
    tx.run(_SETTLE, {"run_": run, "from_": was, "to_": now, "ended_": at_ms})


def remembered(tx: Transaction, key: str) -> Remembered | None:
    """The result under a key."""
    row = tx.one(_CACHED, {"key_": key})
    if row is None:
        return None
    return Remembered(row[1], msgspec.json.decode(row[2]), _refs(row[3]), _refs(row[4]))


def remember(tx: Transaction, now: StepRun, at_ms: int) -> None:
    """Keep a step's result under its key; the latest stands."""
    tx.run(
        _REMEMBER,
        {
            "cache_key": now.key, "run": now.run, "result": msgspec.json.encode(now.result),
            "read_refs": msgspec.json.encode(now.reads), "written_refs": msgspec.json.encode(now.writes),
            "at_ms": at_ms,
        },
    )  # fmt: skip


def forget(tx: Transaction, before_ms: int) -> int:
    """Drop results that were remembered before a moment; how many."""
    return tx.run(_FORGET, {"before_": before_ms})


def keep_file(tx: Transaction, kept: StepFile, run: FlowRunId, at_ms: int) -> None:
    """Note that a step made a file."""
    tx.run(
        _KEEP_FILE,
        {"digest": kept.digest, "name": kept.name, "size_bytes": kept.size_bytes, "run": run, "at_ms": at_ms},
    )


def file(tx: Transaction, digest: str) -> StepFile | None:
    """A file by its digest, if a step made it."""
    row = tx.one(_FILE, {"digest_": digest})
    return None if row is None else StepFile(name=row[0], digest=row[1], size_bytes=row[2])


def _values(now: StepRun) -> dict[str, str | int | bytes | None]:
    return {
        "status_": now.status, "attempt_": now.attempt, "key_": now.key, "taken_": now.taken_from,
        "result_": msgspec.json.encode(now.result), "reads_": msgspec.json.encode(now.reads),
        "writes_": msgspec.json.encode(now.writes), "error_": now.error, "started_": now.started_ms,
        "ended_": now.ended_ms, "used_": msgspec.json.encode(now.used),
    }  # fmt: skip


def _to_step(row: Row) -> tuple[StepRun, bool]:
    (run, id_, _, step_, needs, cache, status, attempt, key, taken, result, reads, writes, error, started, ended,
     used) = row  # fmt: skip
    shown = StepRun(
        run=FlowRunId(run), id=id_, step=step_, needs=tuple(msgspec.json.decode(needs)), status=StepStatus(status),
        attempt=attempt, key=key, taken_from=taken, result=msgspec.json.decode(result), reads=_refs(reads),
        writes=_refs(writes), error=error, started_ms=started, ended_ms=ended,
        used=msgspec.json.decode(used, type=Used),
    )  # fmt: skip
    return shown, bool(cache)

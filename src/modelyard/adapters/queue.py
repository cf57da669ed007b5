"""The queue over any database: one table, of which `due_ms` says from when on a job may be handed out.

While a job is leased, `due_ms` is the end of its lease, so waiting jobs and lost ones are found by the same question.
Claims go through the writer, where they share a commit; `SKIP LOCKED` lets Postgres pass over a row that a transaction
outside the writer holds. Completion checks worker and attempt: whoever lost the lease changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Conflict, NotFound, StaleVersion
from modelyard.kernel.ids import IdKind
from modelyard.ports.database import Database, Migration, Row, Statement, Transaction, upsert
from modelyard.ports.queue import Job, JobId, NewJob, QueueCount

JOB = IdKind("job", JobId)
MAX_BACKOFF_S = 3600.0
ERROR_LENGTH = 2000
_LOST = "its worker was lost: it neither finished nor said that it lived"

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        slice="queue",
        number=1,
        name="jobs",
        ddl=(
            """CREATE TABLE queue_job (
                seq {serial}, id {text} NOT NULL UNIQUE, queue {text} NOT NULL, kind {text} NOT NULL,
                payload {bytes} NOT NULL, job_key {text}, priority {int} NOT NULL, state {text} NOT NULL,
                due_ms {int} NOT NULL, attempts {int} NOT NULL, max_attempts {int} NOT NULL, backoff_ms {int} NOT NULL,
                worker {text} NOT NULL, error {text} NOT NULL, created_ms {int} NOT NULL,
                finished_ms {int} NOT NULL)""",
            """CREATE UNIQUE INDEX queue_job_key ON queue_job (queue, job_key)
                WHERE state IN ('ready', 'running') AND job_key IS NOT NULL""",
            """CREATE INDEX queue_job_open ON queue_job (queue, priority DESC, seq)
                WHERE state IN ('ready', 'running')""",
            "CREATE INDEX queue_job_state ON queue_job (state, finished_ms)",
        ),
    ),
)

_HANDED = ("id", "queue", "kind", "payload", "job_key", "attempts", "max_attempts", "worker", "created_ms", "error")
_PLACED = ("seq", "priority", "state", "due_ms", "backoff_ms", "finished_ms")
_job = sa.table("queue_job", *(sa.column(c) for c in (*_HANDED, *_PLACED)))
_handed = tuple(_job.c[c] for c in _HANDED)
_OPEN = _job.c.state.in_([sa.literal_column("'ready'"), sa.literal_column("'running'")])
_MINE = sa.and_(
    _job.c.id == sa.bindparam("id_"),
    _job.c.worker == sa.bindparam("worker_"),
    _job.c.attempts == sa.bindparam("attempt_"),
    _job.c.state == sa.literal_column("'running'"),
)
_due = sa.and_(_job.c.queue == sa.bindparam("queue_"), _OPEN, _job.c.due_ms <= sa.bindparam("now_"))

_ADD = Statement(
    upsert(_job).values({c.name: sa.bindparam(c.name) for c in _job.c if c.name != "seq"}).on_conflict_do_nothing()
)
_ANY_DUE = Statement(sa.select(_job.c.seq).where(_due).limit(sa.literal_column("1")))
_NEXT = Statement(
    sa.select(_job.c.seq, _job.c.state, _job.c.attempts, _job.c.max_attempts)
    .where(_due)
    .order_by(_job.c.priority.desc(), _job.c.seq)
    .limit(sa.literal_column("1"))
    .with_for_update(skip_locked=True)
)
_TAKE = Statement(
    sa.update(_job)
    .where(_job.c.seq == sa.bindparam("seq_"))
    .values(
        state=sa.literal_column("'running'"),
        attempts=_job.c.attempts + sa.literal_column("1"),
        worker=sa.bindparam("worker_"),
        due_ms=sa.bindparam("due_"),
    )
    .returning(*_handed)
)
_BURY = Statement(
    sa.update(_job)
    .where(_job.c.seq == sa.bindparam("seq_"))
    .values(state=sa.literal_column("'dead'"), error=sa.bindparam("error_"), finished_ms=sa.bindparam("now_"))
)
_BEAT = Statement(sa.update(_job).where(_MINE).values(due_ms=sa.bindparam("due_")))
_LEAVE = Statement(
    sa.update(_job)
    .where(_MINE)
    .values(
        state=sa.bindparam("state_"),
        due_ms=sa.bindparam("due_"),
        error=sa.bindparam("error_"),
        finished_ms=sa.bindparam("now_"),
    )
)
_BACKOFF = Statement(sa.select(_job.c.backoff_ms).where(_MINE))
_DEAD = Statement(
    sa.select(*_handed)
    .where(_job.c.queue == sa.bindparam("queue_"), _job.c.state == sa.literal_column("'dead'"))
    .order_by(_job.c.seq.desc())
    .limit(sa.bindparam("n"))
)
_ONE_DEAD = Statement(
    sa.select(_job.c.queue, _job.c.job_key).where(
        _job.c.id == sa.bindparam("id_"), _job.c.state == sa.literal_column("'dead'")
    )
)
_KEY_OPEN = Statement(
    sa.select(_job.c.id).where(_job.c.queue == sa.bindparam("queue_"), _OPEN, _job.c.job_key == sa.bindparam("key_"))
)
_REVIVE = Statement(
    sa.update(_job)
    .where(_job.c.id == sa.bindparam("id_"))
    .values(state=sa.literal_column("'ready'"), attempts=sa.literal_column("0"), due_ms=sa.bindparam("due_"))
)
_SWEEP = Statement(
    sa.delete(_job).where(_job.c.state == sa.literal_column("'done'"), _job.c.finished_ms < sa.bindparam("before_"))
)
_COUNTS = Statement(sa.select(_job.c.queue, _job.c.state, sa.func.count()).group_by(_job.c.queue, _job.c.state))


class DatabaseQueue:
    """Jobs in a table of the home's database."""

    migrations: tuple[Migration, ...] = MIGRATIONS

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def enqueue(self, tx: Transaction, job: NewJob) -> JobId | None:
        """Put a job in the caller's transaction; None if one of its key waits or runs already."""
        id_ = JOB.new(self._clock)
        now = self._clock.now_ms()
        added = tx.run(
            _ADD,
            {
                "id": id_, "queue": job.queue, "kind": job.kind, "payload": job.payload, "job_key": job.key,
                "priority": job.priority, "state": "ready", "due_ms": max(now, job.after_ms), "attempts": 0,
                "max_attempts": max(1, job.max_attempts), "backoff_ms": round(job.backoff_s * 1000), "worker": "",
                "error": "", "created_ms": now, "finished_ms": 0,
            },
        )  # fmt: skip
        return id_ if added else None

    def claim(self, worker: str, *, lease_s: float, queue: str = "default") -> Job | None:
        """Lease the next job that is due; None if there is none."""
        now = self._clock.now_ms()
        with self._database.read() as tx:
            if tx.one(_ANY_DUE, {"queue_": queue, "now_": now}) is None:
                return None
        due = now + round(lease_s * 1000)
        return self._database.write(lambda tx: _take(tx, queue, worker=worker, now=now, due=due))

    def heartbeat(self, job: Job, *, lease_s: float) -> None:
        """Hold the lease for `lease_s` seconds from now."""
        due = self._clock.now_ms() + round(lease_s * 1000)
        if not self._database.write(lambda tx: tx.run(_BEAT, {**_mine(job), "due_": due})):
            raise _lost(job)

    def complete(self, tx: Transaction, job: Job) -> None:
        """Mark it done, in the transaction of what it brought about."""
        self._leave(tx, job, state="done", error="", due=0)

    def fail(self, tx: Transaction, job: Job, error: str, *, retry: bool = True) -> bool:
        """Give it back with a reason; True if it will be tried again."""
        found = tx.one(_BACKOFF, _mine(job))
        if found is None:
            raise _lost(job)
        again = retry and job.attempt < job.max_attempts
        wait = min(found[0] * 2 ** min(job.attempt - 1, 30), round(MAX_BACKOFF_S * 1000))
        due = self._clock.now_ms() + wait if again else 0
        self._leave(tx, job, state="ready" if again else "dead", error=error[:ERROR_LENGTH], due=due)
        return again

    def dead(self, tx: Transaction, *, limit: int = 100, queue: str = "default") -> list[Job]:
        """Jobs that were set aside, newest first."""
        return [_to_job(row) for row in tx.all(_DEAD, {"queue_": queue, "n": limit})]

    def revive(self, tx: Transaction, id_: JobId) -> None:
        """Put a dead job back with a fresh count of attempts."""
        found = tx.one(_ONE_DEAD, {"id_": id_})
        if found is None:
            raise NotFound(f"no dead job has the id {id_}")
        queue, key = found
        if key is not None and tx.one(_KEY_OPEN, {"queue_": queue, "key_": key}) is not None:
            raise Conflict(f"job {id_} cannot go back: another one of its key {key!r} waits or runs already")
        tx.run(_REVIVE, {"id_": id_, "due_": self._clock.now_ms()})

    def sweep(self, tx: Transaction, *, before_ms: int) -> int:
        """Forget jobs that were done before a moment."""
        return tx.run(_SWEEP, {"before_": before_ms})

    def counts(self, tx: Transaction) -> list[QueueCount]:
        """How much stands in each queue, by name."""
        found: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for queue, state, count in tx.all(_COUNTS):
            found[queue][state] = count
        return [QueueCount(queue=queue, **found[queue]) for queue in sorted(found)]

    def _leave(self, tx: Transaction, job: Job, *, state: str, error: str, due: int) -> None:
        now = self._clock.now_ms()
        if not tx.run(_LEAVE, {**_mine(job), "state_": state, "error_": error, "due_": due, "now_": now}):
            raise _lost(job)


def _take(tx: Transaction, queue: str, *, worker: str, now: int, due: int) -> Job | None:
    """Hand out the next job; on the way, bury those whose last worker was lost."""
    while (found := tx.one(_NEXT, {"queue_": queue, "now_": now})) is not None:
        seq, state, attempts, allowed = found
        if state == "running" and attempts >= allowed:
            tx.run(_BURY, {"seq_": seq, "error_": _LOST, "now_": now})
            continue
        taken = tx.one(_TAKE, {"seq_": seq, "worker_": worker, "due_": due})
        return None if taken is None else _to_job(taken)
    return None


def _mine(job: Job) -> dict[str, Any]:
    return {"id_": job.id, "worker_": job.worker, "attempt_": job.attempt}


def _lost(job: Job) -> StaleVersion:
    return StaleVersion(f"the lease of job {job.id} was lost: attempt {job.attempt} of {job.worker} is over; stop it")


def _to_job(row: Row) -> Job:
    id_, queue, kind, payload, key, attempt, max_attempts, worker, created_ms, error = row
    return Job(
        id=id_, queue=queue, kind=kind, payload=payload, key=key, attempt=attempt, max_attempts=max_attempts,
        worker=worker, created_ms=created_ms, error=error,
    )  # fmt: skip

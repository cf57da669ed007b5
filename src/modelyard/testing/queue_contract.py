"""What every adapter of the queue port must do. Derive a test class and give it a `bench` fixture.

The bench's database must have the queue's tables and hold no job.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from modelyard.adapters.queue import DatabaseQueue
from modelyard.kernel.errors import Conflict, NotFound, StaleVersion
from modelyard.ports.queue import Job, JobId, NewJob, Queue, QueueCount
from modelyard.testing.bench import Bench

SECOND = timedelta(seconds=1)


class QueueContract:
    """One test, one promise."""

    @pytest.fixture
    def queue(self, bench: Bench) -> Queue:
        """The queue under test."""
        return DatabaseQueue(database=bench.database, clock=bench.clock)

    def put(self, bench: Bench, queue: Queue, job: NewJob) -> JobId:
        """Put one, which must be taken."""
        id_ = bench.database.write(lambda tx: queue.enqueue(tx, job))
        assert id_ is not None
        return id_

    def claim(self, queue: Queue, worker: str = "w") -> Job:
        """Claim one, which must be there."""
        job = queue.claim(worker, lease_s=10)
        assert job is not None
        return job

    def counts(self, bench: Bench, queue: Queue) -> list[QueueCount]:
        """The counts now."""
        with bench.database.read() as tx:
            return queue.counts(tx)

    def test_a_job_is_handed_out_once_and_completed(self, bench: Bench, queue: Queue) -> None:
        id_ = self.put(bench, queue, NewJob(kind="mail", payload=b'{"to":"ana"}'))
        job = self.claim(queue)
        assert (job.id, job.kind, job.payload, job.attempt, job.worker) == (id_, "mail", b'{"to":"ana"}', 1, "w")
        assert queue.claim("other", lease_s=10) is None
        bench.database.write(lambda tx: queue.complete(tx, job))
        assert queue.claim("w", lease_s=10) is None
        assert self.counts(bench, queue) == [QueueCount(queue="default", done=1)]

    def test_a_job_of_a_call_that_failed_does_not_exist(self, bench: Bench, queue: Queue) -> None:
        def change() -> None:
            from modelyard.ports.calls import current

            queue.enqueue(current().tx, NewJob(kind="mail"))
            raise Conflict("no")

        with pytest.raises(Conflict):
            bench.call(change)
        assert self.counts(bench, queue) == []

    def test_higher_goes_first_and_equals_by_age(self, bench: Bench, queue: Queue) -> None:
        for kind, priority in (("a", 0), ("b", 5), ("c", 0), ("d", 5), ("e", -1)):
            self.put(bench, queue, NewJob(kind=kind, priority=priority))
        assert [self.claim(queue).kind for _ in range(5)] == ["b", "d", "a", "c", "e"]

    def test_a_job_waits_for_its_moment(self, bench: Bench, queue: Queue) -> None:
        self.put(bench, queue, NewJob(kind="later", after_ms=bench.clock.now_ms() + 2000, priority=9))
        self.put(bench, queue, NewJob(kind="now"))
        assert self.claim(queue).kind == "now"
        assert queue.claim("w", lease_s=10) is None
        bench.clock.advance(2 * SECOND)
        assert self.claim(queue).kind == "later"

    def test_queues_are_apart(self, bench: Bench, queue: Queue) -> None:
        self.put(bench, queue, NewJob(kind="a", queue="gpu"))
        assert queue.claim("w", lease_s=10) is None
        found = queue.claim("w", lease_s=10, queue="gpu")
        assert found is not None
        assert found.queue == "gpu"

    def test_a_key_stands_once_while_its_job_is_open(self, bench: Bench, queue: Queue) -> None:
        self.put(bench, queue, NewJob(kind="a", key="k"))
        self.put(bench, queue, NewJob(kind="a", key="k", queue="other"))
        self.put(bench, queue, NewJob(kind="a"))
        again = NewJob(kind="a", key="k")
        assert bench.database.write(lambda tx: queue.enqueue(tx, again)) is None
        job = self.claim(queue)
        assert job.key == "k"
        assert bench.database.write(lambda tx: queue.enqueue(tx, again)) is None
        bench.database.write(lambda tx: queue.complete(tx, job))
        assert bench.database.write(lambda tx: queue.enqueue(tx, again)) is not None

    def test_a_failed_job_comes_back_later_each_time_and_then_dies(self, bench: Bench, queue: Queue) -> None:
        self.put(bench, queue, NewJob(kind="a", max_attempts=3, backoff_s=2))
        for attempt, wait in ((1, 2), (2, 4)):
            job = self.claim(queue)
            assert job.attempt == attempt
            assert bench.database.write(lambda tx, j=job: queue.fail(tx, j, "boom")) is True  # type: ignore[misc]  # mypy cannot type a default in a lambda
            bench.clock.advance(wait * SECOND - SECOND / 10)
            assert queue.claim("w", lease_s=10) is None
            bench.clock.advance(SECOND / 10)
        job = self.claim(queue)
        assert job.error == "boom"
        assert bench.database.write(lambda tx: queue.fail(tx, job, "the end")) is False
        assert queue.claim("w", lease_s=10) is None
        with bench.database.read() as tx:
            assert [(j.id, j.error) for j in queue.dead(tx)] == [(job.id, "the end")]
        assert self.counts(bench, queue) == [QueueCount(queue="default", dead=1)]

    def test_a_failure_that_is_final_is_not_tried_again(self, bench: Bench, queue: Queue) -> None:
        self.put(bench, queue, NewJob(kind="a"))
        job = self.claim(queue)
        assert bench.database.write(lambda tx: queue.fail(tx, job, "bad input", retry=False)) is False

    def test_a_lost_lease_is_handed_on_and_its_holder_changes_nothing(self, bench: Bench, queue: Queue) -> None:
        self.put(bench, queue, NewJob(kind="a"))
        lost = self.claim(queue, "slow")
        bench.clock.advance(10 * SECOND)
        job = self.claim(queue, "quick")
        assert (job.id, job.attempt) == (lost.id, 2)
        with pytest.raises(StaleVersion, match="lease"):
            queue.heartbeat(lost, lease_s=10)
        with pytest.raises(StaleVersion):
            bench.database.write(lambda tx: queue.complete(tx, lost))
        with pytest.raises(StaleVersion):
            bench.database.write(lambda tx: queue.fail(tx, lost, "late"))
        bench.database.write(lambda tx: queue.complete(tx, job))
        with pytest.raises(StaleVersion):
            bench.database.write(lambda tx: queue.complete(tx, job))

    def test_a_heartbeat_holds_the_lease(self, bench: Bench, queue: Queue) -> None:
        self.put(bench, queue, NewJob(kind="a"))
        job = self.claim(queue)
        for _ in range(4):
            bench.clock.advance(9 * SECOND)
            assert queue.claim("other", lease_s=10) is None
            queue.heartbeat(job, lease_s=10)

    def test_a_job_that_kills_its_workers_is_set_aside(self, bench: Bench, queue: Queue) -> None:
        self.put(bench, queue, NewJob(kind="a", max_attempts=2))
        self.put(bench, queue, NewJob(kind="b", priority=-1))
        for _ in range(2):
            assert self.claim(queue).kind == "a"
            bench.clock.advance(10 * SECOND)
        assert self.claim(queue).kind == "b"
        with bench.database.read() as tx:
            (dead,) = queue.dead(tx)
        assert "worker was lost" in dead.error

    def test_a_dead_job_can_be_revived_unless_its_key_is_taken(self, bench: Bench, queue: Queue) -> None:
        id_ = self.put(bench, queue, NewJob(kind="a", key="k", max_attempts=1))
        job = self.claim(queue)
        bench.database.write(lambda tx: queue.fail(tx, job, "x"))
        self.put(bench, queue, NewJob(kind="a", key="k"))
        with pytest.raises(Conflict):
            bench.database.write(lambda tx: queue.revive(tx, id_))
        other = self.claim(queue)
        bench.database.write(lambda tx: queue.complete(tx, other))
        bench.database.write(lambda tx: queue.revive(tx, id_))
        assert self.claim(queue).attempt == 1
        with pytest.raises(NotFound):
            bench.database.write(lambda tx: queue.revive(tx, id_))

    def test_what_is_done_is_swept(self, bench: Bench, queue: Queue) -> None:
        for _ in range(3):
            self.put(bench, queue, NewJob(kind="a"))
        for _ in range(2):
            job = self.claim(queue)
            bench.database.write(lambda tx, j=job: queue.complete(tx, j))  # type: ignore[misc]  # as above
            bench.clock.advance(SECOND)
        before = bench.clock.now_ms() - 1000
        assert bench.database.write(lambda tx: queue.sweep(tx, before_ms=before)) == 1
        assert self.counts(bench, queue) == [QueueCount(queue="default", ready=1, done=1)]

    def test_many_workers_never_share_a_job(self, bench: Bench, queue: Queue) -> None:
        for n in range(40):
            self.put(bench, queue, NewJob(kind=str(n)))

        def drain(worker: int) -> list[str]:
            done = []
            while (job := queue.claim(f"w{worker}", lease_s=60)) is not None:
                bench.database.write(lambda tx, j=job: queue.complete(tx, j))  # type: ignore[misc]  # as above
                done.append(job.kind)
            return done

        with ThreadPoolExecutor(4) as pool:
            done = [kind for kinds in pool.map(drain, range(4)) for kind in kinds]
        assert sorted(done, key=int) == [str(n) for n in range(40)]

"""The sender: brings what waits in a spool into the yard, in the background, as often as it takes.

Whatever it sends may be sent again (a point, a param or a file that is there already changes nothing), so it confirms
after the yard did. A yard that does not answer is asked again; what the yard refuses is left out and told.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b

from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import Conflict, Gone, InvalidInput, NotFound, TimedOut, TooMany, Unavailable, YardError
from modelyard.sdk.recording.spool import Noted, Spool
from modelyard.tracking.api import Dataset, DatasetInput, Point, Tracking, real

_AT_ONCE_BYTES = 4 << 20
_POINTS = 1000
_WORDS = 100
_PAUSE_S = 0.2
_BACKOFF_S = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
_AGAIN = (Unavailable, TimedOut, TooMany)
_REFUSED = (InvalidInput, NotFound, Conflict, Gone)
_TOLD = 5


class Sender:
    """Sends one spool until its end.

    Attributes:
        refused: what the yard did not take, as sentences; the first few.
        problem: why it stopped before the end, or empty.
    """

    def __init__(self, tracking: Tracking, spool: Spool) -> None:
        self._tracking = tracking
        self._spool = spool
        self._clock = SystemClock()
        self._hurry = threading.Event()
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None
        self.refused: list[str] = []
        self.problem = ""
        self.done = False

    def start(self) -> None:
        """Send in the background, until the run's end is confirmed or `leave` is called."""
        self._thread = threading.Thread(target=self._keep_sending, name="modelyard-run", daemon=True)
        self._thread.start()

    def finish(self, timeout_s: float) -> bool:
        """Wait until everything is confirmed, the run's end too; True if it is. Afterwards nothing is sent."""
        self._hurry.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
            self._leaving.set()
        return self.done

    def send_now(self) -> bool:
        """Send all that waits, in this thread; True if the run's end is among what is confirmed.

        Raises:
            Unavailable: the yard does not answer; what was not confirmed waits on.
        """
        while True:
            notes, offset = self._spool.waiting(_AT_ONCE_BYTES)
            if not notes:
                return self.done
            for group in _grouped(notes):
                self._send(group)
            self._spool.confirm(offset)
            self.done = self.done or any(n.end is not None for n in notes)

    def _keep_sending(self) -> None:
        failures = 0
        while not self._leaving.is_set():
            if failures:
                self._leaving.wait(_BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1])
            else:
                self._hurry.wait(_PAUSE_S)
            try:
                if self.send_now():
                    return
                failures = 0
            except _AGAIN:
                failures += 1
            except (YardError, OSError) as err:
                self.problem = str(err)
                return

    def _send(self, group: Sequence[Noted]) -> None:
        """Send notes together; where the yard refuses that, one by one, without those that it refuses."""
        try:
            self._carry(group)
        except _REFUSED as err:
            if len(group) == 1:
                self._refuse(str(err))
                return
            for each in group:
                self._send([each])

    def _refuse(self, why: str) -> None:
        if len(self.refused) < _TOLD and why not in self.refused:
            self.refused.append(why)

    def _carry(self, group: Sequence[Noted]) -> None:
        run = self._spool.owner.run
        points = [
            Point(key=key, value=real(value), at_ms=at_ms, step=step)
            for each in group
            for key, value, at_ms, step in each.points
        ]
        params = {key: value for each in group for key, value in each.params.items()}
        tags = {key: value for each in group for key, value in each.tags.items()}
        if points or params or tags:
            self._tracking.log(run, points, params, tags=tags)
        for each in group:
            if each.reads:
                self._tracking.log_inputs(run, [DatasetInput(dataset=_dataset(ref)) for ref in each.reads])
            if each.file is not None:
                path, name = each.file
                self._upload(run, path, name)
            if each.end is not None:
                self._tracking.update_run(run, each.end[0], each.end[1])

    def _upload(self, run: str, path: str, name: str) -> None:
        kept = self._spool.file(name)
        if not kept.exists():  # it was uploaded before; only the confirmation got lost
            return

        def chunks() -> Iterator[bytes]:
            with kept.open("rb") as file:
                while chunk := file.read(1 << 20):
                    yield chunk

        self._tracking.upload(run, path, chunks())
        with suppress(OSError):
            kept.unlink()


def _dataset(ref: str) -> Dataset:
    digest = blake2b(ref.encode(), digest_size=8).hexdigest()
    return Dataset(name=ref, digest=digest, source_type="modelyard", source=ref)


def _grouped(notes: Sequence[Noted]) -> Iterator[list[Noted]]:
    """Notes that one call may carry: within the limits of a batch, no param or tag with two values, files alone."""
    group: list[Noted] = []
    points = 0
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    for each in notes:
        clash = any(params.get(k, v) != v for k, v in each.params.items())
        full = (
            points + len(each.points) + len(params) + len(each.params) + len(tags) + len(each.tags) > _POINTS
            or len(params) + len(each.params) > _WORDS
            or len(tags) + len(each.tags) > _WORDS
        )
        alone = each.file is not None or each.end is not None or bool(each.reads)
        if group and (clash or full or alone):
            yield group
            group, points, params, tags = [], 0, {}, {}
        group.append(each)
        points += len(each.points)
        params |= each.params
        tags |= each.tags
        if alone:
            yield group
            group, points, params, tags = [], 0, {}, {}
    if group:
        yield group

"""A run in the hands of the program that makes it: note metrics, params, tags, files; the rest happens beside.

    with yard.tracking.run("fit") as run:
        run.params(depth=3)
        for epoch in range(100):
            run.log(loss=loss, step=epoch)
        run.file("model.onnx")

Nothing that is noted waits for the yard: it goes to a file on this machine at once and from there to the yard in the
background. If the yard restarts, it is sent then; if this process dies, the next one that begins a run sends the rest.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Any

from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.refs import parts
from modelyard.sdk.recording.sender import Sender
from modelyard.sdk.recording.spool import Noted, Spool
from modelyard.tracking.api import RunStatus, Tracking, limits

if TYPE_CHECKING:
    from modelyard.sdk.recording.machine import Machine

Value = str | int | float | bool | None
_POINTS = 1000
_WORDS = 100
ENERGY_TAG = "modelyard.energy"
SEEDS_TAG = "modelyard.seeds"
LOST_TAG = "modelyard.notes_lost"


class RunRecorder:
    """One run; made by `yard.tracking.run(...)`, ended by its `with`.

    Attributes:
        id: the run's id, 32 hex digits.
        name: what it is called.
    """

    def __init__(self, tracking: Tracking, spool: Spool, *, name: str, flush_s: float) -> None:
        self.id = spool.owner.run
        self.name = name
        self._spool = spool
        self._sender = Sender(tracking, spool)
        self._flush_s = flush_s
        self._clock = SystemClock()
        self._params: dict[str, str] = {}
        self._lost = 0
        self._stopped = threading.Event()
        self._beside: list[threading.Thread] = []
        self._over = False
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def begin(self, *, captures: bool, system_every_s: float) -> None:
        """Start to send, to look at the surroundings and at the machine; `tracking.run` does it."""
        self._sender.start()
        if captures:
            self._start(self._capture)
        if system_every_s > 0:
            self._start(lambda: self._watch(system_every_s))

    def log(self, metrics: Mapping[str, float] | None = None, /, *, step: int = 0, **more: float) -> None:
        """Note metrics at a step: `run.log(loss=0.3, step=7)` or `run.log({"val/loss": 0.3}, step=7)`.

        Raises:
            InvalidInput: a name breaks a rule, a value is no number, or the run is over.
        """
        at_ms = self._clock.now_ms()
        points = [(limits.check_key(k), _number(k, v), at_ms, step) for k, v in {**(metrics or {}), **more}.items()]
        limits.check_int64(step, "step")
        for i in range(0, len(points), _POINTS):
            self._note(Noted(points=tuple(points[i : i + _POINTS])))

    def params(self, params: Mapping[str, Value] | None = None, /, **more: Value) -> None:
        """Note what the run was given; a param keeps its first value.

        Raises:
            InvalidInput: a name breaks a rule, a param has another value already, or the run is over.
        """
        given = limits.check_params({k: str(v) for k, v in {**(params or {}), **more}.items()})
        with self._lock:
            for key, value in given.items():
                if self._params.get(key, value) != value:
                    raise InvalidInput(f"param {key} is {self._params[key]!r} already; a param keeps its first value")
            self._params |= given
        for part in _portions(given):
            self._note(Noted(params=part))

    def tags(self, tags: Mapping[str, Value] | None = None, /, **more: Value) -> None:
        """Note words to find the run by; a tag takes its newest value.

        Raises:
            InvalidInput: a name breaks a rule, or the run is over.
        """
        for part in _portions(limits.check_tags({k: str(v) for k, v in {**(tags or {}), **more}.items()})):
            self._note(Noted(tags=part))

    def reads(self, *refs: str) -> None:
        """Say what the run is made from, e.g. `table:trips@12`; lineage follows it.

        Raises:
            InvalidInput: one is no ref, or the run is over.
        """
        for text in refs:
            parts(text)
        self._note(Noted(reads=refs))

    def seed(self, seed: int) -> int:
        """Seed Python, and numpy and torch where they are imported; noted, so that the run can be done again.

        Returns:
            The seed, for what wants it as an argument.
        """
        random.seed(seed)
        seeded = {"python": seed}
        if (numpy := sys.modules.get("numpy")) is not None:
            numpy.random.seed(seed % 2**32)
            seeded["numpy"] = seed % 2**32
        if (torch := sys.modules.get("torch")) is not None:
            torch.manual_seed(seed)
            seeded["torch"] = seed
        self.params(seed=seed)
        self.tags({SEEDS_TAG: ", ".join(f"{name} {number}" for name, number in seeded.items())})
        return seed

    def file(self, path: str | Path, name: str | None = None) -> None:
        """Keep a file, or a folder with all below it, among the run's artifacts; it may be written to again at once.

        Args:
            name: its path below the run; by default its own name.

        Raises:
            NotFound: there is nothing.
            InvalidInput: the name is not safe, or the run is over.
        """
        source = Path(path)
        top = limits.safe_path(name or source.name)
        if source.is_file():
            self._keep(source, top)
        elif source.is_dir():
            for each in sorted(p for p in source.rglob("*") if p.is_file()):
                self._keep(each, limits.safe_path(f"{top}/{each.relative_to(source).as_posix()}"))
        else:
            raise NotFound(f"the run keeps {str(path)!r}, which is neither file nor folder")

    def text(self, content: str | bytes, name: str) -> None:
        """Keep a text or bytes as an artifact.

        Raises:
            InvalidInput: the name is not safe, or the run is over.
        """
        kept = token_hex(8)
        path = limits.safe_path(name)
        self._guarded(
            lambda: self._spool.file(kept).write_bytes(content if isinstance(content, bytes) else content.encode())
        )
        self._note(Noted(file=(path, kept)))

    def end(self, status: RunStatus = RunStatus.FINISHED) -> None:
        """End the run: wait until the yard has all of it, at most `flush_s`; `with` calls it.

        Where the yard does not answer in time, what waits stays on this machine, a warning says so, and the next run
        that is begun for this yard sends it.
        """
        if self._over or os.getpid() != self._pid:
            return
        self._stopped.set()
        for thread in self._beside:
            thread.join()
        if self._lost:
            self.tags({LOST_TAG: self._lost})
        self._note(Noted(end=(status, self._clock.now_ms())))
        self._over = True
        complete = self._sender.finish(self._flush_s)
        if self._sender.refused:
            warnings.warn(f"run {self.id}: the yard refused: {'; '.join(self._sender.refused)}", stacklevel=3)
        if complete:
            self._spool.remove()
            return
        self._spool.release()
        why = self._sender.problem or f"it did not answer within {self._flush_s:g} s"
        warnings.warn(
            f"run {self.id} is not whole in the yard: {why}. The rest waits in {self._spool.folder}; the next run for "
            "this yard sends it, or `yard.tracking.send_waiting()`",
            stacklevel=3,
        )

    def __enter__(self) -> RunRecorder:
        """The run itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None) -> None:
        """End it: FINISHED, FAILED after an error, KILLED where somebody stopped it."""
        if kind is None or (kind is SystemExit and getattr(err, "code", 1) in (None, 0)):
            self.end()
        else:
            self.end(RunStatus.FAILED if issubclass(kind, Exception) else RunStatus.KILLED)

    def __repr__(self) -> str:
        """Which run it is."""
        return f"<run {self.name} {self.id}>"

    def _repr_html_(self) -> str:
        """The run as a notebook shows it while it goes on."""
        from modelyard.sdk.grids import pairs

        return pairs(f"run {self.name}", {"id": self.id, **self._params})

    def _keep(self, source: Path, path: str) -> None:
        kept = token_hex(8)
        self._guarded(lambda: self._spool.keep(source, kept))
        self._note(Noted(file=(path, kept)))

    def _note(self, noted: Noted) -> None:
        if self._over:
            raise InvalidInput(f"run {self.id} is over; begin another")
        self._guarded(lambda: self._spool.note(noted))

    def _guarded(self, write: Any) -> None:
        """Write to the spool; a full disk costs the note and a warning, and not the training."""
        try:
            write()
        except OSError as err:
            self._lost += 1
            if self._lost == 1:
                warnings.warn(f"run {self.id} loses notes: {err.strerror or err} ({self._spool.folder})", stacklevel=5)

    def _start(self, work: Any) -> None:
        thread = threading.Thread(target=work, name="modelyard-run-beside", daemon=True)
        self._beside.append(thread)
        thread.start()

    def _capture(self) -> None:
        from modelyard.sdk.recording.surroundings import capture

        captured = capture()
        self.tags({k: v for k, v in captured.tags.items() if v})
        for name, body in captured.files.items():
            self.text(body, name)

    def _watch(self, every_s: float) -> None:
        from modelyard.sdk.recording.machine import Machine

        machine = Machine()
        self.tags({ENERGY_TAG: machine.energy_by})
        step = 0
        while not self._stopped.wait(every_s):
            self._sample(machine, step)
            step += 1
        self._sample(machine, step)

    def _sample(self, machine: Machine, step: int) -> None:
        self.log(machine.sample(), step=step)


def _number(key: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # whatever has a number in it: numpy's and torch's scalars too
    except (TypeError, ValueError) as err:
        raise InvalidInput(f"metric {key} is {value!r}, which is no number") from err


def _portions(words: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """At most 100 at once, as one call may carry."""
    rest = iter(words.items())
    while part := dict(islice(rest, _WORDS)):
        yield part

"""Children as processes of this machine: one thread starts, measures, stops and reaps them all.

That thread lives as long as the engine, for a child is tied to the life of the thread that started it. Of each group a
small file is kept, so that a yard which was killed leaves a trace for the next one to end what it left.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from shutil import which
from typing import TypeVar

import msgspec
import psutil

from modelyard.adapters.processes.group import Group
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import InvalidInput, NotFound, Unavailable
from modelyard.kernel.ids import IdKind
from modelyard.ports.compute import Child, ChildId, End, Order

_log = logging.getLogger("modelyard.compute")
T = TypeVar("T")
CHILD = IdKind("child", ChildId)
LOOK_S = 0.25


class _Trace(msgspec.Struct, frozen=True):
    """Which process led a group; the moment of its birth tells it from a later one of the same number."""

    pid: int
    born: float


class LocalProcesses:
    """Implements `ports.compute.Compute`.

    Args:
        traces: a folder of its own, where running groups are noted.
        env: the variables that every child gets.
    """

    def __init__(self, traces: Path, *, env: Mapping[str, str], clock: Clock) -> None:
        self._traces = traces
        self._env = dict(env)
        self._clock = clock
        self._groups: dict[ChildId, Group] = {}
        self._work: deque[Callable[[], None]] = deque()
        self._wake = threading.Event()
        self._start_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(self, order: Order) -> Child:
        """Start a child."""
        if not order.argv or which(order.argv[0], path=order.env.get("PATH", self._env.get("PATH"))) is None:
            raise InvalidInput(f"there is no program {(order.argv or ['(nothing)'])[0]!r} that this yard may run")
        if not order.folder.is_dir():
            raise InvalidInput(f"the working folder of {order.argv[0]} is gone: {order.folder.name}")
        id_ = CHILD.new(self._clock)
        order.log.parent.mkdir(parents=True, exist_ok=True)
        return self._ask(lambda: self._begin(id_, order))

    def look(self, child: ChildId) -> Child:
        """How it stands."""
        return self._group(child).state

    def stop(self, child: ChildId, *, grace_s: float = 5.0) -> Child:
        """End the whole group and wait until it is gone."""
        group = self._group(child)
        if group.state.runs:
            kill_at = self._clock.monotonic() + grace_s
            self._ask(lambda: group.ask_to_end(End.STOPPED, kill_at))
            pause = threading.Event()
            while group.state.runs:
                pause.wait(0.02)
                self._wake.set()
        return group.state

    def forget(self, child: ChildId) -> None:
        """Drop the state of a child that ended."""
        group = self._groups.get(child)
        if group is not None and not group.state.runs:
            self._groups.pop(child, None)

    def children(self) -> list[Child]:
        """Every child that was started here and not forgotten."""
        return [group.state for group in list(self._groups.values())]

    def sweep(self) -> int:
        """End the groups that an earlier yard noted and that still run."""
        ended = 0
        mine = {group.pid for group in self._groups.values()}
        for file in self._traces.glob("*.json") if self._traces.is_dir() else ():
            try:
                trace = msgspec.json.decode(file.read_bytes(), type=_Trace)
            except (OSError, msgspec.MsgspecError):
                file.unlink(missing_ok=True)
                continue
            if trace.pid in mine:
                continue
            ended += _end_group(trace)
            file.unlink(missing_ok=True)
        return ended

    def close(self) -> None:
        """Stop every child, then take no more orders."""
        running = [group for group in list(self._groups.values()) if group.state.runs]
        for group in running:
            self._ask(partial(group.ask_to_end, End.STOPPED, self._clock.monotonic() + 5.0))
        for group in running:
            self.stop(group.state.id)
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(10)

    def _group(self, child: ChildId) -> Group:
        group = self._groups.get(child)
        if group is None:
            raise NotFound(f"no child {child[:60]} runs or ran here")
        return group

    def _begin(self, id_: ChildId, order: Order) -> Child:
        group = Group(id_, order, self._env, self._clock.monotonic())
        self._groups[id_] = group
        with suppress(psutil.NoSuchProcess, OSError):
            self._traces.mkdir(parents=True, exist_ok=True)
            born = psutil.Process(group.pid).create_time()
            self._trace(group).write_bytes(msgspec.json.encode(_Trace(group.pid, born)))
        return group.state

    def _trace(self, group: Group) -> Path:
        return self._traces / f"{group.state.id}.json"

    def _ask(self, work: Callable[[], T]) -> T:
        """Have the one thread do it, and wait."""
        done = threading.Event()
        results: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                results.append(work())
            except BaseException as err:  # noqa: BLE001  # it is raised again where it was asked
                errors.append(err)
            done.set()

        with self._start_lock:
            if self._closed:
                raise Unavailable("this yard is closing and starts nothing more")
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="yard-compute", daemon=True)
                self._thread.start()
            self._work.append(run)
        self._wake.set()
        done.wait()
        if errors:
            raise errors[0]
        return results[0]

    def _loop(self) -> None:
        while not self._closed or self._work:
            busy = any(group.state.runs for group in list(self._groups.values()))
            self._wake.wait(LOOK_S if busy else None)
            self._wake.clear()
            while self._work:
                self._work.popleft()()
            now = self._clock.monotonic()
            for group in list(self._groups.values()):
                if group.state.runs:
                    self._step(group, now)

    def _step(self, group: Group, now: float) -> None:
        try:
            group.step(now)
        except (OSError, psutil.Error):
            _log.exception("a child could not be looked at; it is tried again", extra={"pid": group.pid})
        if not group.state.runs:
            self._trace(group).unlink(missing_ok=True)


def _end_group(trace: _Trace) -> int:
    """1 if the group that the trace names still ran and was ended."""
    try:
        leader = psutil.Process(trace.pid)
        same = abs(leader.create_time() - trace.born) < 1.0
    except psutil.NoSuchProcess:
        # The leader is gone; its group may still hold members, and their group number keeps its number from reuse.
        same = any(_group_of(process) == trace.pid and process.create_time() >= trace.born for process in _mine())
    if not same:
        return 0
    try:
        os.killpg(trace.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return 0
    return 1


def _mine() -> list[psutil.Process]:
    """Processes of the same user."""
    uid = os.getuid()
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.uids().real == uid:
                found.append(process)
    return found


def _group_of(process: psutil.Process) -> int:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return -1

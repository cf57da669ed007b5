"""Tracking in a user's hands: every operation of its api, and `run`, which notes a run without MLflow."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import AlreadyExists, Damaged, NotFound, Unavailable
from modelyard.sdk.proxy import Transport
from modelyard.sdk.recording.asked import asked_tags
from modelyard.sdk.recording.recorder import RunRecorder
from modelyard.sdk.recording.sender import Sender
from modelyard.sdk.recording.spool import Noted, Owner, Spool, born, spool_root
from modelyard.tracking.api import RunStatus, Tracking

_FLUSH_S = 30.0
_SYSTEM_S = 10.0
_PARENT = "mlflow.parentRunId"
_LIMIT_S = 86_400.0

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard.sdk.reproducing.environment import Packages
    from modelyard.sdk.reproducing.repetition import Repetition


class TrackingHandle(Tracking):
    """The operations of tracking, and runs that note themselves."""

    _transport: Transport

    def run(
        self,
        name: str = "",
        *,
        experiment: str = "Default",
        tags: dict[str, str] | None = None,
        parent: RunRecorder | str | None = None,
        captures: bool = True,
        system_every_s: float = _SYSTEM_S,
        flush_s: float = _FLUSH_S,
    ) -> RunRecorder:
        """Begin a run that is noted from here; use it in a `with`.

        Args:
            name: what to call it; by default two words and a number.
            experiment: its experiment's name; made if there is none.
            parent: the run that this one is a part of.
            captures: note command, code, packages, machine and switches (folder `reproduce` of its artifacts).
            system_every_s: how often CPU, memory, disk, network, GPUs and energy are noted; 0: never.
            flush_s: how long the end waits for a yard that does not answer.

        Raises:
            Unavailable: the yard does not answer; a run begins there.
            InvalidInput: the experiment is deleted, or a name breaks a rule.
        """
        words = asked_tags() | (tags or {})
        if parent is not None:
            words[_PARENT] = parent.id if isinstance(parent, RunRecorder) else parent
        made = self.start_run(self._experiment(experiment), name, words)
        pid = os.getpid()
        owner = Owner(run=made.id, place=self._place, pid=pid, born=born(pid))
        with suppress(Unavailable):
            self.send_waiting()
        recorder = RunRecorder(self, Spool.new(spool_root(), owner), name=made.name, flush_s=flush_s)
        recorder.begin(captures=captures, system_every_s=system_every_s)
        return recorder

    def reproduce(
        self,
        run: str,
        *,
        repository: str | Path = ".",
        command: str = "",
        packages: Packages | str = "auto",
        python: str = "",
        tolerance: float = 0.0,
        limit_s: float = _LIMIT_S,
        reach: Mapping[str, str] | None = None,
    ) -> Repetition:
        """Do a run again, in a clean worktree at its commit, and say how like the first it is.

        It starts the run's own command on this machine, with this user's rights: look at what the run holds first.
        The worktree and a fresh environment are gone afterwards.

        Args:
            run: its id.
            repository: where the commit is.
            command: in place of what the run says.
            packages: `auto`: the present interpreter if its packages are exactly those of the run, else fresh ones;
                `here`: the present one in any case; `fresh`: installed anew by uv, or pip.
            python: the present interpreter, by default what `python` means here.
            tolerance: the relative difference up to which numbers are equal.
            limit_s: how long the command may take.
            reach: variables by which the command finds this yard; by default those of this connection.

        Raises:
            NotFound: there is no such run, repository or commit.
            InvalidInput: the run does not say what was run; give `command`.
            Conflict: its changes do not apply, or nobody knows its packages.
            Unavailable: its packages cannot be installed.
        """
        from modelyard.sdk.reproducing.environment import Packages as Kind
        from modelyard.sdk.reproducing.repetition import Wish, repeat

        wish = Wish(
            repository=Path(repository), command=command, packages=Kind(packages), python=python, tolerance=tolerance,
            limit_s=limit_s,
        )  # fmt: skip
        found = dict(getattr(self._transport, "environment", {})) if reach is None else dict(reach)
        return repeat(self, run, wish, found)

    def send_waiting(self) -> list[str]:
        """Send what runs of this machine noted and could not send: those whose process is gone; their ids.

        A run whose process ended without a word becomes KILLED.

        Raises:
            Unavailable: the yard does not answer.
        """
        sent = []
        for spool in Spool.left_behind(spool_root(), self._place):
            sender = Sender(self, spool)
            try:
                if not sender.send_now():
                    spool.cut_torn()
                    spool.note(Noted(end=(RunStatus.KILLED, SystemClock().now_ms())))
                    sender.send_now()
            except Damaged as err:
                warnings.warn(f"{err.detail}; it is kept in {spool.set_aside()}", stacklevel=2)
                continue
            spool.remove()
            sent.append(spool.owner.run)
        return sent

    def _experiment(self, name: str) -> str:
        with suppress(NotFound):
            return self.experiment_named(name).id
        with suppress(AlreadyExists):  # another process was quicker
            return self.create_experiment(name).id
        return self.experiment_named(name).id

    @property
    def _place(self) -> str:
        """Which yard this is, so that spools find back to it."""
        return getattr(self._transport, "address", "") or "embedded"

"""What the yard's own commands do: start it, say how it is, and hand out what other programs need."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec
import psutil

from modelyard.adapters.children import FileChildren
from modelyard.app.binding import refuse_open_bind, trust_of
from modelyard.app.layout import prepare_home
from modelyard.app.lock import HomeLock, running_at
from modelyard.app.supervisor import Supervisor
from modelyard.edges.http.listening import listen
from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import Unavailable, YardError
from modelyard.ports.children import ChildStatus
from modelyard.settings import Settings


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How a home's yard fares; `address` is None if none serves it."""

    home: str
    address: str | None = None
    pid: int | None = None
    memory_mb: float = 0.0
    children: list[ChildStatus] = []


def run_up(settings: Settings) -> int:
    """Serve a home until told to stop; the exit code."""
    clock = SystemClock()
    began = clock.monotonic()
    home = settings.home_path
    prepare_home(home)
    refuse_open_bind(settings)
    lock = HomeLock(home)
    try:
        listener = listen(settings.host, settings.port)
    except YardError:
        lock.release()
        raise
    handle = str(listener.fileno())
    argv = ("{python}", "-m", "modelyard", "_control", msgspec.json.encode(settings).decode(), handle)

    def ready(address: str) -> None:
        click.echo(f"Modelyard is ready at {address}  ({clock.monotonic() - began:.1f} s)")
        for swept in _swept(home):
            click.echo(f"  recovered: {swept}")
        click.echo(f"  sign in, once, within ten minutes:  {sign_in_link(settings)}")
        click.echo(f"  home  {home}")
        click.echo('  in another shell:  eval "$(yard env)"      stop: Ctrl-C')
        sys.stdout.flush()

    try:
        supervisor = Supervisor(home, lock, clock, say=lambda text: click.echo(text, err=True))
        return supervisor.run(argv, {"PYTHONUNBUFFERED": "1"}, listener=listener.fileno(), ready=ready)
    finally:
        listener.close()
        lock.release()


def _swept(home: Path) -> list[str]:
    try:
        return msgspec.json.decode((home / "run" / "swept.json").read_bytes(), type=list[str])
    except (OSError, msgspec.MsgspecError):
        return []


def state_of(settings: Settings) -> State:
    """Where the home is served and by what."""
    running = running_at(settings.home_path)
    if running is None:
        return State(home=settings.home)
    children = FileChildren(settings.home_path / "run" / "children").statuses()
    return State(
        home=settings.home, address=running.address, pid=running.pid, memory_mb=_memory_mb(running.pid),
        children=children,
    )  # fmt: skip


def _memory_mb(pid: int) -> float:
    """Proportional set size of a process and its descendants, in MB."""
    total = 0
    try:
        top = psutil.Process(pid)
        for process in [top, *top.children(recursive=True)]:
            full = process.memory_full_info()
            total += int(getattr(full, "pss", full.rss))
    except psutil.Error:
        pass
    return total / 1e6


def environment_of(settings: Settings) -> dict[str, str]:
    """What other programs need to reach the yard that serves this home.

    Raises:
        Unavailable: none does.
    """
    running = running_at(settings.home_path)
    if running is None:
        raise Unavailable(f"no yard serves {settings.home}; start one: yard up")
    from modelyard.app.reach import owner_token

    token = owner_token(settings.home_path) or ""
    return {
        "YARD_HOME": str(settings.home_path),
        "YARD_ADDRESS": running.address,
        "YARD_TOKEN": token,
        "MLFLOW_TRACKING_URI": running.address,
        "MLFLOW_TRACKING_TOKEN": token,
        **trust_of(settings),
    }


def sign_in_link(settings: Settings) -> str:
    """A link that signs a browser in as the home's owner, once.

    Raises:
        Unavailable: no yard serves the home.
    """
    running = running_at(settings.home_path)
    if running is None:
        raise Unavailable(f"no yard serves {settings.home}; start one: yard up")
    from modelyard.app.reach import reach

    with reach(settings) as yard:
        link = yard.governance.sign_in_link()
    return running.address + link.path

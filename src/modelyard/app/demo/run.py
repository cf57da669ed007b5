"""Runs the day: a fresh yard of its own, every step through the public SDK and the open wires, and the end of it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.app.demo import evening, morning, night, noon
from modelyard.app.demo.config import DELIVERIES, DayConfig, read_config
from modelyard.app.demo.day import Day
from modelyard.app.demo.input import cut
from modelyard.app.demo.narrator import Narrator
from modelyard.app.lock import running_at
from modelyard.app.reach import owner_token
from modelyard.app.upkeep import sign_in_link
from modelyard.kernel.clock import SystemClock
from modelyard.kernel.errors import InvalidInput, MissingExtra, NotFound, Unavailable
from modelyard.sdk.hub import Yard
from modelyard.sdk.remote import HttpTransport
from modelyard.settings import Settings

_START_S = 30.0
_NEEDED = ("duckdb", "deltalake", "pyarrow", "sklearn", "mlflow", "pandas", "onnxruntime", "skl2onnx")


def run_demo(
    *, csv: Path | None = None, config: Path | None = None, home: str | None = None, stay: bool | None = None
) -> int:
    """The whole day; the exit code.

    Args:
        csv, config: a file and what its columns mean; without them, the seeded simulation.
        home: where the yard is to live; by default a temporary folder that is gone at the end.
        stay: stay up until Ctrl-C; by default if there is a terminal.

    Raises:
        InvalidInput: one of `csv` and `config` without the other, or a file that is no table.
        MissingExtra: the demo's libraries are not installed.
    """
    check_installed()
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _end)  # Ctrl-C raises by itself; these two would leave the yard behind
    day_config, text, source = read_input(csv, config)
    tell = Narrator(SystemClock())
    tell.say(f"Modelyard · one whole day · {day_config.title}")
    with fresh_yard(home) as (yard, folder):
        settings = Settings(home=str(folder))
        running = running_at(folder)
        tell.address = running.address if running is not None else ""
        tell.say(f"a yard of its own at {tell.address}, in {folder}")
        project = folder / "project"
        project.mkdir()
        day = Day(day_config, cut(text, day_config), yard, tell, folder=project, source=source)
        day.address = tell.address
        try:
            for title, step in STEPS:
                with tell.step(title):
                    step(day)
        finally:
            day.close()
        tell.end("The day is over.")
        if stay if stay is not None else sys.stdout.isatty():
            tell.say(f"look around: {sign_in_link(settings)}   (Ctrl-C ends it)")
            wait_for_interrupt()
    return 0


STEPS: tuple[tuple[str, Callable[[Day], object]], ...] = (
    ("A file becomes a table", morning.ingest),
    ("Features, and a training set without leakage", morning.features),
    ("A cached pipeline trains two candidates", morning.train),
    ("Registered, gated, approved by somebody else", noon.register),
    ("The champion answers, the challenger in its shadow", noon.deploy),
    ("Somebody watches", evening.watch),
    ("A later period: drift, an alert, a retraining", evening.drift),
    ("Compared, let in by a canary, promoted, rolled back", evening.renew),
    ("Where a prediction came from, and what a row reached", night.trace),
    ("Somebody is forgotten", night.forget),
    ("What the day cost", night.cost),
)


def check_installed() -> None:
    """Say the install command if a library of the demo is missing.

    Raises:
        MissingExtra: one is.
    """
    from importlib.util import find_spec

    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise MissingExtra(f"the demo needs {', '.join(missing)}: pip install 'modelyard[demo]'")


def read_input(csv: Path | None, config: Path | None) -> tuple[DayConfig, str, str]:
    """What the day is about, the file's text and its name."""
    if (csv is None) != (config is None):
        raise InvalidInput("--csv and --config go together; see examples/chicago_taxi/day.toml")
    if csv is None or config is None:
        from modelyard.app.demo.simulation import deliveries

        return read_config(DELIVERIES), deliveries(), "deliveries.csv"
    try:
        return read_config(config), csv.read_text("utf-8", "replace"), csv.name
    except OSError as err:
        raise NotFound(f"{csv} cannot be read: {err.strerror}") from err


@contextmanager
def fresh_yard(home: str | None) -> Iterator[tuple[Yard, Path]]:
    """A yard of its own, as `yard up` starts it, and its folder; stopped at the end, and removed if it was temporary.

    Raises:
        InvalidInput: the home is in use already.
        Unavailable: the yard did not start; the text is its last words.
    """
    folder = Path(home).expanduser().resolve() if home else Path(tempfile.mkdtemp(prefix="yard-demo-"))
    if home and folder.exists() and any(folder.iterdir()):
        raise InvalidInput(f"{folder} is not empty; the demo wants a fresh home")
    folder.mkdir(parents=True, exist_ok=True)
    said = folder / "yard-up.txt"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "modelyard", "up", "--home", str(folder), "--port", "0"],
            stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        transport = _connected(process, folder, said)
        try:
            yield Yard(transport, close=transport.close), folder
        finally:
            transport.close()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)
        if not home:
            shutil.rmtree(folder, ignore_errors=True)


def _connected(process: subprocess.Popen[bytes], folder: Path, said: Path) -> HttpTransport:
    clock, pause = SystemClock(), threading.Event()
    end = clock.monotonic() + _START_S
    while (running := running_at(folder)) is None:
        if process.poll() is not None or clock.monotonic() > end:
            raise Unavailable(f"the yard did not start: {said.read_text()[-500:]}")
        pause.wait(0.05)
    return HttpTransport(running.address, owner_token(folder))


def _end(number: int, _: object) -> None:
    sys.exit(128 + number)


def wait_for_interrupt() -> None:
    """Wait until Ctrl-C."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return

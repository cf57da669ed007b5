"""The control process' program: furnish the home, recover, serve, and say when calls are answered."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
from functools import partial

import msgspec
import psutil

from modelyard.adapters.children import FileChildren
from modelyard.app.control import Control
from modelyard.app.house import House, write_private
from modelyard.app.lock import Running
from modelyard.app.logs import begin_logs
from modelyard.app.screens import site
from modelyard.kernel.units import format_bytes, format_duration
from modelyard.kernel.version import VERSION
from modelyard.settings import Settings
from modelyard.ui.kit.frame import Vitals

_log = logging.getLogger("modelyard.serve")


def serve(settings: Settings, listener: socket.socket | None = None) -> None:
    """Serve a home until SIGTERM or SIGINT, then drain."""
    home = settings.home_path
    house = House(settings)
    began = house.clock.monotonic()
    begin_logs(home / "logs", "control", settings.log_level)
    house.owner()
    swept = house.recover()
    control = Control(house, pages=site(house, partial(_vitals, began, house)), listener=listener)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: control.stop())

    def ready(address: str) -> None:
        running = Running(pid=os.getpid(), address=address, since_ms=house.clock.now_ms())
        write_private(home / "run" / "swept.json", msgspec.json.encode(swept))
        write_private(home / "run" / "control.json", msgspec.json.encode(running))
        _log.info("ready", extra={"address": address, "swept": swept})

    gc.collect()
    gc.freeze()
    control.run(ready)
    _log.info("stopped")


def _vitals(began: float, house: House) -> Vitals:
    """What the yard itself costs, for the line under the navigation."""
    children = FileChildren(house.settings.home_path / "run" / "children").statuses()
    alive = [psutil.Process(c.pid) for c in children if c.pid is not None and psutil.pid_exists(c.pid)]
    used = sum(p.memory_info().rss for p in alive)
    count = f"{len(alive)} process" + ("es" if len(alive) != 1 else "")
    up = format_duration(max(1.0, house.clock.monotonic() - began))
    return Vitals(lead=f"{count} · {format_bytes(used)} · up {up}", rest=f"v{VERSION}")

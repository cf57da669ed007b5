"""The control process' program: furnish the home, recover, serve, and say when calls are answered."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket

import msgspec

from modelyard.app.control import Control
from modelyard.app.house import House, write_private
from modelyard.app.lock import Running
from modelyard.app.logs import begin_logs
from modelyard.settings import Settings

_log = logging.getLogger("modelyard.serve")


def serve(settings: Settings, listener: socket.socket | None = None) -> None:
    """Serve a home until SIGTERM or SIGINT, then drain."""
    home = settings.home_path
    house = House(settings)
    begin_logs(home / "logs", "control", settings.log_level)
    house.owner()
    swept = house.recover()
    control = Control(house, listener=listener)
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

"""What is fetched into memory once somebody looks: the lake's engines, so that the first page of rows is quick.

A yard that nobody looks at stays small; programs pay for the engines when they first use them.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Sequence

HEAVY = ("modelyard.adapters.delta", "modelyard.adapters.duck", "modelyard.lake.service.reading")
"""Modules that take a second or more to import."""
_PAUSE_S = 0.5


class Warming:
    """Imports heavy modules once, in a thread of its own, a moment after it was asked to."""

    def __init__(self, modules: Sequence[str] = HEAVY, *, pause_s: float = _PAUSE_S) -> None:
        self._modules = modules
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._begun: threading.Timer | None = None

    def begin(self) -> None:
        """Begin, unless it was begun before; the page that is being made goes first."""
        with self._lock:
            if self._begun is None:
                self._begun = threading.Timer(self._pause_s, self._fetch)
                self._begun.name = "yard-warming"
                self._begun.start()

    def wait(self, seconds: float) -> None:
        """Wait until all is there, but no longer than that."""
        if self._begun is not None:
            self._begun.join(seconds)

    def _fetch(self) -> None:
        for name in self._modules:
            try:
                importlib.import_module(name)
            except ImportError:  # an extra that is not installed: whoever needs it is told so
                continue

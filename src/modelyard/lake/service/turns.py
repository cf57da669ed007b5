"""Turns: how long a commit that others outrun is tried again.

Locks keep the writers of one machine apart. Between machines only the log and the catalogue decide who was first, so
whoever lost begins again soon, at a moment of its own: a wait that grew would let those who only come win again and
again over those who lost before.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from modelyard.ports.tables import Tables

_LEAST = 8
_PATIENCE_S, _PAUSE_S = 120.0, 0.2
_draw = random.SystemRandom()


def turns(tables: Tables) -> Iterator[int]:
    """The numbers of the attempts, each when its time has come: eight, or what two minutes allow between machines."""
    until = time.monotonic() + _PATIENCE_S
    number = 0
    while number < _LEAST or (tables.shared and time.monotonic() < until):
        yield number
        number += 1
        if tables.shared:
            time.sleep(_draw.uniform(0, _PAUSE_S))

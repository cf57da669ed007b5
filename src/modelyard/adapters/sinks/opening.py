"""What a sink is opened by: its address and what goes with it, and where this yard may write. Records only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelyard.adapters.sources.addresses import Grounds
from modelyard.kernel.clock import Clock
from modelyard.ports.secrets import Secret
from modelyard.ports.sinks import Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One sink, about to be opened.

    Attributes:
        grounds: the hosts, folders and buckets that may be written to; none where it is empty.
        pauses_s: how long to wait before each further try of what the other side did not take.
    """

    address: str
    way: Way
    secret: Secret | None
    options: Mapping[str, str]
    grounds: Grounds
    clock: Clock
    pauses_s: Sequence[float]

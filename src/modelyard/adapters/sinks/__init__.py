"""The sinks port: the scheme of an address picks the adapter; only what is listed is ever written to.

An adapter is a module with two functions: `check(opening)` refuses what it cannot or may not write without dialling,
`opened(opening)` gives the `Target`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from modelyard.adapters.sinks.opening import Opening
from modelyard.adapters.sources.addresses import Grounds, refuse_secrets, scheme_of
from modelyard.kernel.clock import Clock, SystemClock
from modelyard.kernel.errors import InvalidInput, MissingExtra
from modelyard.ports.secrets import Secret
from modelyard.ports.sinks import Target, Way


class Adapter(NamedTuple):
    """Where an adapter stands, the extra that holds its library, and the ways it takes rows."""

    module: str
    extra: str
    ways: frozenset[Way]


_PAUSES_S = (0.2, 1.0, 3.0)
_POSTGRES = Adapter("postgres", "postgres", frozenset(Way))
_REDIS = Adapter("redis", "redis", frozenset({Way.MERGE}))
_PARQUET = Adapter("parquet", "lake", frozenset({Way.APPEND, Way.OVERWRITE}))
_WEBHOOK = Adapter("webhook", "lake", frozenset({Way.APPEND, Way.MERGE}))

ADAPTERS: dict[str, Adapter] = {
    **dict.fromkeys(("postgresql", "postgres"), _POSTGRES),
    **dict.fromkeys(("redis", "rediss", "redis+unix"), _REDIS),
    **dict.fromkeys(("file", "s3", "gs", "az"), _PARQUET),
    **dict.fromkeys(("http", "https"), _WEBHOOK),
}
"""Scheme -> adapter."""


class _Module(Protocol):
    def check(self, opening: Opening, *, sealed: bool) -> None: ...

    def opened(self, opening: Opening) -> Target: ...


class KnownSinks:
    """Every sink that this installation can write.

    Args:
        allowed: hosts, folders and buckets that may be written to; none where it is empty.
        pauses_s: how long to wait before each further try of what the other side did not take.
    """

    def __init__(
        self, allowed: Sequence[str], clock: Clock | None = None, *, pauses_s: Sequence[float] = _PAUSES_S
    ) -> None:
        places = tuple(each for each in allowed if each.startswith("/") or "://" in each)
        self._grounds = Grounds(folders=places, hosts=tuple(each for each in allowed if each not in places))
        self._clock = clock or SystemClock()
        self._pauses_s = tuple(pauses_s)

    def check(self, address: str, way: Way, options: Mapping[str, str], *, sealed: bool) -> None:
        """Refuse an address before anybody keeps it."""
        opening = self._opening(address, way, None, options)
        _adapter(opening).check(opening, sealed=sealed)

    def open(self, address: str, *, way: Way, secret: Secret | None, options: Mapping[str, str]) -> Target:
        """The system behind an address."""
        opening = self._opening(address, way, secret, options)
        adapter = _adapter(opening)
        adapter.check(opening, sealed=secret is not None)
        return adapter.opened(opening)

    def _opening(self, address: str, way: Way, secret: Secret | None, options: Mapping[str, str]) -> Opening:
        return Opening(
            address=address, way=way, secret=secret, options=options, grounds=self._grounds, clock=self._clock,
            pauses_s=self._pauses_s,
        )  # fmt: skip


def _adapter(opening: Opening) -> _Module:
    refuse_secrets(opening.address)
    scheme = scheme_of(opening.address)
    if (adapter := ADAPTERS.get(scheme)) is None:
        raise InvalidInput(f"no sink is known for {scheme}:// addresses; there are {', '.join(sorted(ADAPTERS))}")
    if opening.way not in adapter.ways:
        ways = ", ".join(sorted(adapter.ways))
        raise InvalidInput(f"{scheme}:// takes rows by {ways} alone, not by {opening.way}; say so: --way")
    try:
        return cast("_Module", import_module(f"modelyard.adapters.sinks.{adapter.module}"))
    except ModuleNotFoundError as err:
        raise MissingExtra(f"this sink needs {err.name}: pip install 'modelyard[{adapter.extra}]'") from err

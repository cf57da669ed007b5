"""The sources port: the scheme of an address picks the adapter, which is imported when it is first needed.

An adapter is a module with two functions: `check(address, options, grounds)` refuses what it cannot or may not read
without dialling, `opened(address, secret, options, grounds)` gives the `RowSource` or `FileSource`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from modelyard.adapters.sources.addresses import Grounds, refuse_secrets, scheme_of
from modelyard.kernel.errors import InvalidInput, MissingExtra
from modelyard.ports.secrets import Secret
from modelyard.ports.sources import FileSource, RowSource

__all__ = ["ADAPTERS", "Grounds", "KnownSources"]


class Adapter(NamedTuple):
    """Where an adapter stands, and the extra that holds its library."""

    module: str
    extra: str


_SQL = Adapter("sql", "sql")
_REDIS = Adapter("redis", "redis")
_BUCKET = Adapter("buckets", "s3")
_WEB = Adapter("web", "lake")

ADAPTERS: dict[str, Adapter] = {
    "file": Adapter("folders", "lake"),
    **dict.fromkeys(("http", "https"), _WEB),
    **dict.fromkeys(("s3", "gs", "az"), _BUCKET),
    **dict.fromkeys(("postgresql", "postgres", "sqlite", "mysql", "snowflake", "bigquery"), _SQL),
    **dict.fromkeys(("redis", "rediss", "redis+unix"), _REDIS),
    "kafka": Adapter("kafka", "kafka"),
    "dynamodb": Adapter("dynamodb", "dynamodb"),
    "dlt": Adapter("given", "dlt"),
}
"""Scheme -> adapter."""


class _Module(Protocol):
    def check(self, address: str, options: Mapping[str, str], grounds: Grounds) -> None: ...

    def opened(
        self, address: str, secret: Secret | None, options: Mapping[str, str], grounds: Grounds
    ) -> RowSource | FileSource: ...


class KnownSources:
    """Every source that this installation can read."""

    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds

    def check(self, address: str, options: Mapping[str, str]) -> None:
        """Refuse an address before anybody keeps it; nothing is dialled."""
        _adapter(address).check(address, options, self._grounds)

    def open(self, address: str, *, secret: Secret | None, options: Mapping[str, str]) -> RowSource | FileSource:
        """The source behind an address."""
        adapter = _adapter(address)
        adapter.check(address, options, self._grounds)
        return adapter.opened(address, secret, options, self._grounds)


def _adapter(address: str) -> _Module:
    refuse_secrets(address)
    scheme = scheme_of(address)
    if (adapter := ADAPTERS.get(scheme)) is None:
        raise InvalidInput(f"no source is known for {scheme}:// addresses; there are {', '.join(sorted(ADAPTERS))}")
    try:
        return cast("_Module", import_module(f"modelyard.adapters.sources.{adapter.module}"))
    except ModuleNotFoundError as err:
        raise MissingExtra(f"a {scheme}:// source needs {err.name}: pip install 'modelyard[{adapter.extra}]'") from err

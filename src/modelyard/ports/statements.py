"""Statements from SQL text that both engines take, compiled once a dialect, for stores that put a search together.

`{like:NAME}` in a text becomes a comparison that heeds case on both engines: GLOB on SQLite (whose LIKE does not heed
it), LIKE on Postgres. Bind both forms with `like_params`. A text is written by a store; a value goes into a parameter,
never into the text. `{by:INDEX}` behind a table says which index SQLite reads it by, where without statistics it took a
worse one; it means nothing to Postgres, which has them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from modelyard.ports.database import Statement

_BATCH = 200
_LIKE = re.compile(r"\{like:(\w+)\}")
_BY = re.compile(r"\{by:(\w+)\}")
_GLOB = {"*": "[*]", "?": "[?]", "[": "[[]", "%": "*", "_": "?"}


class _Sql(ClauseElement):
    inherit_cache = False

    def __init__(self, text: str) -> None:
        self.text = text


@compiles(_Sql)
def _plain(element: _Sql, compiler: SQLCompiler, **options: Any) -> str:
    text = _BY.sub("", _LIKE.sub(r"LIKE :\1 ESCAPE ''", element.text))
    return compiler.process(sa.text(text), **options)


@compiles(_Sql, "sqlite")
def _sqlite(element: _Sql, compiler: SQLCompiler, **options: Any) -> str:
    text = _BY.sub(r"INDEXED BY \1", _LIKE.sub(r"GLOB :\1_glob", element.text))
    return compiler.process(sa.text(text), **options)


def sql(text: str) -> Statement:
    """A statement from its text, with `:name` parameters."""
    return Statement(_Sql(text))


cached = lru_cache(maxsize=1024)(sql)
"""The statement of a text that is put together for a search; equal texts share one."""


def like_params(name: str, pattern: str) -> dict[str, str]:
    """A LIKE pattern under its name for both engines."""
    return {name: pattern, f"{name}_glob": "".join(_GLOB.get(c, c) for c in pattern)}


def in_params(name: str, values: Sequence[str | int]) -> tuple[str, dict[str, str | int]]:
    """The inside of an IN list and its parameters; padded to a power of two, so that few texts are ever compiled."""
    size = 1
    while size < len(values):
        size *= 2
    padded = [*values, *[values[-1]] * (size - len(values))]
    names = [f"{name}_{i}" for i in range(size)]
    return ", ".join(f":{n}" for n in names), dict(zip(names, padded, strict=True))


def batches(values: Sequence[int]) -> list[Sequence[int]]:
    """`values` in parts that an IN list takes."""
    return [values[i : i + _BATCH] for i in range(0, len(values), _BATCH)]

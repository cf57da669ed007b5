"""Texts in rows that name somebody: found page by page, and replaced by a mark, for every store that keeps texts.

A store says where its texts lie as `Place`s; one page of rows is in memory, and one unit changes those of a page. What
the database tells apart is coarse: a row comes if one of the LIKE patterns fits a text of it, then the rule decides. A
row that changed since it was read is left alone: a later look finds it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec

from modelyard.kernel.mentions import MARK, Sought, is_document, without
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.ports.statements import cached, like_params

_A_PAGE = 200
_MOST_LONGER = 10_000
Text = str | bytes | None


@dataclass(frozen=True, slots=True)
class Place:
    """Columns of a table that hold texts.

    Attributes:
        what: how what lies there is counted, e.g. `params`.
        keys: the primary key's columns, `after` what lies before every one of them.
        texts: the columns; of a pair the key and the value.
        home: SQL for what a row belongs to, where `r` is its table and `join` may add others.
        is_pair: the texts are a key and a value: a key that names somebody goes with its value.
        packed: the texts are JSON as bytes.
        under: the name under which a column's text counts however short it is.
        instead: what a column says where it named somebody, if not the mark; `{}` is the row's first key.
        whole: a row that names somebody goes.
    """

    what: str
    table: str
    keys: tuple[str, ...]
    after: tuple[str | int, ...]
    texts: tuple[str, ...]
    home: str
    join: str = ""
    is_pair: bool = False
    packed: bool = False
    under: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, str | None] = field(default_factory=dict)
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that names somebody.

    Attributes:
        texts: what it says now.
        change: what it is to say instead; None: the row goes.
    """

    keys: tuple[str | int, ...]
    home: str
    texts: tuple[Text, ...]
    change: Mapping[str, Text] | None


@dataclass(slots=True)
class Purge:
    """How many rows of each kind name somebody, by what they belong to; and longer words, taken for others'."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    longer: set[str] = field(default_factory=set)


Changed = Callable[[Place, Sequence[Hit]], None]
"""What is done in the unit that changes these rows."""


def purge(sought: Sought, places: Sequence[Place], *, changed: Changed | None, into: Purge | None = None) -> Purge:
    """Find what names somebody; with `changed`, replace or remove it in units of one page."""
    done = into or Purge()
    for place in places:
        for page in _pages(place, sought.patterns):
            hits = [hit for row in page if (hit := _judged(place, sought, row, done.longer)) is not None]
            done.counts.update((place.what, hit.home) for hit in hits)
            if hits and changed is not None:
                calls.current().unit(partial(_change, place, hits, changed))
    return done


def _pages(place: Place, patterns: Sequence[str]) -> Iterator[list[tuple[Text | int, ...]]]:
    names = [f"p{i}" for i in range(len(patterns))]
    params: dict[str, str | int] = {}
    for name, pattern in zip(names, patterns, strict=True):
        params |= like_params(name, pattern)
    held = " OR ".join(f"r.{column} {{like:{name}}}" for column in place.texts for name in names)
    first, *more = place.keys
    beyond = f"r.{first} > :k0" if not more else f"(r.{first} > :k0 OR (r.{first} = :k0 AND r.{more[0]} > :k1))"
    columns = ", ".join(f"r.{column}" for column in (*place.keys, *place.texts))
    order = ", ".join(f"r.{key}" for key in place.keys)
    statement = cached(
        f"SELECT {columns}, {place.home} FROM {place.table} r {place.join} WHERE {beyond}"
        f"{'' if place.packed else f' AND ({held})'} ORDER BY {order} LIMIT {_A_PAGE}"
    )
    last: Sequence[str | int] = place.after
    while rows := calls.current().tx.all(statement, (params if not place.packed else {}) | _keyed(last)):
        yield rows
        last = rows[-1][: len(place.keys)]


def _judged(place: Place, sought: Sought, row: Sequence[object], longer: set[str]) -> Hit | None:
    keys = tuple(key if isinstance(key, int) else str(key) for key in row[: len(place.keys)])
    texts = tuple(_as_text(each) for each in row[len(place.keys) : -1])
    said = dict(zip(place.texts, texts, strict=True))
    if place.packed:
        change: Mapping[str, Text] | None = _packed(said, sought)
    elif place.is_pair:
        change = _pair(said, sought)
    else:
        told = {column: {place.under.get(column, ""): text} for column, text in said.items() if isinstance(text, str)}
        change = {c: _instead(place, c, keys[0]) for c, pair in told.items() if sought.is_under(pair)}
    if change == {}:
        if len(longer) < _MOST_LONGER:
            longer.update(word for text in texts if isinstance(text, str) for word in sought.longer(text))
        return None
    return Hit(keys, "" if row[-1] is None else str(row[-1]), texts, None if place.whole else change)


def _as_text(value: object) -> Text:
    if isinstance(value, (bytes, memoryview)):
        return bytes(value)
    return None if value is None else str(value)


def _pair(said: Mapping[str, Text], sought: Sought) -> Mapping[str, Text] | None:
    (_, key), (column, value) = said.items()
    key, value = str(key), str(value)
    if sought.stands_in(key):
        return None
    if not sought.is_under({key: value}):
        return {}
    return None if key.startswith("mlflow.") and is_document(value) else {column: MARK}


def _packed(said: Mapping[str, Text], sought: Sought) -> Mapping[str, Text]:
    change: dict[str, Text] = {}
    for column, body in said.items():
        if body:
            found = json.loads(body)
            if (left := without(found, sought)) != found:
                change[column] = msgspec.json.encode(left)
    return change


def _instead(place: Place, column: str, key: str | int) -> str | None:
    words = place.instead.get(column, MARK)
    return None if words is None else words.replace("{}", str(key))


def _change(place: Place, hits: Sequence[Hit], changed: Changed) -> None:
    tx = calls.current().tx
    for hit in hits:
        if hit.change is None:
            _drop(tx, place, hit)
        else:
            _rewrite(tx, place, hit, hit.change)
    changed(place, hits)


def _drop(tx: Transaction, place: Place, hit: Hit) -> None:
    tx.run(cached(f"DELETE FROM {place.table} WHERE {_these(place)}"), _keyed(hit.keys))


def _rewrite(tx: Transaction, place: Place, hit: Hit, change: Mapping[str, Text]) -> None:
    columns = list(change)
    said = dict(zip(place.texts, hit.texts, strict=True))
    sets = ", ".join(f"{column} = :new{i}" for i, column in enumerate(columns))
    same = " AND ".join(f"{column} = :old{i}" for i, column in enumerate(columns))
    params: dict[str, Text | int] = {**_keyed(hit.keys)}
    for i, column in enumerate(columns):
        params |= {f"new{i}": change[column], f"old{i}": said[column]}
    tx.run(cached(f"UPDATE {place.table} SET {sets} WHERE {_these(place)} AND {same}"), params)


def _these(place: Place) -> str:
    return " AND ".join(f"{key} = :k{i}" for i, key in enumerate(place.keys))


def _keyed(keys: Sequence[str | int]) -> dict[str, str | int]:
    return {f"k{i}": key for i, key in enumerate(keys)}

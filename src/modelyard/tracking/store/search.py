"""Searches: a parsed filter and order as one statement, put together once for each shape.

A condition on a metric, or that a param or tag equals a text, is a set of runs, read once from the (key, value, run)
index; each other condition on a param or tag is a join, and so is each sort key. The sets leave the database no choice:
without statistics it began with the metric that most runs have, ten times as dear. A set that many runs are in is not
gathered where an index gives the order: each run that is walked past is looked up instead, and few are. A missing value
sorts last, a not-a-number before it, whichever way the order goes. Where one metric, param or tag alone sorts what no
join narrows, its index is walked in that order and no further than the window asks, between the bounds that the filter
sets for it; only a window beyond its end reads what has no value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from modelyard.ports.database import Params, Row, Transaction
from modelyard.ports.statements import cached, in_params, like_params
from modelyard.tracking.api.batches import key_number
from modelyard.tracking.model.filters import Condition, Entity, Order

_PREFIX = 200
"""Characters of a value that its index holds; as in the tables' indexes."""
_SMALL = 2000
"""Runs that a condition's set may have to be gathered; to gather one and to look one up cost about the same."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is searched.

    Attributes:
        source: the table, with its alias `r`.
        columns: what a row of the answer holds.
        attributes: expressions of attributes.
        owner: the expression that key-value rows point to.
        params, tags: tables of key-value rows and their column that points to the owner.
        natural: the order behind every other.
        tie: the expression that tells two rows apart, always last.
        gaps: attributes that may be missing; by default any.
        walks: True if key-value rows, those of metrics included, point to it by number.
    """

    source: str
    columns: str
    attributes: Mapping[str, str]
    owner: str
    tags: tuple[str, str]
    params: tuple[str, str] | None
    natural: tuple[str, str]
    tie: str
    gaps: frozenset[str] | None = None
    walks: bool = False


RUN_ATTRIBUTES = {
    "artifact_uri": "r.location", "end_time": "r.end_ms", "run_id": "r.run", "run_name": "r.name",
    "start_time": "r.start_ms", "status": "r.status", "user_id": "r.user_id",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Walk:
    """An index that holds the whole order of a search; `joined` names the same rows where they are joined."""

    table: str
    column: str
    key: str
    values: str
    way: str
    joined: str
    metric: str | None


@dataclass(frozen=True, slots=True)
class _Set:
    """Rows of a table that a condition chooses, and the column of theirs that points to what is searched."""

    table: str
    column: str
    test: str

    def within(self, owner: str) -> str:
        """The condition, over the whole set."""
        return f"{owner} IN (SELECT {self.column} FROM {self.table} WHERE {self.test})"

    def looked_up(self, owner: str) -> str:
        """The condition, over the rows of the one that is looked at."""
        return f"EXISTS (SELECT 1 FROM {self.table} WHERE {self.column} = {owner} AND {self.test})"

    def is_small(self, tx: Transaction, params: Params) -> bool:
        """True if it is soon gathered."""
        some = f"SELECT 1 FROM {self.table} WHERE {self.test} LIMIT {_SMALL + 1}"
        row = tx.one(cached(f"SELECT COUNT(*) FROM ({some}) AS few"), params)
        return row is None or row[0] <= _SMALL


@dataclass(slots=True)
class Query:
    """A search under construction."""

    target: Target
    joins: list[str] = field(default_factory=list)
    wheres: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    params: dict[str, str | int | float] = field(default_factory=dict)
    bounds: dict[str | None, list[tuple[str, str]]] = field(default_factory=dict)
    sets: dict[str, _Set] = field(default_factory=dict)
    walk: _Walk | None = None

    def within(self, column: str, values: Sequence[str | int]) -> None:
        """Keep rows whose column is one of `values`."""
        name = f"w{len(self.params)}"
        if not values:
            self.wheres.append("1 = 0")
            return
        inside, params = in_params(name, values)
        self.wheres.append(f"{column} IN ({inside})" if len(values) > 1 else f"{column} = {inside}")
        self.params |= params

    def keep(self, condition: Condition) -> None:
        """Keep rows that meet a condition."""
        if condition.entity is Entity.ATTRIBUTE:
            self.wheres.append(self.compare(self.target.attributes[condition.key], condition))
        elif condition.entity is Entity.METRIC:
            self._keep_metric(condition)
        elif condition.entity is Entity.DATASET:
            self._keep_dataset(condition)
        else:
            self._keep_text(condition)

    def sort(self, order: Order) -> None:
        """Sort by one more key."""
        alone, self.walk = not self.joins and not self.orders, None
        way = "ASC" if order.ascending else "DESC"
        if order.entity is Entity.ATTRIBUTE:
            value = self.target.attributes[order.key]
            if self.target.gaps is None or order.key in self.target.gaps:
                self.orders.append(f"CASE WHEN {value} IS NULL THEN 1 ELSE 0 END")
            self.orders.append(f"{value} {way}")
            return
        if order.entity is Entity.METRIC:
            alias = f"o{len(self.joins)}"
            table, column, key, values = "tracking_latest", "run", self.bind(key_number(order.key)), "{0}.value"
            rank = f"CASE WHEN {alias}.is_nan = 1 THEN 1 WHEN {alias}.value IS NULL THEN 2 ELSE 0 END"
        else:
            alias = f"o{len(self.joins)}"
            table, column = self._table(order.entity)
            key, values = self.bind(order.key), f"substr({{0}}.value, 1, {_PREFIX}) {{1}}, {{0}}.value"
            rank = f"CASE WHEN {alias}.value IS NULL THEN 1 ELSE 0 END"
        self.joins.append(
            f"LEFT JOIN {table} {alias} ON {alias}.{column} = {self.target.owner} AND {alias}.key = {key}"
        )
        self.orders += [rank, f"{alias}.value {way}"]
        if alone and self.target.walks:
            metric = order.key if order.entity is Entity.METRIC else None
            self.walk = _Walk(table, column, key, values.format("s", way), way, alias, metric)

    def count(self, tx: Transaction) -> int:
        """How many rows it finds; to be asked before `sort`, which only adds joins."""
        text = (
            f"SELECT COUNT(*) FROM {self.target.source} {' '.join(self.joins)} "
            f"WHERE {' AND '.join(self.wheres) or '1 = 1'}"
        )
        row = tx.one(cached(text), dict(self.params))
        return int(row[0]) if row else 0

    def rows(self, tx: Transaction, *, limit: int, offset: int) -> list[Row]:
        """Run it; up to `limit` rows from `offset`."""
        walk = self.walk
        if walk is None:
            natural = all(order.startswith(self.target.natural[0]) for order in self.orders[:1])
            return (self._lazy(tx, ()) if natural else self)._window(tx, limit=limit, offset=offset)
        source = f"{walk.table} s CROSS JOIN {self.target.source}"
        bounds = self.bounds.get(walk.metric, [])
        sets = {whole for whole, _ in bounds}
        wheres = [
            f"s.key = {walk.key}", "s.value IS NOT NULL", f"s.{walk.column} = {self.target.owner}",
            *(f"s.{test}" for _, test in bounds), *(w for w in self._lazy(tx, sets).wheres if w not in sets),
        ]  # fmt: skip
        orders = [f"{walk.values} {walk.way}", *self._last_orders([])]
        body = f"FROM {source} WHERE {' AND '.join(wheres)}"
        text = f"SELECT {self.target.columns} {body} ORDER BY {', '.join(orders)} LIMIT :n_rows OFFSET :n_skip"
        found = list(tx.all(cached(text), {**self.params, "n_rows": limit, "n_skip": offset}))
        if len(found) == limit or bounds:  # what has no value lies within no bounds
            return found
        before = offset + len(found)
        if offset and not found:  # the window may begin among those without a value: where, only a count can say
            row = tx.one(cached(f"SELECT COUNT(*) {body}"), dict(self.params))
            before = int(row[0]) if row else 0
        rest = replace(self, wheres=[*self.wheres, f"{walk.joined}.value IS NULL"], walk=None)
        return found + rest._window(tx, limit=limit - len(found), offset=offset + len(found) - before)

    def _window(self, tx: Transaction, *, limit: int, offset: int) -> list[Row]:
        text = (
            f"SELECT {self.target.columns} FROM {self.target.source} {' '.join(self.joins)} "
            f"WHERE {' AND '.join(self.wheres) or '1 = 1'} ORDER BY {', '.join(self._last_orders(self.orders))} "
            "LIMIT :n_rows OFFSET :n_skip"
        )
        params: Params = {**self.params, "n_rows": limit, "n_skip": offset}
        return tx.all(cached(text), params)

    def _last_orders(self, orders: Sequence[str]) -> list[str]:
        """An order with what always ends it: the natural one, then what tells two rows apart."""
        natural, way = self.target.natural
        ends = [f"{natural} {way}"] if not any(natural in o for o in orders) else []
        ends += [f"{self.target.tie} ASC"] if not any(o.startswith(self.target.tie + " ") for o in orders) else []
        return [*orders, *ends]

    def _keep_metric(self, condition: Condition) -> None:
        key = self.bind(key_number(condition.key))
        value = self.bind(float(condition.value) if isinstance(condition.value, int | float) else 0.0)
        test = f"value {condition.comparator} {value}"
        if condition.comparator == "!=":
            self._among(_Set("tracking_latest", "run", f"key = {key} AND ({test} OR is_nan = 1)"))
            return
        self._among(_Set("tracking_latest", "run", f"key = {key} AND {test}"))
        self.bounds.setdefault(condition.key, []).append((self.wheres[-1], test))

    def _among(self, rows: _Set) -> None:
        """Keep rows whose number is in a set."""
        self.wheres.append(rows.within(self.target.owner))
        self.sets[self.wheres[-1]] = rows

    def _lazy(self, tx: Transaction, done: Collection[str]) -> Query:
        """The same for a window that an index's order ends early: of its sets but those `done`, none large is gathered.

        What the index passes is looked up instead: about a window's length, times how many runs there are to one found.
        """
        large = {
            where: rows.looked_up(self.target.owner)
            for where, rows in self.sets.items()
            if where not in done and not rows.is_small(tx, self.params)
        }
        return replace(self, wheres=[large.get(where, where) for where in self.wheres]) if large else self

    def _keep_text(self, condition: Condition) -> None:
        alias = f"t{len(self.joins) + len(self.wheres)}"
        table, column = self._table(condition.entity)
        key = self.bind(condition.key)
        if condition.comparator in ("IS NULL", "IS NOT NULL"):
            never = "NOT " if condition.comparator == "IS NULL" else ""
            self.wheres.append(
                f"{never}EXISTS (SELECT 1 FROM {table} {alias} WHERE {alias}.{column} = {self.target.owner} "
                f"AND {alias}.key = {key})"
            )
            return
        if condition.comparator == "=":  # the index holds the head of the value
            head = self.bind(str(condition.value)[:_PREFIX])
            whole = "" if len(str(condition.value)) < _PREFIX else f" AND {self.compare('value', condition)}"
            self._among(_Set(table, column, f"key = {key} AND substr(value, 1, {_PREFIX}) = {head}{whole}"))
            return
        self.joins.append(f"JOIN {table} {alias} ON {alias}.{column} = {self.target.owner} AND {alias}.key = {key}")
        self.wheres.append(self.compare(f"{alias}.value", condition))

    def _keep_dataset(self, condition: Condition) -> None:
        column = {"name": "d.name", "digest": "d.digest", "context": "i.context"}[condition.key]
        self.wheres.append(
            "EXISTS (SELECT 1 FROM tracking_input i JOIN tracking_dataset d ON d.id = i.dataset "
            f"WHERE i.run = {self.target.owner} AND {self.compare(column, condition)})"
        )

    def compare(self, value: str, condition: Condition) -> str:
        """The test that an expression meets a condition."""
        given = condition.value
        if isinstance(given, tuple):
            inside, params = in_params(f"w{len(self.params)}", given)
            self.params |= params
            return f"{value} {condition.comparator} ({inside})"
        if condition.comparator in ("LIKE", "ILIKE"):
            name = f"w{len(self.params)}"
            if condition.comparator == "ILIKE":
                self.params[name] = str(given).replace("\x01", "")
                return f"lower({value}) LIKE lower(:{name}) ESCAPE '\x01'"
            self.params |= like_params(name, str(given))
            return f"{value} {{like:{name}}}"
        return f"{value} {condition.comparator} {self.bind(given if given is not None else '')}"

    def _table(self, entity: Entity) -> tuple[str, str]:
        table = self.target.params if entity is Entity.PARAM else self.target.tags
        return table or self.target.tags

    def bind(self, value: str | int | float) -> str:
        """Carry a value as a parameter; its name in the text."""
        name = f"w{len(self.params)}"
        self.params[name] = value
        return f":{name}"

"""Searches: a parsed filter and order as one statement, put together once for each shape.

A condition on a metric, or that a param or tag equals a text, is a set of runs, read from the (key, value, run) index;
each other condition on a param or tag is a join, and so is each sort key. The sets leave the database no choice: with
no statistics it began with the metric that most runs have, or with all runs for a set of one. If a set is small, the
smallest leads: its runs are read, looked up in the others and sorted. If all are large, runs are walked in the order of
an index, no further than the window asks, and each that is passed is looked up; only where no index gives the order are
large sets gathered whole. A missing value sorts last, a not-a-number before it, whichever way the order goes. Where one
metric, param or tag alone sorts what no join narrows, its index is walked, between the bounds that the filter sets for
it; only a window beyond its end reads what has no value.
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
_SMALL = 500
"""Runs that a condition's set may have to lead; of a large one, how many are gathered where the newest come first."""
_FEW = 1000
"""Runs that a search may have to be counted among at once."""


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
        by_value: True if an index of key-value rows, named for it, has those of one value by owner.
        by: attributes of which an index holds the rows of one value in the natural order, and that index.
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
    by_value: bool = False
    by: Mapping[str, str] = field(default_factory=dict)
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
    """Rows of a table that a condition chooses, at most one for each thing that is searched.

    Attributes:
        column: the column of theirs that points to it.
        test: the condition, with `{0}` before each column.
        index: the one that holds them in the order of that column; empty if none does.
    """

    table: str
    column: str
    test: str
    index: str = ""

    def within(self, owner: str) -> str:
        """The condition, over the whole set."""
        return f"{owner} IN (SELECT {self.column} FROM {self.table} WHERE {self.test.format('')})"

    def source(self, alias: str) -> str:
        """The table under an alias, for looking rows up one by one."""
        return f"{self.table} {alias}" + (f" {{by:{self.index}}}" if self.index else "")

    def joined(self, alias: str, owner: str) -> str:
        """The condition that a row of the table, under an alias, is one of these and points to `owner`."""
        return f"{alias}.{self.column} = {owner} AND {self.test.format(alias + '.')}"

    def partly(self, owner: str, above: str) -> str:
        """The condition, over the rows that point above a number and one by one below."""
        some = f"SELECT {self.column} FROM {self.table} WHERE {self.test.format('')} AND {self.column} > {above}"
        one = f"SELECT 1 FROM {self.source('l')} WHERE {self.joined('l', owner)}"
        return f"({owner} IN ({some}) OR {owner} <= {above} AND EXISTS ({one}))"

    def end(self, tx: Transaction, params: Params) -> int | None:
        """What the first row points to that a small set has not, from the newest by an index; None if they are few."""
        order = f" ORDER BY {self.column} DESC" if self.index else ""
        text = f"SELECT {self.column} FROM {self.table} WHERE {self.test.format('')}{order} LIMIT 1 OFFSET {_SMALL}"
        row = tx.one(cached(text), params)
        return int(row[0]) if row else None

    def count(self, tx: Transaction, params: Params) -> int:
        """How many they are."""
        row = tx.one(cached(f"SELECT COUNT(*) FROM {self.table} WHERE {self.test.format('')}"), params)
        return int(row[0]) if row else 0


def few(tx: Transaction, source: str, params: Params) -> int | None:
    """How many rows there are, if they are few: that is soon said."""
    row = tx.one(cached(f"SELECT COUNT(*) FROM (SELECT 1 FROM {source} LIMIT {_FEW + 1}) AS few"), params)
    return int(row[0]) if row and row[0] <= _FEW else None


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
    ends: dict[str, int | None] = field(default_factory=dict)
    scope: list[str] = field(default_factory=list)
    source: str = ""
    by: str = ""
    walk: _Walk | None = None

    def within(self, column: str, values: Sequence[str | int]) -> None:
        """Keep rows whose column is one of `values`."""
        name = f"w{len(self.params)}"
        if values:
            inside, params = in_params(name, values)
            self.scope.append(f"{column} IN ({inside})" if len(values) > 1 else f"{column} = {inside}")
            self.params |= params
        else:
            self.scope.append("1 = 0")
        self.wheres.append(self.scope[-1])

    def keep(self, condition: Condition) -> None:
        """Keep rows that meet a condition."""
        if condition.entity is Entity.ATTRIBUTE:
            self.wheres.append(self.compare(self.target.attributes[condition.key], condition))
            if condition.comparator == "=":
                self.by = self.target.by.get(condition.key, self.by)
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
        row = tx.one(cached(f"SELECT COUNT(*) {self.body}"), dict(self.params))
        return int(row[0]) if row else 0

    def count_soon(self, tx: Transaction) -> int | None:
        """The same where it takes little, because a set or all that is searched is small; else None."""
        least = self._least(tx)
        if least:
            return self._led(least).count(tx)
        scope = f"{self.target.source} WHERE {' AND '.join(self.scope) or '1 = 1'}"
        return self.count(tx) if few(tx, scope, dict(self.params)) is not None else None

    def led(self, tx: Transaction) -> Query:
        """The same for what reads all that is found: begun with its smallest set, unless a large one is alone."""
        if len(self.sets) < 2:
            least = self._least(tx)
            return self._led(least) if least else self
        return self._led(min(self.sets, key=lambda where: self.sets[where].count(tx, self.params)))

    @property
    def body(self) -> str:
        """All of its statement between what is selected and the order."""
        where = " AND ".join(self.wheres) or "1 = 1"
        return f"FROM {self.source or self.target.source} {' '.join(self.joins)} WHERE {where}"

    def rows(self, tx: Transaction, *, limit: int, offset: int) -> list[Row]:
        """Run it; up to `limit` rows from `offset`."""
        walk = self.walk
        bounds = self.bounds.get(walk.metric, []) if walk else []
        done = {whole for whole, _ in bounds}
        least = self._least(tx, done)
        if least:
            return self._led(least)._window(tx, limit=limit, offset=offset)
        if walk is None:
            natural = all(order.startswith(self.target.natural[0]) for order in self.orders[:1])
            return (self._begun() if natural else self.led(tx))._window(tx, limit=limit, offset=offset)
        looking = replace(self, source=f"{walk.table} s", joins=[])._looking(done, f"s.{walk.column}")
        wheres = [
            f"s.key = {walk.key}", "s.value IS NOT NULL", f"s.{walk.column} = {self.target.owner}",
            *(f"s.{test}" for _, test in bounds), *(w for w in looking.wheres if w not in done),
        ]  # fmt: skip
        walked = replace(looking, wheres=wheres, orders=[f"{walk.values} {walk.way}"])
        found = walked._window(tx, limit=limit, offset=offset)
        if len(found) == limit or bounds:  # what has no value lies within no bounds
            return found
        before = offset + len(found)
        if offset and not found:  # the window may begin among those without a value: where, only a count can say
            before = walked.count(tx)
        rest = replace(self, wheres=[*self.wheres, f"{walk.joined}.value IS NULL"], walk=None)
        return found + rest._window(tx, limit=limit - len(found), offset=offset + len(found) - before)

    def _window(self, tx: Transaction, *, limit: int, offset: int) -> list[Row]:
        order = ", ".join(self._last_orders(self.orders))
        text = f"SELECT {self.target.columns} {self.body} ORDER BY {order} LIMIT :n_rows OFFSET :n_skip"
        return list(tx.all(cached(text), {**self.params, "n_rows": limit, "n_skip": offset}))

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
            other = f"({{0}}{test} OR {{0}}is_nan = 1)"
            self._among(_Set("tracking_latest", "run", f"{{0}}key = {key} AND {other}"))
            return
        self._among(_Set("tracking_latest", "run", f"{{0}}key = {key} AND {{0}}{test}"))
        self.bounds.setdefault(condition.key, []).append((self.wheres[-1], test))

    def _among(self, rows: _Set) -> None:
        """Keep rows whose number is in a set."""
        self.wheres.append(rows.within(self.target.owner))
        self.sets[self.wheres[-1]] = rows

    def _least(self, tx: Transaction, done: Collection[str] = ()) -> str:
        """The condition whose set is the smallest, if that one is small and not `done` already; else nothing."""
        for where, rows in self.sets.items():
            if where not in done and where not in self.ends:
                self.ends[where] = rows.end(tx, self.params)
        small = [where for where, end in self.ends.items() if end is None and where not in done]
        return min(small, key=lambda where: self.sets[where].count(tx, self.params)) if small[1:] else "".join(small)

    def _led(self, least: str) -> Query:
        """The same, begun with the rows of one set; what is in it is looked up in the others."""
        lead = self.sets[least]
        wheres = [w if w != least else lead.joined("q", self.target.owner) for w in self.wheres]
        return replace(self, source=f"{lead.table} q", wheres=wheres)._looking({least}, f"q.{lead.column}")

    def _begun(self) -> Query:
        """The same for the natural order, in which the newest numbers mostly come first.

        The sparsest set is gathered as far as a small one goes, from the newest: to gather one takes a fifth of what it
        takes to look one up.
        """
        ends = {where: end for where, end in self.ends.items() if end is not None and self.sets[where].index}
        if not ends:
            return self._looking((), self.target.owner)
        sparsest = min(ends, key=ends.__getitem__)
        partly = self.sets[sparsest].partly(self.target.owner, self.bind(ends[sparsest]))
        looking = self._looking({sparsest}, self.target.owner)
        return replace(looking, wheres=[partly if where == sparsest else where for where in looking.wheres])

    def _looking(self, done: Collection[str], owner: str) -> Query:
        """The same with each thing that is read looked up in the sets but those `done`, none of which is gathered.

        `owner` is what points to it where the reading begins: only what is in all sets is read itself.
        """
        aliases = {where: f"a{i}" for i, where in enumerate(w for w in self.sets if w not in done)}
        looked = {where: self.sets[where].joined(alias, owner) for where, alias in aliases.items()}
        looks = [self.sets[where].source(alias) for where, alias in aliases.items()]
        natural = f"{self.target.source} {{by:{self.by}}}" if self.by else self.target.source
        first = [self.source, *looks, self.target.source] if self.source else [natural, *looks]
        wheres = [looked.get(where, where) for where in self.wheres]
        return replace(self, source=" CROSS JOIN ".join(first), wheres=wheres)

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
            whole = "" if len(str(condition.value)) < _PREFIX else f" AND {self.compare('{0}value', condition)}"
            test = f"{{0}}key = {key} AND substr({{0}}value, 1, {_PREFIX}) = {head}{whole}"
            self._among(_Set(table, column, test, f"{table}_by_value" if self.target.by_value else ""))
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

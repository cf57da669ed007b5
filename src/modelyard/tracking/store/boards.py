"""Many runs as a table: chosen values of a window, fields and their commonest values, groups, saved views."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.ports.database import Params, Transaction
from modelyard.ports.statements import cached, in_params, like_params, sql
from modelyard.tracking.api import BoardRow, Field, FieldKind, FieldValue, RunGroup, SavedView, Spread, Tally, real
from modelyard.tracking.api.batches import key_number
from modelyard.tracking.model.filters import Condition, Entity, written
from modelyard.tracking.store.search import RUN_ATTRIBUTES, Query, few

_MOST, _GROUPS, _VALUES, _CUT = 500, 200, 50, 200
_PLAIN = ("run_name", "status", "user_id", "start_time", "end_time", "run_id", "artifact_uri")
_NUMBERS = frozenset({"start_time", "end_time"})
_STAGES = ("active", "deleted")
_KEYS_OF = {
    table: sql(
        f"WITH RECURSIVE k (key) AS (SELECT MIN(key) FROM {table} UNION ALL "
        f"SELECT (SELECT MIN(p.key) FROM {table} p WHERE p.key > k.key) FROM k WHERE k.key IS NOT NULL) "
        f"SELECT k.key, (SELECT COUNT(*) FROM {table} c WHERE c.key = k.key) FROM k WHERE k.key IS NOT NULL "
        f"LIMIT {_MOST}"
    )
    for table in ("tracking_param", "tracking_tag")
}
_METRICS = sql(
    "SELECT k.name, (SELECT COUNT(*) FROM tracking_latest c WHERE c.key = k.id), "
    "(SELECT MIN(a.value) FROM tracking_latest a WHERE a.key = k.id), "
    f"(SELECT MAX(b.value) FROM tracking_latest b WHERE b.key = k.id) FROM tracking_key k ORDER BY k.name LIMIT {_MOST}"
)
_ALL = sql("SELECT COUNT(*) FROM tracking_run")
_VIEWS = sql(
    "SELECT owner, owner_name, name, query, shared FROM tracking_view WHERE owner = :me OR shared = 1 ORDER BY name"
)
_COUNT_VIEWS = sql("SELECT COUNT(*) FROM tracking_view WHERE owner = :me AND name <> :name")
_PUT_VIEW = sql(
    "INSERT INTO tracking_view (owner, owner_name, name, query, shared, changed_ms) "
    "VALUES (:me, :me_name, :name, :query, :shared, :now) ON CONFLICT (owner, name) DO UPDATE SET "
    "owner_name = excluded.owner_name, query = excluded.query, shared = excluded.shared, "
    "changed_ms = excluded.changed_ms"
)
_DROP_VIEW = sql("DELETE FROM tracking_view WHERE owner = :me AND name = :name")

_OF = "FROM tracking_run r CROSS JOIN {0} t WHERE r.id IN ({1}) AND t.run = r.id AND t.key IN ({2})"
"""Values of some runs, in the order that finds them by run; an index by value would read those of all runs."""

Wanted = tuple[Entity, str]
"""A column: what it is about and its key."""


def soon_counted(tx: Transaction, experiments: Sequence[int] | None, stages: Sequence[str]) -> int | None:
    """How many runs of some experiments are at these stages, if they or all others are few; else None.

    Without experiments, or with one, all others are found by their indexes.
    """
    inside, params = in_params("s", stages)
    of = f"tracking_run r WHERE r.stage IN ({inside})"
    others = [f"tracking_run r WHERE r.stage = '{stage}'" for stage in _STAGES if stage not in stages]
    if experiments is not None:
        which, more = in_params("e", experiments) if experiments else ("NULL", {})
        params, clause = params | more, f" AND r.experiment IN ({which})"
        of, others = of + clause, [other + clause for other in others]
    found = few(tx, of, params)
    if found is not None or (experiments and len(experiments) > 1):
        return found
    if experiments:
        others += [f"tracking_run r WHERE r.experiment {way} :e_0" for way in "<>"]
    counts = [few(tx, other, params) for other in others]
    row = tx.one(_ALL)
    return int(row[0]) - sum(n for n in counts if n) if row and None not in counts else None


def tally(tx: Transaction, query: Query) -> Tally:
    """The runs of a search by their status, and all of them."""
    led = query.led(tx)
    rows = tx.all(cached(f"SELECT r.status, COUNT(*) {led.body} GROUP BY r.status ORDER BY 1"), dict(led.params))
    states = {status: int(count) for status, count in rows}
    return Tally(total=sum(states.values()), states=states)


def rows(tx: Transaction, numbers: Sequence[int], columns: Sequence[Wanted]) -> list[BoardRow]:
    """Runs by their numbers, in the order given, with the values of the columns."""
    if not numbers:
        return []
    inside, params = in_params("r", numbers)
    attributes = [RUN_ATTRIBUTES[key] for entity, key in columns if entity is Entity.ATTRIBUTE]
    text = (
        "SELECT r.id, r.run, r.experiment, r.name, r.status, r.user_id, r.start_ms, r.end_ms"
        f"{''.join(', ' + a for a in attributes)} FROM tracking_run r WHERE r.id IN ({inside})"
    )
    heads = {int(row[0]): row for row in tx.all(cached(text), params)}
    held = {entity: _values(tx, numbers, entity, columns) for entity in (Entity.METRIC, Entity.PARAM, Entity.TAG)}
    found = []
    for number in numbers:
        if (row := heads.get(number)) is None:
            continue
        plain = iter(row[8:])
        values = [
            next(plain) if entity is Entity.ATTRIBUTE else held[entity].get((number, key)) for entity, key in columns
        ]
        found.append(
            BoardRow(
                id=row[1], experiment=str(row[2]), name=row[3], status=row[4], user=row[5], start_ms=row[6],
                end_ms=row[7], values=values,
            )
        )  # fmt: skip
    return found


def _values(
    tx: Transaction, numbers: Sequence[int], entity: Entity, columns: Sequence[Wanted]
) -> dict[tuple[int, str], float | str | None]:
    keys = [key for one, key in columns if one is entity]
    if not keys:
        return {}
    inside, params = in_params("r", numbers)
    if entity is Entity.METRIC:
        names = {key_number(key): key for key in keys}
        which, more = in_params("k", list(names))
        rows = tx.all(
            cached(f"SELECT t.run, t.key, t.value, t.is_nan {_OF.format('tracking_latest', inside, which)}"),
            {**params, **more},
        )
        return {
            (int(run), names[int(key)]): real(float("nan") if is_nan else value) for run, key, value, is_nan in rows
        }
    table = "tracking_param" if entity is Entity.PARAM else "tracking_tag"
    which, more = in_params("k", keys)
    text = f"SELECT t.run, t.key, substr(t.value, 1, {_CUT}) {_OF.format(table, inside, which)}"
    return {(int(run), key): value for run, key, value in tx.all(cached(text), {**params, **more})}


def fields(tx: Transaction, experiments: Sequence[int] | None) -> list[Field]:
    """What runs can be asked for by, attributes first; counted within experiments, or in the indexes of all runs."""
    found = [Field(name=name, kind=FieldKind.NUMBER if name in _NUMBERS else FieldKind.TEXT) for name in _PLAIN]
    if experiments is None:
        metrics = tx.all(_METRICS)
        params, tags = tx.all(_KEYS_OF["tracking_param"]), tx.all(_KEYS_OF["tracking_tag"])
    else:
        inside, which = in_params("e", experiments) if experiments else ("NULL", {})
        of = f"FROM tracking_run r JOIN {{0}} t ON t.run = r.id {{1}}WHERE r.experiment IN ({inside})"
        text = f"SELECT k.name, COUNT(*), MIN(t.value), MAX(t.value) {of} GROUP BY k.name ORDER BY k.name LIMIT {_MOST}"
        join = "JOIN tracking_key k ON k.id = t.key "
        metrics = tx.all(cached(text.format("tracking_latest", join)), which)
        text = f"SELECT t.key, COUNT(*) {of} GROUP BY t.key ORDER BY t.key LIMIT {_MOST}"
        params = tx.all(cached(text.format("tracking_param", "")), which)
        tags = tx.all(cached(text.format("tracking_tag", "")), which)
    found += [
        Field(
            name=written(Entity.METRIC, name), kind=FieldKind.NUMBER, runs=count, low=_finite(low), high=_finite(high)
        )
        for name, count, low, high in metrics
        if count
    ]
    for entity, pairs in ((Entity.PARAM, params), (Entity.TAG, tags)):
        found += [Field(name=written(entity, key), kind=FieldKind.TEXT, runs=count) for key, count in pairs]
    return found


def _finite(value: float | None) -> float | None:
    return value if value is not None and abs(value) < float("inf") else None


def values(tx: Transaction, entity: Entity, key: str, like: str) -> list[FieldValue]:
    """The commonest values of a field that begin like that."""
    params: Params = {"key": key, **like_params("like", _escaped(like) + "%")}
    if entity is Entity.ATTRIBUTE:
        of, value = "tracking_run r WHERE", RUN_ATTRIBUTES[key]
    else:
        of, value = f"{'tracking_param' if entity is Entity.PARAM else 'tracking_tag'} WHERE key = :key AND", "value"
        value = f"substr({value}, 1, {_CUT})"
    text = f"SELECT {value}, COUNT(*) FROM {of} {value} {{like:like}} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_VALUES}"
    return [FieldValue(value=str(found), runs=count) for found, count in tx.all(cached(text), params)]


def _escaped(text: str) -> str:
    return "".join(c for c in text if c not in "%_")


def groups(tx: Transaction, query: Query, by: Wanted, columns: Sequence[str]) -> list[RunGroup]:
    """The runs of a search by one field, the largest groups first."""
    entity, key = by
    value = RUN_ATTRIBUTES.get(key, "")
    if entity is not Entity.ATTRIBUTE:
        table = "tracking_param" if entity is Entity.PARAM else "tracking_tag"
        query.joins.append(f"LEFT JOIN {table} g ON g.run = r.id AND g.key = {query.bind(key)}")
        value = f"substr(g.value, 1, {_CUT})"
    text = (
        f"SELECT {value}, COUNT(*), SUM(CASE WHEN r.status = 'FAILED' THEN 1 ELSE 0 END), MAX(r.start_ms) "
        f"{query.body} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_GROUPS}"
    )
    heads = tx.all(cached(text), dict(query.params))
    spreads: dict[tuple[str | None, int], Spread] = {}
    if columns and heads:
        which, more = in_params("k", [key_number(c) for c in columns])
        query.joins.append(f"JOIN tracking_latest s ON s.run = r.id AND s.key IN ({which})")
        spread = "s.key, COUNT(s.value), MIN(s.value), AVG(s.value), MAX(s.value)"
        text = f"SELECT {value}, {spread} {query.body} GROUP BY 1, 2"
        for held, number, count, low, mean, high in tx.all(cached(text), {**query.params, **more}):
            spreads[held, int(number)] = Spread(runs=count, low=_finite(low), mean=_finite(mean), high=_finite(high))
    none = Spread(runs=0, low=None, mean=None, high=None)
    return [
        RunGroup(
            value=held, runs=count, failed=int(failed), last_ms=last,
            spreads=[spreads.get((held, key_number(c)), none) for c in columns],
        )
        for held, count, failed, last in heads
    ]  # fmt: skip


def clauses(conditions: Sequence[Condition]) -> list[str]:
    """Comparisons, each as a filter writes it."""
    return [_clause(one) for one in conditions]


def _clause(one: Condition) -> str:
    name = written(one.entity, one.key)
    if one.value is None:
        return f"{name} {one.comparator}"
    if isinstance(one.value, tuple):
        return f"{name} {one.comparator} ({', '.join(_quoted(str(v)) for v in one.value)})"
    return f"{name} {one.comparator} {_quoted(one.value) if isinstance(one.value, str) else f'{one.value:.12g}'}"


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text and '"' not in text else f"'{text}'"


def views(tx: Transaction, me: str) -> list[tuple[bool, SavedView]]:
    """Views of somebody and views that are shared; True with those of their own."""
    return [
        (owner == me, SavedView(owner=who, name=name, query=query, shared=bool(shared)))
        for owner, who, name, query, shared in tx.all(_VIEWS, {"me": me})
    ]


def count_views(tx: Transaction, me: str, name: str) -> int:
    """How many views somebody keeps beside one of that name."""
    row = tx.one(_COUNT_VIEWS, {"me": me, "name": name})
    return int(row[0]) if row else 0


def put_view(tx: Transaction, me: str, view: SavedView, *, now_ms: int) -> None:
    """Keep a view, in the place of one of that name."""
    tx.run(
        _PUT_VIEW,
        {
            "me": me, "me_name": view.owner, "name": view.name, "query": view.query, "shared": int(view.shared),
            "now": now_ms,
        },
    )  # fmt: skip


def drop_view(tx: Transaction, me: str, name: str) -> int:
    """Forget a view; 0 if there was none."""
    return tx.run(_DROP_VIEW, {"me": me, "name": name})

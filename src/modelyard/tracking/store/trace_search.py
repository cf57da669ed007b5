"""Searches of traces: their own columns, tags and metadata, and whether some span or assessment meets a condition."""

from __future__ import annotations

import json

from modelyard.ports.database import Row, Transaction
from modelyard.tracking.model.filters import Condition, Entity, Order
from modelyard.tracking.store import traces
from modelyard.tracking.store.search import Query, Target

_TARGET = Target(
    source="tracking_trace r",
    columns=traces.COLUMNS,
    attributes={
        "request_id": "r.trace", "experiment_id": "r.experiment", "timestamp_ms": "r.at_ms",
        "execution_time_ms": "r.duration_ms", "end_time_ms": "(r.at_ms + r.duration_ms)", "status": "r.state",
        "client_request_id": "r.client_request",
    },
    owner="r.id",
    tags=("tracking_trace_tag", "trace"),
    params=("tracking_trace_metadata", "trace"),
    natural=("r.at_ms", "DESC"),
    tie="r.trace",
    by_value=True,
)  # fmt: skip
_SPAN = {"name": "s.name", "type": "s.type", "status": "s.status"}
_ATTRIBUTES = "attributes."


class TraceSearch:
    """A search under construction."""

    def __init__(self, experiments: list[int]) -> None:
        self._query = Query(_TARGET)
        self._query.within("r.experiment", experiments)

    def keep(self, condition: Condition) -> None:
        """Keep traces that meet a condition."""
        if condition.entity is Entity.SPAN:
            self._keep_span(condition)
        elif condition.entity in (Entity.FEEDBACK, Entity.EXPECTATION):
            self._keep_assessment(condition)
        elif condition.entity is Entity.RUN:
            self._keep_run(condition)
        else:
            self._query.keep(condition)

    def sort(self, order: Order) -> None:
        """Sort by one more key."""
        self._query.sort(order)

    def rows(self, tx: Transaction, *, limit: int, offset: int) -> list[Row]:
        """Run it."""
        return self._query.rows(tx, limit=limit, offset=offset)

    def _keep_span(self, condition: Condition) -> None:
        if condition.key in _SPAN:
            test = self._query.compare(_SPAN[condition.key], condition)
        elif condition.key.startswith(_ATTRIBUTES):
            test = self._attribute(condition)
        else:  # content
            test = self._query.compare("s.body", condition)
        self._query.wheres.append(f"EXISTS (SELECT 1 FROM tracking_span s WHERE s.trace = r.id AND {test})")

    def _attribute(self, condition: Condition) -> str:
        """A span's document holds each attribute as `"key":"JSON"`, the JSON written as a text."""
        key = json.dumps(condition.key[len(_ATTRIBUTES) :], ensure_ascii=False)
        if condition.comparator in ("LIKE", "ILIKE"):
            inner = json.dumps(f'"{condition.value}"', ensure_ascii=False)
            return self._query.compare(
                "s.body", Condition(condition.entity, condition.key, condition.comparator, f"%{key}:{inner}%")
            )
        given = condition.value if isinstance(condition.value, tuple) else (condition.value,)
        forms = [
            self._query.bind(f"{key}:{json.dumps(form, ensure_ascii=False)}")
            for value in given
            for form in (json.dumps(str(value), ensure_ascii=False), str(value))
        ]
        inside = " OR ".join(f"replace(s.body, {form}, '') != s.body" for form in forms)
        return f"NOT ({inside})" if condition.comparator in ("!=", "NOT IN") else f"({inside})"

    def _keep_assessment(self, condition: Condition) -> None:
        kind, name = self._query.bind(condition.entity.value), self._query.bind(condition.key)
        base = f"SELECT 1 FROM tracking_assessment a WHERE a.trace = r.id AND a.kind = {kind} AND a.name = {name}"
        if condition.comparator in ("IS NULL", "IS NOT NULL"):
            never = "NOT " if condition.comparator == "IS NULL" else ""
            self._query.wheres.append(f"{never}EXISTS ({base})")
            return
        column = "a.number" if isinstance(condition.value, int | float) else "a.said"
        self._query.wheres.append(f"EXISTS ({base} AND a.is_valid = 1 AND {self._query.compare(column, condition)})")

    def _keep_run(self, condition: Condition) -> None:
        linked = self._query.compare("l.run", condition)
        noted = self._query.compare("n.value", condition)
        self._query.wheres.append(
            f"(EXISTS (SELECT 1 FROM tracking_trace_run l WHERE l.trace = r.id AND {linked}) OR EXISTS (SELECT 1 FROM "
            f"tracking_trace_metadata n WHERE n.trace = r.id AND n.key = 'mlflow.sourceRun' AND {noted}))"
        )

"""Searches of logged models, whose metrics may be told apart by the dataset that they were measured on.

A metric condition holds if some value of that metric (on one of the datasets asked for) meets it; to sort, the latest
value counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.ports.database import Row, Transaction
from modelyard.tracking.api import DatasetFilter, ModelOrder
from modelyard.tracking.model.filters import Condition, Entity, Order
from modelyard.tracking.store import models
from modelyard.tracking.store.search import Query, Target

_TARGET = Target(
    source="tracking_model r",
    columns=models.COLUMNS,
    attributes={
        "name": "r.name", "model_id": "r.model", "model_type": "r.model_type", "status": "r.status",
        "source_run_id": "r.run", "creation_timestamp": "r.created_ms", "last_updated_timestamp": "r.updated_ms",
    },
    owner="r.id",
    tags=("tracking_model_tag", "model"),
    params=("tracking_model_param", "model"),
    natural=("r.created_ms", "DESC"),
    tie="r.model",
)  # fmt: skip


class ModelSearch:
    """A search under construction."""

    def __init__(self, datasets: Sequence[DatasetFilter]) -> None:
        self._query = Query(_TARGET)
        self._query.within("r.stage", ["active"])
        self._datasets = datasets
        self._measured = False

    def within(self, experiments: Sequence[int]) -> None:
        """Keep models of these experiments."""
        self._query.within("r.experiment", experiments)

    def keep(self, condition: Condition) -> None:
        """Keep models that meet a condition."""
        if condition.entity is not Entity.METRIC:
            self._query.keep(condition)
            return
        self._measured = True
        value = self._query.bind(condition.value if isinstance(condition.value, int | float) else 0.0)
        test = f"m.value {condition.comparator} {value}"
        if condition.comparator == "!=":
            test = f"({test} OR m.is_nan = 1)"
        self._query.wheres.append(
            "EXISTS (SELECT 1 FROM tracking_model_metric m WHERE m.model = r.model "
            f"AND m.key = {self._query.bind(condition.key)} AND {test}{self._on(self._datasets)})"
        )

    def sort(self, order: ModelOrder, parsed: Order) -> None:
        """Sort by one more key."""
        if parsed.entity is not Entity.METRIC:
            self._query.sort(parsed)
            return
        only = []
        if order.dataset:
            only.append(DatasetFilter(name=order.dataset, digest=order.dataset_digest))
        latest = (
            "(SELECT m.value FROM tracking_model_metric m WHERE m.model = r.model "
            f"AND m.key = {self._query.bind(parsed.key)}{self._on(only)} "
            "ORDER BY m.at_ms DESC, m.step DESC, m.run ASC LIMIT 1)"
        )
        self._query.orders += [
            f"CASE WHEN {latest} IS NULL THEN 1 ELSE 0 END",
            f"{latest} {'ASC' if parsed.ascending else 'DESC'}",
        ]

    def rows(self, tx: Transaction, *, limit: int, offset: int) -> list[Row]:
        """Run it."""
        if self._datasets and not self._measured:
            self._query.wheres.append(
                f"EXISTS (SELECT 1 FROM tracking_model_metric m WHERE m.model = r.model{self._on(self._datasets)})"
            )
        return self._query.rows(tx, limit=limit, offset=offset)

    def _on(self, datasets: Sequence[DatasetFilter]) -> str:
        if not datasets:
            return ""
        tests = []
        for one in datasets:
            test = f"m.dataset = {self._query.bind(one.name)}"
            if one.digest:
                test += f" AND m.dataset_digest = {self._query.bind(one.digest)}"
            tests.append(f"({test})")
        return f" AND ({' OR '.join(tests)})"

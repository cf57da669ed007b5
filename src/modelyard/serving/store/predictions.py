"""Rows about predictions: which table holds which columns, which segments were folded, and what turned out to be true.

The predictions themselves lie in the lake.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as upsert

from modelyard.kernel.ids import ActorId
from modelyard.ports.database import Statement, Transaction
from modelyard.serving.api import Feedback, Value
from modelyard.serving.store.tables import insert, table

p = sa.bindparam
_table = table("serving_table", "endpoint", "columns", "name")
_fold = table("serving_fold", "id", "segment", "name", "done")
_truth = table("serving_truth", "prediction", "label", "at_ms", "author")

_ADD_TABLE = insert(_table)
_TABLES = Statement(sa.select(_table.c.columns, _table.c.name).where(_table.c.endpoint == p("endpoint_")))
_ALL_TABLES = Statement(sa.select(_table.c.endpoint, _table.c.name).order_by(_table.c.name))
_BEGIN = insert(_fold)
_END = Statement(sa.update(_fold).where(_fold.c.id == p("id_")).values(done=1))
_FORGET = Statement(sa.delete(_fold).where(_fold.c.segment == p("segment_")))
_OF_SEGMENT = Statement(
    sa.select(_fold.c.id, _fold.c.name, _fold.c.done).where(_fold.c.segment == p("segment_")).order_by(_fold.c.id)
)
_fresh = upsert(_truth).values({column.name: p(column.name) for column in _truth.columns})
_PUT_TRUTH = Statement(
    _fresh.on_conflict_do_update(
        index_elements=["prediction"],
        set_={"label": _fresh.excluded.label, "at_ms": _fresh.excluded.at_ms, "author": _fresh.excluded.author},
    )
)
_TRUTHS = Statement(
    sa.select(_truth)
    .where(_truth.c.prediction > p("after"), _truth.c.at_ms >= p("since"))
    .order_by(_truth.c.prediction)
    .limit(p("limit_"))
)
_ONE_TRUTH = Statement(sa.select(_truth.c.label).where(_truth.c.prediction == p("prediction_")))


def add_table(tx: Transaction, endpoint: str, columns: str, name: str) -> None:
    """Note which table holds an endpoint's predictions of these columns."""
    tx.run(_ADD_TABLE, {"endpoint": endpoint, "columns": columns, "name": name})


def tables(tx: Transaction, endpoint: str) -> dict[str, str]:
    """An endpoint's tables, by their columns."""
    return {str(columns): str(name) for columns, name in tx.all(_TABLES, {"endpoint_": endpoint})}


def every_table(tx: Transaction) -> list[tuple[str, str]]:
    """Every table of predictions: its endpoint and its name."""
    return [(str(endpoint), str(name)) for endpoint, name in tx.all(_ALL_TABLES)]


def begin_fold(tx: Transaction, fold: str, *, segment: str, name: str) -> None:
    """Note that a segment's predictions are about to be written to a table."""
    tx.run(_BEGIN, {"id": fold, "segment": segment, "name": name, "done": 0})


def end_fold(tx: Transaction, fold: str) -> None:
    """Note that they were."""
    tx.run(_END, {"id_": fold})


def folds_of(tx: Transaction, segment: str) -> list[tuple[str, str, bool]]:
    """The folds of a segment: id, table, and whether it is known to be done."""
    return [(str(fold), str(name), bool(done)) for fold, name, done in tx.all(_OF_SEGMENT, {"segment_": segment})]


def forget_folds(tx: Transaction, segment: str) -> None:
    """Drop what is noted of a segment that is gone."""
    tx.run(_FORGET, {"segment_": segment})


def put_truths(tx: Transaction, truths: Sequence[Feedback]) -> None:
    """Keep truths; a later one for the same prediction takes the place of the earlier."""
    tx.many(
        _PUT_TRUTH,
        [
            {"prediction": t.prediction, "label": msgspec.json.encode(t.label), "at_ms": t.at_ms, "author": t.author}
            for t in truths
        ],
    )


def truths(tx: Transaction, *, after: str, since_ms: int, limit: int) -> list[Feedback]:
    """Truths behind a prediction's id, in order of ids."""
    rows = tx.all(_TRUTHS, {"after": after, "since": since_ms, "limit_": limit})
    return [
        Feedback(
            prediction=prediction, label=msgspec.json.decode(label, type=Value), at_ms=at_ms, author=ActorId(author)
        )
        for prediction, label, at_ms, author in rows
    ]


def truth(tx: Transaction, prediction: str) -> Value:
    """What turned out to be true for a prediction; None if nobody said."""
    row = tx.one(_ONE_TRUTH, {"prediction_": prediction})
    return None if row is None else msgspec.json.decode(row[0], type=Value)

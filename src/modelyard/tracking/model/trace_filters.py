"""MLflow's filter language for traces: what its words mean, on top of the language that runs have.

attributes.status = 'ERROR' AND tags.team = 'fares' AND span.name LIKE 'fetch%' AND feedback.quality > 0.8
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from modelyard.kernel.errors import InvalidInput
from modelyard.tracking.api.traces import NAME_TAG, PROMPTS_TAG, RUN_METADATA
from modelyard.tracking.model import filters
from modelyard.tracking.model.filters import Condition, Dialect, Entity, Order

_ENTITIES = {
    **dict.fromkeys(("tag", "tags"), Entity.TAG),
    **dict.fromkeys(("metadata", "request_metadata"), Entity.PARAM),
    **dict.fromkeys(("attribute", "attributes", "trace"), Entity.ATTRIBUTE),
    "span": Entity.SPAN, "feedback": Entity.FEEDBACK, "expectation": Entity.EXPECTATION,
}  # fmt: skip
_ALIASES = {"timestamp": "timestamp_ms", "execution_time": "execution_time_ms", "end_time": "end_time_ms"}
TRACES = Dialect(
    thing="traces",
    entities=_ENTITIES,
    attributes={
        "request_id": False, "timestamp_ms": True, "execution_time_ms": True, "end_time_ms": True, "status": False,
        "client_request_id": False, "name": False, "run_id": False, "prompt": False, "text": False,
    },
    aliases=_ALIASES,
    lists=frozenset({"name", "status", "request_id", "run_id", "client_request_id"}),
    missing=frozenset({Entity.TAG, Entity.PARAM, Entity.FEEDBACK, Entity.EXPECTATION}),
)  # fmt: skip
_ORDERS = replace(
    TRACES,
    attributes={
        "experiment_id": False, "timestamp_ms": True, "execution_time_ms": True, "end_time_ms": True, "status": False,
        "request_id": False, "name": False, "run_id": False,
    },
)  # fmt: skip
_SPAN_KEYS = frozenset({"name", "type", "status", "content"})
_LIKES = frozenset({"LIKE", "ILIKE"})


def parse(text: str) -> list[Condition]:
    """The conditions of a filter.

    Raises:
        InvalidInput: it cannot be read, or compares what traces do not have.
    """
    if " RLIKE " in f" {text} ".upper():
        raise InvalidInput("RLIKE is not spoken here; say it with LIKE or ILIKE")
    return [_meant(condition) for condition in filters.parse(text, TRACES)]


def parse_orders(texts: Sequence[str]) -> list[Order]:
    """A whole order.

    Raises:
        InvalidInput: a key cannot be read, stands there twice, or traces are not sorted by it.
    """
    return [_sorted(order) for order in filters.parse_orders(texts, _ORDERS)]


def _sorted(order: Order) -> Order:
    if order.entity in (Entity.SPAN, *filters.SAID):
        raise InvalidInput(f"traces are not sorted by {order.entity}; sort by attributes, tags or metadata")
    if order.entity is Entity.ATTRIBUTE and order.key == "name":
        return Order(Entity.TAG, NAME_TAG, order.ascending)
    if order.entity is Entity.ATTRIBUTE and order.key == "run_id":
        return Order(Entity.PARAM, RUN_METADATA, order.ascending)
    return order


def _meant(condition: Condition) -> Condition:
    if condition.entity is Entity.SPAN:
        return _span(condition)
    if condition.entity is not Entity.ATTRIBUTE:
        return condition
    if condition.key == "name":
        return replace(condition, entity=Entity.TAG, key=NAME_TAG)
    if condition.key == "run_id":
        return replace(condition, entity=Entity.RUN)
    if condition.key == "text":
        return _span(replace(condition, entity=Entity.SPAN, key="content"))
    if condition.key == "prompt":
        return _prompt(condition)
    return condition


def _span(condition: Condition) -> Condition:
    key = condition.key
    if key not in _SPAN_KEYS and not (key.startswith("attributes.") and len(key) > len("attributes.")):
        raise InvalidInput(f"Invalid span attribute {key!r}; known are {sorted(_SPAN_KEYS)} and attributes.NAME")
    if key == "content" and condition.comparator not in _LIKES:
        raise InvalidInput("the content of spans is compared by LIKE and ILIKE")
    return condition


def _prompt(condition: Condition) -> Condition:
    name, slash, version = str(condition.value).partition("/")
    if condition.comparator != "=" or not slash:
        raise InvalidInput("a prompt is compared as prompt = 'name/version'")
    said = json.dumps({"name": name, "version": version})
    return Condition(Entity.TAG, PROMPTS_TAG, "LIKE", f"%{said}%")

"""MLflow's filter language, read to the letter: comparisons joined by AND, and the order of a search.

    metrics.acc > 0.9 AND params."model type" LIKE 'gb%' AND attributes.status IN ('FINISHED', 'FAILED')

Each kind of thing (runs, experiments, logged models) has a `Dialect` that says which entities, attributes and
comparators it knows. Strings are taken as they stand between their quotes, as MLflow does: a doubled quote stays
doubled. It never builds a query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from modelyard.kernel.errors import InvalidInput

Value = str | float | int | tuple[str, ...] | tuple[int, ...] | None


class Entity(StrEnum):
    """What a comparison is about."""

    METRIC = "metric"
    PARAM = "parameter"
    TAG = "tag"
    ATTRIBUTE = "attribute"
    DATASET = "dataset"
    SPAN = "span"
    FEEDBACK = "feedback"
    EXPECTATION = "expectation"
    RUN = "run"


SAID = (Entity.FEEDBACK, Entity.EXPECTATION)
"""Entities whose values are texts or numbers, as each was given."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison; `value` is None for IS NULL and IS NOT NULL, a tuple for IN and NOT IN."""

    entity: Entity
    key: str
    comparator: str
    value: Value


@dataclass(frozen=True, slots=True)
class Order:
    """One key to sort by."""

    entity: Entity
    key: str
    ascending: bool


NUMERIC = frozenset({">", ">=", "!=", "=", "<", "<="})
TEXT = frozenset({"!=", "=", "LIKE", "ILIKE"})
LISTED = frozenset({"IN", "NOT IN"})
MISSING = frozenset({"IS NULL", "IS NOT NULL"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """What may be compared.

    Attributes:
        entities: the words before the dot, and what they mean.
        attributes: the words that stand alone, and whether each is a number.
        aliases: other words for attributes.
        lists: attributes that IN takes.
        missing: entities that IS NULL takes.
        datasets: keys of `dataset.`.
    """

    thing: str
    entities: Mapping[str, Entity]
    attributes: Mapping[str, bool]
    aliases: Mapping[str, str]
    lists: frozenset[str]
    missing: frozenset[Entity]
    datasets: frozenset[str] = frozenset()


_RUN_ENTITIES = {
    **dict.fromkeys(("metric", "metrics"), Entity.METRIC),
    **dict.fromkeys(("parameter", "parameters", "param", "params"), Entity.PARAM),
    **dict.fromkeys(("tag", "tags"), Entity.TAG),
    **dict.fromkeys(("attribute", "attr", "attributes", "run"), Entity.ATTRIBUTE),
    **dict.fromkeys(("dataset", "datasets"), Entity.DATASET),
}
RUNS = Dialect(
    thing="runs",
    entities=_RUN_ENTITIES,
    attributes={
        "artifact_uri": False, "end_time": True, "run_id": False, "run_name": False, "start_time": True,
        "status": False, "user_id": False,
    },
    aliases={
        "created": "start_time", "Created": "start_time", "run name": "run_name", "Run name": "run_name",
        "Run Name": "run_name",
    },
    lists=frozenset({"run_id"}),
    missing=frozenset({Entity.TAG, Entity.PARAM}),
    datasets=frozenset({"name", "digest", "context"}),
)  # fmt: skip
EXPERIMENTS = Dialect(
    thing="experiments",
    entities={"attribute": Entity.ATTRIBUTE, "tag": Entity.TAG, "tags": Entity.TAG},
    attributes={"name": False, "experiment_id": False, "creation_time": True, "last_update_time": True},
    aliases={},
    lists=frozenset({"experiment_id"}),
    missing=frozenset({Entity.TAG}),
)
MODELS = Dialect(
    thing="logged models",
    entities={
        "attributes": Entity.ATTRIBUTE, "metrics": Entity.METRIC, "params": Entity.PARAM, "tags": Entity.TAG,
    },
    attributes={
        "name": False, "model_id": False, "model_type": False, "status": False, "source_run_id": False,
        "creation_timestamp": True, "last_updated_timestamp": True,
    },
    aliases={
        "creation_time": "creation_timestamp", "creation_timestamp_ms": "creation_timestamp",
        "last_updated_time": "last_updated_timestamp", "last_updated_timestamp_ms": "last_updated_timestamp",
    },
    lists=frozenset({"name", "model_id", "model_type", "status", "source_run_id"}),
    missing=frozenset(),
)  # fmt: skip

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>'(?:''|\\'|[^'])*')
      | (?P<name>(?:[^\W\d]\w*|`[^`]+`|"[^"]+")(?:\.(?:[\w$@#]+|`[^`]+`|"[^"]+"|'[^']+'))*)
      | (?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w))
      | (?P<operator><=|>=|!=|=|<|>)
      | (?P<mark>[(),])
    )""",
    re.VERBOSE,
)
_WORDS = frozenset({"AND", "OR", "LIKE", "ILIKE", "IN", "NOT", "IS", "NULL"})
_MAX_FILTER = 20_000


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str

    @property
    def word(self) -> str:
        return self.text.upper() if self.kind == "name" else self.text


def _tokens(text: str) -> list[_Token]:
    if len(text) > _MAX_FILTER:
        raise InvalidInput(f"the filter is longer than {_MAX_FILTER} characters")
    found: list[_Token] = []
    place, end = 0, len(text.rstrip())
    while place < end:
        if (match := _TOKEN.match(text, place)) is None:
            raise InvalidInput(f"Invalid clause(s) in filter string: {text[place : place + 40].strip()!r}")
        found.append(_Token(match.lastgroup or "", match.group(match.lastgroup or 0)))
        place = match.end()
    return found


def parse(text: str, dialect: Dialect) -> list[Condition]:
    """The comparisons of a filter; none for an empty one.

    Raises:
        InvalidInput: it cannot be read, or compares what `dialect` does not know.
    """
    tokens = _tokens(text)
    found: list[Condition] = []
    place = 0
    while place < len(tokens):
        if tokens[place].word == "AND":  # MLflow lets one be missing, doubled, or stand at an end
            place += 1
            continue
        condition, place = _comparison(tokens, place, dialect)
        found.append(condition)
    return found


def _comparison(tokens: Sequence[_Token], place: int, dialect: Dialect) -> tuple[Condition, int]:
    if place >= len(tokens) or tokens[place].kind != "name" or tokens[place].word in _WORDS:
        shown = tokens[place].text[:40] if place < len(tokens) else "its end"
        raise InvalidInput(f"Invalid comparison clause: the filter has {shown!r} where a name belongs")
    entity, key = identify(tokens[place].text, dialect)
    words = [t.word for t in tokens[place + 1 : place + 4]] + ["", "", ""]
    if words[0] == "IS" and words[1] == "NULL":
        return _checked(Condition(entity, key, "IS NULL", None), dialect), place + 3
    if words[:3] == ["IS", "NOT", "NULL"]:
        return _checked(Condition(entity, key, "IS NOT NULL", None), dialect), place + 4
    if words[0] == "IN" or words[:2] == ["NOT", "IN"]:
        comparator = "IN" if words[0] == "IN" else "NOT IN"
        values, after = _list(tokens, place + 2 + (comparator == "NOT IN"))
        return _checked(Condition(entity, key, comparator, values), dialect), after
    if place + 2 >= len(tokens):
        raise InvalidInput("Invalid comparison clause. Expected a name, a comparator and a value")
    comparator = words[0]
    if tokens[place + 1].kind != "operator" and comparator not in ("LIKE", "ILIKE"):
        raise InvalidInput(f"Invalid comparison clause: {tokens[place + 1].text[:40]!r} is no comparator")
    value = _value(entity, key, tokens[place + 2], dialect)
    return _checked(Condition(entity, key, comparator, value), dialect), place + 3


def _list(tokens: Sequence[_Token], place: int) -> tuple[tuple[str, ...], int]:
    values: list[str] = []
    if place < len(tokens) and tokens[place].text == "(":
        place += 1
        while place + 1 < len(tokens) and (text := _text_of(tokens[place])) is not None:
            values.append(text)
            place += 2
            if tokens[place - 1].text == "," and place < len(tokens) and tokens[place].text == ")":
                return tuple(values), place + 1
            if tokens[place - 1].text == ")":
                return tuple(values), place
            if tokens[place - 1].text != ",":
                break
    raise InvalidInput("While parsing a list in the query, expected a non-empty list of quoted strings in brackets")


def _text_of(token: _Token) -> str | None:
    text = token.text
    if token.kind == "string" or (token.kind == "name" and len(text) > 1 and text[0] == text[-1] == '"'):
        return text[1:-1]
    return None


def _value(entity: Entity, key: str, token: _Token, dialect: Dialect) -> Value:
    if entity is Entity.METRIC or (entity is Entity.ATTRIBUTE and dialect.attributes[key]):
        if token.kind != "number":
            raise InvalidInput(
                f"Expected numeric value type for {'metric' if entity is Entity.METRIC else 'numeric attribute'}: "
                f"{key}. Found {token.text[:40]}"
            )
        return float(token.text) if entity is Entity.METRIC or not _is_whole(token.text) else int(token.text)
    if entity in SAID and token.kind == "number":
        return float(token.text)
    if (text := _text_of(token)) is None:
        raise InvalidInput(
            f"Expected a quoted string value for {entity} (e.g. 'my-value'). Got value {token.text[:40]}"
        )
    return text


def _is_whole(text: str) -> bool:
    return text.lstrip("-").isdigit()


def _checked(condition: Condition, dialect: Dialect) -> Condition:
    entity, key, comparator = condition.entity, condition.key, condition.comparator
    if comparator in MISSING:
        if entity not in dialect.missing:
            raise InvalidInput(f"IS NULL / IS NOT NULL is only supported for tags and params, not for {entity} {key!r}")
        return condition
    if comparator in LISTED and (
        entity in (Entity.DATASET, Entity.SPAN) or (entity is Entity.ATTRIBUTE and not dialect.attributes[key])
    ):
        if entity is Entity.ATTRIBUTE and key not in dialect.lists:
            raise InvalidInput(
                f"Only {sorted(dialect.lists)} attributes support comparison with a list of quoted string values."
            )
        return condition
    number = entity is Entity.METRIC or (entity is Entity.ATTRIBUTE and dialect.attributes[key])
    known = NUMERIC if number else NUMERIC | TEXT if entity in SAID else TEXT
    if comparator not in known or (key == "experiment_id" and comparator not in ("=", "!=")):
        raise InvalidInput(f"Invalid comparator {comparator!r} for {entity} {key!r}; not one of {sorted(known)}")
    return condition


def identify(text: str, dialect: Dialect) -> tuple[Entity, str]:
    """What a name such as `metrics.acc`, `tags."a b"` or `start_time` means.

    Raises:
        InvalidInput: `dialect` knows no such entity or attribute.
    """
    head, dot, rest = text.partition(".") if text[:1] not in ('"', "`") else _split_quoted(text)
    if not dot:
        entity, key = Entity.ATTRIBUTE, head
    else:
        word = head.strip("`")
        if word not in dialect.entities:
            raise InvalidInput(f"Invalid entity type {word!r}. Valid values are {sorted(set(dialect.entities))}")
        entity, key = dialect.entities[word], rest
    key = _bare(key)
    if entity is Entity.ATTRIBUTE:
        key = dialect.aliases.get(key, key)
        if key not in dialect.attributes:
            raise InvalidInput(f"Invalid attribute key {key!r} specified. Valid keys are {sorted(dialect.attributes)}")
    if entity is Entity.DATASET and key not in dialect.datasets:
        raise InvalidInput(f"Invalid dataset key {key!r} specified. Valid keys are {sorted(dialect.datasets)}")
    return entity, key


_WORD_OF = {Entity.METRIC: "metrics.", Entity.PARAM: "params.", Entity.TAG: "tags.", Entity.DATASET: "datasets."}
_BARE_KEY = re.compile(r"[\w$@#]+(?:\.[\w$@#]+)*")


def written(entity: Entity, key: str) -> str:
    """A field as a filter names it: `metrics.acc`, ``params.`a b` ``, `start_time`."""
    if entity is Entity.ATTRIBUTE:
        return key
    return _WORD_OF[entity] + (key if _BARE_KEY.fullmatch(key) else f"`{key}`" if "`" not in key else f'"{key}"')


def _split_quoted(text: str) -> tuple[str, str, str]:
    end = text.find(text[0], 1) + 1
    return (text, "", "") if end in (0, len(text)) else (text[:end], ".", text[end + 1 :])


def _bare(key: str) -> str:
    for quote in ("'", '"', "`"):
        if len(key) >= 2 and key[0] == key[-1] == quote:
            key = key[1:-1]
            break
    return key


_ORDER = re.compile(r"\s*(?P<name>(?:`[^`]+`|\"[^\"]+\"|[^\s`\"]+)+?)(?:\s+(?P<way>[A-Za-z]+))?\s*\Z")


def parse_order(text: str, dialect: Dialect) -> Order:
    """One key of an order, e.g. `metrics.acc DESC`; ascending unless told otherwise.

    Raises:
        InvalidInput: it cannot be read, or names what `dialect` does not know.
    """
    match = _ORDER.match(text)
    if match is None:
        raise InvalidInput(f"Invalid order_by clause {text[:80]!r}. Could not be parsed.")
    way = (match["way"] or "asc").lower()
    if way not in ("asc", "desc"):
        raise InvalidInput(f"Invalid ordering key in order_by clause {text[:80]!r}.")
    entity, key = identify(match["name"], dialect)
    if entity is Entity.DATASET:
        raise InvalidInput(f"Invalid order_by entity type {entity!s}")
    return Order(entity, key, way == "asc")


def parse_orders(texts: Sequence[str], dialect: Dialect) -> list[Order]:
    """A whole order.

    Raises:
        InvalidInput: a key cannot be read, or stands there twice.
    """
    orders = [parse_order(text, dialect) for text in texts]
    seen = {(o.entity, o.key) for o in orders}
    if len(seen) < len(orders):
        raise InvalidInput(f"`order_by` contains duplicate fields: {[t[:80] for t in texts]}")
    return orders

"""How lake columns become keys, moments and feature values: types, and the numbers behind a definition's hash."""

from __future__ import annotations

from hashlib import sha256

import msgspec

from modelyard.features.api import Aggregate, Feature, FeatureType
from modelyard.kernel.errors import InvalidInput

WHOLE = frozenset({"int8", "int16", "int32", "int64"})
FRACTIONS = frozenset({"float32", "float64"})
TIMES = frozenset({"timestamp", "date"})


def is_time(kind: str) -> bool:
    """True if a column of this type can say when."""
    return kind in TIMES or kind in WHOLE or kind in FRACTIONS


def feature_type(feature: Feature, kind: str) -> FeatureType:
    """What a feature's values are, its expression being of the lake type `kind`.

    Raises:
        InvalidInput: values of that type are no feature, or cannot be aggregated so.
    """
    numeric = kind in WHOLE or kind in FRACTIONS or kind.startswith("decimal")
    if feature.aggregate is Aggregate.COUNT:
        return FeatureType.INT64
    if feature.aggregate is not None:
        if not numeric:
            raise InvalidInput(
                f"feature {feature.name}: {feature.aggregate} needs numbers, its expression is a {kind}; "
                "cast it, e.g. epoch(x), or count it"
            )
        return FeatureType.FLOAT64
    if kind in WHOLE:
        return FeatureType.INT64
    if numeric:
        return FeatureType.FLOAT64
    if kind in ("bool", "string"):
        return FeatureType(kind)
    raise InvalidInput(f"feature {feature.name}: a {kind} is no feature; cast it, e.g. epoch(x) or x::varchar")


def digest_of(record: object) -> str:
    """A hash that is equal for equal records: SHA-256 of their canonical JSON, the first 16 hex digits."""
    return sha256(msgspec.json.encode(record, order="sorted")).hexdigest()[:16]

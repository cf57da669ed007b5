"""The news of features: what was defined, built, brought online, and forgotten."""

from __future__ import annotations

from modelyard.kernel.events import News


class EntityDefined(News, frozen=True, kw_only=True):
    """An entity was defined; `writes` is `entity:name`."""

    entity: str
    keys: tuple[str, ...]


class ViewDefined(News, frozen=True, kw_only=True):
    """A view has a new version; `reads` is its source table, `writes` is `view:name@version`."""

    view: str
    version: int
    entity: str
    source: str
    features: tuple[str, ...]


class TrainingSetBuilt(News, frozen=True, kw_only=True):
    """A training set was built; `reads` are tables and views at their versions, `writes` is the table's version."""

    name: str
    version: int
    rows: int
    hash: str


class Materialised(News, frozen=True, kw_only=True):
    """A view's online rows were brought up to a moment; `reads` is the source's version, `writes` is the view's."""

    view: str
    version: int
    entities: int
    up_to_ms: int


class EntityForgotten(News, frozen=True, kw_only=True):
    """Online rows of one entity were erased; the key is not named."""

    entity: str
    rows: int

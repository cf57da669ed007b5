"""Looking things up by name, with errors that say what there is instead."""

from __future__ import annotations

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.pages import encode_cursor, place_of
from modelyard.kernel.refs import Ref, ref
from modelyard.ports.database import Transaction
from modelyard.registry.api import Model, ModelVersion
from modelyard.registry.store import models, versions
from modelyard.tracking.api.limits import check_key

_MOST_TAGS = 100
_TAG_KEY = 250
_TAG_VALUE = 100_000


def model_of(tx: Transaction, name: str) -> tuple[int, Model]:
    """A model and its number inside.

    Raises:
        NotFound: there is none of that name.
    """
    one = models.one(tx, name)
    if one is None:
        raise NotFound(f"Registered Model with name={name[:120]} not found; list them: yard registry models")
    return one


def version_of(tx: Transaction, name: str, number: int) -> tuple[int, int, ModelVersion]:
    """A version, the number of its model and its own number inside.

    Raises:
        NotFound: there is no such model or version.
    """
    model, head = model_of(tx, name)
    one = versions.one(tx, model, number)
    if one is None:
        raise NotFound(
            f"Model Version (name={name[:120]}, version={number}) not found; {head.name} has given {head.last_version} "
            f"numbers, list what is left: yard registry versions --name {head.name}"
        )
    return model, one[0], one[1]


def model_ref(name: str, version: int | str | None = None) -> Ref:
    """The ref of a model, or of one of its versions or aliases."""
    return ref("model", name, version)


MAX_TOLD = 5000
"""Characters of a tag's value that the news of it carries."""


def checked_tags(tags: dict[str, str] | None) -> dict[str, str]:
    """Tags, if their names and values are of a size to keep.

    Raises:
        InvalidInput: too many, an empty or too long name or one with other characters than those of runs have, a too
            long value, or a NUL in one.
    """
    given = tags or {}
    if len(given) > _MOST_TAGS:
        raise InvalidInput(f"at most {_MOST_TAGS} tags in a call, not {len(given)}")
    for key, value in given.items():
        if not key or len(key) > _TAG_KEY:
            raise InvalidInput(f"a tag's name has 1 to {_TAG_KEY} characters, not {len(key)}")
        check_key(key)
        if len(value) > _TAG_VALUE:
            raise InvalidInput(f"the value of tag {key!r} has {len(value)} characters of at most {_TAG_VALUE}")
        if "\x00" in key or "\x00" in value:
            raise InvalidInput(f"the tag {key!r} holds a NUL character; remove it")
    return given


def offset_of(cursor: str | None) -> int:
    """How many rows a search is to skip.

    Raises:
        InvalidInput: the cursor is none of ours.
    """
    found = place_of(cursor or None, 0)
    if found < 0:
        raise InvalidInput("the cursor is not one that this list gave out; start again without it")
    return found


def next_cursor(offset: int, limit: int, found: int) -> str | None:
    """Where the next page begins, if `found` rows of `limit + 1` asked for show that there is one."""
    return encode_cursor(offset + limit) if found > limit else None

"""Tokens: how a pseudonym looks, and which columns have them."""

from __future__ import annotations

import re
from base64 import b32encode
from collections.abc import Mapping, Sequence

from modelyard.kernel.errors import InvalidInput
from modelyard.lake.api import Classification, Column

_TOKEN = re.compile(r"ps_[0-9a-z]{26}")
_PERSONAL = (Classification.PII, Classification.PHI)
ENTROPY_BYTES = 16


def token_of(drawn: bytes) -> str:
    """A token of 16 bytes that were drawn at random.

    >>> token_of(bytes(16))
    'ps_aaaaaaaaaaaaaaaaaaaaaaaaaa'
    """
    return "ps_" + b32encode(drawn).decode().rstrip("=").lower()


def is_token(text: str) -> bool:
    """True if a text has the form of a token: it is taken for one, and never named again."""
    return _TOKEN.fullmatch(text) is not None


def tokened(columns: Sequence[Column]) -> Mapping[str, str]:
    """The columns that hold tokens, and whose."""
    return {column.name: column.pseudonym for column in columns if column.pseudonym is not None}


def check_pseudonyms(columns: Sequence[Column]) -> None:
    """Refuse columns that cannot hold tokens.

    Raises:
        InvalidInput: a column is no text, or not classified as personal.
    """
    for column in columns:
        if column.pseudonym is not None and column.type != "string":
            raise InvalidInput(f"column {column.name} is {column.type}; pseudonyms are text: declare it as string")
        if column.pseudonym is not None and column.classification not in _PERSONAL:
            raise InvalidInput(f"column {column.name} has pseudonyms; classify it as well, as pii or phi")

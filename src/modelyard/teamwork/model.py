"""Who is called in a text. It reads nothing and knows nobody."""

from __future__ import annotations

import re

MOST = 50
_MENTION = re.compile(r"(?<![\w@./-])@([A-Za-z0-9_](?:[A-Za-z0-9_.\-]{0,118}[A-Za-z0-9_])?)")
_CODE = re.compile(r"(`{1,3})(?:(?!\1).)*?\1", re.DOTALL)


def mentioned(text: str) -> tuple[str, ...]:
    """Names called with `@name`, each once, 50 at most; an address or a piece of code calls nobody.

    >>> mentioned("@ada, see bob@example.org and `@code`. Thanks @ada @eve.")
    ('ada', 'eve')
    """
    prose = _CODE.sub(" ", text)
    return tuple(dict.fromkeys(_MENTION.findall(prose)))[:MOST]

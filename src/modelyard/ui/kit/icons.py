"""The icon sprite: one small drawing a word, kept in `icons.svg`; a page carries it once, inline.

An icon never stands without a word or a label beside it; a mark of state has its own shape, so colour is never alone.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path


@cache
def sprite() -> str:
    """The whole sprite as SVG symbols: `i-NAME` for icons, `m-STATE` for marks, `brand`."""
    text = Path(__file__).with_name("icons.svg").read_text("utf-8")
    return "".join(re.findall(r"<symbol .*</symbol>", text))


@cache
def names() -> tuple[str, ...]:
    """The words that have an icon."""
    return tuple(re.findall(r'<symbol id="i-([\w-]+)"', sprite()))

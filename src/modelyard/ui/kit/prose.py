"""Markdown of people as HTML that can do nothing: no raw HTML, no pictures from elsewhere, no address that runs.

Documents of our own may have anchors at their heads, so that they can be linked to.
"""

from __future__ import annotations

import re
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token


def anchor(text: str) -> str:
    """The anchor of a head.

    >>> anchor("Model cards, and more")
    'model-cards-and-more'
    """
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-")


def document(text: str) -> str:
    """A document of our own; heads have anchors."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    for token, inner in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor(inner.content))
    return _html(markdown, tokens)


def prose(text: str) -> str:
    """What somebody wrote; heads begin two levels deeper, as the page has its own."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = markdown.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
        for inner in token.children or ():
            if inner.type == "link_open":
                inner.attrSet("rel", "nofollow noopener noreferrer")
    return _html(markdown, tokens)


def _html(markdown: MarkdownIt, tokens: list[Token]) -> str:
    for token in tokens:
        if token.type == "table_open":
            token.attrSet("class", "table")
        if "right" in str(token.attrs.pop("style", "")):  # pages hold no style of their own
            token.attrSet("class", "num")
    html = str(markdown.renderer.render(tokens, markdown.options, {}))
    return html.replace("<pre>", '<pre class="well" tabindex="0">')

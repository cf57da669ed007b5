"""Markdown as HTML that may stand in a page: no raw HTML, no address but those of the web and of the yard."""

from __future__ import annotations

from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def html(text: str) -> str:
    """Foreign Markdown as HTML; what is HTML in it stands there as text."""
    made = str(_MARKDOWN.render(text))
    return made.replace("<pre>", '<pre class="well" tabindex="0">').replace("<a ", '<a rel="noreferrer noopener" ')

"""The documents of the project as pages: the folder `docs`, and the reference that the declarations themselves give.

Markdown is rendered with raw HTML off; a page is found by its name in the index, never by a path that was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

from msgspec import Struct

from modelyard.cost.api import Cost
from modelyard.features.api import Features
from modelyard.governance.api import Governance
from modelyard.kernel.errors import NotFound
from modelyard.kernel.operations import group_of, operations
from modelyard.lake.api import Lake
from modelyard.monitoring.api import Monitoring
from modelyard.pipelines.api import Pipelines
from modelyard.quality.api import Quality
from modelyard.registry.api import Registry
from modelyard.serving.api import Serving
from modelyard.tracking.api import Tracking
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Found, Page, Screens
from modelyard.ui.kit.prose import anchor, document
from modelyard.ui.reference import errors_text, settings_text, slice_text

_PACKED, _CHECKOUT = Path(__file__).parent / "docs", Path(__file__).parents[3] / "docs"
_APIS: tuple[type[object], ...] = (
    Lake, Quality, Features, Pipelines, Tracking, Registry, Serving, Monitoring, Governance, Cost,
)  # fmt: skip


class Doc(Struct, frozen=True):
    """A document in the index; `part` is the folder it stands in."""

    name: str
    title: str
    part: str


class IndexData(Struct, frozen=True):
    """All documents, by part."""

    sentence: str
    parts: tuple[tuple[str, tuple[Doc, ...]], ...]


class DocData(Struct, frozen=True):
    """One document; `html` was made from Markdown that may hold no HTML."""

    title: str
    html: str


def screens() -> Screens:
    """The pages of documents."""
    mine = Screens("docs")
    mine.page("/docs", template="pages/docs.html", nav="docs")(_index)
    mine.page("/docs/{page:path}", template="pages/doc.html", nav="docs")(_doc)

    @mine.finds
    def finds(calls: PageCalls, words: str) -> list[Found]:  # noqa: ARG001 - every finder is called alike
        wanted = words.lower().split()
        return [
            Found(d.title, f"/docs/{d.name}", "docs", "book")
            for d in _docs()
            if wanted and all(word in d.title.lower() for word in wanted)
        ][:8]

    return mine


def folder() -> Path:
    """Where the documents are: in the package where it was installed, else beside the sources."""
    return _PACKED if _PACKED.is_dir() else _CHECKOUT


def _index(calls: PageCalls, ask: Ask) -> Page:  # noqa: ARG001 - every page is called alike
    docs = _docs()
    names = dict.fromkeys(d.part for d in docs)
    parts = tuple((name, tuple(d for d in docs if d.part == name)) for name in names)
    data = IndexData(f"{plural(len(docs), 'document')}, as this version came with them.", parts)
    return Page("Docs", data, (Crumb("Docs"),), Foot("GET /docs.json", "yard --help"))


def _doc(calls: PageCalls, ask: Ask) -> Page:  # noqa: ARG001 - every page is called alike
    name = ask.params["page"].removesuffix(".md")
    doc = next((d for d in _docs() if d.name == name), None)
    if doc is None:
        raise NotFound(f"no document {name[:100]!r}; /docs lists them all")
    return Page(doc.title, DocData(doc.title, _rendered(name)), (Crumb("Docs", "/docs"), Crumb(doc.title)))


@cache
def _rendered(name: str) -> str:
    """A document as HTML; it stays as it is while this version runs."""
    made = _reference().get(name)
    html = document(made() if made else (folder() / f"{name}.md").read_text(encoding="utf-8"))
    return re.sub(r"<tr>\s*<td><code>([\w.-]+)</code>", r'<tr id="\1"><td><code>\1</code>', html) if made else html


@cache
def _docs() -> tuple[Doc, ...]:
    found = [Doc(name, name.rpartition("/")[2].capitalize(), "reference") for name in _reference()]
    for path in sorted(folder().rglob("*.md")):
        name = path.relative_to(folder()).with_suffix("").as_posix()
        head = next((line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# ")), name)
        found.append(Doc(name, head.removeprefix("# "), name.rpartition("/")[0] or "start"))
    order = {"start": 0, "tutorials": 1, "how-to": 2, "reference": 3}
    return tuple(sorted(found, key=lambda d: (order.get(d.part, 9), d.part)))


def _reference() -> Mapping[str, Callable[[], str]]:
    made: dict[str, Callable[[], str]] = {
        "reference/operations": _operations, "reference/settings": settings_text, "reference/errors": errors_text,
    }  # fmt: skip
    for api in _APIS:
        made[f"reference/{group_of(api)}"] = partial(slice_text, api)
    return made


def _operations() -> str:
    lines = ["# Operations", "", "Every operation is a call over HTTP, a method in Python and a command.", ""]
    for api in _APIS:
        group = group_of(api)
        lines += [f"## {group.capitalize()}", ""]
        lines += [f"- [{op.name}](/docs/reference/{group}#{anchor(op.name)}): {op.summary}" for op in operations(api)]
        lines.append("")
    return "\n".join(lines)

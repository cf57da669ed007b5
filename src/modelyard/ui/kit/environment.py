"""The template environment: Jinja with escaping always on, undefined names as errors, and the kit's words as `k`.

Templates see `k` (all macros), `draw` (geometry), the filters of `figures`, and the page's records. No template holds a
script, a style or an event handler: the content policy of the site would refuse them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.runtime import Macro
from msgspec import Struct

from modelyard.ui.kit import drawings, figures, graphs, icons, refs
from modelyard.ui.kit.frame import KEYS, NAV, jumps
from modelyard.ui.kit.pages import Ask
from modelyard.ui.kit.tables import Kind

_FOLDER = Path(__file__).parents[1] / "templates"
_MACROS = ("marks", "parts", "drawings", "lists", "table", "states", "spreads")
_FIGURES = (
    *("number", "metric", "signed", "interval", "share", "money", "size", "energy", "duration"),
    *("iso", "stamp", "short", "plural", "initials", "sentence"),
)
_PAUSE = "\ue000pause\ue000"
_asked: ContextVar[Ask] = ContextVar("modelyard_asked")

STATE_WORDS = {
    "ok": "well",
    "warn": "warning",
    "bad": "failed",
    "run": "running",
    "wait": "waiting",
    "off": "stopped",
}

_WRITE: dict[Kind, Callable[[float], str]] = {
    Kind.METRIC: figures.metric,
    Kind.MONEY: figures.money,
    Kind.SIZE: figures.size,
    Kind.ENERGY: figures.energy,
    Kind.DURATION: figures.duration,
}


def as_kind(value: float, kind: Kind, digits: int | None = None) -> str:
    """Write a number as its column does."""
    if kind is Kind.SIGNED:
        return figures.signed(value, 4 if digits is None else digits)
    if kind is Kind.SHARE:
        return figures.share(value, 1 if digits is None else digits)
    write = _WRITE.get(kind)
    return write(value) if write else figures.number(value, digits)


def tag(cell: object) -> str:
    """The tag of a typed cell; empty for a plain value."""
    return str(type(cell).__struct_config__.tag) if isinstance(cell, Struct) else ""


def _finish(value: object) -> object:
    if value is None:
        return figures.DASH
    return figures.plain(value) if type(value) is str else value


def _now() -> datetime:
    return _asked.get().now


def _split_pairs(parts: Iterable[tuple[str, float, int]]) -> list[tuple[str, float]]:
    return [(name, weight) for name, weight, _ in parts]


def environment() -> Environment:
    """Make the environment; templates are compiled when first used."""
    env = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finish,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.filters.update({name: getattr(figures, name) for name in _FIGURES})
    env.filters.update(
        ago=lambda at: figures.ago(at, _now()),
        moment=lambda at: figures.moment_text(at, _now()),
        cut_at=figures.cut,
        shown=refs.shown,
        walk_url=refs.walk_url,
        as_kind=as_kind,
        tag=tag,
        split_pairs=_split_pairs,
    )
    kit = SimpleNamespace()
    draw = SimpleNamespace(
        **{n: getattr(drawings, n) for n in ("spark", "forest", "histogram", "shares", "timeline", "plot")}
    )
    draw.layout, draw.Line, draw.Lane, draw.Span = graphs.layout, drawings.Line, drawings.Lane, drawings.Span
    draw.Node, draw.Link = graphs.Node, graphs.Link
    env.globals.update(
        k=kit,
        draw=draw,
        now=_now,
        at=lambda days: _now() - timedelta(days=days),
        state_words=STATE_WORDS,
        nav=NAV,
        key_sets=(*KEYS, ("Go to, after G", tuple((text.lower(), f"G then {key}") for key, text, _ in jumps()))),
        jumps=jumps(),
        sprite=icons.sprite,
        sort_url=lambda key: _asked.get().url(sort=key, after=None),
        after_url=lambda cursor: _asked.get().url(after=cursor),
        with_query=lambda **changes: _asked.get().url(**changes),
    )
    for name in _MACROS:
        module = env.get_template(f"kit/{name}.html").module
        vars(kit).update({n: v for n, v in vars(module).items() if isinstance(v, Macro)})
    return env


def render(env: Environment, template: str, ask: Ask, **context: object) -> str:
    """Render a template for one asking; relative times are those of `ask.now`."""
    return "".join(parts(env, template, ask, **context))


def parts(env: Environment, template: str, ask: Ask, **context: object) -> Iterator[str]:
    """The same as it comes, cut where the template says `{{ pause }}`; what stands before is not waited for."""
    pieces = env.get_template(template).generate(ask=ask, pause=_PAUSE, **context)
    piece: str | None = ""
    while piece is not None:
        part: list[str] = []
        token = _asked.set(ask)  # for as long as this thread renders: the next part may be rendered by another
        try:
            while (piece := next(pieces, None)) is not None:
                part.append(piece)
                if _PAUSE in piece:
                    break
        finally:
            _asked.reset(token)
        yield "".join(part).replace(_PAUSE, "")

"""A model card drafted from what is known, with its gaps named; it invents nothing.

Sections after Mitchell et al. 2019: what it is, for which use, how well it does, overall and by group, on which data.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.kernel.clock import from_ms
from modelyard.kernel.units import format_bytes
from modelyard.registry.api import Evaluation, Field, Figure, GroupGap, Model, ModelVersion

_GAPS = (
    ("Intended use", "Who uses its answers, and for which decisions? For which is it not meant?"),
    ("Limits", "Where is it known to be weak, and what was it never tried on?"),
    ("People", "Which groups of people do its answers touch, who looked at that, and whom to ask?"),
)
_MOST_GROUPS = 12


def draft(model: Model, version: ModelVersion | None, tried: Sequence[Evaluation] = ()) -> str:
    """Markdown about a model, one of its versions and how that did, newest evaluation of each set of rows."""
    lines = [f"# {_plain(model.name)}", ""]
    lines += [model.description or "_What does it answer? Say it in a sentence._", ""]
    if version is not None:
        lines += _facts(version)
    if model.aliases:
        lines += ["## In use", "", *(f"- `{alias}`: version {number}" for alias, number in model.aliases.items()), ""]
    for title, question in _GAPS:
        lines += [f"## {title}", "", f"_{question}_", ""]
    lines += _figures(tried)
    return "\n".join(lines)


def _plain(text: str) -> str:
    return text.replace("\n", " ")


def _facts(version: ModelVersion) -> list[str]:
    known = [
        ("Registered", f"{from_ms(version.created_ms):%Y-%m-%d %H:%M} UTC by `{version.created_by}`"),
        ("Run", f"`{version.run}`" if version.run else ""),
        ("Code", f"`{version.commit}`" if version.commit else ""),
        ("Made from", ", ".join(f"`{r}`" for r in version.reads)),
        ("Size", f"{format_bytes(version.size_bytes)} in {version.files} files" if version.files else ""),
        ("Formats", ", ".join(f"`{f}`" for f in version.flavours)),
        ("Packages", ", ".join(f"`{r}`" for r in version.requirements[:12])),
        ("Python", version.python),
        ("Licence", version.licence or "_not said_"),
        ("Safe to load", version.scan.verdict.value.replace("_", " ")),
        ("Signed by", ", ".join(f"`{k}`" for k in version.signers)),
        ("Content", f"`{version.digest}`" if version.digest else ""),
    ]
    lines = [f"## Version {version.version}", ""]
    lines += [version.description, ""] if version.description else []
    lines += [*(f"- {name}: {text}" for name, text in known if text), ""]
    if version.signature is not None:
        lines += ["### Takes", "", *_fields(version.signature.inputs), ""]
        lines += ["### Gives", "", *_fields(version.signature.outputs), ""]
    return lines


def _fields(fields: tuple[Field, ...]) -> list[str]:
    return [
        f"- {f'`{f.name}` ' if f.name else ''}{f.type}{f' {list(f.shape)}' if f.shape else ''}"
        f"{'' if f.required else ', may be missing'}"
        for f in fields
    ] or ["- not said"]


def _figures(tried: Sequence[Evaluation]) -> list[str]:
    lines = ["## How well it does", ""]
    newest: dict[str, Evaluation] = {}
    for each in tried:
        newest.setdefault(each.dataset, each)
    if not newest:
        return [*lines, "_It was never evaluated on rows whose truth is known._", ""]
    for one in newest.values():
        from_data = f" from `{one.data}`" if one.data else ""
        lines += [
            f"### On {_plain(one.dataset)}",
            "",
            f"{one.rows:,} rows{from_data}; intervals are 95 %, by bootstrap.",
            "",
        ]
        lines += ["| Metric | Rows | Value | Interval |", "| --- | --- | ---: | --- |"]
        shown = [f for f in one.figures if not f.group] + [f for f in one.figures if f.group][:_MOST_GROUPS]
        lines += [_row(f) for f in shown]
        lines += ["", *_gaps(one.gaps)]
    return lines


def _row(figure: Figure) -> str:
    value = "–" if figure.value is None else f"{figure.value:.4f}"
    span = "–" if figure.low is None or figure.high is None else f"{figure.low:.4f} to {figure.high:.4f}"
    group = (figure.group or "all").replace("|", "\\|")
    return f"| {figure.metric.value.replace('_', ' ')} | {group} ({figure.rows:,}) | {value} | {span} |"


def _gaps(gaps: Sequence[GroupGap]) -> list[str]:
    said = [
        f"- {g.parity.value.replace('_', ' ')} by `{g.column}`: {g.gap:.4f} apart, "
        f"highest {max(g.rates, key=g.rates.__getitem__)}, lowest {min(g.rates, key=g.rates.__getitem__)}"
        for g in gaps
        if g.gap is not None and g.rates
    ]
    return [*said, ""] if said else []

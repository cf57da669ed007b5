"""A model card drafted from what is known, with its gaps named; it invents nothing."""

from __future__ import annotations

from modelyard.kernel.clock import from_ms
from modelyard.kernel.units import format_bytes
from modelyard.registry.api import Field, Model, ModelVersion

_GAPS = (
    ("Intended use", "Who uses its answers, and for which decisions? For which is it not meant?"),
    ("Limits", "Where is it known to be weak, and what was it never tried on?"),
    ("Groups", "Which groups of people do its answers touch, and how well does it serve each?"),
)


def draft(model: Model, version: ModelVersion | None) -> str:
    """Markdown about a model and one of its versions."""
    lines = [f"# {model.name}", ""]
    lines += [model.description or "_What does it answer? Say it in a sentence._", ""]
    if version is not None:
        lines += _facts(version)
    if model.aliases:
        lines += ["## In use", "", *(f"- `{alias}`: version {number}" for alias, number in model.aliases.items()), ""]
    for title, question in _GAPS:
        lines += [f"## {title}", "", f"_{question}_", ""]
    return "\n".join(lines)


def _facts(version: ModelVersion) -> list[str]:
    known = [
        ("Registered", f"{from_ms(version.created_ms):%Y-%m-%d %H:%M} UTC by `{version.created_by}`"),
        ("Run", f"`{version.run}`" if version.run else ""),
        ("Made from", ", ".join(f"`{r}`" for r in version.reads)),
        ("Size", f"{format_bytes(version.size_bytes)} in {version.files} files" if version.files else ""),
        ("Formats", ", ".join(f"`{f}`" for f in version.flavours)),
        ("Safe to load", version.scan.verdict.value.replace("_", " ")),
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

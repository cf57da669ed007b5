"""The reference as Markdown, derived from operations, settings and the error tree; nothing of it is written by hand.

It is made when somebody asks for it and never stored. What it shows of a thing is what the thing's declaration says:
where a sentence is missing here, it is missing there.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any

import msgspec
from msgspec import Meta, Struct

from modelyard.kernel.errors import YardError, every_error
from modelyard.kernel.operations import Form, Operation, Parameter, group_of, operations
from modelyard.settings import Settings

PREFIX = "/v1"


class Chapter(Struct, frozen=True):
    """One page of the reference: `slug` is its last part of an address."""

    slug: str
    title: str
    text: str


class Command(Struct, frozen=True):
    """A command of the yard itself: its usage line, what it does, and its options with what each is for."""

    name: str
    usage: str
    summary: str
    options: tuple[tuple[str, str], ...] = ()


def chapters(apis: Sequence[type[Any]], commands: Sequence[Command]) -> tuple[Chapter, ...]:
    """The whole reference: settings, errors, the yard's own commands, then a chapter for each slice."""
    house = (
        Chapter("settings", "Settings", settings_text()),
        Chapter("errors", "Errors", errors_text()),
        Chapter("commands", "Commands of the yard", commands_text(commands)),
    )
    return (*house, *(Chapter(group_of(api), group_of(api).capitalize(), slice_text(api)) for api in apis))


def settings_text() -> str:
    """Every setting: its three names, what it is for and its default."""
    text = (
        "A setting has one name: `--port` on the command line, `YARD_PORT` in the environment and `port = 8470` in "
        "`modelyard.toml` are the same. A flag wins over the environment, the environment over the file in the "
        "working folder, that over the file in the home. `yard settings` shows what is in force."
    )
    lines = ["# Settings", "", text, "", "| setting | environment | default | what it is for |", "|---|---|---|---|"]
    hints = typing.get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        default = msgspec.json.encode(field.default).decode()
        lines.append(
            f"| `{field.name}` | `YARD_{field.name.upper()}` | `{default}` | {_cell(_described(hints[field.name]))} |"
        )
    return "\n".join(lines) + "\n"


def errors_text() -> str:
    """Every error: code, HTTP status, exit code of the command line, and what it means."""
    text = (
        "An error has a stable code. Over HTTP it is a problem document (RFC 9457, `application/problem+json`) with "
        "`title`, `status`, `detail`, `code` and `instance` (the request's id, as in logs and audit). In Python it is "
        "the class of that name in `modelyard.kernel.errors`, from a yard in this process and from one far away "
        "alike. On the command line it is the exit code. `detail` says what happened, to what, and what to do."
    )
    lines = ["# Errors", "", text, "", "| code | HTTP | exit | class | means |", "|---|---|---|---|---|"]
    found = dict[str, type[YardError]]()
    for error in every_error():
        if error is not YardError:
            found.setdefault(error.code, error)
    for error in sorted(found.values(), key=lambda e: (e.status, e.code)):
        above = error.__mro__[1]
        name = error.__name__ if above is YardError else f"{error.__name__} ({above.__name__})"
        means = (inspect.getdoc(error) or "").splitlines()[0]
        lines.append(f"| `{error.code}` | {error.status} | {error.exit_code} | {name} | {_cell(means)} |")
    return "\n".join(lines) + "\n"


def commands_text(commands: Sequence[Command]) -> str:
    """What `yard` itself can do; the commands of a slice stand in the slice's chapter."""
    lines = ["# Commands of the yard", "", "Every command takes `--help`; most take `--json`.", ""]
    for one in commands:
        lines += [f"## yard {one.name}", "", one.summary, "", "```", one.usage, "```", ""]
        if one.options:
            lines += ["| option | what it is for |", "|---|---|"]
            lines += [f"| `{option}` | {_cell(text)} |" for option, text in one.options] + [""]
    return "\n".join(lines)


def slice_text(api: type[Any]) -> str:
    """Every operation of a slice, and the records that it takes and gives."""
    found = operations(api)
    lines = [f"# {group_of(api).capitalize()}", "", inspect.getdoc(api) or "", ""]
    for op in found:
        lines += _operation_lines(op)
    records = _records(found)
    if records:
        lines += ["## Records", ""]
        for record in records:
            lines += _record_lines(record)
    return "\n".join(lines).rstrip() + "\n"


def command_of(op: Operation) -> str | None:
    """How the operation is called on the command line; None where it has no command there."""
    if op.command == "-":
        return None
    words = [p.name.upper() if p.place != "content" else "FILE" for p in op.parameters if p.required]
    options = " [OPTIONS]" if any(not p.required for p in op.parameters) else ""
    return " ".join(["yard", op.group, op.command_name, *words]) + options


def _operation_lines(op: Operation) -> Iterator[str]:
    prose = re.split(r"^(?:Args|Raises|Examples?):$", op.doc, maxsplit=1, flags=re.MULTILINE)[0].strip()
    yield from (f"## {op.name}", "", prose, "")
    yield f"- HTTP: `{op.verb} {PREFIX}{op.path}`" + {
        Form.UPLOAD: ", the bytes are the body", Form.DOWNLOAD: f", answers `{op.media}`",
        Form.LIVE: ", answers server-sent events",
    }.get(op.form, "") + (", or a range of it" if op.ranges else "")  # fmt: skip
    yield f"- Python: `yard.{op.group}.{op.method}({_signature(op)})` gives `{shown(op.returns)}`"
    if command := command_of(op):
        yield f"- Shell: `{command}`"
    about = f", on `{op.about}`" if op.about else ""
    yield f"- Needs: scope `{op.scope}`{about}; " + ("in the audit" if op.audited else "not in the audit")
    yield ""
    if op.parameters:
        yield from ("| argument | type | default | |", "|---|---|---|---|")
        yield from (_parameter_line(p) for p in op.parameters)
        yield ""
    if op.raises:
        yield "Raises: " + "; ".join(f"`{name}`: {text.rstrip('.')}" for name, text in op.raises) + "."
        yield ""
    if op.examples:
        yield from ("```console", *op.examples, "```", "")


def _parameter_line(p: Parameter) -> str:
    default = "required" if p.required else f"`{_default(p.default)}`"
    rule = _described(p.type)
    text = " ".join(part for part in (p.doc, f"({rule})" if rule else "") if part)
    return f"| `{p.name}` | `{_cell(shown(p.type))}` | {_cell(default)} | {_cell(text)} |"


def _signature(op: Operation) -> str:
    return ", ".join(p.name if p.required else f"{p.name}=..." for p in op.parameters)


def _record_lines(record: type[Struct]) -> Iterator[str]:
    text = inspect.getdoc(record) or ""
    prose, _, attributes = text.partition("\nAttributes:\n")
    said = dict[str, str]()
    names: list[str] = []
    for line in attributes.splitlines():
        if entry := re.match(r" {4}([a-z_][\w, ]*): (.*)$", line):
            names = [name.strip() for name in entry[1].split(",")]
            said.update(dict.fromkeys(names, entry[2]))
        elif line.strip():
            for name in names:
                said[name] += " " + line.strip()
    yield from (f"### {record.__name__}", "", prose.strip(), "", "| field | type | |", "|---|---|---|")
    hints = typing.get_type_hints(record, include_extras=True)
    for field in msgspec.structs.fields(record):
        yield f"| `{field.name}` | `{_cell(shown(hints[field.name]))}` | {_cell(said.get(field.name, ''))} |"
    yield ""


def _records(found: Iterable[Operation]) -> list[type[Struct]]:
    """The records that operations name, and those within them, by name."""
    seen: dict[str, type[Struct]] = {}
    waiting: list[Any] = [hint for op in found for hint in (*(p.type for p in op.parameters), op.returns)]
    while waiting:
        hint = waiting.pop()
        if isinstance(hint, type) and issubclass(hint, Struct):
            if hint.__name__ not in seen:
                seen[hint.__name__] = hint
                waiting += typing.get_type_hints(hint, include_extras=True).values()
        else:
            waiting += typing.get_args(hint)
            origin = typing.get_origin(hint)
            if isinstance(origin, type) and issubclass(origin, Struct):
                waiting.append(origin)
    return [seen[name] for name in sorted(seen)]


def shown(hint: Any) -> str:
    """A type as people read it: `str or null`, `list of Table`, the choices of a word."""
    if hint is None or hint is type(None):
        return "null"
    if hint is Any or isinstance(hint, typing.TypeVar):
        return "any"
    if isinstance(hint, typing.NewType):
        return shown(hint.__supertype__)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return shown(inner[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(shown(one) for one in inner))
    if origin is not None:
        return _shown_generic(origin, [one for one in inner if one is not Ellipsis])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(str(choice.value) for choice in hint)
    return getattr(hint, "__name__", str(hint))


def _shown_generic(origin: Any, inner: Sequence[Any]) -> str:
    name = getattr(origin, "__name__", str(origin))
    if name in ("list", "tuple", "Sequence", "frozenset", "set"):
        return "list of " + " or ".join(dict.fromkeys(shown(one) for one in inner))
    if name in ("Iterator", "Iterable"):
        return "bytes" if list(inner) == [bytes] else f"stream of {shown(inner[0])}"
    if name in ("dict", "Mapping"):
        return f"map of {shown(inner[0])} to {shown(inner[1])}"
    return f"{name} of {', '.join(shown(one) for one in inner)}"


def _described(hint: Any) -> str:
    """What an annotation says of the values, under optional and list too."""
    for one in typing.get_args(hint):
        if isinstance(one, Meta) and one.description:
            return one.description
    return next((text for one in typing.get_args(hint) if (text := _described(one))), "")


def _default(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

"""Commands derived from operations: arguments, options, help and examples come from the declaration alone.

A required argument is positional, the others are options; what an upload sends is a file; a record is given as JSON.
"""

from __future__ import annotations

import os
import stat
import sys
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import click
import msgspec

from modelyard.edges.cli.output import Output
from modelyard.edges.cli.progress import progress, size_of
from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.operations import ARROW, Form, Operation, Parameter, operations

_CHUNK = 1 << 20
Caller = Callable[[Operation, dict[str, Any]], Any]
"""Carries a call out: the operation and its arguments."""
Options = Callable[[], Sequence[click.Option]]
"""Makes the options that every command takes beside its own."""


class DerivedGroup(click.Group):
    """The commands of one slice; its api is imported when the group is first used."""

    def __init__(
        self, name: str, help_: str, load: Callable[[], Sequence[type[Any]]], call: Caller, beside: Options = tuple
    ) -> None:
        super().__init__(name, help=help_, no_args_is_help=True, params=list(beside()))
        self._load = load
        self._call = call
        self._beside = beside
        self._made: dict[str, click.Command] | None = None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in order of declaration."""
        return [*self._derived(), *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        return super().get_command(ctx, cmd_name) or self._derived().get(cmd_name)

    def _derived(self) -> dict[str, click.Command]:
        if self._made is None:
            found = [op for api in self._load() for op in operations(api) if op.command != "-"]
            self._made = {op.command_name: command(op, self._call, self._beside) for op in found}
        return self._made


def command(op: Operation, call: Caller, beside: Options = tuple) -> click.Command:
    """The command of one operation."""
    params: list[click.Parameter] = [
        _content(p) if p.place == "content" else _argument(p) if p.required else _option(p) for p in op.parameters
    ]
    if op.form is Form.DOWNLOAD:
        params.append(
            click.Option(["--output", "-o"], type=click.Path(dir_okay=False), help="File to write; else stdout.")
        )
    params.append(click.Option(["--json", "as_json"], is_flag=True, help="Print JSON."))
    taken = {flag for param in params for flag in param.opts}
    params += [option for option in beside() if not taken.intersection(option.opts)]

    def run(*, as_json: bool, output: str | None = None, **given: Any) -> None:
        given |= {name: _asked(name) for name in op.private if given.get(name) == "-"}
        given |= _parted(op, given)
        arguments = {p.name: _value(p, given[p.name]) for p in op.parameters if given.get(p.name) is not None}
        if op.content is not None and any(p.name == "source" and p.name not in arguments for p in op.parameters):
            arguments["source"] = Path(given[op.content].name).name
        if op.content is None:
            _show(op, call(op, arguments), Output(as_json=as_json), output)
            return
        file = given[op.content]
        with progress(Path(file.name).name, size_of(file), quiet=as_json) as through:
            arguments[op.content] = through(_chunks(file))
            result = call(op, arguments)
        _show(op, result, Output(as_json=as_json), output)

    return click.Command(op.command_name, params=params, callback=run, help=_help(op), short_help=op.summary)


def _parted(op: Operation, given: dict[str, Any]) -> dict[str, Any]:
    """`trips@12` where a name and, as an option, its `at` are asked for."""
    name = given.get("name")
    if not isinstance(name, str) or "@" not in name or given.get("at") or "at" not in {p.name for p in op.parameters}:
        return {}
    plain, _, at = name.partition("@")
    return {"name": plain, "at": at}


def _asked(name: str) -> str:
    """What must not stand in a shell's history: asked for without showing it, or read from a pipe."""
    if sys.stdin.isatty():
        found: str = click.prompt(name, hide_input=True)
        return found
    return sys.stdin.readline().rstrip("\r\n")


def _help(op: Operation) -> str:
    """The docstring as click shows it: prose as it stands, examples unwrapped, other sections left to the options."""
    prose: list[str] = []
    for line in op.doc.splitlines():
        if line in ("Args:", "Raises:", "Example:", "Examples:"):
            break
        prose.append(line)
    text = "\n".join(prose).strip()
    if op.examples:
        text += "\n\n\b\nExample:\n" + "\n".join("  " + e for e in op.examples)
    return text


def _content(p: Parameter) -> click.Parameter:
    return click.Argument([p.name], type=click.File("rb"), metavar="FILE")


def _argument(p: Parameter) -> click.Parameter:
    many = p.many
    return click.Argument([p.name], nargs=-1 if many else 1, required=True, type=_type(p), metavar=p.name.upper())


def _option(p: Parameter) -> click.Parameter:
    flag = "--" + p.name.replace("_", "-")
    default = msgspec.to_builtins(p.default) if p.default not in (None, (), [], {}, "") else None
    text = p.doc + (f"  [default: {default}]" if default is not None and not isinstance(default, bool) else "")
    if _plain(p.type) is bool:
        return click.Option([f"{flag}/--no-{flag[2:]}", p.name], default=None, help=text)
    return click.Option([flag, p.name], type=_type(p), multiple=p.many, default=None, help=text)


def _plain(hint: Any) -> Any:
    """The type under Annotated, optional and list."""
    while True:
        origin, args = typing.get_origin(hint), [a for a in typing.get_args(hint) if a is not type(None)]
        if origin is typing.Annotated or (args and origin is not None and origin is not dict):
            hint = args[0]
        else:
            return getattr(hint, "__supertype__", hint)


def _type(p: Parameter) -> click.ParamType[Any]:
    if p.composite:
        return _JSON
    plain = _plain(p.type)
    if plain is int:
        return click.INT
    if plain is float:
        return click.FLOAT
    if isinstance(plain, type) and issubclass(plain, Enum):
        return click.Choice([str(m.value) for m in plain])
    return click.STRING


class _JsonType(click.ParamType[Any]):
    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value behind JSON text, or behind `@file`."""
        if not isinstance(value, str):
            return value
        try:
            raw = Path(value[1:]).read_bytes() if value.startswith("@") else value.encode()
            return msgspec.json.decode(raw)
        except OSError as err:
            self.fail(f"{value[1:]} cannot be read: {err.strerror}", param, ctx)
        except msgspec.DecodeError as err:
            self.fail(f"this is no JSON: {err}; write JSON, or @FILE", param, ctx)


_JSON = _JsonType()


def _value(p: Parameter, given: Any) -> Any:
    """What came from the shell, as the operation's type."""
    if p.place == "content":
        return _chunks(given)
    if p.many:
        given = list(given)
        if not given and not p.required:
            return p.default
    try:
        return msgspec.convert(given, p.type, strict=False)
    except msgspec.ValidationError as err:
        raise InvalidInput(f"{p.name}: {err}") from err


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The file's bytes, with a bar while they go where standard error is a terminal."""
    if not sys.stderr.isatty():
        while chunk := file.read(_CHUNK):
            yield chunk
        return
    from rich.console import Console
    from rich.progress import wrap_file

    state = os.fstat(file.fileno())
    total = state.st_size if stat.S_ISREG(state.st_mode) else 0
    console = Console(stderr=True)
    with wrap_file(
        cast("BinaryIO", file), total=total, description=Path(file.name).name, console=console, transient=True
    ) as watched:
        while chunk := watched.read(_CHUNK):
            yield chunk


def _show(op: Operation, result: Any, out: Output, file: str | None) -> None:
    if op.form is Form.DOWNLOAD and op.media == ARROW:
        _give(result, out, file)
    elif op.form is Form.DOWNLOAD:
        _save(result, file)
    elif op.form is Form.LIVE:
        for item in result:
            out.line(item)
    elif result is None:
        out.done(op.summary)
    else:
        out.record(result)


def _give(chunks: Iterable[bytes], out: Output, file: str | None) -> None:
    """Rows as they are wanted; into a pipe, or a file of no kind that is known, as they come."""
    if file is None and not (out.as_json or sys.stdout.isatty()):
        _save(chunks, None)
        return
    from modelyard.edges.cli import rows

    if file is None:
        rows.show(chunks, out)
    elif rows.is_kind(suffix := Path(file).suffix.lower()):
        _save(chunks, file, partial(rows.write, suffix=suffix))
    else:
        _save(chunks, file)


def _plainly(chunks: Iterable[bytes], sink: IO[bytes]) -> None:
    for chunk in chunks:
        sink.write(chunk)


def _save(
    chunks: Iterable[bytes], file: str | None, write: Callable[[Iterable[bytes], IO[bytes]], None] = _plainly
) -> None:
    if file is None:
        write(chunks, sys.stdout.buffer)
        return
    target = Path(file)
    fresh = target.with_name(f".{target.name}.part")
    try:
        with fresh.open("wb") as out, progress(target.name, None, quiet=False) as through:
            write(through(chunks), out)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)

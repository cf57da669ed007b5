"""Contracts as text: YAML or JSON to a record and back, with the line and the field of what is wrong.

YAML is read by the core schema of YAML 1.2: `no` and `on` are words, dates stay text, nothing but true and false is a
truth. Keys that come twice, foreign tags and documents that unfold beyond measure are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, get_args, get_origin

import msgspec
import yaml

from modelyard.kernel.errors import InvalidInput
from modelyard.quality.api import ColumnRule, Contract

LONGEST = 1 << 20
_MOST_NODES = 200_000
_MOST_DEPTH = 40
_TAG = "tag:yaml.org,2002:"
_CORE = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
     "-+.0123456789"),
)  # fmt: skip
_KINDS = frozenset({"str", "map", "seq", *(kind for kind, _, _ in _CORE)})
Path = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """Composes nodes by the core schema."""


class _Dumper(yaml.SafeDumper):
    """Writes so that the loader reads the same."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is the library's
        """Write every part out."""
        return True


_Loader.yaml_implicit_resolvers = {}
# the dumper keeps the words of YAML 1.1 too: what another reader would take for a truth or a date is quoted
_Dumper.yaml_implicit_resolvers = {first: list(known) for first, known in _Dumper.yaml_implicit_resolvers.items()}
for _form in (_Loader, _Dumper):
    for _kind, _pattern, _firsts in _CORE:
        for _first in _firsts:
            _form.add_implicit_resolver(
                _TAG + _kind, re.compile(f"(?:{_pattern})\\Z"), ["" if _first == "\0" else _first]
            )


class Document(msgspec.Struct, frozen=True):
    """A text as plain values, with the line of each part."""

    data: Any
    lines: dict[Path, int]

    def where(self, path: Path) -> str:
        """A place in words: `line 3, columns.fare.min`."""
        known = next((self.lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.lines), None)
        named = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        return ", ".join(filter(None, [f"line {known}" if known else "", named])) or "the whole of it"


def document(text: str) -> Document:
    """Plain values from YAML or JSON.

    Raises:
        InvalidInput: it is neither; the detail says where.
    """
    if len(text) > LONGEST:
        raise InvalidInput("a contract's text has at most 1 MiB")
    if text.lstrip().startswith("{"):
        with suppress(ValueError, RecursionError):  # YAML may start like this too, and its reader says more
            return Document(json.loads(text), {})
    try:
        node = yaml.compose(text, Loader=_Loader)
        lines: dict[Path, int] = {}
        data = None if node is None else _Reader(lines).value(node, ())
    except yaml.MarkedYAMLError as err:
        line = f"line {err.problem_mark.line + 1}: " if err.problem_mark else ""
        raise InvalidInput(f"the text is no YAML: {line}{err.problem}") from err
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        raise InvalidInput(f"the text is no YAML: {str(err)[:300]}") from err
    return Document(data, lines)


class _Reader:
    """Turns nodes into values, and remembers lines."""

    def __init__(self, lines: dict[Path, int]) -> None:
        self._lines = lines
        self._seen = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        """The value of a node; aliases are unfolded, within measure."""
        self._seen += 1
        line = node.start_mark.line + 1
        if self._seen > _MOST_NODES or len(path) > _MOST_DEPTH:
            raise InvalidInput(
                f"line {line}: the text unfolds to more than a contract can be; write it without aliases"
            )
        self._lines.setdefault(path, line)
        if node.tag.removeprefix(_TAG) not in _KINDS:
            raise InvalidInput(f"line {line}: {node.tag[:60]!r} is no kind of value here; write plain values")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(each, (*path, n)) for n, each in enumerate(node.value)]
        return _scalar(node, line)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, each in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise InvalidInput(f"line {line}: a name is plain text")
            if key.value in found:
                raise InvalidInput(f"line {line}: {key.value!r} comes twice; the second would hide the first")
            self._lines[(*path, key.value)] = line
            found[key.value] = self.value(each, (*path, key.value))
        return found


def _scalar(node: yaml.Node, line: int) -> Any:
    kind, text = node.tag.removeprefix(_TAG), str(node.value)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    try:
        if kind == "int":
            return int(text, 0 if text[:2] in ("0x", "0o") else 10)
        if kind == "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError as err:
        raise InvalidInput(f"line {line}: {text[:60]!r} is no {kind}") from err
    return text


def parse(text: str) -> Contract:
    """A contract from YAML or JSON.

    Raises:
        InvalidInput: it is no contract; the detail names line and field.
    """
    read = document(text)
    try:
        return msgspec.convert(read.data, Contract)
    except msgspec.ValidationError as err:
        raise _wrong(read) or InvalidInput(f"the text is no contract: {err}") from err


def _wrong(read: Document) -> InvalidInput | None:
    """The first part of the text that is wrong, by its line."""
    if not isinstance(read.data, Mapping):
        return InvalidInput("the text is no contract: it is a mapping of `columns`, `unique`, `rows` and so on")
    for path, data, kind in _parts(read.data):
        try:
            msgspec.convert(data, kind)
        except msgspec.ValidationError as err:
            return InvalidInput(f"the text is no contract: {_said(read, path, kind, str(err))}")
    return None


def _parts(data: Mapping[str, Any]) -> Iterator[tuple[Path, Any, Any]]:
    """Parts from the smallest, each with what it should be."""
    for name, rule in columns.items() if isinstance(columns := data.get("columns"), Mapping) else ():
        yield ("columns", str(name)), rule, ColumnRule
    for field in msgspec.structs.fields(Contract):
        if field.name not in data or field.name == "columns":
            continue
        each = data[field.name]
        if isinstance(each, list) and get_origin(field.type) is tuple:
            for n, one in enumerate(each):
                yield (field.name, n), one, get_args(field.type)[0]
        yield (field.name,), each, field.type
    yield (), data, Contract


_AT = re.compile(r"^(.*?)(?: - at `\$(.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)


def _said(read: Document, path: Path, kind: Any, error: str) -> str:
    found = _AT.match(error)
    said, inside = (found[1], found[2] or "") if found else (error, "")
    for name, place in re.findall(r"\.([A-Za-z_]\w*)|\[(\d+)\]", inside):
        path = (*path, name or int(place))
    if (unknown := _UNKNOWN.match(said)) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = [field.encode_name for field in msgspec.structs.fields(kind)]
        near = get_close_matches(unknown[1], fields, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        return f"{read.where((*path, unknown[1]))}: there is no such field; {hint}there are {', '.join(fields)}"
    return f"{read.where(path)}: {said[0].lower()}{said[1:]}"


def written(contract: Contract) -> str:
    """The contract as YAML that reads as the same record."""
    return dumped(msgspec.to_builtins(contract))


def dumped(data: Any) -> str:
    """Plain values as YAML."""
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))

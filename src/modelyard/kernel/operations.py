"""One definition: an operation is declared once, on an abstract method of a slice's `api`.

    class Registry(ABC):
        @operation("PUT", "/models/{name}/aliases/{alias}", scope="registry:promote", about="model:{name}")
        @abstractmethod
        def promote(self, name: Name, version: int, alias: Name) -> ModelVersion:
            \"\"\"Point `alias` at `version`; the alias leaves the version that held it.\"\"\"

Signature, types and docstring carry the rest: the route and its problem document, the OpenAPI entry, the SDK method,
the command, the permission row and the audit name all derive from the `Operation` that `operations(api)` gives.
Bytes in, bytes out and live progress take the second, small form, `@stream`. This module runs nothing.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from modelyard.kernel.contents import BYTES
from modelyard.kernel.refs import Ref, ref

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "__operation__"
PRIVATE: dict[str, Any] = {"private": True}
"""For `msgspec.Meta(extra=PRIVATE)`: values of the type are never logged or audited, whichever operation takes them."""
ARROW = "application/vnd.apache.arrow.stream"
"""The media type of rows."""
ANY = "*/*"
"""The media type of downloads each of which says its own."""
_HOLE = re.compile(r"\{([a-z_]+)(\*?)\}")
_SCOPE = re.compile(r"[a-z]+:[a-z_]+")


class Effect(StrEnum):
    """What a call does, which decides where it runs.

    READ: quick and indexed, answered inline. SCAN: a read that may take long, in a pool. WRITE: handed to the one
    writer, whole within one transaction, touching nothing but the database. NOTE: a WRITE of a few indexed rows,
    whatever its arguments; the event loop may carry it itself. WORK: files, network, long computation; in a pool,
    handing short units to the writer.
    """

    READ = "read"
    SCAN = "scan"
    WRITE = "write"
    NOTE = "note"
    WORK = "work"

    @property
    def changes(self) -> bool:
        """True if such a call may change something."""
        return self in _CHANGING

    @property
    def is_one_write(self) -> bool:
        """True if the whole call is one transaction of the writer's."""
        return self in _ONE_WRITE


_ONE_WRITE = frozenset({Effect.WRITE, Effect.NOTE})
_CHANGING = _ONE_WRITE | {Effect.WORK}


class Form(StrEnum):
    """How values travel: a record each way, bytes in, bytes out, or records as they come."""

    CALL = "call"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an operation.

    Attributes:
        place: `path`, `query`, `body`, or `content` for the bytes of an upload.
        many: True if a query may repeat it.
        composite: True if a query carries it as JSON text.
    """

    name: str
    type: Any
    place: str
    required: bool
    default: Any
    doc: str
    many: bool
    composite: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """What the edges need to know of one operation, and nothing of how it is done.

    Attributes:
        name: `slice.method`; the audit name.
        params: a record type of all arguments but the content of an upload.
        path_params, rest_params: the same, split by where they travel.
        private: arguments that are never logged or audited.
        media: the content type of a download; `ANY` where each answer says its own.
    """

    name: str
    group: str
    method: str
    verb: str
    path: str
    scope: str
    effect: Effect
    form: Form
    about: str | None
    summary: str
    doc: str
    parameters: tuple[Parameter, ...]
    params: type[msgspec.Struct]
    path_params: type[msgspec.Struct]
    rest_params: type[msgspec.Struct]
    returns: Any
    private: frozenset[str] = frozenset()
    media: str = "application/json"
    command: str | None = None
    audited: bool = True
    content: str | None = None
    raises: tuple[tuple[str, str], ...] = ()
    examples: tuple[str, ...] = ()
    _about: tuple[str, tuple[str, ...]] | None = field(default=None, repr=False)

    @property
    def command_name(self) -> str:
        """What its command is called within the slice's group, if it has one."""
        return self.command or self.method.replace("_", "-")

    @property
    def ranges(self) -> bool:
        """True if it is a download of a `Content`, any part of which may be asked for."""
        return self.media == ANY

    @property
    def confidential(self) -> bool:
        """True if the answer holds a secret: it is never kept, so an idempotency key is not honoured."""
        return "return" in self.private

    @property
    def changes(self) -> bool:
        """True if the call may change something."""
        return self.effect.changes and self.verb != "GET"

    def ref_of(self, arguments: Mapping[str, Any]) -> Ref | None:
        """The thing that a call with these arguments is about, as its declaration says."""
        if self._about is None:
            return None
        kind, holes = self._about
        values = [arguments.get(hole) for hole in holes]
        if not values or values[0] is None or values[0] == "":
            return None
        return ref(kind, str(values[0]), None if len(values) < 2 else str(values[1]))


@dataclass(frozen=True, slots=True)
class _Mark:
    verb: str
    path: str
    scope: str
    effect: Effect
    streamed: bool
    about: str | None
    private: frozenset[str]
    media: str
    command: str | None
    audited: bool


def operation(
    verb: str,
    path: str,
    *,
    scope: str,
    effect: Effect | None = None,
    about: str | None = None,
    private: Iterable[str] = (),
    command: str | None = None,
    audited: bool = True,
) -> Callable[[F], F]:
    """Declare an abstract method as an operation.

    Args:
        verb: the HTTP verb.
        path: below `/v1`, with `{argument}` holes; `{argument*}` at the end takes the rest of the path.
        scope: what a caller needs, `slice:verb`.
        effect: by default READ for GET and WRITE for all else.
        about: the ref it touches, `kind:{argument}` or `kind:{argument}@{argument}`; what grants are matched against.
        private: arguments that are never logged or audited; `return` for an answer that holds a secret.
        command: the name on the command line, by default the method's; `-` hides it.
        audited: False for calls that are too frequent and too small for an entry each.
    """
    chosen = effect or (Effect.READ if verb == "GET" else Effect.WRITE)
    mark = _Mark(verb, path, scope, chosen, False, about, frozenset(private), "application/json", command, audited)
    return _marker(mark)


def stream(
    verb: str,
    path: str,
    *,
    scope: str,
    effect: Effect | None = None,
    about: str | None = None,
    media: str = BYTES,
    command: str | None = None,
    audited: bool = True,
) -> Callable[[F], F]:
    """Declare an abstract method whose bytes or records flow.

    The types say which way: a parameter `content: Iterable[bytes]` is an upload, a return of `Iterator[bytes]` a
    download of `media`, a return of `Iterator[Record]` live records, one as each comes.

    Args:
        media: `ANY` where the service answers with a `kernel.contents.Content`: that is served with its length and
            its own type, answers HEAD and byte ranges, and so can be played and gone on with.
    """
    chosen = effect or (Effect.SCAN if verb == "GET" else Effect.WORK)
    return _marker(_Mark(verb, path, scope, chosen, True, about, frozenset(), media, command, audited))


def _marker(mark: _Mark) -> Callable[[F], F]:
    if not _SCOPE.fullmatch(mark.scope):
        raise TypeError(f"{mark.verb} {mark.path}: a scope is slice:verb, not {mark.scope!r}")

    def put(fn: F) -> F:
        setattr(fn, _MARK, mark)
        return fn

    return put


_known: dict[type[Any], tuple[Operation, ...]] = {}
_compiled: dict[Callable[..., Any], Operation] = {}
"""By declaration: an interface that is inherited is compiled once."""


def operations(api: type[Any]) -> tuple[Operation, ...]:
    """Every operation of an interface, in the order of declaration, inherited ones first.

    Raises:
        TypeError: a declaration contradicts itself; the text says which and how.
    """
    if api in _known:
        return _known[api]
    found: dict[str, Operation] = {}
    for cls in reversed(api.__mro__):
        for method, fn in vars(cls).items():
            if (mark := getattr(fn, _MARK, None)) is not None:
                if fn not in _compiled:
                    _compiled[fn] = _compile(cls, method, fn, mark)
                found[method] = _compiled[fn]
    _known[api] = tuple(found.values())
    return _known[api]


def group_of(api: type[Any]) -> str:
    """The slice that an interface belongs to: `modelyard.lake.api` is `lake`."""
    home = api.__module__.split(".")
    return home[1] if len(home) > 1 and home[0] == "modelyard" else home[-1]


def _compile(cls: type[Any], method: str, fn: Callable[..., Any], mark: _Mark) -> Operation:
    where = f"{cls.__name__}.{method}"
    hints = typing.get_type_hints(fn, include_extras=True)
    if "return" not in hints:
        raise TypeError(f"{where}: annotate what it returns")
    returns = hints.pop("return")
    text = inspect.getdoc(fn) or ""
    if not text:
        raise TypeError(f"{where}: an operation needs a docstring; its first line is its help")
    args_doc, raises, examples = _sections(text)
    holes = [name for name, _ in _HOLE.findall(mark.path)]
    signature = list(inspect.signature(fn).parameters.values())[1:]
    rest = (
        "query" if mark.verb in ("GET", "DELETE") or any(_is_content(hints.get(p.name)) for p in signature) else "body"
    )
    parameters = tuple(_parameter(where, p, hints, holes=holes, rest=rest, docs=args_doc) for p in signature)
    names = {p.name for p in parameters}
    if missing := [h for h in holes if h not in names]:
        raise TypeError(f"{where}: the path names {missing}, the signature does not")
    form = _form(where, parameters, returns, streamed=mark.streamed)
    group = group_of(cls)
    plain = [p for p in parameters if p.place != "content"]
    if mark.media == ANY and (form is not Form.DOWNLOAD or mark.verb != "GET"):
        raise TypeError(f"{where}: media=ANY is for a download by GET")
    about = _about(where, mark.about, names)
    return Operation(
        name=f"{group}.{method}", group=group, method=method, verb=mark.verb, path=mark.path, scope=mark.scope,
        effect=mark.effect, form=form, about=mark.about, summary=text.splitlines()[0], doc=text, parameters=parameters,
        params=_record(f"{cls.__name__}_{method}", plain),
        path_params=_record(f"{cls.__name__}_{method}_path", [p for p in plain if p.place == "path"]),
        rest_params=_record(f"{cls.__name__}_{method}_rest", [p for p in plain if p.place != "path"]),
        returns=returns, private=mark.private | {p.name for p in parameters if _is_private(p.type)}, media=mark.media,
        command=mark.command, audited=mark.audited,
        content=next((p.name for p in parameters if p.place == "content"), None), raises=raises, examples=examples,
        _about=about,
    )  # fmt: skip


def _parameter(
    where: str, p: inspect.Parameter, hints: dict[str, Any], *, holes: list[str], rest: str, docs: dict[str, str]
) -> Parameter:
    if p.name not in hints:
        raise TypeError(f"{where}: annotate {p.name}")
    hint = hints[p.name]
    place = "content" if _is_content(hint) else "path" if p.name in holes else rest
    required = p.default is inspect.Parameter.empty
    many, composite = _shape(hint)
    default = None if required else p.default
    return Parameter(p.name, hint, place, required, default, docs.get(p.name, ""), many, composite)


def _is_private(hint: Any) -> bool:
    """True if a type says of itself that its values are never logged or audited: `Meta(extra=PRIVATE)`."""
    told = hint.__metadata__ if typing.get_origin(hint) is typing.Annotated else ()
    if any(isinstance(meta, msgspec.Meta) and (meta.extra or {}).get("private") for meta in told):
        return True
    return any(_is_private(each) for each in typing.get_args(hint) if each is not Ellipsis)


_ITERABLES = (Iterable, Iterator)


def _is_content(hint: Any) -> bool:
    bare = _bare(hint)
    return typing.get_origin(bare) in _ITERABLES and typing.get_args(bare) == (bytes,)


def _bare(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint


def _choices(hint: Any) -> list[Any]:
    """The member types of a union, Annotated and None taken off."""
    bare = _bare(hint)
    if typing.get_origin(bare) in (typing.Union, types.UnionType):
        return [c for member in typing.get_args(bare) for c in _choices(member) if c is not type(None)]
    return [bare]


def _shape(hint: Any) -> tuple[bool, bool]:
    """Whether a query may repeat the argument, and whether it comes as JSON text."""
    kinds = [typing.get_origin(c) or c for c in _choices(hint)]
    listed = [k for k in kinds if isinstance(k, type) and issubclass(k, list | tuple | set | frozenset)]
    composite = any(
        isinstance(k, type) and (issubclass(k, msgspec.Struct | dict) or k is Mapping) for k in kinds
    ) or any(_shape(a)[1] for c in _choices(hint) for a in typing.get_args(c) if listed and a is not Ellipsis)
    return bool(listed) and not composite, composite


def _form(where: str, parameters: tuple[Parameter, ...], returns: Any, *, streamed: bool) -> Form:
    flows = typing.get_origin(returns) in _ITERABLES
    uploads = any(p.place == "content" for p in parameters)
    if not streamed:
        if flows:
            raise TypeError(f"{where}: it returns an iterator; declare it with @stream")
        return Form.CALL
    if uploads and not flows:
        return Form.UPLOAD
    if flows and not uploads:
        return Form.DOWNLOAD if typing.get_args(returns) == (bytes,) else Form.LIVE
    raise TypeError(f"{where}: a stream takes content: Iterable[bytes] or returns Iterator[...], one of the two")


def _about(where: str, template: str | None, names: set[str]) -> tuple[str, tuple[str, ...]] | None:
    if template is None:
        return None
    kind, _, rest = template.partition(":")
    holes = tuple(name for name, _ in _HOLE.findall(rest))
    if not holes or rest != "@".join("{" + h + "}" for h in holes) or not names.issuperset(holes):
        raise TypeError(f"{where}: about is kind:{{argument}} or kind:{{argument}}@{{argument}}, not {template!r}")
    return kind, holes


def _record(name: str, parameters: list[Parameter]) -> type[msgspec.Struct]:
    fields = [(p.name, p.type) if p.required else (p.name, p.type, p.default) for p in parameters]
    return msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)


_SECTION = re.compile(r"^(Args|Raises|Examples?):$")
_ENTRY = re.compile(r"^ {4}([A-Za-z_][\w, ]*): (.*)$")


def _sections(text: str) -> tuple[dict[str, str], tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The Args, Raises and Example sections of a docstring in Google form."""
    entries: dict[str, dict[str, str]] = {"Args": {}, "Raises": {}}
    examples: list[str] = []
    section, names = "", list[str]()
    for line in text.splitlines():
        if found := _SECTION.match(line):
            section, names = found[1], []
        elif line and not line.startswith(" "):
            section = ""
        elif section in entries:
            if entry := _ENTRY.match(line):
                names = [n.strip() for n in entry[1].split(",")]
                entries[section].update(dict.fromkeys(names, entry[2]))
            elif line.strip():
                for name in names:
                    entries[section][name] += " " + line.strip()
        elif section.startswith("Example") and line.strip():
            examples.append(line.strip())
    return entries["Args"], tuple(entries["Raises"].items()), tuple(examples)

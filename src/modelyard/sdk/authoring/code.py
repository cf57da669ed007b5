"""What a step is made from: a digest of its source and of everything local that the source uses.

Comments, docstrings and layout do not count. A helper function counts with what it uses in turn; a module-level
constant counts by its value; what cannot be followed safely (classes, odd objects, whole modules) counts with all of
the local source around it, so that a change is rather seen too often than missed. Libraries are the environment's.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

from modelyard.kernel.errors import InvalidInput
from modelyard.sdk.authoring.sources import Place, imported, local_files, place_of

_PLAIN = (type(None), bool, int, float, complex, str, bytes)


def refuse_closure(fn: Callable[..., Any]) -> None:
    """Return if a function stands on its own.

    Raises:
        InvalidInput: it uses variables of a function around it; their values would be in no key.
    """
    code = getattr(fn, "__code__", None)
    if code is None:
        raise InvalidInput(f"{fn!r} is no plain function; a step is made from one")
    if code.co_freevars:
        raise InvalidInput(
            f"step {fn.__name__} uses {', '.join(code.co_freevars)} of the function around it; "
            "make them parameters and move the step to the top of its module"
        )


def code_digest(fn: Callable[..., Any]) -> str:
    """SHA-256, hex, over a function and everything local that it uses.

    Raises:
        InvalidInput: it is in no file.
    """
    parts: dict[str, str] = {}
    _Collector(place_of(fn), parts).function(fn)
    digest = sha256()
    for name in sorted(parts):
        digest.update(f"{name}\n{parts[name]}\n".encode())
    return digest.hexdigest()


class _Collector:
    """Walks from a function to what it uses."""

    def __init__(self, place: Place, parts: dict[str, str]) -> None:
        self._place = place
        self._local = {str(file) for file in local_files(place).values()}
        self._parts = parts

    def function(self, fn: Callable[..., Any]) -> None:
        """Take a function in, and what it uses."""
        name = f"def {fn.__qualname__}"
        if name in self._parts:
            return
        tree = _tree_of(fn)
        if tree is None:
            self._parts[name] = ""
            self._module(inspect.getmodule(fn))
            return
        self._parts[name] = _plain(tree)
        for module in imported(tree, self._place.module, package=False):
            self._by_name(module)
        for used in sorted(set(_names(fn.__code__))):
            if used in fn.__globals__:
                self._value(used, fn.__globals__[used], fn)

    def _value(self, name: str, value: object, user: Callable[..., Any]) -> None:
        inner = getattr(value, "fn", value) if type(value).__name__ == "Step" else value
        if isinstance(inner, types.ModuleType):
            self._module(inner)
        elif isinstance(inner, types.FunctionType):
            plain = inspect.unwrap(inner)
            if not self._is_local(plain):
                return
            if plain.__code__.co_freevars or inner is not plain:
                self._module(inspect.getmodule(plain))
            else:
                self.function(plain)
        elif isinstance(inner, type):
            self._module(inspect.getmodule(inner))
        elif (text := _constant(inner)) is not None:
            self._parts[f"{name} ="] = text
        elif not isinstance(inner, types.BuiltinFunctionType):
            self._module(inspect.getmodule(user))

    def _is_local(self, thing: object) -> bool:
        try:
            return (inspect.getsourcefile(thing) or "") in self._local  # type: ignore[arg-type]  # it raises TypeError itself
        except TypeError:
            return False

    def _module(self, module: types.ModuleType | None) -> None:
        if module is None or not self._is_local(module):
            return
        name = self._place.module if module.__name__ == "__main__" else module.__name__
        self._by_name(name)

    def _by_name(self, module: str) -> None:
        """Take a local module in whole, with every local module that it imports; a library's name adds nothing."""
        for name, file in local_files(Place(self._place.root, module)).items():
            self._parts[f"file {name}"] = ast.dump(ast.parse(file.read_bytes()))


def _tree_of(fn: Callable[..., Any]) -> ast.FunctionDef | None:
    """The function's definition, or None where its text does not stand alone (a lambda)."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    except (OSError, SyntaxError, TypeError):
        return None
    first = tree.body[0] if tree.body else None
    return first if isinstance(first, ast.FunctionDef) else None


def _plain(tree: ast.FunctionDef) -> str:
    """The definition without its decorators and docstring."""
    body = tree.body
    if ast.get_docstring(tree, clean=False) is not None:
        body = body[1:] or [ast.Pass()]
    bare = ast.FunctionDef(
        name=tree.name, args=tree.args, body=body, decorator_list=[], returns=tree.returns, type_comment=None
    )
    return ast.dump(bare)


def _names(code: types.CodeType) -> Iterator[str]:
    """Every global or attribute name that code mentions, functions inside it included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _constant(value: object) -> str | None:
    """A text for a value that is plain all through; None for anything else."""
    if isinstance(value, _PLAIN):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, list | tuple):
        inside = [_constant(item) for item in value]
        return None if None in inside else f"{type(value).__name__} {inside}"
    if isinstance(value, set | frozenset):
        inside = [_constant(item) for item in value]
        return None if None in inside else f"set {sorted(str(i) for i in inside)}"
    if isinstance(value, dict):
        pairs = [(_constant(k), _constant(v)) for k, v in value.items()]
        return None if any(None in pair for pair in pairs) else f"dict {sorted(map(str, pairs))}"
    return None

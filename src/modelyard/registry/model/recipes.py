"""Recipes by which a loader builds objects: skops' schema, Keras' configuration, YAML and JSON that name Python.

A recipe is text, but loading it imports and calls what it names. Each name is held against the allow-list; what cannot
be read is a finding too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from modelyard.registry.model.allowed import use_of

_WHY_CODE = "loading runs Python that came with the model"
_MOST_NODES = 2_000_000
_SKOPS_OWN = frozenset({
    ("builtins", "NoneType"), ("builtins", "function"), ("builtins", "json"), ("builtins", "type"),
    ("functools", "partial"), ("numpy", "ndarray"), ("numpy", "ufunc"), ("numpy.ma", "MaskedArray"),
    ("numpy.random", "RandomState"), ("numpy.random.mtrand", "RandomState"), ("types", "NoneType"),
})  # fmt: skip
_TAGS = (b"!!python/", b"tag:yaml.org,2002:python/", b'"py/reduce"', b'"py/object"', b'"py/function"', b'"py/type"')

Fault = tuple[str, str]
"""What is named, and why that is refused."""


def _nodes(text: bytes) -> Iterator[dict[str, object]]:
    """Every object in a JSON text.

    Raises:
        ValueError: it cannot be read.
    """
    waiting: list[object] = [json.loads(text)]
    for _ in range(_MOST_NODES):
        if not waiting:
            return
        here = waiting.pop()
        if isinstance(here, dict):
            waiting += here.values()
            yield here
        elif isinstance(here, list):
            waiting += here
    raise ValueError("too much to read")


def faults_of_schema(text: bytes) -> Iterator[Fault]:
    """What skops would build or call that is not on the allow-list."""
    try:
        for node in _nodes(text):
            module = node.get("__module__", node.get("module_path"))
            name = node.get("__class__", node.get("function"))
            if node.get("__loader__") == "MethodNode":
                yield f"{module}.{name}", "it takes a method of what it built"
            elif isinstance(module, str) and isinstance(name, str) and not _may_name(module, name):
                yield f"{module}.{name}", "not on the allow-list"
    except (ValueError, RecursionError):
        yield "a broken recipe", "it cannot be looked through"


def _may_name(module: str, name: str) -> bool:
    return use_of(module, name) is not None or (module, name) in _SKOPS_OWN


def faults_of_keras(text: bytes) -> Iterator[Fault]:
    """What Keras would import or run that is not its own."""
    try:
        for node in _nodes(text):
            name, module = node.get("class_name"), node.get("module")
            if name in ("Lambda", "__lambda__"):
                yield "keras Lambda", _WHY_CODE
            elif isinstance(name, str) and isinstance(module, str):
                if module not in ("keras", "builtins") and not module.startswith("keras."):
                    yield f"{module}.{name}", "loading imports this module"
                elif module == "builtins" or name == "function":
                    yield f"{module}.{name} {str(node.get('config'))[:80]}", "it hands out a function by its name"
    except (ValueError, RecursionError):
        yield "a broken recipe", "it cannot be looked through"


def names_python(text: bytes) -> str | None:
    """The tag by which YAML or JSON makes Python objects, if the text holds one."""
    return next((tag.decode() for tag in _TAGS if tag in text), None)

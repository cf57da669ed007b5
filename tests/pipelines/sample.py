"""Flows as a user writes them, in files of their own, imported the way a script or notebook would."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

TRAINING = '''
"""A flow that fans out."""
from modelyard import context, flow, step
from measures import score

@step
def split(table: str) -> str:
    context().reads(f"table:{table}@1")
    return f"file:{table}"

@step
def train(data: str, depth: int) -> dict[str, float]:
    return {"depth": depth, "score": score(depth)}

@step
def compare(models: list[dict[str, float]]) -> float:
    context().writes("model:tips@1")
    return max(m["score"] for m in models)

@flow
def training(table: str = "trips", depths: tuple[int, ...] = (3, 6)) -> float:
    """Train some models and keep the best."""
    data = split(table)
    return compare([train(data, depth) for depth in depths])
'''
MEASURES = "def score(depth: int) -> float:\n    return depth / 10\n"


@contextmanager
def module(folder: Path, name: str, text: str, **beside: str) -> Iterator[ModuleType]:
    """A module of the user's, with others beside it, importable while the context lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: text, **beside}
    for stem, body in files.items():
        (folder / f"{stem}.py").write_text(body)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
        for stem in files:
            sys.modules.pop(stem, None)

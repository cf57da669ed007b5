"""Every example in a docstring of the package runs and shows what it says."""

from __future__ import annotations

import doctest
import importlib

import pytest

from tests.architecture.source import repository

SHOWN = [source.module for source in repository() if source.is_product and ">>> " in source.text]


@pytest.mark.parametrize("module", SHOWN)
def test_an_example_shows_what_happens(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0, f"{module} shows `>>>` outside a docstring; write it so that it runs"
    assert result.failed == 0, f"see what differs: python -m doctest -v {module}"

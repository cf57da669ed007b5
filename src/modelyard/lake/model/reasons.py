"""Reasons of refusal, by kind: with the values left out that make each of them another one."""

from __future__ import annotations

import re

_VALUE = re.compile(r"^([^:]{1,200}): (.*) (is not .*)$", re.DOTALL)
_FIELDS = re.compile(r"^\d+ fields")


def kind_of(reason: str) -> str:
    """The reason without the value that it shows.

    >>> kind_of("fare: 'abc' is not float64")
    'fare: … is not float64'
    """
    if (shown := _VALUE.match(reason)) and shown[2] != "the value":
        return f"{shown[1]}: … {shown[3]}"
    return _FIELDS.sub("… fields", reason)

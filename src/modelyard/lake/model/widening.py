"""Which type holds every value of another, so that a column may be given it and nothing is lost."""

from __future__ import annotations

import re

from modelyard.lake.model.columns import decimal_parts

_WHOLE = ("int8", "int16", "int32", "int64")
_DIGITS = {"int8": 3, "int16": 5, "int32": 10, "int64": 19}
_FLOATS = {"float32": ("int8", "int16"), "float64": ("int8", "int16", "int32", "float32")}
_LIST = re.compile(r"list<(\w+)>")


_TEXTS = {"int8": "int64", "int16": "int64", "int32": "int64", "date": "timestamp"}


def text_widens(kind: str) -> str | None:
    """The type that texts may need which do not fit `kind`, and that holds all of its values; None if there is none."""
    return _TEXTS.get(kind)


def widens(old: str, new: str) -> bool:
    """True if `new` is another type that holds every value of `old`.

    >>> widens("int32", "float64"), widens("int64", "float64"), widens("date", "timestamp")
    (True, False, True)
    """
    if old == new:
        return False
    if old in _WHOLE and new in _WHOLE:
        return _WHOLE.index(new) > _WHOLE.index(old)
    if new in _FLOATS:
        return old in _FLOATS[new]
    if (old, new) == ("date", "timestamp"):
        return True
    if (wanted := decimal_parts(new)) is not None:
        whole = wanted[0] - wanted[1]
        if old in _DIGITS:
            return whole >= _DIGITS[old]
        held = decimal_parts(old)
        return held is not None and wanted[1] >= held[1] and whole >= held[0] - held[1]
    inner = _LIST.fullmatch(old), _LIST.fullmatch(new)
    return inner[0] is not None and inner[1] is not None and widens(inner[0][1], inner[1][1])

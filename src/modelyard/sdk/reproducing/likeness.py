"""How alike two series or two files are: bit for bit, within a tolerance, or in what they differ.

Files whose bits differ are looked into by their kind: a model's description without what names its run, JSON and CSV
number by number, pictures pixel by pixel as far as their data tells, archives (skops, npz) member by member, arrays.
Nothing that a file holds is run; a pickle is compared by its bits alone.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import math
import struct
import sys
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeGuard

import yaml

from modelyard.tracking.api import Likeness

VOLATILE = ("artifact_path", "model_id", "model_uuid", "run_id", "utc_time_created")
"""Fields of an `MLmodel` that name the run and the moment."""
_TOLD = 4
_UNPACKED = 512 << 20
_CODES = {"<f8": "d", "<f4": "f", "<i8": "q", "<i4": "i", "<i2": "h", "|i1": "b", "|u1": "B", "|b1": "B"}
Found = tuple[Likeness, str]
_UNREADABLE = (
    ValueError, LookupError, TypeError, AttributeError, OSError, RuntimeError, SyntaxError, MemoryError, struct.error,
    zipfile.BadZipFile, zlib.error, yaml.YAMLError, csv.Error,
)  # fmt: skip
"""What a file can end in that is not what its name says."""


def of_series(first: Sequence[tuple[int, float]], again: Sequence[tuple[int, float]], tolerance: float) -> Found:
    """Two metrics, as steps and values."""
    if [step for step, _ in first] != [step for step, _ in again]:
        return Likeness.DIFFERENT, f"{len(first):,} points and {len(again):,}, or at other steps"
    pairs = [(f"step {step}", one, other) for (step, one), (_, other) in zip(first, again, strict=True)]
    return _of_numbers(pairs, tolerance, len(first))


def of_files(path: str, first: bytes, again: bytes, tolerance: float) -> Found:
    """Two files of one name."""
    if first == again:
        return Likeness.IDENTICAL, ""
    name = path.rpartition("/")[2]
    look = _LOOKS.get(name) or _LOOKS.get(name.rpartition(".")[2].lower())
    if look is not None:
        try:
            return look(first, again, tolerance)
        except _UNREADABLE:
            return Likeness.DIFFERENT, f"{_sizes(first, again)}; one of them is no {name.rpartition('.')[2]} file"
    return Likeness.DIFFERENT, _sizes(first, again)


def _sizes(first: bytes, again: bytes) -> str:
    at = next((i for i, (a, b) in enumerate(zip(first, again, strict=False)) if a != b), min(len(first), len(again)))
    return f"other bytes ({len(first):,} and {len(again):,}), from byte {at:,} on"


def _close(one: float, other: float, tolerance: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or (
        math.isfinite(one) and math.isfinite(other) and abs(one - other) <= tolerance * max(abs(one), abs(other))
    )


def _of_numbers(pairs: Sequence[tuple[str, float, float]], tolerance: float, count: int) -> Found:
    """Numbers one by one; `pairs` names each place."""
    unlike = [(place, one, other) for place, one, other in pairs if not _close(one, other, 0.0)]
    if not unlike:
        return Likeness.IDENTICAL, ""
    beyond = [(place, one, other) for place, one, other in unlike if not _close(one, other, tolerance)]
    place, one, other = max(beyond or unlike, key=lambda p: _distance(p[1], p[2]))
    words = f"{len(beyond or unlike):,} of {count:,} numbers differ, most at {place}: {one!r} -> {other!r}"
    if beyond:
        return Likeness.DIFFERENT, words
    return Likeness.EQUAL, f"{words}, within {tolerance:g}"


def _distance(one: float, other: float) -> float:
    gap = abs(one - other)
    return math.inf if math.isnan(gap) else gap


def _of_model(first: bytes, again: bytes, tolerance: float) -> Found:
    one, other = yaml.safe_load(first), yaml.safe_load(again)
    left = [name for name in VOLATILE if one.pop(name, None) != other.pop(name, None)]
    kind, words = _of_trees(one, other, tolerance)
    aside = f"but for {', '.join(left)}, which are others each time" if left else ""
    if kind is Likeness.IDENTICAL:
        return kind, aside or "the same, written otherwise"
    return kind, words


def _of_json(first: bytes, again: bytes, tolerance: float) -> Found:
    kind, words = _of_trees(json.loads(first), json.loads(again), tolerance)
    return kind, words or "the same, written otherwise"


def _of_trees(one: object, other: object, tolerance: float) -> Found:
    """What is nested: numbers by the tolerance, all else to the letter."""
    numbers: list[tuple[str, float, float]] = []
    unlike: list[str] = []
    count = 0
    for place, a, b in _leaves(one, other, ""):
        count += 1
        if _is_number(a) and _is_number(b):
            numbers.append((place, float(a), float(b)))
        elif a != b:
            unlike.append(f"{place}: {str(a)[:80]} -> {str(b)[:80]}")
    kind, words = _of_numbers(numbers, tolerance, count)
    if unlike:
        more = f" and {len(unlike) - _TOLD:,} more" if len(unlike) > _TOLD else ""
        return Likeness.DIFFERENT, "; ".join(unlike[:_TOLD]) + more
    return kind, words


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _leaves(one: object, other: object, place: str) -> Iterator[tuple[str, object, object]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}, key=str):
            yield from _leaves(one.get(key), other.get(key), f"{place}.{key}" if place else str(key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from _leaves(a, b, f"{place}[{i}]")
    else:
        yield place or "all", one, other


def _of_table(first: bytes, again: bytes, tolerance: float) -> Found:
    one, other = ([*csv.reader(io.StringIO(body.decode("utf-8")))] for body in (first, again))
    if len(one) != len(other):
        return Likeness.DIFFERENT, f"{len(one):,} lines and {len(other):,}"
    kind, words = _of_trees([[*map(_number, row)] for row in one], [[*map(_number, row)] for row in other], tolerance)
    return kind, words or "the same, written otherwise"


def _number(cell: str) -> str | float:
    try:
        return float(cell)
    except ValueError:
        return cell


def _of_lines(first: bytes, again: bytes, tolerance: float) -> Found:  # noqa: ARG001  # as every look
    one, other = first.decode("utf-8").splitlines(), again.decode("utf-8").splitlines()
    unlike = [i for i, (a, b) in enumerate(zip(one, other, strict=False), 1) if a != b]
    count = len(unlike) + abs(len(one) - len(other))
    at = unlike[0] if unlike else min(len(one), len(other)) + 1
    return Likeness.DIFFERENT, f"{count:,} of {max(len(one), len(other)):,} lines differ, the first is line {at}"


def _of_pictures(first: bytes, again: bytes, tolerance: float) -> Found:  # noqa: ARG001  # as every look
    """PNG: what draws, without the chunks that say when and with what it was made."""
    if _drawing(first) == _drawing(again):
        return Likeness.IDENTICAL, "the same pixels; what is said about them differs"
    return Likeness.DIFFERENT, f"another picture; {_sizes(first, again)}"


def _drawing(body: bytes) -> list[tuple[bytes, bytes]]:
    if not body.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError("no PNG")
    found, at = [], 8
    while at + 8 <= len(body):
        length, kind = struct.unpack_from(">I4s", body, at)
        if kind not in (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf"):
            found.append((kind, body[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _of_arrays(first: bytes, again: bytes, tolerance: float) -> Found:
    """NumPy's own form, read here without NumPy: numbers of the usual kinds one by one, others by their bytes."""
    (kind, shape, one), (their, theirs, other) = _array(first), _array(again)
    if (kind, shape) != (their, theirs):
        return Likeness.DIFFERENT, f"{kind}{list(shape)} and {their}{list(theirs)}"
    code = _CODES.get(kind)
    if code is None or sys.byteorder != "little":
        return (Likeness.IDENTICAL, "the same values") if one == other else (Likeness.DIFFERENT, "other values")
    numbers, further = array(code, one), array(code, other)
    pairs = [(f"[{i}]", float(a), float(b)) for i, (a, b) in enumerate(zip(numbers, further, strict=True)) if a != b]
    likeness, words = _of_numbers(pairs, tolerance, len(numbers))
    return likeness, words or "the same numbers"


def _array(body: bytes) -> tuple[str, tuple[int, ...], bytes]:
    """Kind of number, with the order of its bytes and of the axes; shape; data."""
    if not body.startswith(b"\x93NUMPY"):
        raise ValueError("no array")
    wide = body[6] >= 2
    (length,) = struct.unpack_from("<I" if wide else "<H", body, 8)
    start = (12 if wide else 10) + length
    head = ast.literal_eval(body[12 if wide else 10 : start].decode("latin-1"))
    return str(head["descr"]) + ("F" if head["fortran_order"] else ""), tuple(head["shape"]), body[start:]


def _of_archives(first: bytes, again: bytes, tolerance: float) -> Found:
    """Members by name; in a skops file members are named by numbers that are others each time, so by their place."""
    one, other = _members(first), _members(again)
    if "schema.json" in one and "schema.json" in other:
        one, other = _skops(one), _skops(other)
    if [*one] != [*other]:
        return Likeness.DIFFERENT, f"other members: {', '.join(sorted({*one} ^ {*other})[:_TOLD])}"
    found = [(name, *of_files(name, one[name], other[name], tolerance)) for name in one]
    unlike = [(name, kind, words) for name, kind, words in found if kind is not Likeness.IDENTICAL]
    if not unlike:
        return Likeness.IDENTICAL, "the same contents; the archive says when it was made"
    worst = Likeness.DIFFERENT if any(kind is Likeness.DIFFERENT for _, kind, _ in unlike) else Likeness.EQUAL
    return worst, "; ".join(f"{name}: {words}" for name, _, words in unlike[:_TOLD])


def _members(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        if sum(info.file_size for info in archive.infolist()) > _UNPACKED:
            raise ValueError("too large")
        return {info.filename: archive.read(info) for info in sorted(archive.infolist(), key=lambda i: i.filename)}


def _skops(members: dict[str, bytes]) -> dict[str, bytes]:
    """A skops file's members under names that mean the same in both: without the numbers that Python gave objects."""
    places: dict[str, str] = {}
    numbers: dict[object, int] = {}

    def plain(node: Any) -> Any:
        if isinstance(node, list):
            return [plain(each) for each in node]
        if not isinstance(node, dict):
            return node
        kept = {key: plain(value) for key, value in node.items() if key not in ("__id__", "file")}
        if "__id__" in node:
            kept["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
        if isinstance(node.get("file"), str):
            name = node["file"]
            kept["file"] = places.setdefault(name, f"{len(places)}.{name.rpartition('.')[2]}")
        return kept

    schema = json.dumps(plain(json.loads(members["schema.json"])), sort_keys=True).encode()
    rest = {places.get(name, name): body for name, body in members.items() if name != "schema.json"}
    return {"schema.json": schema, **dict(sorted(rest.items()))}


_LOOKS: dict[str, Callable[[bytes, bytes, float], Found]] = {
    "MLmodel": _of_model, "json": _of_json, "csv": _of_table, "txt": _of_lines, "yaml": _of_lines, "html": _of_lines,
    "md": _of_lines, "png": _of_pictures, "npy": _of_arrays, "npz": _of_archives, "skops": _of_archives,
    "zip": _of_archives,
}  # fmt: skip
"""By whole name or by ending."""

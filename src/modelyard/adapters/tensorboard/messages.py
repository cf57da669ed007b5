"""Protocol buffers, as far as event files need them: fields by number, and tensors as numbers or texts."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from msgspec import Struct

from modelyard.kernel.errors import Damaged

_FORMS = {1: "f", 2: "d", 3: "i", 4: "B", 5: "h", 6: "b", 9: "q", 10: "?", 19: "e", 22: "I", 23: "Q"}
"""Kinds of numbers in a tensor (tensorflow DataType), as `struct` calls them."""
_LISTS = {1: (5, "f"), 2: (6, "d"), 3: (7, "varint"), 9: (10, "varint"), 10: (11, "varint"), 23: (17, "varint")}
_TEXTS = 7
_MOST = 1 << 24
Field = tuple[int, int | bytes]


def fields(data: bytes) -> Iterator[Field]:
    """Number and value of each field: varints as integers, all else as bytes.

    Raises:
        Damaged: this is no message.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == 2:
            length, at = _varint(data, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise Damaged(f"a field of wire type {kind} stands where none may")
        if at + length > end:
            raise Damaged("a field is longer than its message")
        yield number, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Damaged("a number breaks off")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def signed(value: int | bytes) -> int:
    """An int64 that was written as a varint."""
    number = value if isinstance(value, int) else 0
    number &= (1 << 64) - 1
    return number - (1 << 64) if number >> 63 else number


def number(value: int | bytes) -> float:
    """A float or double."""
    if isinstance(value, bytes) and len(value) in (4, 8):
        return float(struct.unpack("<f" if len(value) == 4 else "<d", value)[0])
    raise Damaged("there is no number where one stands")


def text(value: int | bytes) -> str:
    """A text; what is no UTF-8 is replaced."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def doubles(value: int | bytes) -> list[float]:
    """Packed doubles, or one."""
    if not isinstance(value, bytes) or len(value) % 8:
        raise Damaged("there are no numbers where some stand")
    return list(struct.unpack(f"<{len(value) // 8}d", value))


class Tensor(Struct, frozen=True, kw_only=True):
    """A tensor: its shape, and numbers or texts."""

    shape: tuple[int, ...]
    numbers: list[float] = []
    texts: list[bytes] = []


def tensor(data: bytes) -> Tensor:
    """What a TensorProto holds.

    Raises:
        Damaged: it holds no kind of numbers that is read here, or not as many as its shape says.
    """
    kind, content = 0, b""
    shape: tuple[int, ...] = ()
    listed: list[tuple[int, int | bytes]] = []
    for name, value in fields(data):
        if name == 1:
            kind = signed(value)
        elif name == 2 and isinstance(value, bytes):
            shape = tuple(_size(dim) for each, dim in fields(value) if each == 2 and isinstance(dim, bytes))
        elif name == 4 and isinstance(value, bytes):
            content = value
        else:
            listed.append((name, value))
    if kind == _TEXTS:
        return Tensor(shape=shape, texts=[v for name, v in listed if name == 8 and isinstance(v, bytes)])
    if kind not in _FORMS:
        raise Damaged(f"tensors of kind {kind} are not read")
    if content:
        form = _FORMS[kind]
        count = len(content) // struct.calcsize(form)
        found = [float(v) for v in struct.unpack(f"<{count}{form}", content[: count * struct.calcsize(form)])]
    else:
        found = _listed(kind, listed)
    return Tensor(shape=shape, numbers=_filled(found, shape))


def _size(dim: bytes) -> int:
    return next((signed(value) for name, value in fields(dim) if name == 1), 0)


def _listed(kind: int, listed: list[tuple[int, int | bytes]]) -> list[float]:
    """Numbers that stand in a repeated field, packed or one by one."""
    if kind not in _LISTS:
        raise Damaged(f"tensors of kind {kind} are read from their content alone")
    wanted, form = _LISTS[kind]
    read: Callable[[bytes], list[float]] = _varints if form == "varint" else lambda value: _packed(value, form)
    found: list[float] = []
    for name, value in listed:
        if name == wanted:
            found += [float(signed(value))] if isinstance(value, int) else read(value)
    return found


def _packed(value: bytes, form: str) -> list[float]:
    count = len(value) // struct.calcsize(form)
    return [float(v) for v in struct.unpack(f"<{count}{form}", value[: count * struct.calcsize(form)])]


def _varints(value: bytes) -> list[float]:
    found, at = [], 0
    while at < len(value):
        one, at = _varint(value, at)
        found.append(float(signed(one)))
    return found


def _filled(found: list[float], shape: tuple[int, ...]) -> list[float]:
    """As many as the shape says: the last one stands for those that were left out."""
    count = 1
    for size in shape:
        count *= size
    if not 0 <= count <= _MOST or len(found) > max(count, 1):
        raise Damaged(f"a tensor of shape {list(shape)[:8]} holds {len(found)} numbers")
    return found + [found[-1]] * (count - len(found)) if found else found

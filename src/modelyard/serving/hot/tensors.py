"""The tensor datatypes of the Open Inference Protocol: how their values look in JSON and as raw bytes.

Raw tensors are little-endian and row-major; BYTES elements carry a four-byte length each (the binary tensor data
extension, github.com/triton-inference-server/server, `docs/protocol/extension_binary_data.md`). FP16 and BF16 are read
from JSON only. No array library is needed here.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence
from enum import StrEnum

from modelyard.kernel.errors import InvalidInput

Scalar = bool | int | float | str | None


class Datatype(StrEnum):
    """The element types that a model may declare."""

    BOOL = "BOOL"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    FP32 = "FP32"
    FP64 = "FP64"
    BYTES = "BYTES"


FLOATS = (Datatype.FP32, Datatype.FP64)
INTEGERS = (
    Datatype.INT8, Datatype.INT16, Datatype.INT32, Datatype.INT64,
    Datatype.UINT8, Datatype.UINT16, Datatype.UINT32, Datatype.UINT64,
)  # fmt: skip
MAX_FP32 = 3.4028234663852886e38

_CODES = {
    Datatype.BOOL: "?", Datatype.INT8: "b", Datatype.INT16: "h", Datatype.INT32: "i", Datatype.INT64: "q",
    Datatype.UINT8: "B", Datatype.UINT16: "H", Datatype.UINT32: "I", Datatype.UINT64: "Q",
    Datatype.FP32: "f", Datatype.FP64: "d",
}  # fmt: skip
_LENGTH = struct.Struct("<I")
_SWAPS = sys.byteorder == "big"


def size_of(datatype: Datatype) -> int:
    """Bytes of one element; 0 for BYTES, whose elements differ."""
    return struct.calcsize(_CODES[datatype]) if datatype in _CODES else 0


def bounds_of(datatype: Datatype) -> tuple[int, int]:
    """The smallest and the largest value of an integer type."""
    bits = size_of(datatype) * 8
    if datatype.startswith("U"):
        return 0, (1 << bits) - 1
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def unpack(datatype: Datatype, raw: bytes | memoryview, name: str) -> list[Scalar]:
    """The values of a raw tensor.

    Raises:
        InvalidInput: the bytes do not make whole elements, or text is not UTF-8.
    """
    if datatype is Datatype.BYTES:
        return _unpack_texts(bytes(raw), name)
    size = size_of(datatype)
    if len(raw) % size:
        raise InvalidInput(f"input {name!r}: {len(raw)} bytes are no whole number of {datatype} elements")
    if datatype is Datatype.BOOL:
        return [byte != 0 for byte in bytes(raw)]
    values = array(_array_code(datatype))
    values.frombytes(raw)
    if _SWAPS:
        values.byteswap()
    return list(values)


def pack(datatype: Datatype, values: Sequence[Scalar]) -> bytes:
    """The raw tensor of these values; a missing one is NaN, zero or empty."""
    if datatype is Datatype.BYTES:
        return b"".join(_LENGTH.pack(len(text)) + text for text in (_as_bytes(value) for value in values))
    missing = float("nan") if datatype in FLOATS else 0
    return struct.pack(f"<{len(values)}{_CODES[datatype]}", *(missing if v is None else v for v in values))


def _array_code(datatype: Datatype) -> str:
    return _CODES[datatype]


def _as_bytes(value: Scalar) -> bytes:
    return b"" if value is None else str(value).encode("utf-8", "replace")


def _unpack_texts(raw: bytes, name: str) -> list[Scalar]:
    texts: list[Scalar] = []
    at = 0
    while at < len(raw):
        if at + 4 > len(raw) or at + 4 + (size := _LENGTH.unpack_from(raw, at)[0]) > len(raw):
            raise InvalidInput(
                f"input {name!r}: a BYTES element ends behind the tensor; each is length (4 bytes) + text"
            )
        try:
            texts.append(raw[at + 4 : at + 4 + size].decode())
        except UnicodeDecodeError:
            raise InvalidInput(f"input {name!r}: a BYTES element is not UTF-8 text") from None
        at += 4 + size
    return texts

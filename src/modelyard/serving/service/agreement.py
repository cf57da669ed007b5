"""Whether two forms of one model give the same answers on the same rows."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import chain
from math import isclose
from pathlib import Path

from modelyard.kernel.errors import YardError
from modelyard.serving.hot.bundle import ONNX_FILE, Signature, read_bundle, write_signature
from modelyard.serving.hot.runtimes import Columns, load
from modelyard.serving.hot.tensors import Scalar

RELATIVE = 1e-4
ABSOLUTE = 1e-5


def disagreement(
    native: Path, signature: Signature, trusted: Sequence[str], *, onnx: bytes, compiled: Signature,
    rows: Sequence[tuple[Scalar, ...]],
) -> str | None:  # fmt: skip
    """Where the compiled form answers otherwise than the model in the folder `native`; None if nowhere."""
    flat = list(chain.from_iterable(rows))
    wanted = load(read_bundle(native), trusted).predict(flat, len(rows))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ONNX_FILE).write_bytes(onnx)
        write_signature(folder, compiled)
        try:
            got = load(read_bundle(folder), ()).predict(flat, len(rows))
        except YardError as err:
            return err.detail
        except Exception as err:  # noqa: BLE001  # onnxruntime's errors have no common base
            return f"the compiled form fails on a checked row ({type(err).__name__})"
    return _first_difference(signature, wanted, got, len(rows))


def _first_difference(signature: Signature, wanted: Columns, got: Columns, rows: int) -> str | None:
    for spec, expected, found in zip(signature.outputs, wanted, got, strict=True):
        if len(expected) != len(found):
            return f"the compiled form gives {len(found)} values for {spec.name}, the model {len(expected)}"
        wrong = sum(not _same(e, f) for e, f in zip(expected, found, strict=True))
        if wrong:
            return f"the compiled form differs in {wrong} values of {spec.name} over {rows} checked rows"
    return None


def _same(expected: Scalar, found: Scalar) -> bool:
    if isinstance(expected, float) and isinstance(found, int | float):
        return isclose(expected, found, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return expected == found

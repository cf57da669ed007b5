"""Models made callable: ONNX through onnxruntime, scikit-learn through skops; each loaded, warmed up and timed.

A runtime takes rows as one flat list and gives a flat list for each output. The libraries are imported when the first
model of their kind is loaded; a yard of compiled models never imports scikit-learn. Nothing here unpickles:
skops builds only the types that it knows or that the snapshot trusts.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from modelyard.kernel.errors import Damaged, InvalidInput, MissingExtra
from modelyard.serving.hot.bundle import ONNX_FILE, Bundle, Feed, InputSpec, Signature
from modelyard.serving.hot.tensors import FLOATS, Datatype, Scalar

Columns = list[list[Scalar]]


class Runtime(Protocol):
    """A model that answers."""

    platform: str

    def predict(self, flat: list[Scalar], rows: int) -> Columns:
        """Each output of the signature as a flat list, for `rows` rows; safe to call from two threads."""
        ...


def load(bundle: Bundle, trusted: Sequence[str]) -> Runtime:
    """Load the model of a folder.

    Raises:
        Damaged: the file cannot be loaded, or does not fit its signature.
        MissingExtra: its library is not installed.
        InvalidInput: it holds types that nobody trusted.
    """
    try:
        if bundle.model_file.name == ONNX_FILE:
            return OnnxRuntime(bundle.model_file, bundle.signature)
        return SklearnRuntime(bundle.model_file, bundle.signature, trusted)
    except ImportError as err:
        raise MissingExtra(f"{err.name} is not installed; run: pip install 'modelyard[serving]'") from err


def timed(runtime: Runtime, signature: Signature) -> tuple[float, float]:
    """Warm the model up; seconds that a call costs, and seconds that a further row costs.

    Raises:
        Damaged: it cannot answer its own examples.
    """
    examples = [value for row in signature.examples for value in row] or [_blank(s) for s in _per_value(signature)]
    held = len(examples) // signature.width
    one, many = examples[: signature.width], (examples * (-(-_MANY // held)))[: signature.width * _MANY]
    try:
        for flat, rows in ((one, 1), (many, _MANY)):
            outputs = runtime.predict(flat, rows)
            for spec, values in zip(signature.outputs, outputs, strict=True):
                if len(values) != rows * (spec.width or 1):
                    raise Damaged(f"output {spec.name!r} gives {len(values)} values for {rows} rows")
    except Damaged:
        raise
    except Exception as err:  # a model may raise anything
        raise Damaged(f"the model cannot answer its warm-up rows: {type(err).__name__}: {str(err)[:300]}") from err
    single = min(_seconds(partial(runtime.predict, one, 1)) for _ in range(5))
    batch = min(_seconds(partial(runtime.predict, many, _MANY)) for _ in range(3))
    per_row = max(0.0, (batch - single) / (_MANY - 1))
    return max(0.0, single - per_row), per_row


_MANY = 32


def _seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def _per_value(signature: Signature) -> list[InputSpec]:
    return [spec for spec in signature.inputs for _ in range(spec.width)]


def _blank(spec: InputSpec) -> Scalar:
    return "" if spec.datatype is Datatype.BYTES else False if spec.datatype is Datatype.BOOL else 0


class OnnxRuntime:
    """A compiled model on one thread."""

    platform = "onnxruntime_onnx"

    def __init__(self, file: Path, signature: Signature) -> None:
        import numpy as np
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        except Exception as err:  # onnxruntime's errors have no common base
            raise Damaged(f"{file.name} cannot be loaded: {type(err).__name__}") from err
        self._array = np.array
        self._width = signature.width
        known = {node.name for node in self._session.get_outputs()}
        if missing := [spec.source for spec in signature.outputs if spec.source not in known]:
            raise Damaged(f"{file.name} has no output {missing[0]!r}; it has {', '.join(sorted(known))}")
        self._outputs = [spec.source for spec in signature.outputs]
        nodes = self._session.get_inputs()
        types = [_numpy_type(node.type, file) for node in nodes]
        self._matrix: tuple[str, Any] | None = None
        self._columns: list[tuple[str, int, Any]] = []
        if len(nodes) == 1 and (self._width > 1 or nodes[0].name not in {s.name for s in signature.inputs}):
            self._matrix = (nodes[0].name, types[0])
            return
        places = {spec.name: place for place, spec in enumerate(signature.inputs)}
        for node, kind in zip(nodes, types, strict=True):
            if node.name not in places:
                raise Damaged(f"{file.name} wants an input {node.name!r} that its signature does not name")
            self._columns.append((node.name, places[node.name], kind))

    def predict(self, flat: list[Scalar], rows: int) -> Columns:
        """Each output as a flat list."""
        width, array = self._width, self._array
        if self._matrix is not None:
            name, kind = self._matrix
            fed = {name: array(flat, kind).reshape(rows, width)}
        else:
            fed = {}
            for name, place, kind in self._columns:
                column = flat[place::width]
                if kind is object:
                    column = ["" if value is None else value for value in column]
                fed[name] = array(column, kind).reshape(rows, 1)
        return [_flat(values) for values in self._session.run(self._outputs, fed)]


def _flat(values: Any) -> list[Scalar]:
    if isinstance(values, list):  # a ZipMap output: one mapping a row
        return [value for row in values for value in row.values()]
    listed: list[Scalar] = values.ravel().tolist()
    return listed


_ONNX_TYPES = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(string)": "object", "tensor(bool)": "bool",
    "tensor(int64)": "int64", "tensor(int32)": "int32", "tensor(int16)": "int16", "tensor(int8)": "int8",
    "tensor(uint64)": "uint64", "tensor(uint32)": "uint32", "tensor(uint16)": "uint16", "tensor(uint8)": "uint8",
}  # fmt: skip


def _numpy_type(kind: str, file: Path) -> Any:
    import numpy as np

    if kind not in _ONNX_TYPES:
        raise Damaged(f"{file.name} takes an input of type {kind}, which cannot be served")
    return object if kind == "tensor(string)" else np.dtype(_ONNX_TYPES[kind])


class SklearnRuntime:
    """A scikit-learn estimator as it was fitted."""

    platform = "modelyard_sklearn"

    def __init__(self, file: Path, signature: Signature, trusted: Sequence[str]) -> None:
        import numpy as np
        import skops.io

        # a model that was fitted on a table and is fed a matrix says so each time; the signature holds the order
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        unknown = set(skops.io.get_untrusted_types(file=file)) - set(trusted)
        if unknown:
            raise InvalidInput(
                f"{file.name} holds types that nobody trusted: {', '.join(sorted(unknown)[:5])}; review them and name "
                "them when deploying"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = skops.io.load(file, trusted=list(trusted))
        except ImportError:
            raise
        except Exception as err:  # a damaged file may fail anywhere in the library
            raise Damaged(f"{file.name} cannot be loaded: {type(err).__name__}: {str(err)[:200]}") from err
        self._calls = [_bound(model, spec.source, file) for spec in signature.outputs]
        self._build = _frame_builder(signature) if signature.feed is Feed.FRAME else _matrix_builder(signature)
        self._asarray = np.asarray

    def predict(self, flat: list[Scalar], rows: int) -> Columns:
        """Each output as a flat list."""
        table = self._build(flat, rows)
        known: dict[str, Any] = {}
        outputs: Columns = []
        for source, call in self._calls:
            if source not in known:
                known[source] = self._asarray(call(table))
            outputs.append(known[source].ravel().tolist())
        return outputs


def _bound(model: Any, source: str, file: Path) -> tuple[str, Callable[[Any], Any]]:
    if source == "argmax" and hasattr(model, "predict_proba"):
        classes, probabilities = model.classes_, model.predict_proba
        return source, lambda table: classes[probabilities(table).argmax(axis=1)]
    if source in ("predict", "predict_proba", "decision_function") and hasattr(model, source):
        return source, getattr(model, source)
    raise Damaged(f"the estimator in {file.name} ({type(model).__name__}) has no {source[:40]!r}")


def _matrix_builder(signature: Signature) -> Callable[[list[Scalar], int], Any]:
    import numpy as np

    width = signature.width
    numeric = all(spec.datatype is not Datatype.BYTES for spec in signature.inputs)
    kind = np.float64 if numeric else object
    return lambda flat, rows: np.array(flat, kind).reshape(rows, width)


def _frame_builder(signature: Signature) -> Callable[[list[Scalar], int], Any]:
    import pandas as pd

    names = [spec.name for spec in signature.inputs]
    width = len(names)
    kinds = {
        s.name: "float64" if s.datatype in FLOATS or s.optional else str(s.datatype).lower() for s in signature.inputs
    }
    kinds |= {s.name: "object" for s in signature.inputs if s.datatype is Datatype.BYTES}

    def build(flat: list[Scalar], rows: int) -> Any:
        columns = {n: pd.Series(flat[at::width], dtype=kinds[n]) for at, n in enumerate(names)}
        return pd.DataFrame(columns, index=range(rows), copy=False)

    return build

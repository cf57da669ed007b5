"""Make a model folder for the data plane from a registered model's files; run as a child process of its own.

    python -m modelyard.serving.service.compiling ORDER.json

A scikit-learn model is compiled to ONNX in double precision, else in single, and the compiled form is kept only where
it answers every checked row as the model does: labels equal, numbers within the tolerance. Otherwise the model itself
is served, and the report says why. No pickle is ever loaded: skops builds known types only.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import Damaged, InvalidInput, YardError
from modelyard.serving.hot.bundle import (
    ONNX_FILE,
    SKOPS_FILE,
    Feed,
    InputSpec,
    OutputSpec,
    Signature,
    write_signature,
)
from modelyard.serving.hot.tensors import Datatype, Scalar
from modelyard.serving.service.agreement import disagreement
from modelyard.serving.service.conversion import to_onnx

_EXAMPLES = 8
_DRAWN = 200
_OUR_TYPES = ("sklearn.", "numpy.dtype", "numpy.random.", "scipy.sparse.")


class Asked(Struct, frozen=True, kw_only=True):
    """An input as the registry knows it; `type` in MLflow's words."""

    name: str
    type: str
    required: bool = True
    shape: tuple[int, ...] = ()


class CompileOrder(Struct, frozen=True, kw_only=True):
    """What to compile.

    Attributes:
        source: a folder with the model's files.
        target: an empty folder for the model folder.
        rows: real rows to check with, as records by input name.
    """

    source: str
    target: str
    inputs: tuple[Asked, ...] = ()
    trusted: tuple[str, ...] = ()
    rows: tuple[dict[str, Scalar], ...] = ()


class CompileReport(Struct, frozen=True, kw_only=True):
    """What came of it: `problem` is empty where the folder is ready.

    Attributes:
        types: types beyond the library's own safe list that the served file builds.
    """

    runtime: str = ""
    note: str = ""
    types: tuple[str, ...] = ()
    problem: str = ""


def compile_model(order: CompileOrder) -> CompileReport:
    """Make the model folder.

    Raises:
        InvalidInput: the files hold no form that can be served, or types that nobody trusted.
        Damaged: a file cannot be read.
    """
    source, target = Path(order.source), Path(order.target)
    files = {path.name: path for path in sorted(source.rglob("*"), reverse=True) if path.is_file()}
    if (native := files.get(SKOPS_FILE)) is not None:
        return _from_sklearn(order, native, target)
    if (compiled := files.get(ONNX_FILE)) is not None:
        return _from_onnx(order, compiled, target)
    hint = "; it holds a pickle: log it with serialization_format='skops'" if "model.pkl" in files else ""
    raise InvalidInput(f"the version has no file that can be served ({SKOPS_FILE} or {ONNX_FILE}){hint}")


def _from_sklearn(order: CompileOrder, file: Path, target: Path) -> CompileReport:
    import skops.io

    found = skops.io.get_untrusted_types(file=file)
    known = [name for name in found if name.startswith(_OUR_TYPES) or name in order.trusted]
    if strange := sorted(set(found) - set(known)):
        raise InvalidInput(
            f"the model builds types that nobody trusted: {', '.join(strange[:5])}. Review them, then name them with "
            f"--trusted {strange[0]}"
        )
    model = skops.io.load(file, trusted=known)
    inputs = _inputs(order.inputs, model)
    rows, where = _rows(order, inputs, file.parent)
    signature = Signature(
        inputs=inputs, outputs=_native_outputs(model), feed=_feed(model, inputs), examples=rows[:_EXAMPLES],
        classes=tuple(_classes(model)),
    )  # fmt: skip
    (target / SKOPS_FILE).write_bytes(file.read_bytes())
    write_signature(target, signature)
    why = "compiling failed"
    for double in (True, False):
        compiled = to_onnx(model, signature, double=double)
        if isinstance(compiled, str):
            why = compiled
            continue
        specs = tuple(
            msgspec.structs.replace(spec, source=source)
            for spec, source in zip(signature.outputs, compiled.outputs, strict=True)
        )
        candidate = msgspec.structs.replace(signature, outputs=specs, feed=Feed.MATRIX)
        fault = disagreement(target, signature, known, onnx=compiled.content, compiled=candidate, rows=rows)
        if fault is None:
            (target / SKOPS_FILE).unlink()
            (target / ONNX_FILE).write_bytes(compiled.content)
            write_signature(target, candidate)
            precision = "double" if double else "single"
            return CompileReport(
                runtime="onnx", note=f"compiled to ONNX in {precision} precision; equal on {len(rows)} {where}"
            )
        why = fault
    return CompileReport(runtime="sklearn", note=f"served as scikit-learn: {why}", types=tuple(known))


def _from_onnx(order: CompileOrder, file: Path, target: Path) -> CompileReport:
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    except Exception as err:
        raise Damaged(f"{file.name} cannot be loaded: {type(err).__name__}") from err
    inputs = tuple(
        InputSpec(name=node.name, datatype=_ONNX.get(node.type, Datatype.FP32), width=_width(node.shape))
        for node in session.get_inputs()
    )
    outputs = tuple(
        OutputSpec(
            name=node.name, source=node.name, datatype=_ONNX.get(node.type, Datatype.FP32),
            width=_width(node.shape) if len(node.shape) > 1 and _width(node.shape) > 1 else None,
        )
        for node in session.get_outputs()
        if node.type.startswith("tensor(")
    )  # fmt: skip
    (target / ONNX_FILE).write_bytes(file.read_bytes())
    rows, _ = _rows(order, inputs, file.parent)
    write_signature(target, Signature(inputs=inputs, outputs=outputs, examples=rows[:_EXAMPLES]))
    return CompileReport(runtime="onnx", note="served as it was registered")


_ONNX = {
    "tensor(float)": Datatype.FP32, "tensor(double)": Datatype.FP64, "tensor(string)": Datatype.BYTES,
    "tensor(bool)": Datatype.BOOL, "tensor(int64)": Datatype.INT64, "tensor(int32)": Datatype.INT32,
}  # fmt: skip
_MLFLOW = {
    "boolean": Datatype.BOOL, "integer": Datatype.INT64, "long": Datatype.INT64, "float": Datatype.FP32,
    "double": Datatype.FP64, "string": Datatype.BYTES, "bool": Datatype.BOOL, "int32": Datatype.INT32,
    "int64": Datatype.INT64, "float32": Datatype.FP32, "float64": Datatype.FP64, "object": Datatype.BYTES,
    "str": Datatype.BYTES,
}  # fmt: skip


def _width(shape: Sequence[Any]) -> int:
    return shape[1] if len(shape) > 1 and isinstance(shape[1], int) else 1


def _inputs(asked: Sequence[Asked], model: Any) -> tuple[InputSpec, ...]:
    names = getattr(model, "feature_names_in_", None)
    if asked and not asked[0].shape:
        unknown = [field.type for field in asked if field.type not in _MLFLOW]
        if unknown:
            raise InvalidInput(f"the signature has an input of type {unknown[0][:40]!r}, which cannot be served")
        # a column of whole numbers may hold gaps: every number is taken as FP64, and null stands for a gap
        return tuple(
            InputSpec(name=field.name, datatype=_widened(_MLFLOW[field.type]), optional=not field.required)
            for field in asked
        )
    if names is not None:
        return tuple(InputSpec(name=str(name), datatype=Datatype.FP64, optional=True) for name in names)
    width = int(getattr(model, "n_features_in_", 0))
    if width < 1:
        raise InvalidInput("the model does not say how many inputs it takes; log it with a signature")
    return (InputSpec(name=asked[0].name if asked and asked[0].name else "x", datatype=Datatype.FP64, width=width),)


def _widened(datatype: Datatype) -> Datatype:
    return datatype if datatype in (Datatype.BYTES, Datatype.BOOL) else Datatype.FP64


def _classes(model: Any) -> list[Scalar]:
    classes = getattr(model, "classes_", None)
    return [] if classes is None else [_plain(value) for value in classes.tolist()]


def _plain(value: Any) -> Scalar:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _native_outputs(model: Any) -> tuple[OutputSpec, ...]:
    classes = _classes(model)
    if not classes:
        return (OutputSpec(name="prediction", datatype=Datatype.FP64, source="predict"),)
    kinds = {bool: Datatype.BOOL, int: Datatype.INT64, float: Datatype.FP64}
    label = OutputSpec(name="label", datatype=kinds.get(type(classes[0]), Datatype.BYTES), source="predict")
    if not hasattr(model, "predict_proba"):
        return (label,)
    chances = OutputSpec(name="probability", datatype=Datatype.FP64, source="predict_proba", width=len(classes))
    return label, chances


def _feed(model: Any, inputs: Sequence[InputSpec]) -> Feed:
    steps = [model, *(step for _, step in getattr(model, "steps", []))]
    picks = any(type(step).__name__ == "ColumnTransformer" for step in steps)
    named = getattr(model, "feature_names_in_", None) is not None
    return Feed.FRAME if named and (picks or any(s.datatype is Datatype.BYTES for s in inputs)) else Feed.MATRIX


def _rows(
    order: CompileOrder, inputs: tuple[InputSpec, ...], folder: Path
) -> tuple[tuple[tuple[Scalar, ...], ...], str]:
    """Rows to check with, and what they are: given ones, those that were logged with the model, or drawn ones."""
    names = [spec.name for spec in inputs]
    given = [tuple(row.get(name) for name in names) for row in order.rows if set(names) <= set(row)]
    if inputs[0].width == 1:
        given += _logged(folder / "input_example.json", names)
    fitting = tuple(row for row in given if all(_fits(s, v) for s, v in zip(inputs, row, strict=True)))
    if fitting:
        return fitting, "real rows"
    import numpy as np

    draw = np.random.default_rng(17)
    columns = [
        ["" if s.datatype is Datatype.BYTES else v for v in draw.normal(scale=10, size=_DRAWN).tolist()]
        for s in inputs
        for _ in range(s.width)
    ]
    return tuple(zip(*columns, strict=True)), "drawn rows"


def _fits(spec: InputSpec, value: Scalar) -> bool:
    if value is None:
        return spec.optional
    if spec.datatype is Datatype.BYTES:
        return isinstance(value, str)
    return isinstance(value, bool) if spec.datatype is Datatype.BOOL else isinstance(value, int | float)


def _logged(file: Path, names: Sequence[str]) -> list[tuple[Scalar, ...]]:
    if not file.is_file():
        return []
    table = json.loads(file.read_text("utf-8"))
    columns = table.get("columns", []) if isinstance(table, dict) else []
    if not set(names) <= set(columns):
        return []
    places = [columns.index(name) for name in names]
    return [tuple(row[place] for place in places) for row in table.get("data", [])]


def main(arguments: Sequence[str]) -> int:
    """Carry out the order in a file; the report lies beside it as `report.json`."""
    path = Path(arguments[0])
    warnings.simplefilter("ignore")
    try:
        report = compile_model(msgspec.json.decode(path.read_bytes(), type=CompileOrder))
    except YardError as err:
        report = CompileReport(problem=err.detail)
    path.with_name("report.json").write_bytes(msgspec.json.encode(report))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

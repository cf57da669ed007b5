"""Scikit-learn to ONNX, through skl2onnx: what was made, or in words why not."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from modelyard.serving.hot.bundle import Feed, Signature
from modelyard.serving.hot.tensors import Datatype

_NEIGHBOURS = "nearest neighbours decide ties otherwise in another precision"


class Compiled(Struct, frozen=True):
    """An ONNX model, and the names of its outputs in the signature's order."""

    content: bytes
    outputs: tuple[str, ...]


def to_onnx(model: Any, signature: Signature, *, double: bool) -> Compiled | str:
    """Compile a fitted estimator; a sentence where it does not compile."""
    if "Neighbors" in repr(type(model)) or any("Neighbors" in type(step).__name__ for step in _steps(model)):
        return _NEIGHBOURS
    try:
        import skl2onnx
        from skl2onnx.common import data_types as kinds
    except ImportError:
        return "skl2onnx is not installed"
    number = kinds.DoubleTensorType if double else kinds.FloatTensorType
    if any(spec.datatype is Datatype.BOOL for spec in signature.inputs):
        return "a column of truth values does not compile faithfully"
    if signature.feed is Feed.MATRIX:
        types = [("X", number([None, signature.width]))]
    else:
        types = [
            (spec.name, (kinds.StringTensorType if spec.datatype is Datatype.BYTES else number)([None, 1]))
            for spec in signature.inputs
        ]
    options = {id(model): {"zipmap": False}} if signature.classes and len(signature.outputs) > 1 else None
    try:
        made = skl2onnx.convert_sklearn(
            model, initial_types=types, options=options, custom_conversion_functions=_boosted_converters()
        )
    except Exception as err:  # noqa: BLE001  # the converters raise whatever they meet
        return f"it does not compile ({type(err).__name__})"
    names = tuple(output.name for output in made.graph.output)
    if len(names) < len(signature.outputs):
        return "the compiled form lacks an output"
    return Compiled(made.SerializeToString(), names[: len(signature.outputs)])


def _steps(model: Any) -> list[Any]:
    return [step for _, step in getattr(model, "steps", [])]


class _PlainNumbers:
    """A container that turns truth values in lists of attributes into 0 and 1, as the format's newer writers demand."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def add_node(self, *args: Any, **attributes: Any) -> Any:
        """Add a node whose lists hold plain numbers."""
        plain = {name: _plain(value) for name, value in attributes.items()}
        return self._container.add_node(*args, **plain)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple) and any(type(item).__name__ in ("bool", "bool_") for item in value):
        return [int(item) for item in value]
    return value


def _boosted_converters() -> dict[type[Any], Any]:
    """The library's own converters for histogram boosting, given a container that writes plain numbers."""
    from skl2onnx.common._registration import get_converter
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    def convert(name: str) -> Any:
        own = get_converter(name)
        return lambda scope, operator, container: own(scope, operator, _PlainNumbers(container))

    return {
        HistGradientBoostingClassifier: convert("SklearnHistGradientBoostingClassifier"),
        HistGradientBoostingRegressor: convert("SklearnHistGradientBoostingRegressor"),
    }

"""A model folder as the control plane prepares it: `signature.json` beside `model.onnx` or `model.skops`.

The folder is content-addressed and never changes once a snapshot names it. This module reads and writes the signature
and says what is wrong with a folder; it loads no model.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import Damaged, NotFound
from modelyard.serving.hot.tensors import Datatype, Scalar

SIGNATURE_FILE = "signature.json"
ONNX_FILE = "model.onnx"
SKOPS_FILE = "model.skops"


class Feed(StrEnum):
    """How the values reach the model: one numeric matrix, or a table with named columns."""

    MATRIX = "matrix"
    FRAME = "frame"


class InputSpec(Struct, frozen=True, kw_only=True):
    """One input: a column of the table, or one matrix of `width` columns.

    Attributes:
        optional: null stands for a missing value (NaN, or an empty category).
        width: columns in this input; above 1 it must be the only input and numeric.
    """

    name: str
    datatype: Datatype
    optional: bool = False
    width: int = 1


class OutputSpec(Struct, frozen=True, kw_only=True):
    """One output of shape `[rows]`, or `[rows, width]` where `width` is set.

    Attributes:
        source: where it comes from: the name of the ONNX output, or for a scikit-learn model `predict`,
            `predict_proba`, `decision_function`, or `argmax` (the class of the highest `predict_proba`).
    """

    name: str
    datatype: Datatype
    source: str
    width: int | None = None


class Signature(Struct, frozen=True, kw_only=True):
    """What a model takes and gives.

    Attributes:
        inputs: in the order in which the model was fitted.
        examples: a few real rows for the warm-up, each in input order.
        classes: the labels behind the columns of a probability output.
    """

    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    feed: Feed = Feed.MATRIX
    examples: tuple[tuple[Scalar, ...], ...] = ()
    classes: tuple[Scalar, ...] = ()

    @property
    def width(self) -> int:
        """Values in one row over all inputs."""
        return sum(spec.width for spec in self.inputs)


class Bundle(Struct, frozen=True):
    """A model folder that was looked through."""

    folder: Path
    model_file: Path
    signature: Signature


def fault_of(signature: Signature) -> str | None:
    """Why no model can be served with this signature, in words; None if one can."""
    names = [spec.name for spec in signature.inputs]
    if not names or len(set(names)) < len(names):
        return "a signature needs inputs, each with a name of its own"
    if not signature.outputs or len({spec.name for spec in signature.outputs}) < len(signature.outputs):
        return "a signature needs outputs, each with a name of its own"
    if any(spec.width < 1 for spec in signature.inputs):
        return "an input is at least one column wide"
    if any(spec.width > 1 for spec in signature.inputs) and len(names) > 1:
        return "an input of several columns must be the only one"
    if signature.inputs[0].width > 1 and signature.inputs[0].datatype is Datatype.BYTES:
        return "an input of several columns must be numeric"
    if any(len(row) != signature.width for row in signature.examples):
        return f"an example row has {signature.width} values"
    return None


def write_signature(folder: Path, signature: Signature) -> None:
    """Put the signature into a folder that is being prepared."""
    (folder / SIGNATURE_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(signature), indent=2))


def read_bundle(folder: Path) -> Bundle:
    """Look through a model folder.

    Raises:
        NotFound: there is no such folder, or it holds no model file.
        Damaged: its signature cannot be read or makes no sense.
    """
    try:
        signature = msgspec.json.decode((folder / SIGNATURE_FILE).read_bytes(), type=Signature)
    except FileNotFoundError:
        raise NotFound(f"the model folder {folder.name} has no {SIGNATURE_FILE}; deploy the revision again") from None
    except msgspec.MsgspecError as err:
        raise Damaged(f"{SIGNATURE_FILE} of the model folder {folder.name} cannot be read: {err}") from err
    if fault := fault_of(signature):
        raise Damaged(f"{SIGNATURE_FILE} of the model folder {folder.name}: {fault}")
    for name in (ONNX_FILE, SKOPS_FILE):
        if (folder / name).is_file():
            return Bundle(folder, folder / name, signature)
    raise NotFound(
        f"the model folder {folder.name} has neither {ONNX_FILE} nor {SKOPS_FILE}; deploy the revision again"
    )

"""What a version's files say of themselves: one digest over all, and MLflow's flavours and signature.

The file `MLmodel` is read as plain YAML data, at most a megabyte; nothing in it is run or opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

import msgspec
from msgspec import Struct

from modelyard.registry.api import Field, Signature, VersionFile

DESCRIPTION = "MLmodel"
MOST_BYTES = 1_000_000


class Described(Struct, frozen=True):
    """What `MLmodel` says.

    Attributes:
        pickled: files that a loader would unpickle, whatever they are called.
        code: folders or files of Python that loading would run.
        loaders: modules that loading would import.
    """

    flavours: tuple[str, ...] = ()
    signature: Signature | None = None
    pickled: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    loaders: tuple[str, ...] = ()


def digest_of(files: Iterable[VersionFile]) -> str:
    """SHA-256, hex, over the sorted paths, digests and sizes; empty for no files."""
    lines = sorted(f"{f.path}\x00{f.digest}\x00{f.size_bytes}\n" for f in files)
    return sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest() if lines else ""


def described(text: bytes) -> Described:
    """What the bytes of an `MLmodel` say; nothing where they cannot be read."""
    import yaml

    try:
        document = yaml.load(text[:MOST_BYTES], Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return Described()
    if not isinstance(document, dict):
        return Described()
    flavours = document.get("flavors")
    flavours = {str(k): v for k, v in flavours.items() if isinstance(v, dict)} if isinstance(flavours, dict) else {}
    signature = document.get("signature")
    return Described(
        flavours=tuple(sorted(flavours))[:50],
        signature=_signature(signature) if isinstance(signature, dict) else None,
        pickled=_words(flavours, "pickled_model", "python_model"),
        code=_words(flavours, "code", "model_code_path"),
        loaders=_words(flavours, "loader_module"),
    )


def _words(flavours: Mapping[str, Mapping[object, object]], *words: str) -> tuple[str, ...]:
    found = {v for f in flavours.values() for word in words if isinstance(v := f.get(word), str) and v}
    return tuple(sorted(found))


def _signature(document: Mapping[object, object]) -> Signature:
    return Signature(
        inputs=_fields(document.get("inputs")),
        outputs=_fields(document.get("outputs")),
        params=_fields(document.get("params")),
    )


class _Tensor(Struct):
    dtype: str = ""
    shape: list[int] = []


class _Field(Struct):
    type: str = ""
    name: str | None = None
    required: bool = True
    optional: bool = False
    tensor: _Tensor | None = msgspec.field(default=None, name="tensor-spec")


_fields_of = msgspec.json.Decoder(list[_Field])


def _fields(text: object) -> tuple[Field, ...]:
    if not isinstance(text, str):
        return ()
    try:
        read = _fields_of.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        return ()
    return tuple(
        Field(
            name=f.name or "", type=f.tensor.dtype if f.tensor else f.type, required=f.required and not f.optional,
            shape=tuple(f.tensor.shape) if f.tensor else (),
        )
        for f in read[:10_000]
    )  # fmt: skip

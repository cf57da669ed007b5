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
LICENCES = ("licence", "license", "licence.txt", "license.txt", "licence.md", "license.md")


class Described(Struct, frozen=True):
    """What `MLmodel` says.

    Attributes:
        pickled: files that a loader would unpickle, whatever they are called.
        code: folders or files of Python that loading would run.
        loaders: modules that loading would import.
        example: path of the input example.
        python: the version of Python that made it.
    """

    flavours: tuple[str, ...] = ()
    signature: Signature | None = None
    pickled: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    loaders: tuple[str, ...] = ()
    example: str = ""
    python: str = ""
    licence: str = ""


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
    signature, example = document.get("signature"), document.get("saved_input_example_info")
    metadata, pyfunc = document.get("metadata"), flavours.get("python_function", {})
    return Described(
        flavours=tuple(sorted(flavours))[:50],
        signature=_signature(signature) if isinstance(signature, dict) else None,
        pickled=_words(flavours, "pickled_model", "python_model"),
        code=_words(flavours, "code", "model_code_path"),
        loaders=_words(flavours, "loader_module"),
        example=_word(example, "artifact_path"),
        python=_word(pyfunc, "python_version"),
        licence=_word(metadata, "licence") or _word(metadata, "license"),
    )


def _word(document: object, key: str) -> str:
    found = document.get(key) if isinstance(document, dict) else None
    return found[:300] if isinstance(found, str) else ""


def requirements_of(text: bytes) -> tuple[str, ...]:
    r"""The packages that a `requirements.txt` asks for; comments, options and empty lines left out.

    >>> requirements_of(b"mlflow==3.1\n# why\n--no-deps\nscikit-learn>=1.5\n")
    ('mlflow==3.1', 'scikit-learn>=1.5')
    """
    lines = (line.partition(" #")[0].strip() for line in text[:MOST_BYTES].decode("utf-8", "replace").splitlines())
    return tuple(line[:300] for line in lines if line and not line.startswith(("#", "-")))[:1000]


def licence_of(text: bytes) -> str:
    """The first line of a licence file."""
    lines = (line.strip() for line in text[:10_000].decode("utf-8", "replace").splitlines())
    return next((line[:100] for line in lines if line), "")


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

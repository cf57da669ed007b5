"""Looking through the files of a version before anything loads them: content in, verdict out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, cast

from msgspec import Struct

from modelyard.ports.objects import Digest, Objects, parse_digest
from modelyard.registry.api import Inferred, Scan, Signature, Verdict, VersionFile
from modelyard.registry.model import content, inference
from modelyard.registry.model.scanning import Scanner

_IN_MEMORY = 32 * 1024 * 1024
_MOST_GRAPH = 256 * 1024 * 1024


class Seen(Struct, frozen=True, kw_only=True):
    """What the files say of themselves, and what was found in them."""

    flavours: tuple[str, ...] = ()
    signature: Signature | None = None
    signature_by: Inferred = Inferred.NOBODY
    scan: Scan
    requirements: tuple[str, ...] = ()
    python: str = ""
    example: str = ""
    licence: str = ""

    @property
    def advice(self) -> str:
        """What would be safer or better known."""
        said: list[str] = []
        if self.scan.pickles:
            said.append(
                "it holds pickles, which are walked but not the safest form: log it with skops "
                "(serialization_format='skops'), as ONNX or as safetensors"
            )
        if self.signature is None and self.scan.verdict is not Verdict.NO_FILES:
            said.append("nobody says what it takes: log it with a signature or an input example")
        return "; ".join(said)


class Looking:
    """Reads files as objects.

    Args:
        objects: where their bytes lie.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def look(self, files: Sequence[VersionFile]) -> Seen:
        """Look through all files; each distinct content once.

        Raises:
            NotFound: the bytes of a file are gone.
            Damaged: they are not what was stored.
        """
        said = self._described(files)
        scanner = Scanner(said.pickled)
        for path in said.code:
            scanner.code(path)
        scanner.loaders(content.DESCRIPTION, said.loaders)
        for each in files:
            with self._open(parse_digest(each.digest)) as stream:
                scanner.file(each.path, stream, each.size_bytes)
        signature, by = self._signature(said, files)
        by_name = {f.path.rpartition("/")[2].lower(): f for f in reversed(files)}
        licence = next((by_name[n] for n in content.LICENCES if n in by_name), None)
        return Seen(
            flavours=said.flavours, signature=signature, signature_by=by, scan=scanner.scan(),
            requirements=content.requirements_of(self._small(by_name.get("requirements.txt"))), python=said.python,
            example=said.example if any(f.path == said.example for f in files) else "",
            licence=said.licence or content.licence_of(self._small(licence)),
        )  # fmt: skip

    def _signature(
        self, said: content.Described, files: Sequence[VersionFile]
    ) -> tuple[Signature | None, Inferred]:  # fmt: skip
        """What it takes and gives: as it says itself, else as its graph or its example shows."""
        if said.signature is not None and (said.signature.inputs or said.signature.outputs):
            return said.signature, Inferred.FILES
        graphs = [f for f in files if f.path.endswith(".onnx") and f.size_bytes <= _MOST_GRAPH]
        if len(graphs) == 1:
            graph = inference.of_onnx(b"".join(self._objects.read(parse_digest(graphs[0].digest))))
            if graph is not None:
                return graph, Inferred.ONNX
        example = next((f for f in files if f.path in (said.example, "input_example.json")), None)
        found = inference.of_example(self._small(example))
        return found, Inferred.NOBODY if found is None else Inferred.EXAMPLE

    def _small(self, file: VersionFile | None) -> bytes:
        """The bytes of a small file; none where it is not there or too large."""
        if file is None or file.size_bytes > content.MOST_BYTES:
            return b""
        return b"".join(self._objects.read(parse_digest(file.digest)))

    def _described(self, files: Sequence[VersionFile]) -> content.Described:
        one = next((f for f in files if f.path == content.DESCRIPTION), None)
        if one is None or one.size_bytes > content.MOST_BYTES:
            return content.Described()
        return content.described(b"".join(self._objects.read(parse_digest(one.digest))))

    @contextmanager
    def _open(self, digest: Digest) -> Iterator[BinaryIO]:
        """The bytes in a form that can seek, checked against their digest as they are read."""
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as copy:
            for chunk in self._objects.read(digest):
                copy.write(chunk)
            copy.seek(0)
            yield cast("BinaryIO", copy)

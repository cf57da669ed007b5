"""Which of a version's files hold pickles, wherever they hide, and the verdict on all of them.

A file is judged by what it is, not by what it is called: every file is opened, archives and compressed files are looked
into, and whatever is not known to be harmless is walked as a pickle. It reads bytes it is given and opens nothing.
"""

from __future__ import annotations

import ast
import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from modelyard.registry.api import Finding, Scan, Verdict
from modelyard.registry.model.allowed import RULES, use_of
from modelyard.registry.model.opcodes import streams

_PICKLE_ENDINGS = (
    ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".dill", ".cloudpickle", ".p", ".sav", ".pck", ".pcl",
)  # fmt: skip
_MOST_UNPACKED = 1 << 30
_MOST_MEMBERS = 20_000
_DEEPEST = 4
_HEAD = 512
_WHY_CODE = "loading runs Python that came with the model"


class Scanner:
    """Collects the verdict over the files of one version.

    Args:
        pickled: paths that a loader would unpickle, whatever they look like.
    """

    def __init__(self, pickled: Sequence[str] = ()) -> None:
        self._pickled = frozenset(pickled)
        self._findings: list[Finding] = []
        self._pickles = 0
        self._files = 0

    def file(self, path: str, stream: BinaryIO, size_bytes: int) -> None:
        """Look through one file; the stream can seek."""
        self._files += 1
        named = path in self._pickled or path.lower().endswith(_PICKLE_ENDINGS)
        self._look(path, stream, size_bytes, depth=0, named=named)

    def code(self, path: str) -> None:
        """Note that loading runs this file or folder."""
        self._add(path, "code", _WHY_CODE)

    def loaders(self, path: str, modules: Iterable[str]) -> None:
        """Note modules that loading imports, if they are not MLflow's own."""
        for module in modules:
            if not (module == "mlflow" or module.startswith("mlflow.")):
                self._add(path, module, "loading imports this module")

    def scan(self) -> Scan:
        """The verdict."""
        if self._findings:
            verdict = Verdict.UNSAFE
        elif self._pickles:
            verdict = Verdict.SAFE
        else:
            verdict = Verdict.NO_PICKLE if self._files else Verdict.NO_FILES
        return Scan(verdict=verdict, pickles=self._pickles, findings=tuple(self._findings[:100]), rules=RULES)

    def _add(self, path: str, what: str, why: str) -> None:
        found = Finding(path=path[:1000], what=what[:300], why=why)
        if found not in self._findings:
            self._findings.append(found)

    def _look(self, path: str, stream: BinaryIO, size_bytes: int, *, depth: int, named: bool) -> None:
        if depth > _DEEPEST:
            self._add(path, "an archive", "archives lie in archives too deep to look through")
            return
        head = stream.read(_HEAD)
        stream.seek(0)
        if _is_zip(head):
            self._zip(path, stream, depth=depth)
        elif head[257:262] == b"ustar":
            self._tar(path, stream, depth=depth)
        elif (unpack := _unpacker(head)) is not None:
            self._packed(path, stream, unpack, depth=depth, named=named)
        elif head.startswith(b"\x93NUMPY"):
            self._array(path, stream, size_bytes)
        elif head.startswith(b"\x89HDF\r\n\x1a\n"):
            self._add(path, "HDF5", "it may hold code that loading runs; save the weights as safetensors or ONNX")
        elif head.startswith(b"\x04\x22\x4d\x18"):
            self._add(path, "LZ4", "what it holds cannot be looked through; save it uncompressed")
        elif size_bytes:
            strict = named or (head[:1] == b"\x80" and head[1:2] <= b"\x08")
            self._walk(path, stream, size_bytes, strict=strict)

    def _walk(self, path: str, stream: BinaryIO, size_bytes: int, *, strict: bool, persistent: bool = False) -> None:
        for number, walk in enumerate(streams(stream, size_bytes, persistent=persistent)):
            if not strict and number == 0 and not walk.calls:
                return  # text and plain data now and then begin like a pickle; nothing would be called
            self._pickles += 1
            for what, why in walk.findings:
                self._add(path, what, why)

    def _zip(self, path: str, stream: BinaryIO, *, depth: int) -> None:
        try:
            with zipfile.ZipFile(stream) as archive:
                members = archive.infolist()
                if len(members) > _MOST_MEMBERS or sum(m.file_size for m in members) > _MOST_UNPACKED:
                    self._add(path, "an archive", "it unpacks to more than can be looked through")
                    return
                torch = any(m.filename.rpartition("/")[2] == "data.pkl" for m in members)
                for member in members:
                    if not member.is_dir():
                        self._member(path, archive, member, depth=depth, torch=torch)
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            RuntimeError,
            OSError,
            zlib.error,
            EOFError,
            ValueError,
        ) as err:
            self._add(path, "a broken archive", f"it cannot be looked through ({type(err).__name__})")

    def _member(
        self, path: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, depth: int, torch: bool
    ) -> None:  # fmt: skip
        name = member.filename
        here = f"{path}!{name}"
        inside = archive.read(member)  # bounded by the sum above, and checked against its CRC
        last = name.rpartition("/")[2]
        if torch and last == "data.pkl":
            self._walk(here, io.BytesIO(inside), len(inside), strict=True, persistent=True)
            return
        if torch and "/data/" in f"/{name}":
            return  # bytes of tensors, which torch reads as such
        if last == "schema.json" and depth == 0:
            self._schema(here, inside)
        if last == "config.json" and b'"Lambda"' in inside:
            self._add(here, "keras Lambda", _WHY_CODE)
        self._look(
            here, io.BytesIO(inside), len(inside), depth=depth + 1, named=last.lower().endswith(_PICKLE_ENDINGS)
        )  # fmt: skip

    def _tar(self, path: str, stream: BinaryIO, *, depth: int) -> None:
        try:
            with tarfile.open(fileobj=stream, mode="r:") as archive:
                unpacked = 0
                for member in archive:
                    unpacked += member.size
                    if unpacked > _MOST_UNPACKED:
                        self._add(path, "an archive", "it unpacks to more than can be looked through")
                        return
                    content = archive.extractfile(member) if member.isfile() else None
                    if content is not None:
                        inside = content.read()
                        self._look(
                            f"{path}!{member.name}", io.BytesIO(inside), len(inside), depth=depth + 1, named=True
                        )
        except (tarfile.TarError, OSError, EOFError, ValueError) as err:
            self._add(path, "a broken archive", f"it cannot be looked through ({type(err).__name__})")

    def _packed(self, path: str, stream: BinaryIO, kind: str, *, depth: int, named: bool) -> None:
        try:
            inside = _unpacked(stream, kind)
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as err:
            if kind != "zlib" or named:  # two bytes of text may look like zlib
                self._add(path, f"broken {kind}", f"it cannot be looked through ({type(err).__name__})")
            return
        if len(inside) > _MOST_UNPACKED:
            self._add(path, kind, "it unpacks to more than can be looked through")
            return
        self._look(f"{path}!{kind}", io.BytesIO(inside), len(inside), depth=depth + 1, named=named)

    def _array(self, path: str, stream: BinaryIO, size_bytes: int) -> None:
        """A NumPy file; one of objects holds a pickle behind its header."""
        head = stream.read(12)
        wide = len(head) > 6 and head[6] >= 2
        length = int.from_bytes(head[8:12] if wide else head[8:10], "little")
        if not wide:
            stream.seek(10)
        text = stream.read(min(length, 1 << 20)).decode("latin-1")
        try:
            said = ast.literal_eval(text.strip())
            plain = isinstance(said, dict) and "O" not in str(said["descr"])
        except (ValueError, SyntaxError, KeyError, MemoryError, RecursionError):
            plain = False
        if not plain:
            self._walk(path, stream, size_bytes, strict=True)

    def _schema(self, path: str, text: bytes) -> None:
        """The recipe in a skops file: each name that it would build or call stands on the allow-list."""
        try:
            waiting: list[object] = [json.loads(text)]
        except (ValueError, RecursionError):
            self._add(path, "a broken recipe", "it cannot be looked through")
            return
        while waiting:
            here = waiting.pop()
            if isinstance(here, dict):
                waiting += here.values()
                module, name = (
                    here.get("__module__", here.get("module_path")),
                    here.get("__class__", here.get("function")),
                )
                if isinstance(module, str) and isinstance(name, str):
                    if _skops_use(module, name):
                        continue
                    self._add(path, f"{module}.{name}", "not on the allow-list")
            elif isinstance(here, list):
                waiting += here


_SKOPS_OWN = frozenset({
    ("builtins", "NoneType"), ("builtins", "function"), ("builtins", "json"), ("builtins", "type"),
    ("functools", "partial"), ("numpy", "ndarray"), ("numpy", "ufunc"), ("numpy.ma", "MaskedArray"),
    ("numpy.random", "RandomState"), ("numpy.random.mtrand", "RandomState"), ("types", "NoneType"),
})  # fmt: skip


def _skops_use(module: str, name: str) -> bool:
    return use_of(module, name) is not None or (module, name) in _SKOPS_OWN


def _is_zip(head: bytes) -> bool:
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def _unpacker(head: bytes) -> str | None:
    """How a file is compressed, by its first bytes."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"BZh"):
        return "bzip2"
    if head.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")):
        return "xz"
    if len(head) > 2 and head[0] == 0x78 and (head[0] * 256 + head[1]) % 31 == 0:
        return "zlib"
    return None


def _unpacked(stream: BinaryIO, kind: str) -> bytes:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=stream).read(_MOST_UNPACKED + 1)
    if kind == "bzip2":
        return bz2.BZ2File(stream).read(_MOST_UNPACKED + 1)
    if kind == "xz":
        return lzma.LZMAFile(stream).read(_MOST_UNPACKED + 1)
    unpacker = zlib.decompressobj()
    return unpacker.decompress(stream.read(_MOST_UNPACKED), _MOST_UNPACKED + 1)

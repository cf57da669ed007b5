"""Which of a version's files hold pickles, wherever they hide, and the verdict on all of them.

A file is judged by what it is, not by what it is called: every file is opened, archives and compressed files are looked
into, and whatever is not known to be harmless is walked as a pickle. It reads bytes it is given and opens nothing.
"""

from __future__ import annotations

import ast
import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from modelyard.registry.api import Finding, Scan, Verdict
from modelyard.registry.model import recipes
from modelyard.registry.model.allowed import RULES
from modelyard.registry.model.opcodes import streams
from modelyard.registry.model.unpacking import kind_of, may_be_chance, unknown_kind_of, unpacked

_PICKLE_ENDINGS = (
    ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".dill", ".cloudpickle", ".p", ".sav", ".pck", ".pcl",
)  # fmt: skip
_TEXT_ENDINGS = (".yaml", ".yml", ".json")
_MOST_TEXT = 64 << 20
_MOST_UNPACKED = 1 << 30
_MOST_MEMBERS = 20_000
_DEEPEST = 4
_HEAD = 512
_WHY_CODE = "loading runs Python that came with the model"
_PLAIN_TYPE = re.compile(r"[<>|=]?[?bBiufcSUVmM][0-9]*(\[[0-9]*[A-Za-z]+\])?")
_TOO_MUCH = "it unpacks to more than can be looked through"


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
        self._room = 2 * _MOST_UNPACKED

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
            return
        if zipfile.is_zipfile(stream):  # an archive's list stands at its end, so anything may stand before it
            self._zip(path, stream, depth=depth, hidden=True)
        stream.seek(0)
        if _is_tar(head):
            self._tar(path, stream, depth=depth)
        elif (kind := kind_of(head)) is not None:
            self._packed(path, stream, kind, depth=depth, named=named, sure=named or not may_be_chance(kind, head))
        elif head.startswith(b"\x93NUMPY"):
            self._array(path, stream, size_bytes)
        elif head.startswith(b"\x89HDF\r\n\x1a\n"):
            self._add(path, "HDF5", "it may hold code that loading runs; save the weights as safetensors or ONNX")
        elif (unknown := unknown_kind_of(head)) is not None:
            self._add(path, unknown, "what it holds cannot be looked through; save it uncompressed")
        elif size_bytes:
            self._text(path, stream)
            strict = named or (head[:1] == b"\x80" and head[1:2] <= b"\x08")
            self._walk(path, stream, size_bytes, strict=strict)

    def _text(self, path: str, stream: BinaryIO) -> None:
        if path.lower().endswith(_TEXT_ENDINGS):
            tag = recipes.names_python(stream.read(_MOST_TEXT))
            stream.seek(0)
            if tag is not None:
                self._add(path, tag, "reading it with a loader of Python objects runs what it names")

    def _walk(self, path: str, stream: BinaryIO, size_bytes: int, *, strict: bool, persistent: bool = False) -> None:
        for number, walk in enumerate(streams(stream, size_bytes, persistent=persistent)):
            if not strict and number == 0 and not walk.calls:
                return  # text and plain data now and then begin like a pickle; nothing would be called
            self._pickles += 1
            for what, why in walk.findings:
                self._add(path, what, why)

    def _zip(self, path: str, stream: BinaryIO, *, depth: int, hidden: bool = False) -> None:
        try:
            with zipfile.ZipFile(stream) as archive:
                members = archive.infolist()
                if len(members) > _MOST_MEMBERS or sum(m.file_size for m in members) > _MOST_UNPACKED:
                    self._add(path, "an archive", _TOO_MUCH)
                    return
                tensors = _tensors(members)
                for member in members:
                    if not member.is_dir() and member.filename not in tensors:
                        self._member(path, archive, member, depth=depth)
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            RuntimeError,
            OSError,
            zlib.error,
            EOFError,
            ValueError,
        ) as err:
            if not hidden:
                self._add(path, "a broken archive", f"it cannot be looked through ({type(err).__name__})")

    def _member(self, path: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, depth: int) -> None:
        name = member.filename
        here = f"{path}!{name}"
        if not self._make_room(here, member.file_size):
            return
        inside = archive.read(member)  # bounded by the sum above, and checked against its CRC
        last = name.rpartition("/")[2]
        if last == "data.pkl":
            self._walk(here, io.BytesIO(inside), len(inside), strict=True, persistent=True)
            return
        if last == "schema.json" and depth == 0:
            self._recipe(here, recipes.faults_of_schema(inside))
        if last == "config.json" and (path.lower().endswith(".keras") or b"class_name" in inside):
            self._recipe(here, recipes.faults_of_keras(inside))
        self._look(
            here, io.BytesIO(inside), len(inside), depth=depth + 1, named=last.lower().endswith(_PICKLE_ENDINGS)
        )  # fmt: skip

    def _recipe(self, path: str, faults: Iterator[recipes.Fault]) -> None:
        for what, why in faults:
            self._add(path, what, why)

    def _make_room(self, path: str, size_bytes: int) -> bool:
        """Count what was unpacked so far, archives in archives included; False where it is too much."""
        self._room -= size_bytes
        if self._room < 0:
            self._add(path, "an archive", _TOO_MUCH)
        return self._room >= 0

    def _tar(self, path: str, stream: BinaryIO, *, depth: int) -> None:
        try:
            with tarfile.open(fileobj=stream, mode="r:") as archive:
                total = 0
                for member in archive:
                    total += member.size
                    if total > _MOST_UNPACKED or not self._make_room(path, member.size):
                        self._add(path, "an archive", _TOO_MUCH)
                        return
                    content = archive.extractfile(member) if member.isfile() else None
                    if content is not None:
                        inside = content.read()
                        self._look(
                            f"{path}!{member.name}", io.BytesIO(inside), len(inside), depth=depth + 1, named=True
                        )
        except (tarfile.TarError, OSError, EOFError, ValueError) as err:
            self._add(path, "a broken archive", f"it cannot be looked through ({type(err).__name__})")

    def _packed(self, path: str, stream: BinaryIO, kind: str, *, depth: int, named: bool, sure: bool) -> None:
        """A compressed file; `sure` where no plain data begins like it."""
        got = unpacked(stream, kind, min(_MOST_UNPACKED, max(self._room, 0)))
        if got.cut or not self._make_room(path, len(got.content)):
            self._add(path, kind, _TOO_MUCH)
            return
        if got.content:
            inside = io.BytesIO(got.content)
            self._look(f"{path}!{kind}", inside, len(got.content), depth=depth + 1, named=named)
        if not got.whole and sure:
            self._add(path, f"broken {kind}", "it cannot be looked through to its end")
        elif not got.whole:
            size_bytes = stream.seek(0, io.SEEK_END)
            stream.seek(0)
            self._walk(path, stream, size_bytes, strict=False)

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
            plain = isinstance(said, dict) and _is_plain(said["descr"])
        except (ValueError, SyntaxError, KeyError, MemoryError, RecursionError):
            plain = False
        if not plain:
            self._walk(path, stream, size_bytes, strict=True)


def _is_plain(descr: object) -> bool:
    """True if items of a NumPy type are numbers or text, never Python objects."""
    if isinstance(descr, str):
        return _PLAIN_TYPE.fullmatch(descr) is not None
    if isinstance(descr, list):
        return all(isinstance(field, tuple) and len(field) in (2, 3) and _is_plain(field[1]) for field in descr)
    return isinstance(descr, tuple) and len(descr) == 2 and _is_plain(descr[0])


def _is_zip(head: bytes) -> bool:
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def _is_tar(head: bytes) -> bool:
    if head[257:262] == b"ustar":
        return True
    try:
        return head[:1] != b"\x00" and bool(tarfile.TarInfo.frombuf(head[:512], "utf-8", "surrogateescape").name)
    except tarfile.HeaderError:
        return False


def _tensors(members: Iterable[zipfile.ZipInfo]) -> frozenset[str]:
    """In an archive of torch's: its members that are bytes of tensors, which it reads as such."""
    names = [m.filename for m in members]
    roots = {n.removesuffix("data.pkl") for n in names if n.rpartition("/")[2] == "data.pkl"}
    return frozenset(n for n in names for root in roots if re.fullmatch(re.escape(f"{root}data/") + r"[0-9]+", n))

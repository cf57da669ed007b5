"""Pickles that would do harm if anybody loaded them; here they are only ever read as bytes.

Each is built opcode by opcode or by a pickler, and harms nothing but the process that would unpickle it.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import Any


class _Calls:
    """Pickles as a call of `fn` with `args`."""

    def __init__(self, fn: Callable[..., Any], *args: Any) -> None:
        self.fn = fn
        self.args = args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.fn, self.args


SYSTEM = pickle.dumps(_Calls(os.system, "true"), 4)


def _text(text: str) -> bytes:
    raw = text.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def _named(module: str, name: str) -> bytes:
    """STACK_GLOBAL."""
    return _text(module) + _text(name) + b"\x93"


def _call(module: str, name: str, args: bytes) -> bytes:
    return b"\x80\x04" + _named(module, name) + args + b"R."


ONE = _text("true") + b"\x85"
TWO = _text("true") + _text("x") + b"\x86"


def _joblib_array(dtype: bytes, shape: bytes, rest: bytes) -> bytes:
    """A joblib stream up to an array of that dtype, and what follows it."""
    kind = _named("numpy", "dtype") + dtype + b"\x89\x88\x87R"
    state = b"}(" + _text("subclass") + _named("numpy", "ndarray") + _text("shape") + shape
    state += _text("order") + _text("C") + _text("dtype") + kind + _text("allow_mmap") + b"\x88"
    state += _text("numpy_array_alignment_bytes") + b"Nu"
    wrapper = b"\x80\x04" + _named("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + state + b"b"
    return wrapper + rest + b"."


RAW = {
    "os.system by its platform's name": SYSTEM,
    "protocol 0": b"cos\nsystem\n(S'true'\ntR.",
    "protocol 1": pickle.dumps(_Calls(os.system, "true"), 1),
    "protocol 2": pickle.dumps(_Calls(os.system, "true"), 2),
    "protocol 5": pickle.dumps(_Calls(os.system, "true"), 5),
    "builtins.eval": pickle.dumps(_Calls(eval, "1"), 4),
    "builtins.exec": pickle.dumps(_Calls(exec, "pass"), 4),
    "builtins.compile": pickle.dumps(_Calls(compile, "1", "x", "eval"), 4),
    "builtins.__import__": _call("builtins", "__import__", _text("os") + b"\x85"),
    "builtins.open": pickle.dumps(_Calls(open, "/dev/null"), 4),
    "python 2's eval": b"c__builtin__\neval\n(S'1'\ntR.",
    "python 2's commands": b"ccommands\ngetoutput\n(S'true'\ntR.",
    "getattr on a module": b"\x80\x04" + _named("builtins", "getattr") + _named("os", "path") + _text("os") + b"\x86R.",
    "getattr on what is allowed": _call("builtins", "getattr", _named("numpy", "dtype") + _text("__class__") + b"\x86"),
    "an attribute of an allowed name": _call("builtins", "dict.__class__.__base__.__subclasses__", b")"),
    "a dotted way out of an allowed class": _call(
        "sklearn.linear_model._logistic", "LogisticRegression.__init__.__globals__", b")"
    ),
    "a module inside an allowed module": _call("sklearn.base", "warnings", b")"),
    "numpy's runstring": _call("numpy.testing._private.utils", "runstring", TWO),
    "numpy's ufunc by any name": _call("numpy._core", "_ufunc_reconstruct", _text("os") + _text("system") + b"\x86"),
    "numpy's load": _call("numpy", "load", ONE),
    "joblib's load": _call("joblib", "load", ONE),
    "a pickle in a pickle": pickle.dumps(_Calls(pickle.loads, SYSTEM), 4),
    "subprocess": _call("subprocess", "Popen", ONE),
    "a function from code": _call("types", "FunctionType", ONE),
    "cloudpickle's function": _call("cloudpickle.cloudpickle", "_make_function", ONE),
    "runpy": _call("runpy", "run_path", ONE),
    "a name put together from the memo": (
        b"\x80\x04" + _text("os") + b"\x94" + b"0" + _text("system") + b"\x94" + b"0" + b"h\x00" + b"h\x01" + b"\x93"
        + ONE + b"R."
    ),
    "a name that is the result of a call": (
        b"\x80\x04" + _named("builtins", "str") + _text("os") + b"\x85R" + _text("system") + b"\x93" + ONE + b"R."
    ),
    "a name that is bytes": b"\x80\x04" + b"C\x02os" + _text("system") + b"\x93" + ONE + b"R.",
    "a result that is called": (
        b"\x80\x04" + _named("functools", "partial") + _named("builtins", "list") + b"\x85R" + ONE + b"R."
    ),
    "partial of what it is handed": (
        b"\x80\x04" + _named("functools", "partial") + _named("builtins", "str") + b")R" + b"\x85R."
    ),
    "a default dict that calls": _call("collections", "defaultdict", _named("os", "getcwd") + b"\x85"),
    "a codec beyond text": _call("_codecs", "encode", _text("x") + _text("zip") + b"\x86"),
    "a random state that calls its second": (
        b"\x80\x04" + _named("numpy.random._pickle", "__randomstate_ctor") + _text("MT19937")
        + _named("builtins", "list") + b"\x86R."
    ),
    "an array of a size to fill memory": (
        b"\x80\x04" + _named("numpy._core.multiarray", "_reconstruct") + _named("numpy", "ndarray")
        + b"J\xff\xff\xff\x7f\x85" + b"C\x01b\x87R."
    ),
    "bytes of a size to fill memory": _call("builtins", "bytearray", b"J\xff\xff\xff\x7f\x85"),
    "an allowed value that is called": _call("numpy", "exp", ONE),
    "a metric that is called": _call("sklearn.metrics._ranking", "roc_auc_score", TWO),
    "INST": b"(S'true'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'true'\no.",
    "NEWOBJ": b"\x80\x04" + _named("subprocess", "Popen") + ONE + b"\x81.",
    "NEWOBJ_EX": b"\x80\x04" + _named("subprocess", "Popen") + ONE + b"}\x92.",
    "an extension by number": b"\x80\x02\x82\x01" + b")R.",
    "BUILD on a class": b"\x80\x04" + _named("builtins", "dict") + b"}(" + _text("x") + _text("y") + b"ub.",
    "items into a global": b"\x80\x04" + _named("numpy", "ndarray") + _text("x") + _text("y") + b"s.",
    "a module registry": b"\x80\x04" + _named("sys", "modules") + _text("os") + _named("posix", "system") + b"s.",
    "harm before the stream breaks": SYSTEM[:-1],
    "harm before rubbish": SYSTEM[:-1] + b"\xff\xff\xff",
    "harm behind a harmless pickle": pickle.dumps([1, 2], 4) + SYSTEM,
    "harm behind a harmless pickle of protocol 0": pickle.dumps([1, 2], 4) + b"cos\nsystem\n(S'true'\ntR.",
    "a cut stream": pickle.dumps({"a": [1, 2, 3]}, 4)[:-3],
    "a memo far away": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "a memo that was never filled": b"\x80\x02h\x07.",
    "an empty stack": b"\x80\x02R.",
    "a mark in the wrong place": b"\x80\x02(N\x85t\x85(R.",
    "a persistent id": b"\x80\x02X\x01\x00\x00\x00aQ.",
    "a frame longer than the file": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f" + SYSTEM[11:],
    "an announced length beyond the file": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"abc.",
    "a name with a space": b"c__builtin__ x\neval\n(S'1'\ntR.",
    "operator's attrgetter": _call("operator", "attrgetter", _text("__class__") + b"\x85"),
    "a web browser": _call("webbrowser", "open", ONE),
    "an array of objects in joblib": _joblib_array(_text("O8"), b"K\x01\x85", SYSTEM),
    "an array in joblib that is shorter than its bytes": _joblib_array(
        _text("i8"), b"K\x01\x85", b"12345678" + SYSTEM[2:-1]
    ),
    "an array in joblib of a type put together": _joblib_array(
        _named("builtins", "str") + _text("O8") + b"\x85R", b"K\x01\x85", SYSTEM
    ),
}  # fmt: skip
"""Streams as they are: what the file is about, and its bytes."""


def _zip(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _tar(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def _npy(descr: str, content: bytes) -> bytes:
    head = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + content


def _torch_of_old(obj: bytes) -> bytes:
    head = [pickle.dumps(x, 2) for x in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    return b"".join(head) + obj + pickle.dumps([], 2)


_LOADER: functools.partial[str] = functools.partial(json.dumps)
_RECIPE = _LOADER(
    {"__class__": "Pipeline", "__module__": "sklearn.pipeline", "__loader__": "ObjectNode",
     "content": {"steps": {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}}}
)  # fmt: skip

FILES = {
    "model.txt": b"cos\nsystem\n(S'true'\ntR.",
    "notes.md": SYSTEM,
    "model.onnx": SYSTEM,
    "conda.yaml": b"cos\nsystem\n(S'true'\ntR.",
    "packed.gz": gzip.compress(SYSTEM),
    "packed.bin": bz2.compress(SYSTEM),
    "model.xz": lzma.compress(SYSTEM),
    "model.z": zlib.compress(SYSTEM),
    "twice.gz": gzip.compress(zlib.compress(SYSTEM)),
    "weights.zip": _zip({"a/b.pkl": SYSTEM}),
    "inner.zip": _zip({"inner.zip": _zip({"x": SYSTEM})}),
    "model.pt": _zip({"archive/data.pkl": SYSTEM, "archive/data/0": b"1234", "archive/version": b"3"}),
    "old.pt": _torch_of_old(SYSTEM),
    "model.tar": _tar({"pickle": SYSTEM}),
    "weights.npy": _npy("'|O'", SYSTEM),
    "fields.npy": _npy("[('a', '<i8'), ('b', '|O')]", SYSTEM),
    "weights.npz": _zip({"arr_0.npy": _npy("'|O'", SYSTEM)}),
    "odd.npy": _npy("__import__('os')", SYSTEM),
    "model.skops": _zip({"schema.json": _RECIPE.encode()}),
    "broken.skops": _zip({"schema.json": b"{"}),
    "model.keras": _zip({"config.json": b'{"class_name": "Lambda", "config": {}}'}),
    "model.h5": b"\x89HDF\r\n\x1a\n" + b"\x00" * 100,
    "packed.lz4": b"\x04\x22\x4d\x18" + SYSTEM,
    "cut.zip": _zip({"a.pkl": SYSTEM})[:-30],
    "model.joblib": zlib.compress(RAW["an array of objects in joblib"]),
}
"""Files in which harm hides: name and bytes."""

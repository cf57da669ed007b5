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
from typing import Any, Protocol

from tests.registry.opcodes import ONE, TWO, call, named, text


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self, mode: int = ..., /) -> bytes: ...


class _Calls:
    """Pickles as a call of `fn` with `args`."""

    def __init__(self, fn: Callable[..., Any], *args: Any) -> None:
        self.fn = fn
        self.args = args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.fn, self.args


SYSTEM = pickle.dumps(_Calls(os.system, "true"), 4)


def _joblib_array(dtype: bytes, shape: bytes, rest: bytes) -> bytes:
    """A joblib stream up to an array of that dtype, and what follows it."""
    kind = named("numpy", "dtype") + dtype + b"\x89\x88\x87R"
    state = b"}(" + text("subclass") + named("numpy", "ndarray") + text("shape") + shape
    state += text("order") + text("C") + text("dtype") + kind + text("allow_mmap") + b"\x88"
    state += text("numpy_array_alignment_bytes") + b"Nu"
    wrapper = b"\x80\x04" + named("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + state + b"b"
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
    "builtins.__import__": call("builtins", "__import__", text("os") + b"\x85"),
    "builtins.open": pickle.dumps(_Calls(open, "/dev/null"), 4),
    "python 2's eval": b"c__builtin__\neval\n(S'1'\ntR.",
    "python 2's commands": b"ccommands\ngetoutput\n(S'true'\ntR.",
    "getattr on a module": b"\x80\x04" + named("builtins", "getattr") + named("os", "path") + text("os") + b"\x86R.",
    "getattr on what is allowed": call("builtins", "getattr", named("numpy", "dtype") + text("__class__") + b"\x86"),
    "an attribute of an allowed name": call("builtins", "dict.__class__.__base__.__subclasses__", b")"),
    "a dotted way out of an allowed class": call(
        "sklearn.linear_model._logistic", "LogisticRegression.__init__.__globals__", b")"
    ),
    "a module inside an allowed module": call("sklearn.base", "warnings", b")"),
    "numpy's runstring": call("numpy.testing._private.utils", "runstring", TWO),
    "numpy's ufunc by any name": call("numpy._core", "_ufunc_reconstruct", text("os") + text("system") + b"\x86"),
    "numpy's load": call("numpy", "load", ONE),
    "joblib's load": call("joblib", "load", ONE),
    "a pickle in a pickle": pickle.dumps(_Calls(pickle.loads, SYSTEM), 4),
    "subprocess": call("subprocess", "Popen", ONE),
    "a function from code": call("types", "FunctionType", ONE),
    "cloudpickle's function": call("cloudpickle.cloudpickle", "_make_function", ONE),
    "runpy": call("runpy", "run_path", ONE),
    "a name put together from the memo": (
        b"\x80\x04" + text("os") + b"\x94" + b"0" + text("system") + b"\x94" + b"0" + b"h\x00" + b"h\x01" + b"\x93"
        + ONE + b"R."
    ),
    "a name that is the result of a call": (
        b"\x80\x04" + named("builtins", "str") + text("os") + b"\x85R" + text("system") + b"\x93" + ONE + b"R."
    ),
    "a name that is bytes": b"\x80\x04" + b"C\x02os" + text("system") + b"\x93" + ONE + b"R.",
    "a result that is called": (
        b"\x80\x04" + named("functools", "partial") + named("builtins", "list") + b"\x85R" + ONE + b"R."
    ),
    "partial of what it is handed": (
        b"\x80\x04" + named("functools", "partial") + named("builtins", "str") + b")R" + b"\x85R."
    ),
    "a default dict that calls": call("collections", "defaultdict", named("os", "getcwd") + b"\x85"),
    "a codec beyond text": call("_codecs", "encode", text("x") + text("zip") + b"\x86"),
    "a random state that calls its second": (
        b"\x80\x04" + named("numpy.random._pickle", "__randomstate_ctor") + text("MT19937")
        + named("builtins", "list") + b"\x86R."
    ),
    "an array of a size to fill memory": (
        b"\x80\x04" + named("numpy._core.multiarray", "_reconstruct") + named("numpy", "ndarray")
        + b"J\xff\xff\xff\x7f\x85" + b"C\x01b\x87R."
    ),
    "bytes of a size to fill memory": call("builtins", "bytearray", b"J\xff\xff\xff\x7f\x85"),
    "an allowed value that is called": call("numpy", "exp", ONE),
    "a metric that is called": call("sklearn.metrics._ranking", "roc_auc_score", TWO),
    "INST": b"(S'true'\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nS'true'\no.",
    "NEWOBJ": b"\x80\x04" + named("subprocess", "Popen") + ONE + b"\x81.",
    "NEWOBJ_EX": b"\x80\x04" + named("subprocess", "Popen") + ONE + b"}\x92.",
    "an extension by number": b"\x80\x02\x82\x01" + b")R.",
    "BUILD on a class": b"\x80\x04" + named("builtins", "dict") + b"}(" + text("x") + text("y") + b"ub.",
    "items into a global": b"\x80\x04" + named("numpy", "ndarray") + text("x") + text("y") + b"s.",
    "a module registry": b"\x80\x04" + named("sys", "modules") + text("os") + named("posix", "system") + b"s.",
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
    "operator's attrgetter": call("operator", "attrgetter", text("__class__") + b"\x85"),
    "a web browser": call("webbrowser", "open", ONE),
    "a booster that opens a file": call("lightgbm.basic", "Booster", b"NN" + text("/etc/passwd") + b"\x87"),
    "another booster that opens a file": call("xgboost.core", "Booster", b"NN" + text("/etc/passwd") + b"\x87"),
    "a vectorizer that opens what it is asked about": (
        b"\x80\x04" + named("sklearn.feature_extraction.text", "CountVectorizer") + b")\x81}(" + text("input")
        + text("filename") + b"ub."
    ),
    "harm behind seventeen pickles": pickle.dumps(1) * 17 + SYSTEM,
    "harm behind two thousand pickles": pickle.dumps(1) * 2000 + SYSTEM,
    "harm behind text in another encoding": b"S'\xc3\xa9'\n0cos\nsystem\n(S'true'\ntR.",
    "a global in another encoding": b"c\xc3\xa9\nsystem\n(S'true'\ntR.",
    "a name from the memo, filled twice": (
        b"\x80\x04" + text("numpy") + b"\x94" + b"0" + text("os") + b"q\x00" + b"0" + text("system") + b"\x94" + b"0"
        + b"h\x00" + b"h\x01" + b"\x93" + ONE + b"R."
    ),
    "a call that is thrown away": SYSTEM[:-1] + b"0" + pickle.dumps({"a": 1}, 4)[2:],
    "a call among the items of a list": b"\x80\x04]" + named("posix", "system") + ONE + b"Ra.",
    "a call as the key of a dict": b"\x80\x04}" + named("posix", "system") + ONE + b"R" + b"Ns.",
    "a call in the state of an honest class": (
        b"\x80\x04" + named("sklearn.linear_model._logistic", "LogisticRegression") + b")\x81}(" + text("C")
        + named("posix", "system") + ONE + b"Rub."
    ),
    "a constructor of what it is handed": call(
        "copyreg", "_reconstructor", named("subprocess", "Popen") + named("builtins", "object") + b"N\x87"
    ),
    "a partial of an evaluator": (
        b"\x80\x04" + named("functools", "partial") + named("builtins", "eval") + text("1") + b"\x86R."
    ),
    "an out-of-band buffer": b"\x80\x05\x97.",
    "an array of objects in joblib": _joblib_array(text("O8"), b"K\x01\x85", SYSTEM),
    "an array in joblib that is shorter than its bytes": _joblib_array(
        text("i8"), b"K\x01\x85", b"12345678" + SYSTEM[2:-1]
    ),
    "an array in joblib of a type put together": _joblib_array(
        named("builtins", "str") + text("O8") + b"\x85R", b"K\x01\x85", SYSTEM
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


def _tar_of_old(name: str, content: bytes) -> bytes:
    """A tar of the form before POSIX: nothing but a checksum says what it is."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    head = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    head[257:265], head[148:156] = bytes(8), b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + content.ljust(512, b"\0") + bytes(1024)


def _flushed(packer: _Packer) -> bytes:
    """All of the harm, and no end of the stream."""
    return packer.compress(SYSTEM) + packer.flush(zlib.Z_SYNC_FLUSH)


def _lied(packed: bytes) -> bytes:
    """An archive whose list says that its member is one byte long."""
    place = packed.index(b"PK\x01\x02") + 24
    return packed[:place] + struct.pack("<L", 1) + packed[place + 4 :]


_MODULE = (
    b"\x80\x02(X\x06\x00\x00\x00modulecos\nsystem\nX\x01\x00\x00\x00sX\x01\x00\x00\x00stQ(X\x04\x00\x00\x00truetR."
)
_STORAGE = b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00stQ(X\x04\x00\x00\x00truetR."
_METHOD = json.dumps({"__loader__": "MethodNode", "__class__": "function", "__module__": "builtins"})
_SHORT_DICTIONARY = [{"id": lzma.FILTER_LZMA1, "dict_size": 0x10100}]

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
    "text first.skops": b"a harmless line\n" * 3 + _zip({"schema.json": _RECIPE.encode()}),
    "pickle first.npz": pickle.dumps(1) + _zip({"arr_0.npy": _npy("'|O'", SYSTEM)}),
    "of old.tar.bin": _tar_of_old("pickle", SYSTEM),
    "odd dictionary.bin": lzma.compress(SYSTEM, lzma.FORMAT_ALONE, filters=_SHORT_DICTIONARY),
    "two streams.z.bin": zlib.compress(SYSTEM[:10]) + zlib.compress(SYSTEM[10:]),
    "two streams.gz": gzip.compress(SYSTEM[:10]) + gzip.compress(SYSTEM[10:]),
    "two streams.bz2": bz2.compress(SYSTEM[:10]) + bz2.compress(SYSTEM[10:]),
    "two streams.xz": lzma.compress(SYSTEM[:10]) + lzma.compress(SYSTEM[10:]),
    "breaks behind harm.bin": _flushed(zlib.compressobj()) + b"\xff" * 4,
    "cut behind harm.bin": _flushed(zlib.compressobj(wbits=31)),
    "by its word.npy": _npy("'object'", SYSTEM),
    "by another word.npy": _npy("'object_'", SYSTEM),
    "inner fields.npy": _npy("[('a', [('b', '|O')])]", SYSTEM),
    "escaped.keras": _zip({"config.json": b'{"class_name": "\\u004cambda", "module": "keras.layers"}'}),
    "imports.keras": _zip({"config.json": b'{"class_name": "system", "module": "os", "config": "x"}'}),
    "function.keras": _zip({"config.json": b'{"class_name": "function", "module": "builtins", "config": "exec"}'}),
    "beside tensors.pt": _zip({"archive/data.pkl": pickle.dumps({}), "archive/data/evil.pkl": SYSTEM}),
    "class of a module.pt": _torch_of_old(_MODULE),
    "storage that is called.pt": _torch_of_old(_STORAGE),
    "hparams.yaml": b"a: !!python/object/apply:os.system ['true']\n",
    "reduced.json": b'{"py/reduce": [{"py/function": "os.system"}, ["true"]]}',
    "packed.zst": b"\x28\xb5\x2f\xfd" + SYSTEM,
    "method.skops": _zip({"schema.json": _METHOD.encode()}),
    "lies about its size.zip": _lied(_zip({"a.pkl": SYSTEM})),
    "five deep.zip": _zip({"a": _zip({"b": _zip({"c": _zip({"d": _zip({"e": _zip({"f": b"x"})})})})})}),
    "packed.joblib": lzma.compress(RAW["an array of objects in joblib"]),
    "model.joblib": zlib.compress(RAW["an array of objects in joblib"]),
}
"""Files in which harm hides: name and bytes."""

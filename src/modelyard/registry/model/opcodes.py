"""What a pickle would do if somebody loaded it, found by walking its opcodes on a stack of descriptions.

Nothing is imported, called or built. The walk knows what stands on the stack (constants, names of globals, results of
calls), so a name that is put together from the memo or called through another call's result is seen for what it is.
Semantics: CPython's `pickle` and `pickletools` (docs.python.org/3/library/pickletools.html). Strict: whatever is not
on the allow-list, or cannot be followed to its end, is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from modelyard.registry.model.allowed import Use, fault_of, fault_of_state, use_of
from modelyard.registry.model.descriptions import (
    MARK,
    VAGUE,
    BrokenStreamError,
    Filled,
    Made,
    Named,
    holds_objects,
    size_of,
)
from modelyard.registry.model.instructions import instructions_of

_MOST_FINDINGS = 50
_MOST_KEPT = 64
_LONGEST_TEXT = 4096
_DEEPEST = 16
_MOST_IN_A_ROW = 1000
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
"""What torch's files from before 2020 begin with: five pickles, then the bytes of tensors."""
_ARRAY_WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")


class Walk:
    """One walk along one stream.

    Args:
        stream: where the pickle begins; left behind its end.
        persistent: True where the loader gives meaning to persistent ids, as torch does.

    Attributes:
        findings: pairs of what and why, at most fifty.
        calls: how many calls the stream would make.
    """

    def __init__(self, stream: BinaryIO, *, persistent: bool = False, depth: int = 0) -> None:
        self._stream = stream
        self._persistent = persistent
        self._depth = depth
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self.findings: list[tuple[str, str]] = []
        self.calls = 0
        self.opcodes = 0
        self.top: Any = None

    def run(self) -> bool:
        """Walk to STOP; False if the stream breaks before, which is a finding of its own."""
        try:
            for name, arg in instructions_of(self._stream):
                self.opcodes += 1
                self._step(name, arg)
        except BrokenStreamError as err:
            self.note("broken stream", str(err))
            return False
        except (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError, EOFError, OSError) as err:
            self.note("broken stream", f"it cannot be followed to its end ({type(err).__name__})")
            return False
        return True

    def note(self, what: str, why: str) -> None:
        """Keep a finding, each once."""
        if len(self.findings) < _MOST_FINDINGS and (what, why) not in self.findings:
            self.findings.append((what[:300], why))

    def _step(self, name: str, arg: Any) -> None:
        if (act := _ACTS.get(name)) is not None:
            act(self, arg)
        elif name in _CONSTANTS:
            long = isinstance(arg, str | bytes | bytearray) and len(arg) > _LONGEST_TEXT
            self._stack.append(VAGUE if long else arg)
        else:
            self.note(name, "an operation that no model needs")
            raise BrokenStreamError(f"{name} is not followed")

    # what stands on the stack

    def pop(self) -> Any:
        """Take the top; never a mark."""
        if not self._stack or self._stack[-1] is MARK:
            raise BrokenStreamError("it takes from an empty stack")
        return self._stack.pop()

    def pop_to_mark(self) -> list[Any]:
        """Take everything above the last mark, and the mark."""
        for place in range(len(self._stack) - 1, -1, -1):
            if self._stack[place] is MARK:
                taken = self._stack[place + 1 :]
                del self._stack[place:]
                return taken
        raise BrokenStreamError("it misses a mark")

    def push(self, value: Any) -> None:
        """Put on top."""
        self._stack.append(value)

    def remember(self, index: int) -> None:
        """Put the top into the memo."""
        if index > self.opcodes + 1_000 or index < 0:  # picklers count; a loader makes room for the largest index
            raise BrokenStreamError(f"memo {index} is far beyond what it holds")
        if not self._stack or self._stack[-1] is MARK:
            raise BrokenStreamError("it remembers what is not there")
        self._memo[index] = self._stack[-1]

    def recall(self, index: int) -> None:
        """Put something from the memo on top."""
        if index not in self._memo:
            raise BrokenStreamError(f"memo {index} was never filled")
        self._stack.append(self._memo[index])

    # what would be done

    def fetch(self, module: Any, name: Any) -> Named:
        """Ask for a global."""
        if not isinstance(module, str) or not isinstance(name, str):
            self.note("a computed name", "the name of a global is not written in the stream")
            return Named("", "", None)
        use = use_of(module, name)
        if use is None:
            self.note(f"{module}.{name}", "not on the allow-list")
        return Named(module, name, use)

    def call(self, maker: Any, args: Any) -> None:
        """Call something and put the result on top."""
        self.calls += 1
        if not isinstance(maker, Named):
            self.note("a call of a result", "it calls what another call gave")
        elif maker.use is Use.VALUE:
            self.note(f"{maker.module}.{maker.name}", "allowed as a value, and here it is called")
        elif maker.use is not None and (fault := fault_of(maker.key, _plain(args))) is not None:
            self.note(f"{maker.module}.{maker.name}", fault)
        self.push(Made(maker if isinstance(maker, Named) else None, args))

    def build(self) -> None:
        """Give the object on top its state."""
        state = self.pop()
        target = self._stack[-1] if self._stack else None
        if not isinstance(target, Made):
            self.note("a changed global", "it sets attributes of what it did not make")
            return
        target.state = state
        said = state.items if isinstance(state, Filled) else {}
        if target.maker is not None and (fault := fault_of_state(target.maker.key, said)) is not None:
            self.note(f"{target.maker.module}.{target.maker.name}", fault)
        if target.maker is not None and target.maker.key == _ARRAY_WRAPPER:
            self._array(state)

    def fill(self, items: list[Any], *, keyed: bool) -> None:
        """Add items to the object on top."""
        target = self._stack[-1] if self._stack else None
        if isinstance(target, Filled):
            for key, value in zip(items[::2], items[1::2], strict=False) if keyed else ():
                if isinstance(key, str) and (len(target.items) < _MOST_KEPT or key in target.items):
                    target.items[key] = value
                else:
                    target.partly = True
        elif not isinstance(target, Made):
            self.note("a changed global", "it adds items to what it did not make")

    def persist(self, given: Any) -> None:
        """Ask the loader for something by an id of its own; torch's loader knows storages and, in old files, classes.

        A class comes with the text of its source, which is compared and never run.
        """
        kind, thing = given[:2] if isinstance(given, tuple) and len(given) > 1 else (None, None)
        if self._persistent and isinstance(thing, Named) and thing.use is not None:
            if kind == "storage" and thing.name.endswith("Storage"):
                self.push(Made())
                return
            if kind == "module" and thing.use is Use.CALL:
                self.push(thing)
                return
        self.note("a persistent id", "its meaning is up to whoever loads it")
        self.push(Made())

    def _array(self, state: Any) -> None:
        """Step over an array's bytes, which joblib writes into the stream behind its description."""
        said = state.items if isinstance(state, Filled) else {}
        dtype, shape = said.get("dtype"), said.get("shape")
        kind = size_of(dtype)
        plain = isinstance(state, Filled) and not state.partly
        if (
            not plain
            or kind is None
            or not isinstance(shape, tuple)
            or not all(isinstance(n, int) and n >= 0 for n in shape)
        ):
            raise BrokenStreamError("an array whose type or shape is not written plainly")
        if holds_objects(dtype):
            if self._depth >= _DEEPEST:
                raise BrokenStreamError("arrays of objects nested too deep")
            inner = Walk(self._stream, persistent=self._persistent, depth=self._depth + 1)
            whole = inner.run()
            self.calls += inner.calls
            for what, why in inner.findings:
                self.note(what, why)
            if not whole:
                raise BrokenStreamError("an array of objects breaks off")
            return
        count = 1
        for n in shape:
            count *= n
        if said.get("numpy_array_alignment_bytes") is not None:
            padding = self._stream.read(1)
            self._skip(padding[0] if padding else 0)
        self._skip(count * kind)

    def _skip(self, count: int) -> None:
        while count > 0:
            step = len(self._stream.read(min(count, 1 << 20)))
            if step == 0:
                raise BrokenStreamError("an array has fewer bytes than it says")
            count -= step


def _plain(args: Any) -> tuple[Any, ...] | None:
    """Arguments as the allow-list's own checks see them: constants, names of globals as pairs; None if not a tuple."""
    if not isinstance(args, tuple):
        return None
    return tuple(a.key if isinstance(a, Named) else a for a in args)


_CONSTANTS = frozenset({
    "INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "STRING", "BINSTRING", "SHORT_BINSTRING",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE",
    "BINUNICODE8", "FLOAT", "BINFLOAT",
})  # fmt: skip


def _pass(walk: Walk, arg: Any) -> None:
    del walk, arg


def _tuple_of(count: int) -> Callable[[Walk, Any], None]:
    def act(walk: Walk, _: Any) -> None:
        taken = [walk.pop() for _ in range(count)]
        walk.push(tuple(reversed(taken)))

    return act


def _global(walk: Walk, arg: tuple[str, str]) -> None:
    walk.push(walk.fetch(*arg))


def _stack_global(walk: Walk, _: Any) -> None:
    name, module = walk.pop(), walk.pop()
    walk.push(walk.fetch(module, name))


def _inst(walk: Walk, arg: tuple[str, str]) -> None:
    args = tuple(walk.pop_to_mark())
    _global(walk, arg)
    walk.call(walk.pop(), args)


def _obj(walk: Walk, _: Any) -> None:
    taken = walk.pop_to_mark()
    if not taken:
        raise BrokenStreamError("OBJ without a class")
    walk.call(taken[0], tuple(taken[1:]))


def _reduce(walk: Walk, _: Any) -> None:
    args, maker = walk.pop(), walk.pop()
    walk.call(maker, args)


def _newobj_ex(walk: Walk, _: Any) -> None:
    walk.pop()
    _reduce(walk, None)


def _dict(walk: Walk, _: Any) -> None:
    items = walk.pop_to_mark()
    walk.push(Filled())
    walk.fill(items, keyed=True)


def _filled(walk: Walk, _: Any) -> None:
    walk.pop_to_mark()
    walk.push(Filled())


def _append(walk: Walk, _: Any) -> None:
    walk.fill([walk.pop()], keyed=False)


def _set_item(walk: Walk, _: Any) -> None:
    value, key = walk.pop(), walk.pop()
    walk.fill([key, value], keyed=True)


def _persist(walk: Walk, _: Any) -> None:
    walk.persist(walk.pop())


def _drop(walk: Walk, _: Any) -> None:
    if not walk._stack:
        raise BrokenStreamError("it takes from an empty stack")
    walk._stack.pop()


def _double(walk: Walk, _: Any) -> None:
    top = walk.pop()
    walk.push(top)
    walk.push(top)


def _extension(walk: Walk, arg: Any) -> None:
    walk.push(walk.fetch("copyreg extension", str(arg)))


def _stop(walk: Walk, _: Any) -> None:
    walk.top = walk.pop()


def _put(walk: Walk, arg: Any) -> None:
    walk.remember(int(arg))


def _get(walk: Walk, arg: Any) -> None:
    walk.recall(int(arg))


_ACTS: dict[str, Callable[[Walk, Any], None]] = {
    "PROTO": _pass,
    "FRAME": _pass,
    "NONE": lambda walk, _: walk.push(None),
    "NEWTRUE": lambda walk, _: walk.push(True),
    "NEWFALSE": lambda walk, _: walk.push(False),
    "MARK": lambda walk, _: walk.push(MARK),
    "POP": _drop,
    "POPMARK": lambda walk, _: (walk.pop_to_mark(), None)[1],
    "DUP": _double,
    "EMPTY_LIST": lambda walk, _: walk.push(Filled()),
    "EMPTY_SET": lambda walk, _: walk.push(Filled()),
    "EMPTY_DICT": lambda walk, _: walk.push(Filled()),
    "EMPTY_TUPLE": lambda walk, _: walk.push(()),
    "TUPLE": lambda walk, _: walk.push(tuple(walk.pop_to_mark())),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "LIST": _filled,
    "FROZENSET": _filled,
    "DICT": _dict,
    "APPEND": _append,
    "APPENDS": lambda walk, _: walk.fill(walk.pop_to_mark(), keyed=False),
    "ADDITEMS": lambda walk, _: walk.fill(walk.pop_to_mark(), keyed=False),
    "SETITEM": _set_item,
    "SETITEMS": lambda walk, _: walk.fill(walk.pop_to_mark(), keyed=True),
    "GET": _get,
    "BINGET": _get,
    "LONG_BINGET": _get,
    "PUT": _put,
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "MEMOIZE": lambda walk, _: walk.remember(len(walk._memo)),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "INST": _inst,
    "OBJ": _obj,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _newobj_ex,
    "BUILD": lambda walk, _: walk.build(),
    "PERSID": lambda walk, arg: walk.persist(arg),
    "BINPERSID": _persist,
    "EXT1": _extension,
    "EXT2": _extension,
    "EXT4": _extension,
    "STOP": _stop,
}


def streams(stream: BinaryIO, size_bytes: int, *, persistent: bool = False) -> Iterator[Walk]:
    """Walk the pickle at the stream's place, then each that follows it, as torch's older files have them."""
    first = Walk(stream, persistent=persistent)
    whole = first.run()
    yield first
    is_torch = first.top == _TORCH_MAGIC
    following, most = 0, 4 if is_torch else _MOST_IN_A_ROW
    while whole and (place := stream.tell()) < size_bytes:
        if following == most:
            if not is_torch:  # behind torch's come the bytes of tensors
                first.note("more pickles", "more stand in a row than are followed")
                yield first
            return
        walk = Walk(stream, persistent=persistent or is_torch)
        whole = walk.run()
        following += 1
        if not whole:
            stream.seek(place)
            is_pickle = stream.read(1) == b"\x80"
            if not is_pickle and not walk.calls:
                return
        yield walk

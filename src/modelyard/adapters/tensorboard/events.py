"""What event files say, in plain records: scalars, texts, pictures, sounds, histograms, and the params of hparams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from msgspec import Struct

from modelyard.adapters.tensorboard.messages import Tensor, doubles, fields, number, signed, tensor, text
from modelyard.kernel.errors import Damaged

_LATEST_S = 1e13
_PLUGINS = ("scalars", "text", "images", "audio", "histograms", "")
"""Plugins whose tensors are read; an empty name is that of a bare tensor."""


class Said(Struct, frozen=True, kw_only=True):
    """One value of one tag.

    Attributes:
        at_ms: milliseconds since 1970.
        scalar, texts, pictures, sounds, histogram, params: exactly one is set, by what it is.
        histogram: left edge, right edge, count of each bucket.
    """

    tag: str
    at_ms: int
    step: int
    scalar: float | None = None
    texts: list[str] = []
    pictures: list[bytes] = []
    sounds: list[bytes] = []
    histogram: list[tuple[float, float, float]] = []
    params: dict[str, str] = {}


class Reader:
    """Reads the records of one folder; a tag's kind stands only at its first value, so it is remembered.

    Attributes:
        passed: values that are of no kind that is read here, by plugin.
    """

    def __init__(self) -> None:
        self._plugins: dict[str, str] = {}
        self.passed: dict[str, int] = {}

    def values(self, record: bytes) -> Iterator[Said]:
        """What one record says.

        Raises:
            Damaged: it is no event.
        """
        at_ms, step, summaries = 0, 0, []
        for name, value in fields(record):
            if name == 1:
                seconds = number(value)
                at_ms = int(seconds * 1000) if 0 <= seconds < _LATEST_S else 0
            elif name == 2:
                step = signed(value)
            elif name == 5 and isinstance(value, bytes):
                summaries.append(value)
        for summary in summaries:
            for name, value in fields(summary):
                if name == 1 and isinstance(value, bytes) and (said := self._value(value, at_ms, step)) is not None:
                    yield said

    def _value(self, data: bytes, at_ms: int, step: int) -> Said | None:
        found: dict[int, int | bytes] = dict(fields(data))
        tag = text(found.get(1, b""))
        metadata = found.get(9, b"")
        plugin, content = _plugin(metadata) if isinstance(metadata, bytes) else ("", b"")
        plugin = self._plugins.setdefault(tag, plugin) if plugin else self._plugins.get(tag, "")
        made = partial(Said, tag=tag, at_ms=at_ms, step=step)
        if 2 in found:
            return made(scalar=number(found[2]))
        if plugin == "hparams":
            params = _hparams(content)
            return made(params=params) if params else None
        if isinstance(body := found.get(4), bytes):
            return made(pictures=[_encoded(body)])
        if isinstance(body := found.get(6), bytes):
            return made(sounds=[_encoded(body)])
        if isinstance(body := found.get(5), bytes):
            return made(histogram=_histogram(body))
        if isinstance(body := found.get(8), bytes) and plugin in _PLUGINS:
            return _of_tensor(plugin, tensor(body), made)
        if tag:
            self.passed[plugin or "unknown"] = self.passed.get(plugin or "unknown", 0) + 1
        return None


def _of_tensor(plugin: str, told: Tensor, made: Callable[..., Said]) -> Said | None:
    if plugin in ("scalars", "") and len(told.numbers) == 1:
        return made(scalar=told.numbers[0])
    if plugin == "text":
        return made(texts=[each.decode("utf-8", "replace") for each in told.texts])
    if plugin == "images":  # width, height, then one picture after the other
        return made(pictures=told.texts[2:])
    if plugin == "audio":  # of each clip the sound and a label
        return made(sounds=told.texts[:: 2 if len(told.shape) > 1 else 1])
    if plugin == "histograms" and len(told.numbers) % 3 == 0:
        rows = [tuple(told.numbers[i : i + 3]) for i in range(0, len(told.numbers), 3)]
        return made(histogram=[(a, b, c) for a, b, c in rows])
    return None


def _plugin(metadata: bytes) -> tuple[str, bytes]:
    for name, value in fields(metadata):
        if name == 1 and isinstance(value, bytes):
            said = dict(fields(value))
            content = said.get(2, b"")
            return text(said.get(1, b"")), content if isinstance(content, bytes) else b""
    return "", b""


def _encoded(body: bytes) -> bytes:
    found = dict(fields(body)).get(4, b"")
    if not isinstance(found, bytes):
        raise Damaged("a picture or sound holds no bytes")
    return found


def _histogram(body: bytes) -> list[tuple[float, float, float]]:
    low, limits, counts = 0.0, [], []
    for name, value in fields(body):
        if name == 1:
            low = number(value)
        elif name == 6:
            limits += doubles(value)
        elif name == 7:
            counts += doubles(value)
    if len(limits) != len(counts):
        raise Damaged("a histogram has other limits than counts")
    edges = [min(low, limits[0]) if limits else low, *limits]
    return [(edges[i], limits[i], count) for i, count in enumerate(counts) if count]


def _hparams(content: bytes) -> dict[str, str]:
    """The params of a session (plugin hparams: session_start_info, its map of names and values)."""
    found: dict[str, str] = {}
    for name, value in fields(content):
        if name == 3 and isinstance(value, bytes):
            for each, entry in fields(value):
                if each == 1 and isinstance(entry, bytes):
                    pair = dict(fields(entry))
                    said = pair.get(2, b"")
                    found[text(pair.get(1, b""))] = _plain(said) if isinstance(said, bytes) else ""
    return found


def _plain(value: bytes) -> str:
    for name, said in fields(value):
        if name == 2:
            return repr(number(said))
        if name == 3:
            return text(said)
        if name == 4:
            return str(bool(said))
    return ""

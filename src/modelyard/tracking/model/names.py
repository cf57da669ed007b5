"""Ids, and names for what nobody named.

A run's id is a ULID's 128 bits (48 of milliseconds, 80 random that count upwards within a millisecond) as 32 hex
digits, so ids sort by birth as text and MLflow clients take them for the UUIDs they know.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from modelyard.kernel.clock import Clock
from modelyard.kernel.contents import BYTES
from modelyard.kernel.ids import IdKind
from modelyard.tracking.api import ModelId, RunId

_BODY = IdKind("run", RunId)
_DIGITS = str.maketrans("0123456789ABCDEFGHJKMNPQRSTVWXYZ", "0123456789ABCDEFGHIJKLMNOPQRSTUV")
"""From Crockford's digits to those that `int` reads."""
_RUN = re.compile(r"[0-9a-f]{32}")
_MODEL = re.compile(r"m-[0-9a-f]{32}")
_TRACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,63}")

_FIRST = (
    "able", "bold", "brisk", "calm", "clear", "crisp", "deft", "eager", "fair", "fleet", "fond", "glad", "grand",
    "hardy", "keen", "kind", "lively", "merry", "mild", "neat", "noble", "patient", "plucky", "proud", "quick",
    "quiet", "rapid", "ready", "sharp", "spry", "steady", "sunny", "swift", "tidy", "vivid", "warm", "wise", "witty",
)  # fmt: skip
_SECOND = (
    "anchor", "barge", "beacon", "bollard", "bridge", "buoy", "capstan", "crane", "cutter", "davit", "dock", "ferry",
    "gantry", "harbour", "hawser", "helm", "hull", "jetty", "keel", "lantern", "ledger", "lighter", "lock", "mast",
    "mooring", "pier", "pilot", "quay", "rigger", "rudder", "sextant", "sloop", "spar", "tender", "tide", "tug",
    "winch", "yawl",
)  # fmt: skip


def _bits(clock: Clock) -> int:
    return int(_BODY.new(clock)[4:].translate(_DIGITS), 32)


def new_run_id(clock: Clock) -> RunId:
    """A fresh run id, born now."""
    return RunId(f"{_bits(clock):032x}")


def new_model_id(clock: Clock) -> ModelId:
    """A fresh id of a logged model, born now."""
    return ModelId(f"m-{_bits(clock):032x}")


def new_trace_id(clock: Clock) -> str:
    """A fresh id of a trace, born now."""
    return f"tr-{_bits(clock):032x}"


def new_assessment_id(clock: Clock) -> str:
    """A fresh id of an assessment, born now."""
    return f"a-{_bits(clock):032x}"


def is_trace_id(text: str) -> bool:
    """True if `text` has the shape of a trace's id."""
    return _TRACE.fullmatch(text) is not None


def is_run_id(text: str) -> bool:
    """True if `text` has the shape of a run's id."""
    return _RUN.fullmatch(text) is not None


def is_model_id(text: str) -> bool:
    """True if `text` has the shape of a logged model's id."""
    return _MODEL.fullmatch(text) is not None


def spoken(identity: str) -> str:
    """Two words and a number for a thing that nobody named, made from its id."""
    bits = int.from_bytes(blake2b(identity.encode(), digest_size=8).digest())
    first, bits = bits % len(_FIRST), bits // len(_FIRST)
    second, bits = bits % len(_SECOND), bits // len(_SECOND)
    return f"{_FIRST[first]}-{_SECOND[second]}-{bits % 1000}"


_MEDIA = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
    "bmp": "image/bmp", "avif": "image/avif", "txt": "text/plain; charset=utf-8", "log": "text/plain; charset=utf-8",
}  # fmt: skip


def media_of(path: str) -> str:
    """The type under which an artifact may be given to a browser; bytes for all that a browser might run."""
    return _MEDIA.get(path.rpartition(".")[2].lower(), BYTES)

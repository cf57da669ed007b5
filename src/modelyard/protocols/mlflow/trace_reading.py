"""What a server of MLflow's answers about traces, read back: the other direction of what `traces` answers."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct

from modelyard.kernel.errors import InvalidInput
from modelyard.protocols.mlflow import otlp
from modelyard.protocols.mlflow import trace_shapes as shapes
from modelyard.tracking.api import NewTrace, Span

T = TypeVar("T")


class _Page(Struct, frozen=True, kw_only=True):
    traces: list[shapes.InfoShape] = []
    next_page_token: str = ""


class _OldPage(Struct, frozen=True, kw_only=True):
    traces: list[shapes.OldShape] = []
    next_page_token: str = ""


class _Whole(Struct, frozen=True, kw_only=True):
    spans: list[dict[str, object]] = []


class _One(Struct, frozen=True, kw_only=True):
    trace: _Whole = _Whole()


_page = msgspec.json.Decoder(_Page, strict=False)
_old_page = msgspec.json.Decoder(_OldPage, strict=False)
_one = msgspec.json.Decoder(_One, strict=False)


class Answers:
    """Reads answers; a `TraceReader` of the adapter that asks."""

    def page(self, body: bytes) -> tuple[list[NewTrace], str]:
        """Traces of a search, and the token of the next page.

        Raises:
            InvalidInput: it is no such answer.
        """
        found = _read(_page, body)
        return [shapes.trace_of(each) for each in found.traces], found.next_page_token

    def old_page(self, body: bytes) -> tuple[list[NewTrace], str]:
        """The same of a server before 3.0.

        Raises:
            InvalidInput: it is no such answer.
        """
        found = _read(_old_page, body)
        return [shapes.trace_of_old(each) for each in found.traces], found.next_page_token

    def spans(self, body: bytes) -> list[Span]:
        """The spans of one trace.

        Raises:
            InvalidInput: it is no such answer.
        """
        return otlp.from_mlflow(_read(_one, body).trace.spans)


def _read(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as err:
        raise InvalidInput(f"a server does not answer as MLflow does: {err}") from err

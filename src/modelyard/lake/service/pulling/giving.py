"""Rows that somebody read out of a source and gives to the yard: settled as those of a pull, with their position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import msgspec

from modelyard.kernel.errors import InvalidInput, StaleVersion
from modelyard.lake.api import LOAD, Format, Pulled, PullMode
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.commits import may_write
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.fitting import opened as fitted
from modelyard.lake.service.orders import Terms
from modelyard.lake.service.pulling.declaring import found
from modelyard.lake.service.pulling.progress import Meter
from modelyard.lake.service.pulling.pulling import BY_KEY, Trip, order_of, pulled, settled
from modelyard.lake.service.spooling import drained, spooling
from modelyard.lake.store import sources
from modelyard.ports import calls

_LONGEST_HEAD = 1 << 20
_FORMS = (Format.ARROW, Format.JSON_LINES)


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of what is given."""

    before: str
    after: str
    format: Format


def give(desk: Desk, name: str, content: Iterable[bytes], *, branch: str | None) -> Pulled:
    """Take in what was given; see `Lake.give`."""
    kept = found(name)
    may_write(branch or MAIN)
    trip = Trip(desk, kept, branch or MAIN, Meter(calls.current().clock, name))
    with (
        desk.tables().locked(f"source.{name}"),
        desk.bench(job := LOAD.new(calls.current().clock)) as folder,
    ):  # fmt: skip
        head, rest = _opened(content)
        before = trip.position()
        if head.before != before:
            raise StaleVersion(f"source {name} stands elsewhere than where these rows were read from; read again")
        order = replace(order_of(trip), source=name, form=head.format, keeps_source=False)
        held = drained(spooling(folder, rest, name=name, form=head.format, reading=order.reading))
        terms = Terms(
            source=name, before=before, after=head.after, compares=kept.mode in BY_KEY,
            removes=kept.mode is PullMode.SNAPSHOT,
        )  # fmt: skip
        trip.meter.of, trip.meter.size_bytes = kept.stream or name, held.size_bytes
        order = replace(order, terms=terms)
        drained(settled(trip, folder, job, lambda: fitted(order, held, trip.entry()), order=order, spooled=held))
        calls.current().unit(lambda: sources.note_pull(calls.current().tx, name, calls.current().now_ms))
    return pulled(trip, before, trip.position())


def _opened(content: Iterable[bytes]) -> tuple[Head, Iterator[bytes]]:
    """The first line, and what comes after it."""
    chunks, line = iter(content), b""
    while b"\n" not in line:
        chunk = next(chunks, None)
        if chunk is None or len(line) > _LONGEST_HEAD:
            raise InvalidInput("what is given begins with a line that says `before`, `after` and `format`")
        line += bytes(chunk)
    line, _, rest = line.partition(b"\n")
    try:
        head = msgspec.json.decode(line, type=Head)
    except msgspec.MsgspecError as err:
        raise InvalidInput(f"the first line of what is given is wrong: {err}") from err
    if head.format not in _FORMS:
        raise InvalidInput(f"rows are given as {' or '.join(_FORMS)}, not as {head.format}")
    return head, _behind(rest, chunks)


def _behind(rest: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    if rest:
        yield rest
    yield from chunks

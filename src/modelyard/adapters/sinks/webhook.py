"""A webhook as a sink: rows posted as JSON in parts, signed, each part under an id that a repetition has again.

A delivery begins with the keys of rows that left and goes on with the rows that are there. A part that is answered
with 2xx has arrived; the next delivery goes on behind it. One whose answer was lost is posted again, the same bytes
under the same id, so that a receiver that keeps the ids takes every row once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
import pyarrow as pa

from modelyard.adapters.sinks.hosts import refuse_unlisted
from modelyard.adapters.sinks.opening import Opening
from modelyard.adapters.sources.addresses import refuse_secret_options, refuse_secrets, split
from modelyard.adapters.webhooks import HttpWebhooks
from modelyard.kernel.errors import Forbidden, InvalidInput, Unavailable
from modelyard.ports.sinks import Parcel
from modelyard.ports.webhooks import Answer, signed

_ROWS = 500
_BYTES = 512 << 10
_TIMEOUT_S = 15.0
_AGAIN = (408, 425, 429)


def check(opening: Opening, *, sealed: bool) -> None:
    """Refuse what may not be written; nothing is dialled."""
    refuse_secrets(opening.address)
    refuse_secret_options(opening.options, known=())
    host = refuse_unlisted(split(opening.address).hostname, opening)
    if urlsplit(opening.address).scheme == "http" and not _is_here(host):
        raise InvalidInput(f"{host} is another machine; rows go there over https only")
    if not sealed:
        raise InvalidInput("what is posted to a webhook is signed; give the secret to sign with: --secret")


def opened(opening: Opening) -> WebhookTarget:
    """The receiver behind an address."""
    return WebhookTarget(opening)


class Part(NamedTuple):
    """Some rows of a delivery: what becomes of them, and each as JSON."""

    kind: str
    rows: Sequence[bytes]


class WebhookTarget:
    """One receiver."""

    by_parts = True

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._webhooks = HttpWebhooks(opening.clock)
        self._numbers = [each for each in opening.grounds.hosts if _is_number(each)]
        self._here = any(_is_here(each) for each in opening.grounds.hosts)

    def reached(self, sink: str, target: str) -> int:
        """Nothing is noted there; what arrived is noted in the lake, part by part."""
        del sink, target
        return 0

    def take(self, parcel: Parcel) -> bool:
        """Post the parts that have not arrived yet."""
        for number, (part, last) in enumerate(_with_last(_parts(parcel)), start=1):
            if number > parcel.sent:
                self._post(parcel, number, part, last=last)
                parcel.arrived(number)
        return True

    def close(self) -> None:
        """Every part has a connection of its own."""

    def _post(self, parcel: Parcel, number: int, part: Part, *, last: bool) -> None:
        id_ = f"{parcel.sink}.{parcel.upto}.{number}"
        body = _message(parcel, id_, number, part, last=last)
        for pause in (*self._opening.pauses_s, None):
            try:
                answer = self._once(id_, body)
            except Unavailable:
                if pause is None:
                    raise
            else:
                if 200 <= answer.status < 300:
                    return
                if pause is None or (answer.status < 500 and answer.status not in _AGAIN):
                    raise self._refused(answer, number)
            time.sleep(pause)

    def _once(self, id_: str, body: bytes) -> Answer:
        secret, now_ms = self._opening.secret, self._opening.clock.now_ms()
        if secret is None:
            raise InvalidInput("the secret of this sink is gone; declare it again")
        headers = {"Content-Type": "application/cloudevents+json", **signed(secret, id_, now_ms, body)}
        return self._webhooks.post(
            self._opening.address, body, headers, allow_loopback=self._here, timeout_s=_TIMEOUT_S, private=self._numbers
        )  # fmt: skip

    def _refused(self, answer: Answer, number: int) -> InvalidInput | Forbidden | Unavailable:
        said = f"the webhook answered part {number} with {answer.status} {' '.join(answer.text.split())[:200]}".strip()
        if answer.status in (401, 403):
            return Forbidden(f"{said}; is the secret the receiver's?")
        if answer.status >= 500 or answer.status in _AGAIN:
            return Unavailable(f"{said}; the parts before it have arrived. Deliver again to go on there")
        return InvalidInput(f"{said}; nothing is passed over. Mend the receiver, then deliver again to go on there")


def _message(parcel: Parcel, id_: str, number: int, part: Part, *, last: bool) -> bytes:
    """A part as a CloudEvent 1.0 in structured JSON; the same bytes at every try."""
    data = {
        "target": parcel.target, "since": parcel.since, "version": parcel.upto, "part": number, "last": last,
        part.kind: [msgspec.Raw(row) for row in part.rows],
    }  # fmt: skip
    return msgspec.json.encode(
        {
            "specversion": "1.0", "id": id_, "source": "/modelyard/lake", "type": "modelyard.table.rows",
            "subject": parcel.target, "datacontenttype": "application/json", "data": data,
        }
    )  # fmt: skip


def _parts(parcel: Parcel) -> Iterator[Part]:
    """The delivery, cut by the count and size of its rows alone, so that every try cuts it alike."""
    for kind, opened_ in (("gone", parcel.gone), ("rows", parcel.puts)):
        waiting, size = list[bytes](), 0
        with opened_() as reader:
            for row in _documents(reader):
                if waiting and (len(waiting) == _ROWS or size + len(row) > _BYTES):
                    yield Part(kind, waiting)
                    waiting, size = [], 0
                waiting.append(row)
                size += len(row)
        if waiting:
            yield Part(kind, waiting)


def _documents(reader: pa.RecordBatchReader) -> Iterator[bytes]:
    """Each row as a JSON object; exact numbers as text, bytes as base64, what is no number as null."""
    for batch in reader:
        for row in batch.to_pylist():
            yield msgspec.json.encode(row)


def _with_last(parts: Iterator[Part]) -> Iterator[tuple[Part, bool]]:
    """Each part, and whether it is the last."""
    before = next(parts, None)
    if before is None:
        return
    for part in parts:
        yield before, False
        before = part
    yield before, True


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_here(host: str) -> bool:
    return host.lower() == "localhost" or (_is_number(host) and ip_address(host).is_loopback)

"""Kafka as a source: a topic from the offsets of its partitions on, up to where it ended when the reading began.

The position is the next offset of each partition, as JSON; it is exact. No consumer group is used and nothing is
committed to the cluster. Values are JSON objects, or with `format=text` key, value and time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from modelyard.adapters.sources import documents
from modelyard.adapters.sources.addresses import (
    Grounds,
    redacted,
    refuse_host,
    refuse_secret_options,
    split,
)
from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound, Unavailable, YardError
from modelyard.ports.secrets import Secret
from modelyard.ports.sources import Abilities, Ask, Batch, Shape, Stream, StreamKind, WrongRow

TIMEOUT_S = 10.0
_PATIENCE_S = 30.0
_TURN_S = 0.1
_LINGER_MS = 50
"""How long a broker keeps an empty answer back; whatever else is asked of it waits so long."""
_OPTIONS = ("format", "security", "mechanism")
_SECURITY = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")
_REFUSED = (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED)
_position = msgspec.json.Decoder(dict[str, int])
_row = msgspec.json.Decoder(dict[str, object])


def check(address: str, options: Mapping[str, str], grounds: Grounds) -> None:
    """Refuse what cannot or may not be read; nothing is dialled."""
    for broker in _brokers(address):
        refuse_host(broker.rpartition(":")[0], grounds)
    refuse_secret_options(options, known=_OPTIONS)
    if options.get("format", "json") not in ("json", "text"):
        raise InvalidInput("format is json or text")
    if options.get("security", "plaintext") not in _SECURITY:
        raise InvalidInput(f"security is one of {', '.join(_SECURITY)}")


def opened(address: str, secret: Secret | None, options: Mapping[str, str], grounds: Grounds) -> KafkaSource:
    """The cluster behind an address."""
    return KafkaSource(address, secret, options, grounds)


class _Message(NamedTuple):
    place: str
    partition: int
    next_offset: int
    document: dict[str, object] | None
    wrong: WrongRow | None


class KafkaSource:
    """One cluster."""

    abilities = Abilities(exact=True)

    def __init__(self, address: str, secret: Secret | None, options: Mapping[str, str], grounds: Grounds) -> None:
        self._secret = secret
        self._grounds = grounds
        self._as_text = options.get("format") == "text"
        settings: dict[str, Any] = {
            "bootstrap.servers": ",".join(_brokers(address)), "group.id": "modelyard", "enable.auto.commit": False,
            "enable.partition.eof": False, "auto.offset.reset": "error", "allow.auto.create.topics": False,
            "security.protocol": options.get("security", "plaintext"), "log_level": 0,
            "fetch.wait.max.ms": _LINGER_MS,
        }  # fmt: skip
        if secret is not None:
            settings |= {
                "sasl.mechanism": options.get("mechanism", "PLAIN"), "sasl.username": split(address).username or "",
                "sasl.password": secret.reveal(),
            }  # fmt: skip
        self._consumer: Any = Consumer(settings, logger=None)

    def streams(self) -> Iterator[Stream]:
        """The topics, those of the cluster itself left out."""
        for name in sorted(self._topics()):
            if not name.startswith("__"):
                yield Stream(name=name, kind=StreamKind.TOPIC)

    def shape(self, ask: Ask) -> Shape:
        """The fields of the first messages that would be read."""
        first = islice(self._messages(ask), documents.SAMPLE)
        shape = documents.sampled(each.document for each in first if each.document is not None)
        return Shape(shape.schema, {**shape.hints, "time": "timestamp"}) if self._as_text else shape

    def read(self, ask: Ask) -> Iterator[Batch]:
        """The messages after the position, up to the ends that the partitions had."""
        shape, given = self.shape(ask), self._messages(ask)
        offsets = _offsets(ask.after)
        while found := list(islice(given, ask.batch_rows)):
            for each in found:
                offsets[str(each.partition)] = each.next_offset
            good = [(each.place, each.document) for each in found if each.document is not None]
            wrong = [each.wrong for each in found if each.wrong is not None]
            yield documents.batch(
                shape, good, position=msgspec.json.encode(offsets).decode(), wrong=wrong, late=ask.late
            )

    def close(self) -> None:
        """Let go of the connections."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def __repr__(self) -> str:
        return "KafkaSource()"

    def _topics(self) -> dict[str, Any]:
        try:
            told = self._consumer.list_topics(timeout=TIMEOUT_S)
        except KafkaException as err:
            raise self._ours(err.args[0]) from None
        for broker in told.brokers.values():
            refuse_host(broker.host, self._grounds)
        return dict(told.topics)

    def _messages(self, ask: Ask) -> Iterator[_Message]:
        documents.plain(ask, what="Kafka")
        self._consumer.unassign()  # what still fetches holds up every question that follows
        if (topic := self._topics().get(ask.stream)) is None:
            raise NotFound(f"there is no topic {ask.stream[:80]!r}; list them: yard lake streams")
        offsets, begin, ends = _offsets(ask.after), list[TopicPartition](), dict[int, int]()
        try:
            for number in sorted(topic.partitions):
                part = TopicPartition(ask.stream, number)
                low, high = self._consumer.get_watermark_offsets(part, timeout=TIMEOUT_S)
                start = max(low, offsets.get(str(number), low))
                if start < high:
                    begin.append(TopicPartition(ask.stream, number, start))
                    ends[number] = high
            self._consumer.assign(begin)
            idle = 0
            while ends:
                found = self._consumer.consume(1000, timeout=_TURN_S)
                idle = 0 if found else idle + 1
                if idle * _TURN_S > _PATIENCE_S:
                    raise Unavailable(f"Kafka gave nothing of {ask.stream} for {_PATIENCE_S:.0f} s; try again")
                yield from self._taken(found, ends)
                self._pass_by(ask.stream, ends)
        except KafkaException as err:
            raise self._ours(err.args[0]) from None

    def _pass_by(self, topic: str, ends: dict[int, int]) -> None:
        """Forget partitions whose last offsets hold no message, as transactions leave them."""
        for part in self._consumer.position([TopicPartition(topic, number) for number in ends]):
            if part.offset >= ends[part.partition]:
                del ends[part.partition]

    def _taken(self, found: list[Any], ends: dict[int, int]) -> Iterator[_Message]:
        """Messages before the ends; a partition that is through is forgotten."""
        for message in found:
            if message.error() is not None:
                raise self._ours(message.error())
            number, offset = message.partition(), message.offset()
            if offset < ends.get(number, 0):
                yield self._message(message, number, offset)
            if number in ends and offset + 1 >= ends[number]:
                del ends[number]

    def _message(self, message: Any, number: int, offset: int) -> _Message:
        place, value = f"{number}:{offset}", message.value()
        if self._as_text:
            _, at_ms = message.timestamp()
            document: dict[str, object] = {
                "key": _text(message.key()), "value": _text(value),
                "time": from_ms(at_ms).isoformat() if at_ms >= 0 else None,
            }  # fmt: skip
            return _Message(place, number, offset + 1, document, None)
        try:
            return _Message(place, number, offset + 1, _row.decode(value or b""), None)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            why = "no value" if value is None else "not a JSON object"
            return _Message(place, number, offset + 1, None, WrongRow(place, _text(value) or "", why))

    def _ours(self, err: Any) -> YardError:
        said = redacted(str(err.str() if hasattr(err, "str") else err), self._secret)[:300]
        if hasattr(err, "code") and err.code() in _REFUSED:
            return Forbidden(f"Kafka refuses the credentials: {said}; give the right `secret`")
        if hasattr(err, "code") and err.code() == KafkaError._AUTO_OFFSET_RESET:
            return NotFound(f"Kafka no longer holds messages of that position: {said}; pull anew from the start")
        return Unavailable(f"Kafka does not answer as it should: {said}")


def _brokers(address: str) -> list[str]:
    netloc = split(address.replace(",", "%2C")).netloc.rpartition("@")[2]
    brokers = [each if ":" in each else f"{each}:9092" for each in netloc.replace("%2C", ",").split(",") if each]
    if not brokers:
        raise InvalidInput("write kafka://broker:9092, or several brokers with commas between")
    return brokers


def _offsets(position: str) -> dict[str, int]:
    try:
        return _position.decode(position) if position else {}
    except msgspec.MsgspecError as err:
        raise InvalidInput("that is no position in a topic; it is JSON, an offset for each partition") from err


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("utf-8", errors="backslashreplace")

"""DynamoDB as a source: a table scanned whole, or from a value of an attribute on.

A scan has no order, so what an incremental reading finds is laid on the disk and given in the order of the attribute;
every scan reads the whole table on the server's side. Keys of an account are always given as `secret`, `ID:KEY`: the
machine's own are never used.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from modelyard.adapters.sources import dialects, documents
from modelyard.adapters.sources.addresses import (
    Grounds,
    redacted,
    refuse_host,
    refuse_secret_options,
    split,
)
from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound, Unavailable, YardError
from modelyard.ports.secrets import Secret
from modelyard.ports.sources import Abilities, Ask, Batch, Shape, Stream, StreamKind

_DENIED = ("AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException")


def check(address: str, options: Mapping[str, str], grounds: Grounds) -> None:
    """Refuse what cannot or may not be read; nothing is dialled."""
    region = split(address).hostname or ""
    if not region.replace("-", "").isalnum():
        raise InvalidInput("write dynamodb://REGION, e.g. dynamodb://eu-central-1")
    refuse_secret_options(options, known=("endpoint",))
    endpoint = options.get("endpoint")
    refuse_host(urlsplit(endpoint).hostname if endpoint else f"dynamodb.{region}.amazonaws.com", grounds)


def opened(address: str, secret: Secret | None, options: Mapping[str, str], grounds: Grounds) -> DynamoSource:
    """The account and region behind an address."""
    del grounds
    return DynamoSource(str(split(address).hostname), secret, options.get("endpoint"))


class DynamoSource:
    """The tables of one account in one region."""

    abilities = Abilities(columns_as_cursor=True, ranges=True)

    def __init__(self, region: str, secret: Secret | None, endpoint: str | None) -> None:
        if secret is None or ":" not in secret.reveal():
            raise Forbidden("DynamoDB needs the keys of an account: give `secret` as ACCESS_KEY_ID:SECRET_ACCESS_KEY")
        self._secret = secret
        key, _, value = secret.reveal().partition(":")
        self._client: Any = boto3.session.Session().client(
            "dynamodb", region_name=region, endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=value,
            config=Config(connect_timeout=10, read_timeout=60, retries={"max_attempts": 5, "mode": "standard"}),
        )  # fmt: skip

    def streams(self) -> Iterator[Stream]:
        """The tables."""
        with self._asking():
            pages = self._client.get_paginator("list_tables").paginate()
            names = sorted(name for page in pages for name in page["TableNames"])
        for name in names:
            yield Stream(name=name, kind=StreamKind.TABLE)

    def shape(self, ask: Ask) -> Shape:
        """The attributes of the first items of the table; DynamoDB declares no more than the keys."""
        first = list(islice(self._items(Ask(stream=ask.stream, query=ask.query)), documents.SAMPLE))
        shape = documents.sampled(document for _, document in first)
        if ask.cursor and ask.cursor not in shape.schema.names:
            raise NotFound(f"no item among the first has an attribute {ask.cursor[:80]!r} to read on by")
        with self._asking():
            told = self._client.describe_table(TableName=ask.stream)["Table"]
        rows = None if ask.after or ask.low or ask.high else int(told.get("ItemCount", 0))
        return Shape(shape.schema, shape.hints, rows)

    def read(self, ask: Ask) -> Iterator[Batch]:
        """The items; in the order of the cursor attribute where there is one."""
        shape = self.shape(ask)
        given = self._in_order(ask) if ask.cursor else self._items(ask)
        while found := list(islice(given, ask.batch_rows)):
            last = documents.text_of(found[-1][1].get(ask.cursor)) if ask.cursor else None
            rows = [("", document) for _, document in found]
            yield documents.batch(shape, rows, position=last or "", late=ask.late)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def __repr__(self) -> str:
        return "DynamoSource()"

    def _items(self, ask: Ask, condition: Mapping[str, Any] | None = None) -> Iterator[tuple[str, dict[str, object]]]:
        """Items as they come, page by page; the ones that a condition lets through."""
        if ask.query or not ask.stream:
            raise InvalidInput("DynamoDB answers no queries here; name a table: yard lake streams")
        with self._asking():
            pages = self._client.get_paginator("scan").paginate(TableName=ask.stream, **(condition or {}))
            for page in pages:
                for item in page["Items"]:
                    yield "", {name: _value(value) for name, value in item.items()}

    def _in_order(self, ask: Ask) -> Iterator[tuple[str, dict[str, object]]]:
        """Items in the order of the cursor attribute, by way of a file; those without it come first."""
        with tempfile.TemporaryFile() as spool:
            places: list[tuple[bool, Any, int, int]] = []
            for _, document in self._items(ask, self._condition(ask)):
                raw, mark = msgspec.json.encode(document), document.get(ask.cursor)
                places.append((mark is not None, "" if mark is None else mark, spool.tell(), len(raw)))
                spool.write(raw)
            try:
                places.sort()
            except TypeError as err:
                raise InvalidInput(f"attribute {ask.cursor} has numbers and texts; it cannot be read on by") from err
            for _, _, start, size in places:
                spool.seek(start)
                yield "", msgspec.json.decode(spool.read(size))

    def _condition(self, ask: Ask) -> dict[str, Any]:
        parts, values = list[str](), dict[str, str]()
        if ask.low or ask.high:
            parts += ["#c >= :low"] * bool(ask.low) + ["#c < :high"] * bool(ask.high)
            values = {name: text for name, text in ((":low", ask.low), (":high", ask.high)) if text}
        elif ask.after:
            parts.append("(#c >= :low OR attribute_not_exists(#c))")
            values[":low"] = ask.after if ask.look_back is None else dialects.earlier(ask.after, ask.look_back)
        if not parts:
            return {}
        kind = self._kind(ask)
        return {
            "FilterExpression": " AND ".join(parts), "ExpressionAttributeNames": {"#c": ask.cursor},
            "ExpressionAttributeValues": {name: {kind: text} for name, text in values.items()},
        }  # fmt: skip

    def _kind(self, ask: Ask) -> str:
        """What the cursor attribute is: `N` for numbers, `S` for text."""
        first = islice(self._items(Ask(stream=ask.stream)), documents.SAMPLE)
        marks = [document[ask.cursor] for _, document in first if document.get(ask.cursor) is not None]
        return "S" if marks and isinstance(marks[0], str) else "N"

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except ClientError as err:
            raise self._ours(err) from None
        except BotoCoreError as err:
            raise Unavailable(f"DynamoDB does not answer: {redacted(str(err), self._secret)[:300]}") from None

    def _ours(self, err: ClientError) -> YardError:
        code, said = err.response["Error"]["Code"], redacted(str(err), self._secret)[:300]
        if code == "ResourceNotFoundException":
            return NotFound("there is no such table in this account and region; list them: yard lake streams")
        if code in _DENIED:
            return Forbidden(f"DynamoDB refuses the credentials: {said}; give the right `secret`")
        if code == "ValidationException":
            return InvalidInput(f"DynamoDB cannot read that: {said}")
        return Unavailable(f"DynamoDB does not answer as it should: {said}")


def _value(typed: Mapping[str, Any]) -> object:
    """A value out of the form that says its type."""
    ((kind, value),) = typed.items()
    if kind == "N":
        return _number(value)
    if kind == "NULL":
        return None
    if kind == "B":
        return bytes(value).hex()
    if kind == "M":
        return {name: _value(each) for name, each in value.items()}
    if kind == "L":
        return [_value(each) for each in value]
    if kind == "NS":
        return [_number(each) for each in value]
    return [bytes(each).hex() for each in value] if kind == "BS" else value


def _number(text: str) -> object:
    """A number that keeps its digits; JSON writes a decimal that is no float as text."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if number == number.to_integral_value():
        return int(number)
    return float(number) if Decimal(repr(float(number))) == number else number

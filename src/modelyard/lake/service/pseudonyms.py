"""The book of pseudonyms: each name of a kind gets one token, drawn at random; the line between them can be destroyed.

Sources are read through it, so nothing behind them (files, comparisons, refused rows) sees a name. What has the form
of a token passes as it is: rows that went out come back as they were.
"""

from __future__ import annotations

import hmac
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from modelyard.kernel.errors import Damaged
from modelyard.lake.api import Column, Pseudonym, PseudonymsShredded
from modelyard.lake.model.pseudonyms import ENTROPY_BYTES, is_token, token_of, tokened
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.sources import Source
from modelyard.lake.service.sources.source import WrongRow
from modelyard.lake.store import pseudonyms
from modelyard.ports import calls
from modelyard.ports.secrets import Secret, Secrets

_SECRET = "pseudonyms.key"  # noqa: S105 - what it is called
_NONCE_BYTES = 12
_REMEMBERED = 200_000
_making = threading.Lock()


class _Book:
    """The lines, under the key of this home."""

    def __init__(self, secrets: Secrets) -> None:
        key = bytes.fromhex(_secret(secrets).reveal())
        self._finding = hmac.digest(key, b"find", "sha256")
        self._seal = AESGCM(hmac.digest(key, b"seal", "sha256"))

    def finder(self, kind: str, name: str) -> str:
        return hmac.digest(self._finding, f"{kind}\0{name}".encode("utf-8", "surrogatepass"), "sha256").hex()

    def line(self, finder: str, kind: str, name: str) -> pseudonyms.Entry:
        token, nonce = token_of(os.urandom(ENTROPY_BYTES)), os.urandom(_NONCE_BYTES)
        sealed = self._seal.encrypt(nonce, name.encode("utf-8", "surrogatepass"), token.encode())
        return pseudonyms.Entry(finder, kind, token, nonce + sealed)

    def name(self, line: pseudonyms.Entry) -> str:
        nonce, sealed = line.sealed[:_NONCE_BYTES], line.sealed[_NONCE_BYTES:]
        try:
            return self._seal.decrypt(nonce, sealed, line.token.encode()).decode("utf-8", "surrogatepass")
        except InvalidTag as err:
            raise Damaged(
                f"the name behind {line.token} cannot be unsealed: the secret {_SECRET} is of another yard; restore "
                "database and secrets from one backup: yard restore"
            ) from err


def _secret(secrets: Secrets) -> Secret:
    """The book's key, made when the first name comes."""
    with _making:
        if (found := secrets.get(_SECRET)) is None:
            secrets.put(_SECRET, found := Secret(os.urandom(32).hex()))
    return found


def reveal(desk: Desk, kind: str, tokens: Sequence[str]) -> tuple[Pseudonym, ...]:
    """The names behind tokens of a kind."""
    lines = pseudonyms.reveal(calls.current().tx, tokens)
    if not lines:
        return ()
    book = _Book(desk.outside.secrets())
    found = [lines[token] for token in dict.fromkeys(tokens) if token in lines and lines[token].kind == kind]
    return tuple(Pseudonym(token=line.token, name=book.name(line)) for line in found)


def found(desk: Desk, kind: str, names: Sequence[str]) -> tuple[Pseudonym, ...]:
    """The tokens of names of a kind, as far as there are any."""
    book = _Book(desk.outside.secrets())
    finders = {name: book.finder(kind, name) for name in names}
    lines = pseudonyms.find(calls.current().tx, list(finders.values()))
    return tuple(Pseudonym(token=lines[finder].token, name=name) for name, finder in finders.items() if finder in lines)


def shred(desk: Desk, kind: str, names: Sequence[str]) -> int:
    """Destroy the lines of names."""
    book = _Book(desk.outside.secrets())
    finders = [book.finder(kind, name) for name in dict.fromkeys(names)]

    def forget() -> int:
        there = pseudonyms.find(calls.current().tx, finders)
        if there:
            pseudonyms.shred(calls.current().tx, list(there))
            calls.current().emit(PseudonymsShredded(of=kind, subjects=len(there)))
        return len(there)

    return calls.current().unit(forget)


def pseudonymous(desk: Desk, source: Source, columns: Sequence[Column]) -> Source:
    """The source as the table may see it: tokens in place of names."""
    asked = {name: kind for name, kind in tokened(columns).items() if name in source.names}
    return _Pseudonymous(source, asked, _tokens(desk)) if asked else source


def _tokens(desk: Desk) -> Callable[[str, Sequence[str]], Mapping[str, str]]:
    """Gives each name its token, a new one where it has none; remembers those that came before."""
    call, book, known = calls.current(), _Book(desk.outside.secrets()), dict[tuple[str, str], str]()

    def give(kind: str, names: Sequence[str]) -> Mapping[str, str]:
        if len(known) > _REMEMBERED:
            known.clear()
        fresh = {book.finder(kind, name): name for name in names if (kind, name) not in known}
        if fresh:
            known.update({(kind, fresh[finder]): token for finder, token in call.unit(lambda: enter(kind, fresh))})
        return {name: known[kind, name] for name in names}

    def enter(kind: str, fresh: Mapping[str, str]) -> list[tuple[str, str]]:
        tx = calls.current().tx
        there = pseudonyms.find(tx, list(fresh))
        made = [book.line(finder, kind, name) for finder, name in fresh.items() if finder not in there]
        pseudonyms.add(tx, made)
        return [(line.finder, line.token) for line in (*there.values(), *made)]

    return give


class _Pseudonymous(Source):
    """A source whose names are tokens."""

    def __init__(
        self, source: Source, asked: Mapping[str, str], tokens: Callable[[str, Sequence[str]], Mapping[str, str]]
    ) -> None:  # fmt: skip
        super().__init__()
        self._source = source
        self._asked = asked
        self._give = tokens
        self.names = source.names
        self.types = {name: "string" if kind and name in asked else kind for name, kind in source.types.items()}
        self.hints = {name: hint for name, hint in source.hints.items() if name not in asked}
        self.notes = source.notes

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, tokens in place of names."""
        for batch in self._source.batches():
            self.rows = self._source.rows
            yield self._named_otherwise(batch)
        self.rows = self._source.rows

    def raw(self, batch: pa.RecordBatch) -> list[str]:
        """Each row as text, tokens in place of names."""
        return self._source.raw(batch)

    def position(self, place: int) -> str:
        """Where a row lies."""
        return self._source.position(place)

    def describe(self) -> dict[str, str]:
        """How it was read."""
        return self._source.describe()

    def take_wrong(self) -> list[WrongRow]:
        """Rows that could not be read; they stand as they came, since nobody can tell the names in them."""
        return self._source.take_wrong()

    def _named_otherwise(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        for name, kind in self._asked.items():
            place = batch.schema.get_field_index(name)
            column = batch.column(place)
            texts = column if pa.types.is_dictionary(column.type) else column.cast(pa.string()).dictionary_encode()
            names = texts.dictionary.cast(pa.string()).to_pylist()
            tokens = self._give(kind, [each for each in names if each and not is_token(each)])
            fresh = pa.array([tokens.get(each, each) if each else None for each in names], pa.string())
            batch = batch.set_column(
                place, name, pa.DictionaryArray.from_arrays(texts.indices, fresh).cast(pa.string())
            )
        return batch

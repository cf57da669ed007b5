"""How a declared method becomes an operation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

import msgspec
import pytest

from modelyard.kernel.operations import Effect, Form, operation, operations, stream
from modelyard.kernel.pages import Page
from modelyard.kernel.refs import Name


class Version(msgspec.Struct, frozen=True):
    number: int


class Shelf(ABC):
    @operation("PUT", "/models/{name}/aliases/{alias}", scope="registry:promote", about="model:{name}")
    @abstractmethod
    def promote(self, name: Name, version: int, alias: Name = "production") -> Version:
        """Point `alias` at `version`.

        Args:
            version: the number of the version,
                counted from 1.

        Raises:
            NotFound: there is no such version.
        """

    @operation("GET", "/models", scope="registry:read")
    @abstractmethod
    def models(self, limit: int = 100, tags: tuple[str, ...] = (), like: Version | None = None) -> Page[Version]:
        """Every model."""

    @stream("POST", "/models/{name}/files", scope="registry:write", about="model:{name}")
    @abstractmethod
    def upload(self, name: Name, content: Iterable[bytes], mode: str = "new") -> Version:
        """Put a file."""

    @stream("POST", "/query", scope="registry:read", effect=Effect.SCAN)
    @abstractmethod
    def query(self, text: str) -> Iterator[bytes]:
        """Ask."""

    @stream("GET", "/models/{name}/news", scope="registry:read")
    @abstractmethod
    def follow(self, name: Name) -> Iterator[Version]:
        """Follow."""


PROMOTE, MODELS, UPLOAD, QUERY, FOLLOW = operations(Shelf)


def test_effect_follows_the_verb_unless_said() -> None:
    assert [o.effect for o in operations(Shelf)] == [
        Effect.WRITE,
        Effect.READ,
        Effect.WORK,
        Effect.SCAN,
        Effect.SCAN,
    ]


def test_form_follows_the_types() -> None:
    assert [o.form for o in operations(Shelf)] == [Form.CALL, Form.CALL, Form.UPLOAD, Form.DOWNLOAD, Form.LIVE]


def test_arguments_travel_where_the_verb_allows() -> None:
    assert {p.name: p.place for p in PROMOTE.parameters} == {"name": "path", "version": "body", "alias": "path"}
    assert {p.name: p.place for p in UPLOAD.parameters} == {"name": "path", "content": "content", "mode": "query"}
    assert QUERY.parameters[0].place == "body"
    limit, tags, like = MODELS.parameters
    assert (limit.many, tags.many, like.composite) == (False, True, True)


def test_docstring_feeds_help_and_problems() -> None:
    assert PROMOTE.summary == "Point `alias` at `version`."
    assert PROMOTE.parameters[1].doc == "the number of the version, counted from 1."
    assert PROMOTE.raises == (("NotFound", "there is no such version."),)


def test_about_names_the_thing_touched() -> None:
    assert PROMOTE.ref_of({"name": "tips", "version": 3}) == "model:tips"
    assert MODELS.ref_of({}) is None


def test_arguments_are_checked_like_on_the_wire() -> None:
    assert msgspec.convert({"name": "a", "version": 1}, PROMOTE.params).alias == "production"  # type: ignore[attr-defined]  # made at run time
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"name": "a", "version": 1, "colour": 2}, PROMOTE.params)


def test_a_hole_without_an_argument_is_refused() -> None:
    class Bad(ABC):
        @operation("GET", "/x/{name}", scope="a:b")
        @abstractmethod
        def x(self) -> int:
            """X."""

    with pytest.raises(TypeError, match="the path names"):
        operations(Bad)


def test_an_iterator_needs_the_stream_form() -> None:
    class Bad(ABC):
        @operation("GET", "/x", scope="a:b")
        @abstractmethod
        def x(self) -> Iterator[bytes]:
            """X."""

    with pytest.raises(TypeError, match="@stream"):
        operations(Bad)

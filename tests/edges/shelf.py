"""A toy slice with every form and effect, to prove the edges on without any real slice."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import msgspec
import sqlalchemy as sa

from modelyard.app.rooms import Room
from modelyard.kernel.contents import Content
from modelyard.kernel.errors import Damaged, NotFound
from modelyard.kernel.events import News
from modelyard.kernel.operations import ANY, Effect, operation, stream
from modelyard.kernel.pages import Limit, Page, decode_cursor, page_of
from modelyard.kernel.refs import Name, ref
from modelyard.ports import calls
from modelyard.ports.database import Migration, Statement


class Book(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    pages: int
    score: float | None = None


class BookPut(News, frozen=True, kw_only=True):
    kind = "shelf.book_put"
    title: str


class Shelf(ABC):
    """Books."""

    @operation("PUT", "/books/{title}", scope="shelf:write", about="book:{title}", effect=Effect.NOTE)
    @abstractmethod
    def put(self, title: Name, pages: int, *, score: float | None = None, secret: str = "") -> Book:
        """Put a book on the shelf.

        Args:
            pages: how many.

        Raises:
            AlreadyExists: it stands there.
        """

    @operation("GET", "/books/{title}", scope="shelf:read", about="book:{title}")
    @abstractmethod
    def get(self, title: Name) -> Book:
        """One book."""

    @operation("GET", "/books", scope="shelf:read")
    @abstractmethod
    def books(self, limit: Limit = 100, cursor: str | None = None, titles: tuple[str, ...] = ()) -> Page[Book]:
        """Every book."""

    @operation("DELETE", "/books/{title}", scope="shelf:write", about="book:{title}")
    @abstractmethod
    def burn(self, title: Name) -> None:
        """Remove a book."""

    @operation("POST", "/books/count", scope="shelf:write", effect=Effect.WORK)
    @abstractmethod
    def count(self, words: dict[str, int], fail: bool = False) -> int:
        """Count slowly, then write it down."""

    @stream("POST", "/books/{title}/text", scope="shelf:write", about="book:{title}")
    @abstractmethod
    def write_text(self, title: Name, content: Iterable[bytes], encoding: str = "utf-8") -> Book:
        """Take a book's text."""

    @stream("GET", "/books/{title}/text", scope="shelf:read", about="book:{title}", media="text/plain")
    @abstractmethod
    def text(self, title: Name, copies: int = 1) -> Iterator[bytes]:
        """A book's text."""

    @stream("GET", "/books/{title}/scan", scope="shelf:read", about="book:{title}", media=ANY)
    @abstractmethod
    def scan(self, title: Name, fault: int | None = None) -> Iterator[bytes]:
        """A book as a whole of known size."""

    @stream("GET", "/books/{title}/words", scope="shelf:read", about="book:{title}")
    @abstractmethod
    def words(self, title: Name) -> Iterator[Book]:
        """A book's words, as books."""

    @operation("GET", "/broken", scope="shelf:read")
    @abstractmethod
    def broken(self) -> int:
        """Fail inside."""


_book = sa.table(
    "shelf_book", sa.column("title"), sa.column("pages"), sa.column("score"), sa.column("text", sa.LargeBinary)
)
_PUT = Statement(sa.insert(_book).values({c: sa.bindparam(c) for c in ("title", "pages", "score")}))
_GET = Statement(sa.select(_book).where(_book.c.title == sa.bindparam("title")))
_LIST = Statement(
    sa.select(_book)
    .where(_book.c.title > sa.bindparam("after"))
    .order_by(_book.c.title)
    .limit(sa.bindparam("limit_", type_=sa.Integer))
)
_BURN = Statement(sa.delete(_book).where(_book.c.title == sa.bindparam("title")))
_TEXT = Statement(sa.update(_book).where(_book.c.title == sa.bindparam("t")).values(text=sa.bindparam("text_")))


class ShelfService(Shelf):
    put_by: ClassVar[list[str]] = []
    """The thread in which each book was put."""

    def put(self, title: Name, pages: int, *, score: float | None = None, secret: str = "") -> Book:
        call = calls.current()
        self.put_by.append(threading.current_thread().name)
        call.tx.run(_PUT, {"title": title, "pages": pages, "score": score})
        call.emit(BookPut(title=title), writes=[ref("book", title)])
        if pages == 13:
            raise NotFound("thirteen is no number of pages")
        return Book(title=title, pages=pages, score=score)

    def get(self, title: Name) -> Book:
        row = calls.current().tx.one(_GET, {"title": title})
        if row is None:
            raise NotFound(f"there is no book {title}; list them: yard shelf books")
        return Book(title=row[0], pages=row[1], score=row[2])

    def books(self, limit: Limit = 100, cursor: str | None = None, titles: tuple[str, ...] = ()) -> Page[Book]:
        after = "" if cursor is None else decode_cursor(cursor, 1)[0]
        rows = calls.current().tx.all(_LIST, {"after": after, "limit_": limit + 1})
        found = [Book(title=r[0], pages=r[1], score=r[2]) for r in rows if not titles or r[0] in titles]
        return page_of(found, limit, lambda b: (b.title,))

    def burn(self, title: Name) -> None:
        if not calls.current().tx.run(_BURN, {"title": title}):
            raise NotFound(f"there is no book {title}")

    def count(self, words: dict[str, int], fail: bool = False) -> int:
        total = sum(words.values())
        call = calls.current()

        def note() -> None:
            call.tx.run(_PUT, {"title": "count", "pages": total, "score": None})
            call.emit(BookPut(title="count"))

        call.unit(note)
        call.unit(lambda: call.emit(BookPut(title="counted")))
        if fail:
            raise NotFound("failed after the unit")
        return total

    def write_text(self, title: Name, content: Iterable[bytes], encoding: str = "utf-8") -> Book:
        text = b"".join(content)
        call = calls.current()
        call.unit(lambda: call.tx.run(_TEXT, {"t": title, "text_": text}))
        return self.get(title)

    def text(self, title: Name, copies: int = 1) -> Iterator[bytes]:
        row = calls.current().tx.one(_GET, {"title": title})
        if row is None:
            raise NotFound(f"there is no book {title}")
        for _ in range(copies):
            yield bytes(row[3])

    def scan(self, title: Name, fault: int | None = None) -> Content:
        text = b"".join(self.text(title))

        def read(start: int, stop: int) -> Iterator[bytes]:
            for place in range(start, stop, 4):
                if fault is not None and place >= fault:
                    raise Damaged("the page is torn")
                yield text[place : min(place + 4, stop)]

        return Content(read, size_bytes=len(text), media="audio/ogg", tag=f"text-{len(text)}")

    def words(self, title: Name) -> Iterator[Book]:
        for word in b"".join(self.text(title)).decode().split():
            yield Book(title=word, pages=1)

    def broken(self) -> int:
        raise ZeroDivisionError("a secret detail: /etc/passwd")


def _build(_: Any) -> ShelfService:
    return ShelfService()


ROOM = Room(
    name="shelf",
    apis=(Shelf,),
    build=_build,
    migrations=(
        Migration(
            slice="shelf",
            number=1,
            name="books",
            ddl=("CREATE TABLE shelf_book (title {text} PRIMARY KEY, pages {int}, score {real}, text {bytes})",),
        ),
    ),
)

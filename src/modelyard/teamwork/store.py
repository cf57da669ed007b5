"""Rows of comments and of whom they mention."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from modelyard.kernel.ids import ActorId
from modelyard.kernel.mentions import USERS
from modelyard.kernel.refs import Ref
from modelyard.ports.database import Migration, Row, Statement, Transaction
from modelyard.ports.mentions import Place
from modelyard.teamwork.api import Comment, CommentId

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        slice="teamwork",
        number=1,
        name="comments",
        ddl=(
            (
                "CREATE TABLE teamwork_comment (id {text} PRIMARY KEY, about {text} NOT NULL, bare {text} NOT NULL,"
                " author {text} NOT NULL, author_name {text} NOT NULL, body {text} NOT NULL, mentions {text} NOT NULL,"
                " at_ms {int} NOT NULL)"
            ),
            "CREATE INDEX teamwork_comment_about ON teamwork_comment (about, id)",
            "CREATE INDEX teamwork_comment_bare ON teamwork_comment (bare, id)",
            (
                "CREATE TABLE teamwork_mention (name {text} NOT NULL,"
                " comment {text} NOT NULL REFERENCES teamwork_comment (id), PRIMARY KEY (name, comment))"
            ),
        ),
    ),
)

_COLUMNS = ("id", "about", "author", "author_name", "body", "mentions", "at_ms", "bare")
_comment = sa.table("teamwork_comment", *map(sa.column, _COLUMNS))
_mention = sa.table("teamwork_mention", sa.column("name"), sa.column("comment"))
p = sa.bindparam
LAST = "~"
"""Sorts after every id."""

_ADD = Statement(sa.insert(_comment).values({name: p(name) for name in _COLUMNS}))
_ADD_MENTION = Statement(sa.insert(_mention).values(name=p("name"), comment=p("comment")))
_newest = (
    sa.select(*[_comment.c[name] for name in _COLUMNS[:7]])
    .where(_comment.c.id < p("before"))
    .order_by(_comment.c.id.desc())
    .limit(p("limit_"))
)
_ABOUT = Statement(_newest.where(_comment.c.about == p("about_")))
_ABOUT_ANY = Statement(_newest.where(_comment.c.bare == p("about_")))
_MENTIONING = Statement(
    _newest.join_from(_comment, _mention, _mention.c.comment == _comment.c.id).where(_mention.c.name == p("name_"))
)
_CALL_NOBODY = Statement(sa.update(_comment).where(_comment.c.id == p("id_")).values(mentions="[]"))
_UNCALLED = Statement(sa.delete(_mention).where(_mention.c.comment == p("id_")))
TEXTS = Place("texts of comments", "teamwork_comment", ("id",), ("",), ("body",), "r.bare")
PLACES = (
    TEXTS,
    Place(
        "authors of comments", "teamwork_comment", ("id",), ("",), ("author_name",), "r.bare",
        under={"author_name": USERS[0]},
    ),
    Place(
        "names of things with comments", "teamwork_comment", ("id",), ("",), ("about", "bare"), "r.bare",
        instead={"about": "forgotten:{}", "bare": "forgotten:{}"},
    ),
)  # fmt: skip
"""Where comments may name somebody; whom one calls stands in its text, too."""
_names = msgspec.json.Decoder(tuple[str, ...])


def _as_comment(row: Row) -> Comment:
    return Comment(
        id=CommentId(row[0]), about=Ref(row[1]), author=ActorId(row[2]), author_name=row[3], text=row[4],
        mentions=_names.decode(row[5]), at_ms=row[6],
    )  # fmt: skip


def add(tx: Transaction, comment: Comment) -> None:
    """Keep a comment."""
    tx.run(
        _ADD,
        {
            "id": comment.id, "about": comment.about, "bare": comment.about.partition("@")[0],
            "author": comment.author, "author_name": comment.author_name, "body": comment.text,
            "mentions": msgspec.json.encode(comment.mentions).decode(), "at_ms": comment.at_ms,
        },
    )  # fmt: skip
    tx.many(_ADD_MENTION, [{"name": name, "comment": comment.id} for name in comment.mentions])


def about(tx: Transaction, thing: Ref, *, before: str = LAST, limit: int) -> list[Comment]:
    """Comments on a thing with an id below `before`, newest first; without a version, on all of its versions."""
    statement = _ABOUT if "@" in thing else _ABOUT_ANY
    return [_as_comment(row) for row in tx.all(statement, {"about_": thing, "before": before, "limit_": limit})]


def mentioning(tx: Transaction, name: str, *, before: str = LAST, limit: int) -> list[Comment]:
    """Comments that mention a name, newest first."""
    return [_as_comment(row) for row in tx.all(_MENTIONING, {"name_": name, "before": before, "limit_": limit})]


def uncall(tx: Transaction, comments: Sequence[str]) -> None:
    """Have comments mention nobody any more."""
    rows = [{"id_": comment} for comment in comments]
    tx.many(_UNCALLED, rows)
    tx.many(_CALL_NOBODY, rows)

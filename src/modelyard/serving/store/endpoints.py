"""Rows of endpoints, revisions and routes, and the version that tells the model server to look again."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from msgspec import Struct

from modelyard.kernel.ids import ActorId
from modelyard.ports.database import Row, Statement, Transaction
from modelyard.serving.api import Revision, Route, RouteChange
from modelyard.serving.store.tables import insert, table

p = sa.bindparam
_endpoint = table(
    "serving_endpoint", "name", "route_number", "route", "revisions", "removed", "created_ms", "updated_ms", "author"
)
_revision = table("serving_revision", "endpoint", "number", "model", "folder", "document", "at_ms")
_route = table("serving_route", "endpoint", "number", "champion", "route", "why", "comment", "at_ms", "author")
_state = table("serving_state", "id", "version")

_ADD = insert(_endpoint)
_UPDATE = Statement(
    sa.update(_endpoint)
    .where(_endpoint.c.name == p("name_"))
    .values(
        route_number=p("route_number_"), route=p("route_"), revisions=p("revisions_"), removed=p("removed_"),
        updated_ms=p("now"),
    )
)  # fmt: skip
_ONE = Statement(sa.select(_endpoint).where(_endpoint.c.name == p("name_")))
_STANDING = Statement(
    sa.select(_endpoint)
    .where(_endpoint.c.removed == 0, _endpoint.c.name > p("after"))
    .order_by(_endpoint.c.name)
    .limit(p("limit_"))
)
_ADD_REVISION = insert(_revision)
_REVISION = Statement(
    sa.select(_revision.c.document, _revision.c.folder).where(
        _revision.c.endpoint == p("endpoint_"), _revision.c.number == p("number_")
    )
)
_REVISIONS = Statement(
    sa.select(_revision.c.document, _revision.c.folder)
    .where(_revision.c.endpoint == p("endpoint_"), _revision.c.number < p("before"))
    .order_by(_revision.c.number.desc())
    .limit(p("limit_"))
)
_ADD_ROUTE = insert(_route)
_ROUTES = Statement(
    sa.select(_route)
    .where(_route.c.endpoint == p("endpoint_"), _route.c.number < p("before"))
    .order_by(_route.c.number.desc())
    .limit(p("limit_"))
)
_CHAMPIONS = Statement(
    sa.select(_route.c.champion, _route.c.why)
    .where(_route.c.endpoint == p("endpoint_"))
    .order_by(_route.c.number.desc())
    .limit(1000)
)
_BUMP = Statement(sa.update(_state).where(_state.c.id == 1).values(version=_state.c.version + 1))
_VERSION = Statement(sa.select(_state.c.version).where(_state.c.id == 1))


class Held(Struct, frozen=True, kw_only=True):
    """An endpoint as its row holds it."""

    name: str
    route_number: int
    route: Route
    revisions: int
    removed: bool
    created_ms: int
    updated_ms: int
    author: ActorId


class Placed(Struct, frozen=True):
    """A revision, and the folder of its model below the home."""

    revision: Revision
    folder: str


def add(tx: Transaction, held: Held) -> None:
    """Make an endpoint."""
    tx.run(_ADD, {**_columns(held), "name": held.name, "created_ms": held.created_ms, "updated_ms": held.updated_ms,
                  "author": held.author})  # fmt: skip


def update(tx: Transaction, held: Held, *, now_ms: int) -> None:
    """Keep its route, its number of revisions and whether it is removed."""
    tx.run(_UPDATE, {**{f"{k}_": v for k, v in _columns(held).items()}, "name_": held.name, "now": now_ms})


def one(tx: Transaction, name: str) -> Held | None:
    """An endpoint, removed or not."""
    row = tx.one(_ONE, {"name_": name})
    return None if row is None else _held(row)


def standing(tx: Transaction, *, after: str = "", limit: int = 10_000) -> list[Held]:
    """Endpoints that answer, by name."""
    return [_held(row) for row in tx.all(_STANDING, {"after": after, "limit_": limit})]


def add_revision(tx: Transaction, placed: Placed) -> None:
    """Keep a revision."""
    made = placed.revision
    tx.run(
        _ADD_REVISION,
        {
            "endpoint": made.endpoint, "number": int(made.name), "model": made.model, "folder": placed.folder,
            "document": msgspec.json.encode(made), "at_ms": made.at_ms,
        },
    )  # fmt: skip


def revision(tx: Transaction, endpoint: str, name: str) -> Placed | None:
    """One revision of an endpoint."""
    row = tx.one(_REVISION, {"endpoint_": endpoint, "number_": int(name)}) if name.isdigit() else None
    return None if row is None else _placed(row)


def revisions(tx: Transaction, endpoint: str, *, before: int, limit: int) -> list[Placed]:
    """Revisions with a number below `before`, newest first."""
    return [_placed(row) for row in tx.all(_REVISIONS, {"endpoint_": endpoint, "before": before, "limit_": limit})]


def add_route(tx: Transaction, change: RouteChange, champion: str) -> None:
    """Keep how a route changed; `champion` is the revision that it gives most traffic to."""
    tx.run(
        _ADD_ROUTE,
        {
            "endpoint": change.endpoint, "number": change.number, "champion": champion, "why": change.why,
            "route": msgspec.json.encode(change.route), "comment": change.comment, "at_ms": change.at_ms,
            "author": change.author,
        },
    )  # fmt: skip


def routes(tx: Transaction, endpoint: str, *, before: int, limit: int) -> list[RouteChange]:
    """Changes with a number below `before`, newest first."""
    rows = tx.all(_ROUTES, {"endpoint_": endpoint, "before": before, "limit_": limit})
    return [
        RouteChange(
            endpoint=name, number=number, route=msgspec.json.decode(route, type=Route), why=why, comment=comment,
            at_ms=at_ms, author=ActorId(author),
        )
        for name, number, _, route, why, comment, at_ms, author in rows
    ]  # fmt: skip


def champions(tx: Transaction, endpoint: str) -> list[tuple[str, str]]:
    """Who was champion after each change, and why, newest first."""
    return [(str(champion), str(why)) for champion, why in tx.all(_CHAMPIONS, {"endpoint_": endpoint})]


def bump(tx: Transaction) -> None:
    """Have the model server look again."""
    tx.run(_BUMP)


def version(tx: Transaction) -> int:
    """Grows with each change that the model server must hear of."""
    row = tx.one(_VERSION)
    return 0 if row is None else int(row[0])


def _columns(held: Held) -> dict[str, object]:
    return {
        "route_number": held.route_number, "route": msgspec.json.encode(held.route), "revisions": held.revisions,
        "removed": int(held.removed),
    }  # fmt: skip


def _held(row: Row) -> Held:
    name, route_number, route, revisions_, removed, created_ms, updated_ms, author = row
    return Held(
        name=name, route_number=route_number, route=msgspec.json.decode(route, type=Route), revisions=revisions_,
        removed=bool(removed), created_ms=created_ms, updated_ms=updated_ms, author=ActorId(author),
    )  # fmt: skip


def _placed(row: Row) -> Placed:
    return Placed(msgspec.json.decode(row[0], type=Revision), str(row[1]))

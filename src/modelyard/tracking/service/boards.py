"""Many runs as a table: windows of a search, fields, groups, saved views."""

from __future__ import annotations

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.ports import calls
from modelyard.tracking.api import Board, Field, FieldValue, RunGroup, SavedView, Tally, View
from modelyard.tracking.api import limits as rules
from modelyard.tracking.api.boards import BoardOperations
from modelyard.tracking.model import filters
from modelyard.tracking.model.filters import Entity
from modelyard.tracking.model.pages import stages_of
from modelyard.tracking.service import experiments as homes
from modelyard.tracking.service.runs import searching
from modelyard.tracking.store import boards as store

_MOST_VIEWS, _NAME, _QUERY = 100, 60, 6000
_COUNTED = ("status", "user_id")


class Boards(BoardOperations):
    """The operations about many runs at once."""

    def board(
        self,
        experiments: list[str] | None = None,
        where: str = "",
        order_by: list[str] | None = None,
        *,
        columns: list[str] | None = None,
        view: View = View.ACTIVE,
        first: int = 0,
        limit: int = 100,
    ) -> Board:
        """Show any window of the runs that are found."""
        tx = calls.current().tx
        conditions = filters.parse(where, filters.RUNS)
        wanted = [filters.identify(name, filters.RUNS) for name in columns or ()]
        if any(entity is Entity.DATASET for entity, _ in wanted):
            raise InvalidInput("a column is an attribute, a metric, a param or a tag; datasets are inputs of a run")
        query = searching(experiments, conditions, view)
        total = query.count_soon(tx) if conditions else store.soon_counted(tx, _numbers(experiments), stages_of(view))
        for order in filters.parse_orders(order_by or (), filters.RUNS):
            query.sort(order)
        found = query.rows(tx, limit=limit + 1, offset=first) if total is None or first < total else []
        numbers, more = [int(row[0]) for row in found[:limit]], len(found) > limit
        if total is None and not more and (numbers or not first):
            total = first + len(numbers)
        rows = store.rows(tx, numbers, wanted)
        return Board(total=total, more=more, first=first, rows=rows, clauses=store.clauses(conditions))

    def board_tally(self, experiments: list[str] | None = None, where: str = "", *, view: View = View.ACTIVE) -> Tally:
        """Count the runs that are found."""
        query = searching(experiments, filters.parse(where, filters.RUNS), view)
        return store.tally(calls.current().tx, query)

    def board_fields(self, experiments: list[str] | None = None) -> list[Field]:
        """List what runs can be filtered, sorted and shown by."""
        return store.fields(calls.current().tx, _numbers(experiments))

    def board_values(self, name: str, like: str = "") -> list[FieldValue]:
        """List the commonest values of a field."""
        entity, key = _field(name)
        return store.values(calls.current().tx, entity, key, like[:200])

    def board_groups(
        self, by: str, experiments: list[str] | None = None, where: str = "", *,
        columns: list[str] | None = None,
    ) -> list[RunGroup]:  # fmt: skip
        """Gather the runs that are found by one field."""
        field = _field(by)
        wanted = [filters.identify(name, filters.RUNS) for name in columns or ()]
        if other := next((key for entity, key in wanted if entity is not Entity.METRIC), None):
            raise InvalidInput(f"only metrics have a spread within a group, not {other[:80]!r}")
        query = searching(experiments, filters.parse(where, filters.RUNS), View.ACTIVE)
        tx = calls.current().tx
        return store.groups(tx, query.led(tx), field, [key for _, key in wanted])

    def saved_views(self) -> list[SavedView]:
        """List your saved views, then those that others share."""
        call = calls.current()
        found = store.views(call.tx, call.actor.id)
        return [view for mine, view in found if mine] + [view for mine, view in found if not mine]

    def save_view(self, name: str, query: str, *, shared: bool = False) -> SavedView:
        """Keep a way of looking at runs."""
        call = calls.current()
        if not 0 < len(name.strip()) <= _NAME or not name.isprintable():
            raise InvalidInput(f"a view's name has 1 to {_NAME} visible characters, not {name[:80]!r}")
        if not query.isprintable() or not query.isascii() or len(query) > _QUERY:
            raise InvalidInput(
                f"a view keeps the query of an address: ASCII, percent-encoded, up to {_QUERY} characters"
            )
        if store.count_views(call.tx, call.actor.id, name) >= _MOST_VIEWS:
            raise InvalidInput(f"you keep {_MOST_VIEWS} views already; drop one: yard tracking drop-view NAME")
        view = SavedView(owner=rules.cut(call.actor.name, 256, "owner"), name=name, query=query, shared=shared)
        store.put_view(call.tx, call.actor.id, view, now_ms=call.now_ms)
        return view

    def drop_view(self, name: str) -> None:
        """Forget a view of yours."""
        call = calls.current()
        if not store.drop_view(call.tx, call.actor.id, name):
            raise NotFound(f"you keep no view {name[:80]!r}; list them: yard tracking saved-views")


def _numbers(experiments: list[str] | None) -> list[int] | None:
    return None if experiments is None else [homes.number_of(e) for e in experiments]


def _field(name: str) -> tuple[Entity, str]:
    entity, key = filters.identify(name, filters.RUNS)
    if entity in (Entity.METRIC, Entity.DATASET) or (entity is Entity.ATTRIBUTE and key not in _COUNTED):
        raise InvalidInput(f"{name[:80]!r} is no param, tag, status or user_id")
    return entity, key

"""How somebody looks at runs: filter, order, columns, pins, groups, all of it in the address and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from msgspec import Struct, structs

from modelyard.tracking.api import View
from modelyard.ui.kit.pages import Ask

ROAD = "/runs"
_BACK = {"name": "run_name", "state": "status", "started": "start_time", "by": "user_id"}
"""The columns that are always there, and the attributes behind them."""
MOST_COLUMNS, MOST_PINNED = 60, 20


class Look(Struct, frozen=True):
    """A way of looking; `sort` is a field with `-` before it for descending, `top` are runs that stay on top."""

    experiments: tuple[str, ...] = ()
    where: str = ""
    sort: str = ""
    columns: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    top: tuple[str, ...] = ()
    group: str = ""
    stage: View = View.ACTIVE

    @classmethod
    def of(cls, ask: Ask) -> Look:
        """The look that an address asks for."""
        stage = ask.text("stage")
        return cls(
            tuple(dict.fromkeys(e for e in ask.texts("experiment") if e)),
            ask.text("where").strip(),
            ask.text("sort"),
            tuple(dict.fromkeys(ask.texts("col")))[:MOST_COLUMNS],
            tuple(dict.fromkeys(ask.texts("pin"))),
            tuple(dict.fromkeys(ask.texts("top")))[:MOST_PINNED],
            ask.text("group"),
            View(stage) if stage in set(View) else View.ACTIVE,
        )

    @property
    def scope(self) -> list[str] | None:
        """The experiments as an operation takes them."""
        return list(self.experiments) or None

    @property
    def order(self) -> list[str] | None:
        """The order as an operation takes it."""
        if not self.sort:
            return None
        field = self.sort.removeprefix("-")
        return [f"{_BACK.get(field, field)} {'DESC' if self.sort.startswith('-') else 'ASC'}"]

    def query(self) -> str:
        """The look as it stands behind the `?` of an address."""
        fields: list[tuple[str, str]] = [("experiment", e) for e in self.experiments]
        fields += [(name, text) for name, text in (("where", self.where), ("sort", self.sort)) if text]
        fields += [("col", c) for c in self.columns] + [("pin", c) for c in self.pinned]
        fields += [("top", r) for r in self.top]
        fields += [("group", self.group)] if self.group else []
        fields += [("stage", self.stage.value)] if self.stage is not View.ACTIVE else []
        return urlencode(fields)

    def url(self, **changes: str | tuple[str, ...]) -> str:
        """The address of this look with some of it changed."""
        query = structs.replace(self, **changes).query()
        return f"{ROAD}?{query}" if query else ROAD

    def hidden(self, *without: str) -> tuple[tuple[str, str], ...]:
        """The look as hidden fields of a form that changes only some of it."""
        names = {"experiments": "experiment", "columns": "col", "pinned": "pin"}
        found: list[tuple[str, str]] = []
        for field in self.__struct_fields__:
            if field not in without:
                found += [(names.get(field, field), text) for text in _texts(getattr(self, field))]
        return tuple(found)

    def narrowed(self, clause: str) -> str:
        """The filter with one more comparison."""
        return f"{self.where} AND {clause}" if self.where else clause


def _texts(value: str | Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value and value != View.ACTIVE.value else ()
    return tuple(value)


def label(field: str) -> str:
    """A field as a column's head: its key alone."""
    head, dot, key = field.partition(".")
    return key.strip('`"') if dot and head in ("metrics", "params", "tags") else field


def quoted(value: str) -> str:
    """A text as a filter writes it."""
    return f'"{value}"' if "'" in value and '"' not in value else f"'{value}'"


def chosen(fields: Mapping[str, int], most: int) -> list[str]:
    """The commonest fields, by name."""
    return sorted(sorted(fields, key=lambda f: (-fields[f], f))[:most])

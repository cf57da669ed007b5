"""The verbs that change a table, as operations; what they do stands in modules that are imported at first use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from modelyard.kernel.refs import Name
from modelyard.lake.api import (
    Classification,
    Column,
    Declared,
    RowCheck,
    ShapingOperations,
    Version,
)
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.desk import Desk, resolve

if TYPE_CHECKING:
    from modelyard.lake.service.reshaping import Order


class TableShaping(ShapingOperations):
    """Changing a table's rows and columns."""

    _desk: Desk

    def create(self, name: Name, schema: Declared, *, message: str = "", branch: Name | None = None) -> Version:
        """Make an empty table."""
        from modelyard.lake.service import verbs

        return verbs.create(self._desk, name, schema, branch=branch or MAIN, message=message)

    def restore(self, name: Name, at: str, *, message: str = "", branch: Name | None = None) -> Version:
        """Make a new version that equals an older one."""
        from modelyard.lake.service import verbs

        old = resolve(name, at)
        return verbs.restore(self._desk, old, _order(name, "restore", branch, message or f"restore {name}@{at}"))

    def delete_where(self, name: Name, condition: str, *, message: str = "", branch: Name | None = None) -> Version:
        """Remove the rows that match a condition."""
        from modelyard.lake.service import verbs

        return verbs.delete_where(self._desk, _order(name, "delete", branch, message), condition)

    def delete_keys(
        self, name: Name, content: Iterable[bytes], *, message: str = "", branch: Name | None = None
    ) -> Version:
        """Remove the rows whose keys are given."""
        from modelyard.lake.service import verbs

        return verbs.delete_keys(self._desk, _order(name, "delete", branch, message), content)

    def add_column(
        self,
        name: Name,
        column: Column,
        *,
        expression: str | None = None,
        message: str = "",
        branch: Name | None = None,
    ) -> Version:
        """Add a column at the end."""
        from modelyard.lake.service import verbs

        order = _order(name, "add_column", branch, message or f"add column {column.name}")
        return verbs.add_column(self._desk, order, column, expression)

    def widen(
        self,
        name: Name,
        column: str,
        type: str,  # noqa: A002 - the word that a user expects
        *,
        message: str = "",
        branch: Name | None = None,
    ) -> Version:
        """Give a column a type that holds all values of its present one."""
        from modelyard.lake.service import verbs

        return verbs.widen(
            self._desk, _order(name, "widen", branch, message or f"widen {column} to {type}"), column, type
        )  # fmt: skip

    def rename_column(
        self, name: Name, column: str, fresh: str, *, message: str = "", branch: Name | None = None
    ) -> Version:
        """Rename a column."""
        from modelyard.lake.service import verbs

        return verbs.rename(
            self._desk, _order(name, "rename", branch, message or f"rename {column} to {fresh}"), column, fresh
        )  # fmt: skip

    def drop_column(self, name: Name, column: str, *, message: str = "", branch: Name | None = None) -> Version:
        """Remove a column."""
        from modelyard.lake.service import verbs

        return verbs.drop(self._desk, _order(name, "drop_column", branch, message or f"drop column {column}"), column)

    def comment(self, name: Name, column: str, text: str, *, message: str = "", branch: Name | None = None) -> Version:
        """Say what a column means."""
        from modelyard.lake.service import verbs

        return verbs.comment(
            self._desk, _order(name, "comment", branch, message or f"comment on {column}"), column, text
        )  # fmt: skip

    def classify(
        self,
        name: Name,
        column: str,
        classification: Classification | None,
        *,
        message: str = "",
        branch: Name | None = None,
    ) -> Version:
        """Say how careful one must be with a column."""
        from modelyard.lake.service import verbs

        told = message or f"{column} is {classification or 'open'}"
        return verbs.classify(self._desk, _order(name, "classify", branch, told), column, classification)

    def set_keys(self, name: Name, keys: tuple[str, ...], *, message: str = "") -> Version:
        """Say which columns identify a row."""
        from modelyard.lake.service import keys as keeping

        return keeping.set_keys(self._desk, name, keys, message or f"key {', '.join(keys) or 'none'}")

    def add_check(
        self, name: Name, check: Name, condition: str, *, message: str = "", branch: Name | None = None
    ) -> Version:
        """Let every write hold a condition from now on."""
        from modelyard.lake.service import verbs

        order = _order(name, "add_check", branch, message or f"check {check}")
        return verbs.add_check(self._desk, order, RowCheck(name=check, condition=condition))

    def drop_check(self, name: Name, check: Name, *, message: str = "", branch: Name | None = None) -> Version:
        """Hold a condition no longer."""
        from modelyard.lake.service import verbs

        return verbs.drop_check(self._desk, _order(name, "drop_check", branch, message or f"drop check {check}"), check)

    def partition(
        self, name: Name, columns: tuple[str, ...], *, message: str = "", branch: Name | None = None
    ) -> Version:
        """Keep rows apart by the values of some columns."""
        from modelyard.lake.service import verbs

        told = message or f"partition by {', '.join(columns) or 'nothing'}"
        return verbs.partition(self._desk, _order(name, "partition", branch, told), columns)


def _order(name: str, operation: str, branch: str | None, message: str) -> Order:
    from modelyard.lake.service.reshaping import Order

    return Order(table=name, operation=operation, branch=branch or MAIN, message=message)

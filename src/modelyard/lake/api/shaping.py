"""Verbs that change a table in place of a load: rows go, columns come, go and change. Each is one lake commit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from modelyard.kernel.operations import Effect, operation, stream
from modelyard.kernel.refs import Name
from modelyard.lake.api.records import (
    Classification,
    Column,
    ColumnName,
    Declared,
    TypeName,
    Version,
)


class ShapingOperations(ABC):
    """Changing a table's rows and columns."""

    @operation("POST", "/tables", scope="lake:write", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def create(self, name: Name, schema: Declared, *, message: str = "", branch: Name | None = None) -> Version:
        """Make an empty table with declared columns, keys, partitions and checks.

        Args:
            branch: the branch that is to show it; `main` where it is left out.

        Raises:
            AlreadyExists: there is a table of that name.
            InvalidInput: the declaration contradicts itself, or names no column.

        Example:
            yard lake create trips '{"columns": [{"name": "id", "type": "int64"}], "keys": ["id"]}'
        """

    @operation("POST", "/tables/{name}/restores", scope="lake:write", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def restore(self, name: Name, at: str, *, message: str = "", branch: Name | None = None) -> Version:
        """Make a new version that equals an older one, rows and columns; no row is copied.

        Args:
            at: a version, a branch, a tag or a moment.

        Raises:
            NotFound: no such version.
        """

    @operation(
        "POST",
        "/tables/{name}/removals",
        scope="lake:write",
        about="table:{name}",
        effect=Effect.WORK,
        private=("condition",),
    )
    @abstractmethod
    def delete_where(self, name: Name, condition: str, *, message: str = "", branch: Name | None = None) -> Version:
        """Remove the rows that match a condition; files that hold none stay as they are.

        Older versions keep the rows; to remove somebody from all of them, use `erase`. The condition is written down
        nowhere: neither in the table's log nor in the audit.

        Args:
            condition: SQL over the table's columns, e.g. `fare < 0`.

        Raises:
            InvalidInput: it is no condition over the table's columns.
        """

    @stream("POST", "/tables/{name}/deletions", scope="lake:write", about="table:{name}")
    @abstractmethod
    def delete_keys(
        self, name: Name, content: Iterable[bytes], *, message: str = "", branch: Name | None = None
    ) -> Version:
        """Remove the rows whose keys are given as an Arrow IPC stream or a CSV with the key columns.

        Keys that the table does not have are passed over.

        Raises:
            InvalidInput: the table has no key, or a key column is missing from the content.
        """

    @operation("POST", "/tables/{name}/columns", scope="lake:write", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def add_column(
        self,
        name: Name,
        column: Column,
        *,
        expression: str | None = None,
        message: str = "",
        branch: Name | None = None,
    ) -> Version:
        """Add a column at the end: null in the rows that there are, or computed from them.

        Without an expression no file is written.

        Args:
            expression: SQL over the table's columns, e.g. `fare * 1.1`.

        Raises:
            InvalidInput: the column exists, the expression is wrong or gives a value that the type cannot hold, or the
                column must not be null and would be.
        """

    @operation("POST", "/tables/{name}/widenings", scope="lake:write", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def widen(
        self,
        name: Name,
        column: ColumnName,
        type: TypeName,  # noqa: A002 - the word that a user expects
        *,
        message: str = "",
        branch: Name | None = None,
    ) -> Version:
        """Give a column a type that holds all values of its present one; its files are written anew.

        Raises:
            InvalidInput: a value could be lost.
        """

    @operation("POST", "/tables/{name}/renames", scope="lake:write", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def rename_column(
        self, name: Name, column: ColumnName, fresh: ColumnName, *, message: str = "", branch: Name | None = None
    ) -> Version:
        """Rename a column; the table's files are written anew, older versions keep the old name.

        Raises:
            InvalidInput: there is no such column, the new name is taken, or the key, a partition or a check uses it.
        """

    @operation("DELETE", "/tables/{name}/columns", scope="lake:write", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def drop_column(self, name: Name, column: ColumnName, *, message: str = "", branch: Name | None = None) -> Version:
        """Remove a column; the table's files are written anew without it, older versions keep it.

        Raises:
            InvalidInput: there is no such column, it is the last, or the key, a partition or a check uses it.
        """

    @operation("PUT", "/tables/{name}/comments", scope="lake:write", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def comment(
        self, name: Name, column: ColumnName, text: str, *, message: str = "", branch: Name | None = None
    ) -> Version:
        """Say what a column means; other Delta readers see it too. No file is written."""

    @operation("PUT", "/tables/{name}/classifications", scope="lake:write", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def classify(
        self,
        name: Name,
        column: ColumnName,
        classification: Classification | None,
        *,
        message: str = "",
        branch: Name | None = None,
    ) -> Version:
        """Say how careful one must be with a column; a classified one leaves no statistics in the files.

        Kept profiles of the table are forgotten. Older versions keep the statistics that they have.

        Args:
            classification: null takes the class away.
        """

    @operation("PUT", "/tables/{name}/keys", scope="lake:write", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def set_keys(self, name: Name, keys: tuple[str, ...], *, message: str = "") -> Version:
        """Say which columns identify a row, on every branch and at every version.

        Raises:
            InvalidInput: on some branch a key is null or comes twice; the text counts them.
        """

    @operation("PUT", "/tables/{name}/checks/{check}", scope="lake:write", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def add_check(
        self, name: Name, check: Name, condition: str, *, message: str = "", branch: Name | None = None
    ) -> Version:
        """Let every write hold a condition from now on: rows that break it go to the quarantine.

        A condition that is null holds, as in SQL. Other Delta writers are told of it too.

        Args:
            condition: SQL over the columns of one row, e.g. `fare >= 0`.

        Raises:
            InvalidInput: rows that are there break it; the text counts them.
            AlreadyExists: the table has another check of that name.
        """

    @operation("DELETE", "/tables/{name}/checks/{check}", scope="lake:write", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def drop_check(self, name: Name, check: Name, *, message: str = "", branch: Name | None = None) -> Version:
        """Hold a condition no longer.

        Raises:
            NotFound: the table has no such check.
        """

    @operation("PUT", "/tables/{name}/partitions", scope="lake:write", about="table:{name}", effect=Effect.WORK)
    @abstractmethod
    def partition(
        self, name: Name, columns: tuple[str, ...], *, message: str = "", branch: Name | None = None
    ) -> Version:
        """Keep rows apart by the values of some columns, so that readers and merges pass over the rest.

        The table's files are written anew.

        Args:
            columns: text, whole numbers, dates or true and false, none of them classified; empty: no longer.

        Raises:
            InvalidInput: a column cannot part rows, or it would part them into more than 1,000.
        """

"""Schema policies: what becomes of a column that a load brings and its table does not have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum

from msgspec import Struct

from modelyard.kernel.events import News
from modelyard.kernel.operations import operation
from modelyard.kernel.refs import Name
from modelyard.lake.api.records import ColumnName


class SchemaPolicy(StrEnum):
    """What becomes of what the table's columns do not hold.

    evolve: a new column comes in, null in the rows that there are, and a type gives way to one that holds all of its
    values. freeze: the load is refused; of JSON documents, the row goes to the quarantine. discard: the column is left
    out, with a note in the load.
    """

    EVOLVE = "evolve"
    FREEZE = "freeze"
    DISCARD = "discard"


class SchemaRules(Struct, frozen=True, kw_only=True):
    """A table's schema policy.

    Attributes:
        policy: for every column that has none of its own.
        columns: policies of single columns, by name.
    """

    table: str
    policy: SchemaPolicy = SchemaPolicy.FREEZE
    columns: dict[str, SchemaPolicy] = {}

    def of(self, column: str) -> SchemaPolicy:
        """The policy for one column."""
        return self.columns.get(column, self.policy)

    def lets_in(self, column: str) -> bool:
        """True if a row that holds an unknown column may come in, with the column or without."""
        return self.of(column) is not SchemaPolicy.FREEZE

    @property
    def evolves(self) -> bool:
        """True if some column may come in."""
        return SchemaPolicy.EVOLVE in (self.policy, *self.columns.values())


class SchemaPolicySet(News, frozen=True, kw_only=True):
    """Loads may do something else to a table's columns from now on."""

    table: str
    policy: SchemaPolicy
    columns: dict[str, SchemaPolicy]


class SchemaChanged(News, frozen=True, kw_only=True):
    """A version has other columns than the one before, whatever made it; `changed` have another type or other words."""

    table: str
    version: int
    operation: str
    branch: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


class EvolutionOperations(ABC):
    """What loads may do to the columns of a table."""

    @operation("PUT", "/tables/{name}/schema-policy", scope="lake:write", about="table:{name}")
    @abstractmethod
    def set_schema_policy(
        self, name: Name, policy: SchemaPolicy, *, columns: dict[ColumnName, SchemaPolicy] | None = None
    ) -> SchemaRules:
        """Say what becomes of columns that loads bring and the table does not have; a table freezes until then.

        It holds for every load, sent, pushed, pulled or written, on every branch, and may be said before the table
        exists. What a load changed stands in its notes, in its version's message and in the schema diff.

        Args:
            policy: `evolve`, `freeze` or `discard`.
            columns: policies of single columns, as JSON.

        Example:
            yard lake set-schema-policy trips evolve --columns '{"debug": "discard"}'
        """

    @operation("GET", "/tables/{name}/schema-policy", scope="lake:read", about="table:{name}")
    @abstractmethod
    def schema_policy(self, name: Name) -> SchemaRules:
        """Show what loads may do to the columns of a table; `freeze` where nobody said anything."""

"""The operations on schema policies."""

from __future__ import annotations

from modelyard.kernel.refs import Name, ref
from modelyard.lake.api import EvolutionOperations, SchemaPolicy, SchemaPolicySet, SchemaRules
from modelyard.lake.model.filesets import refuse_listing
from modelyard.lake.store import evolution
from modelyard.ports import calls


class EvolutionService(EvolutionOperations):
    """What loads may do to the columns of a table."""

    def set_schema_policy(
        self, name: Name, policy: SchemaPolicy, *, columns: dict[str, SchemaPolicy] | None = None
    ) -> SchemaRules:
        """Say what becomes of columns that the table does not have."""
        refuse_listing(name)
        call = calls.current()
        made = SchemaRules(table=name, policy=policy, columns=columns or {})
        evolution.put(call.tx, made)
        call.emit(SchemaPolicySet(table=name, policy=policy, columns=made.columns), writes=(ref("table", name),))
        return made

    def schema_policy(self, name: Name) -> SchemaRules:
        """Show a table's policy."""
        return evolution.get(calls.current().tx, name)

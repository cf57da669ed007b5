"""The sections of a table: which pages it has, as the tabs over each of them."""

from __future__ import annotations

from msgspec import Struct

from modelyard.lake.api import Table as LakeTable


class Tabs(Struct, frozen=True):
    """The parts of a table's pages: (name, address, note)."""

    items: tuple[tuple[str, str, str], ...]
    current: str


def tabs(table: LakeTable, current: str, at: str | None = None) -> Tabs:
    """The tabs over all pages of a table."""
    road, query = f"/tables/{table.name}", f"?version={at}" if at else ""
    return Tabs(
        (
            ("Overview", road + query, ""), ("Rows", f"{road}/rows{query}", f"{table.rows:,}"),
            ("Columns", f"{road}/columns{query}", str(len(table.columns))), ("Difference", f"{road}/diff", ""),
            ("Contract", f"{road}/contract", ""),
            ("Quarantine", f"{road}/quarantine", f"{table.quarantined:,}" if table.quarantined else ""),
        ),
        current,
    )  # fmt: skip

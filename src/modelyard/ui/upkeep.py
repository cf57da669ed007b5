"""The screen of the lake's upkeep: an examination of all tables, what it found, and mending what can be mended."""

from __future__ import annotations

from msgspec import Struct

from modelyard.lake.api import Examination, Fault, Finding
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import duration, plural, size
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Found, Page, Screens
from modelyard.ui.kit.tables import NONE, Column, LinkCell, MarkCell, Row, Table

_LOSSES = (Fault.MISSING, Fault.SIZE, Fault.DAMAGED)


class UpkeepData(Struct, frozen=True):
    """What an examination found; None until one was asked for."""

    sentence: str
    state: str
    found: Examination | None
    findings: Table
    deep: bool
    losses: int
    untidy: int


def screens() -> Screens:
    """The page of upkeep and its form."""
    mine = Screens("upkeep")
    mine.page("/upkeep", template="pages/upkeep.html", nav="tables")(_examined)
    mine.form("/upkeep/mend")(_mend)

    @mine.finds
    def finds(_calls: PageCalls, words: str) -> list[Found]:
        told = "examine the lake, doctor, upkeep"
        wanted = words.lower().split()
        return [Found("Examine the lake", "/upkeep", "upkeep", "gear", "Do")] if all(w in told for w in wanted) else []

    return mine


def _examined(calls: PageCalls, ask: Ask) -> Page:
    asked = ask.text("examine")
    found = slices(calls).lake.examine(deep=asked == "deep") if asked else None
    lost = [f for f in found.findings if f.fault in _LOSSES] if found else []
    rest = len(found.findings) - len(lost) if found else 0
    data = UpkeepData(
        _said(found, len(lost)), "off" if found is None else "bad" if lost else "warn" if rest else "ok", found,
        _findings(found.findings if found else ()), asked == "deep", len(lost), rest,
    )  # fmt: skip
    foot = Foot("POST /v1/lake/examinations", "yard lake doctor", "yard.lake.examine()")
    return Page("Upkeep of the lake", data, (Crumb("Tables", "/tables"), Crumb("Upkeep")), foot)


def _said(found: Examination | None, lost: int) -> str:
    if found is None:
        return "The lake keeps itself tidy; an examination says how it stands now. Nothing is changed by looking."
    looked = f"{plural(found.tables, 'table')}, {plural(found.versions, 'version')}, {plural(found.files, 'file')}"
    looked += f", {size(found.size_bytes)} looked at in {duration(found.took_ms / 1000)}"
    if not found.findings:
        return f"All is well: {looked}."
    return f"{plural(len(found.findings), 'finding')}, {lost} of them a loss: {looked}."


def _findings(found: tuple[Finding, ...]) -> Table:
    columns = (
        Column("state", "Fault"), Column("table", "Table"), Column("detail", "What"), Column("versions", "Versions"),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                MarkCell("bad" if f.fault in _LOSSES else "warn", f.fault.value),
                LinkCell(f.table, f"/tables/{f.table}") if f.table else NONE, f.detail,
                ", ".join(f"@{v}" for v in f.versions[:12]) or NONE,
            ),
            key=str(i),
        )
        for i, f in enumerate(sorted(found, key=lambda f: f.fault not in _LOSSES))
    )  # fmt: skip
    return Table("findings", "Findings", columns, rows)


def _mend(calls: PageCalls, ask: Ask) -> Done:
    found = slices(calls).lake.examine(mend=True, deep=bool(ask.form.get("deep")))
    mended, left = sum(f.mended for f in found.findings), sum(not f.mended for f in found.findings)
    note = f"{plural(left, 'finding')} cannot be mended without a backup" if left else "Nothing is left."
    return Done("/upkeep?examine=yes", f"{plural(mended, 'finding')} mended", note, tone="warn" if left else "ok")

"""The screens of privacy: whom the yard forgot, each receipt with its search, and the forms that plan and forget.

A subject's key is only ever a field of a form that is sent: it never stands in an address, a page or its twin.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from modelyard.governance.api import Held, Receipt, ReceiptId, ReceiptVerdict
from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural, short
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens
from modelyard.ui.kit.tables import Column, Kind, LinkCell, MarkCell, RefCell, Row, Table, TimeCell


class PrivacyData(Struct, frozen=True):
    """The receipts."""

    sentence: str
    receipts: Table


class ReceiptData(Struct, frozen=True):
    """One receipt, and whether it is as this home signed it."""

    sentence: str
    receipt: Receipt
    verdict: ReceiptVerdict
    done: Table


def screens() -> Screens:
    """The pages of privacy."""
    mine = Screens("privacy")
    mine.page("/privacy", template="pages/privacy.html", nav="privacy")(_list)
    mine.page("/privacy/{receipt}", template="pages/receipt.html", nav="privacy")(_one)
    mine.form("/privacy/plan")(_plan)
    mine.form("/privacy/forget")(_forget)
    return mine


def _list(calls: PageCalls, ask: Ask) -> Page:
    page = slices(calls).governance.receipts(limit=50, cursor=ask.text("after") or None)
    subject = ask.text("subject")
    columns = (
        Column("id", "Receipt"), Column("state", "Found again"), Column("entity", "Entity"),
        Column("subject", "Subject", Kind.CODE), Column("count", "Removed", Kind.COUNT),
        Column("models", "Models", Kind.COUNT), Column("at", "When", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                LinkCell(short(r.id, 8), f"/privacy/{r.id}"), MarkCell(*_mark(r)), r.entity, r.subject[:12],
                sum(h.count for h in r.done), len(r.models), TimeCell(from_ms(r.at_ms)),
            ),
            key=str(r.id), href=f"/privacy/{r.id}", ref=f"receipt:{r.id}",
        )
        for r in page.items
        if not subject or r.subject == subject
    )  # fmt: skip
    open_ = sum(not r.clean for r in page.items)
    said = f"{plural(len(page.items), 'receipt')}, {open_} not clean." if page.items else "Nobody was forgotten yet."
    table = Table("receipts", "Receipts", columns, rows, next=page.next or "")
    foot = Foot("GET /v1/erasures", "yard governance receipts", "yard.governance.receipts()")
    return Page("Privacy", PrivacyData(said, table), (Crumb("Privacy"),), foot)


def _one(calls: PageCalls, ask: Ask) -> Page:
    governance, name = slices(calls).governance, ask.params["receipt"]
    receipt = governance.receipt(ReceiptId(name))
    verdict = governance.verify_receipt(receipt)
    scan = receipt.scan
    if receipt.clean:
        said = f"Removed, and not found again in {plural(scan.files, 'file')}."
    elif not scan.conclusive:
        said = "Removed; the key is too short to be told from chance, so no bytes were searched."
    else:
        said = f"Still found in {plural(len(scan.found) + len(scan.read_back), 'place')}: somebody has to look."
    foot = Foot(f"GET /v1/erasures/{name}", f"yard governance receipt {name}", f"yard.governance.receipt({name!r})")
    data = ReceiptData(said, receipt, verdict, _held(receipt.done))
    return Page(name, data, (Crumb("Privacy", "/privacy"), Crumb(name)), foot)


def _mark(receipt: Receipt) -> tuple[str, str]:
    if receipt.clean:
        return "ok", "clean"
    return ("bad", "found") if receipt.scan.conclusive else ("warn", "not searched")


def _held(held: Sequence[Held]) -> Table:
    columns = (Column("by", "By"), Column("ref", "Thing"), Column("what", "What"), Column("n", "Count", Kind.COUNT))
    return Table("held", "Removed", columns, tuple(Row((h.by, RefCell(str(h.ref)), h.what, h.count)) for h in held))


def _subject(ask: Ask) -> tuple[str, str]:
    entity, key = ask.form.get("entity", "").strip(), ask.form.get("key", "").strip()
    if not entity or not 1 <= len(key) <= 300:
        raise InvalidInput("whom? fill in both the entity, such as taxi_id, and its key of 1 to 300 signs")
    return entity, key


def _plan(calls: PageCalls, ask: Ask) -> Done:
    plan = slices(calls).governance.plan_forget(*_subject(ask))
    if not plan.items and not plan.models:
        return Done("/privacy", f"Nothing here is about that {plan.entity}", "Nothing was changed.")
    lines = [f"{h.count} {h.what} of {h.ref}" for h in plan.items[:6]]
    more = f" and {len(plan.items) - 6} more" if len(plan.items) > 6 else ""
    models = f" {plural(len(plan.models), 'model version')} learnt from it." if plan.models else ""
    said = f"Forgetting this {plan.entity} removes from {plural(len(plan.items), 'thing')}"
    return Done("/privacy", said, f"{'; '.join(lines)}{more}.{models} Nothing was changed.", tone="warn")


def _forget(calls: PageCalls, ask: Ask) -> Done:
    if ask.form.get("typed") != "forget":
        raise InvalidInput("type forget to go on; nothing was changed")
    receipt = slices(calls).governance.forget(*_subject(ask))
    return Done(f"/privacy/{receipt.id}", "Forgotten; this is the receipt", tone="ok" if receipt.clean else "warn")

"""The screen of what rules a table: what it hides from whom, and how long its versions stay."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from modelyard.kernel.actors import allows, confines
from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.refs import ref
from modelyard.lake.api import REVEAL, Mask, Policy, Retention, Vacuum
from modelyard.lake.api import Table as LakeTable
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural, size
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens
from modelyard.ui.kit.tables import Column, Kind, Row, Table
from modelyard.ui.needs import allowed
from modelyard.ui.people import names
from modelyard.ui.sections import Tabs, tabs

MASKS = (
    ("", "shown"), (Mask.NULL.value, "nothing"), (Mask.HASH.value, "a hash"), (Mask.TAIL.value, "the last four"),
    (Mask.YEAR.value, "the year"),
)  # fmt: skip
_TEXTS, _TIMES = {"string"}, {"date", "timestamp"}


class Hidden(Struct, frozen=True):
    """A column and what is shown in place of its values; `choices` are the masks that fit its type."""

    name: str
    type: str
    classification: str
    mask: str
    choices: tuple[tuple[str, str], ...]


class RulesData(Struct, frozen=True):
    """What a table hides and keeps; `trial` is what a vacuum would let go, where that was asked."""

    table: LakeTable
    tabs: Tabs
    sentence: str
    row_filter: str
    said_by: str
    columns: tuple[Hidden, ...]
    revealed: tuple[str, ...]
    retention: Retention
    keeping: str
    trial: Vacuum | None
    held: Table


def screens() -> Screens:
    """The page of a table's rules and its forms."""
    mine = Screens("rules")
    mine.page("/tables/{name}/rules", template="pages/rules.html", nav="tables")(_rules)
    mine.form("/tables/{name}/rules/policy")(_set_policy)
    mine.form("/tables/{name}/rules/retention")(_retain)
    mine.form("/tables/{name}/rules/vacuum")(_vacuum)
    return mine


def _rules(calls: PageCalls, ask: Ask) -> Page:
    hub, name = slices(calls), ask.params["name"]
    table, policy = hub.lake.table(name), _policy(hub, name)
    trial = hub.lake.vacuum(name, dry_run=True) if ask.text("vacuum") else None
    retention, called = hub.lake.retention(name), names(calls)
    masks = policy.masks if policy else {}
    shown = tuple(
        Hidden(
            c.name, c.type, c.classification.value if c.classification else "",
            masks[c.name].value if c.name in masks else "", _fitting(c.type),
        )
        for c in table.columns
    )  # fmt: skip
    data = RulesData(
        table, tabs(table, "Rules"), _said(policy), policy.row_filter if policy else "",
        called.get(str(policy.author), "") if policy else "", shown, _revealed(hub, name, called), retention,
        _keeping(retention), trial, _held(trial),
    )  # fmt: skip
    foot = Foot(f"GET /v1/tables/{name}/policy", f"yard lake policy {name}", f"yard.lake.policy({name!r})")
    crumbs = (Crumb("Tables", "/tables"), Crumb(name, f"/tables/{name}"), Crumb("Rules"))
    return Page(f"Rules of {name}", data, crumbs, foot)


def _policy(hub: Slices, table: str) -> Policy | None:
    try:
        return hub.lake.policy(table)
    except NotFound:
        return None


def _fitting(type_: str) -> tuple[tuple[str, str], ...]:
    texts = {Mask.HASH.value, Mask.TAIL.value}
    return tuple(
        (mask, words)
        for mask, words in MASKS
        if (mask not in texts or type_ in _TEXTS) and (mask != Mask.YEAR.value or type_ in _TIMES)
    )


def _said(policy: Policy | None) -> str:
    if policy is None:
        return "Whoever may read the table sees all of it."
    hidden = f"{plural(len(policy.masks), 'column')} masked" if policy.masks else ""
    rows = "only rows that meet a condition" if policy.row_filter else ""
    told = " and ".join(part for part in (hidden, rows) if part)
    return f"Readers without {REVEAL} see {told}, in every version and branch, in rows, profiles and SQL."


def _revealed(hub: Slices, table: str, called: Mapping[str, str]) -> tuple[str, ...]:
    """Who sees all of it, as far as the looking actor may know."""
    roles = allowed(hub.governance.roles) or ()
    revealing = {r.role for r in roles if allows(frozenset(r.scopes), REVEAL)}
    grants = allowed(lambda: hub.governance.grants(limit=1000).items) or []
    about = ref("table", table)
    seeing = (
        called.get(str(g.actor), str(g.actor)) for g in grants if g.role in revealing and confines(g.resources, about)
    )
    return tuple(dict.fromkeys(seeing))


def _keeping(retention: Retention) -> str:
    if retention.keep_days is None:
        return "Every version stays for ever."
    newest = plural(retention.keep_versions, "newest version")
    return f"Versions replaced within {retention.keep_days:g} days stay, and the {newest} whatever their age."


def _held(trial: Vacuum | None) -> Table:
    columns = (Column("version", "Version", Kind.CODE), Column("why", "Stays because"))
    rows = tuple(Row((version, why), key=version) for version, why in (trial.held if trial else {}).items())
    return Table("held-versions", "Versions that stay", columns, rows)


def _set_policy(calls: PageCalls, ask: Ask) -> Done:
    name = ask.params["name"]
    chosen = {f.removeprefix("mask:"): word for f, word in ask.form.items() if f.startswith("mask:") and word}
    known = {mask.value for mask in Mask}
    if wrong := next((word for word in chosen.values() if word not in known), ""):
        raise InvalidInput(f"a mask is one of {', '.join(sorted(known))}, not {wrong[:40]!r}")
    masks = {column: Mask(word) for column, word in chosen.items()}
    slices(calls).lake.set_policy(name, row_filter=ask.form.get("row_filter", "").strip(), masks=masks)
    return Done(f"/tables/{name}/rules", f"What {name} hides is changed", "It holds from now on, for every version.")


def _retain(calls: PageCalls, ask: Ask) -> Done:
    name, days, kept = ask.params["name"], ask.form.get("days", "").strip(), ask.form.get("versions", "").strip()
    try:
        keep_days, keep_versions = float(days) if days else None, int(kept or "1")
    except ValueError:
        raise InvalidInput("days and versions are numbers; no days means that age lets nothing go") from None
    done = slices(calls).lake.retain(name, keep_days=keep_days, keep_versions=keep_versions)
    return Done(f"/tables/{name}/rules", _keeping(done), "Nothing was let go yet.")


def _vacuum(calls: PageCalls, ask: Ask) -> Done:
    name = ask.params["name"]
    done = slices(calls).lake.vacuum(name)
    said = f"{plural(len(done.expired), 'version')} let go"
    return Done(f"/tables/{name}/rules", said, f"{plural(done.files, 'file')}, {size(done.size_bytes)}")

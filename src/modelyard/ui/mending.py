"""The screen that mends held rows by a rule: tried first, each row before and after, then applied with a reason."""

from __future__ import annotations

from msgspec import Struct

from modelyard.kernel.errors import InvalidInput, YardError
from modelyard.lake.api import Load, LoadId, MendRule, MendTrial
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens

_SHOWN = 30
WHOLE = "(the whole text of the row)"


class MendData(Struct, frozen=True):
    """Held rows of a load and what a rule would do to them; `trial` None until one is tried, `fault` why it is none."""

    load: Load
    sentence: str
    columns: tuple[tuple[str, str], ...]
    column: str
    expression: str
    where: str
    trial: MendTrial | None
    fault: str
    reasons: tuple[tuple[str, int], ...]


def screens() -> Screens:
    """The page of a mending rule and its form."""
    mine = Screens("mending")
    mine.page("/loads/{load}/mend", template="pages/mend.html", nav="tables")(_try)
    mine.form("/loads/{load}/mend/apply")(_apply)
    return mine


def _rule(column: str, expression: str, where: str) -> MendRule:
    """The rule of a form: one column, or the whole text where none is named."""
    if not expression:
        raise InvalidInput("say what the new text is, as SQL over the row's fields, e.g. replace(fare, ',', '.')")
    if column:
        return MendRule(set={column: expression}, where=where or None)
    return MendRule(raw=expression, where=where or None)


def _try(calls: PageCalls, ask: Ask) -> Page:
    lake, load = slices(calls).lake, slices(calls).lake.load_record(LoadId(ask.params["load"]))
    column, expression, where = (ask.text(word).strip() for word in ("column", "expression", "where"))
    trial, fault = None, ""
    if expression:
        try:
            trial = lake.try_mend(load.id, _rule(column, expression, where), limit=_SHOWN)
        except YardError as refused:
            fault = refused.detail
    held = lake.table_quarantine(load.table)
    columns = tuple((c.name, c.name) for c in lake.table(load.table).columns)
    data = MendData(
        load, _said(load, trial), (("", WHOLE), *columns), column, expression, where, trial, fault,
        tuple((reason.reason, reason.rows) for reason in held.reasons[:8]),
    )  # fmt: skip
    foot = Foot(
        f"POST /v1/loads/{load.id}/mend-trials", f"yard lake try-mend {load.id} '{{\"set\": {{…}}}}'",
        f"yard.lake.try_mend({str(load.id)!r}, MendRule(set={{...}}))",
    )  # fmt: skip
    road = f"/tables/{load.table}"
    crumbs = (
        Crumb("Tables", "/tables"), Crumb(load.table, road), Crumb("Quarantine", f"{road}/quarantine?load={load.id}"),
        Crumb("Mend by a rule"),
    )  # fmt: skip
    return Page(f"Mend rows of {load.source}", data, crumbs, foot)


def _said(load: Load, trial: MendTrial | None) -> str:
    if trial is None:
        return f"{plural(load.held, 'row')} of {load.source} held; a rule is tried before anything changes."
    said = f"The rule means {trial.matched:,} of {plural(trial.held, 'held row')}, changes {trial.changed:,}; "
    return said + f"the table would then take {trial.passing:,}. Nothing was changed yet."


def _apply(calls: PageCalls, ask: Ask) -> Done:
    lake, form = slices(calls).lake, {key: value.strip() for key, value in ask.form.items()}
    load = LoadId(ask.params["load"])
    rule = _rule(form.get("column", ""), form.get("expression", ""), form.get("where", ""))
    done = lake.mend(load, rule, form.get("reason", ""))
    said = f"{plural(done.rows_loaded, 'row')} of {done.table} mended and taken"
    left = f"{plural(done.rows_quarantined, 'row')} still break a rule" if done.rows_quarantined else "None came back."
    road = f"/tables/{done.table}/quarantine"
    return Done(road, said, left, tone="warn" if done.rows_quarantined else "ok")

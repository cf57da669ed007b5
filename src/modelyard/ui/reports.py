"""The screens of quality: reports newest first, one report, and what a table promises with how it last stood."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

import msgspec
from msgspec import Struct, structs

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import NotFound, YardError
from modelyard.quality.api import CheckResult, Contract, DeclaredContract, Report, ReportId, Severity
from modelyard.ui.hub import Slices, slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.figures import number, plural, share
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Page, Screens
from modelyard.ui.needs import allowed
from modelyard.ui.sections import Tabs, tabs
from modelyard.ui.standings import MARK

_BROKEN = {Severity.WARN: "warn", Severity.QUARANTINE: "bad", Severity.BLOCK: "bad"}
_TREND = 24
_YAML_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


class CheckShown(Struct, frozen=True):
    """One check as a line: its mark, name, how many rows break it, and what that does to them.

    `trend` is its share in the last reports, oldest first; `rows` and `history` are addresses.
    """

    state: str
    name: str
    failed: int
    share: float
    severity: str
    note: str
    samples: tuple[str, ...]
    trend: tuple[float, ...] = ()
    rows: str = ""
    history: str = ""


class Contracted(Struct, frozen=True):
    """What a table promises and how the last report found it; `kept` hold, `pending` wait."""

    version: int | None
    said: str
    at: datetime | None
    report: str
    broken: tuple[CheckShown, ...]
    kept: tuple[str, ...]
    pending: tuple[str, ...] = ()


class ReportData(Struct, frozen=True):
    """One report."""

    report: Report
    state: str
    sentence: str
    at: datetime
    checks: tuple[CheckShown, ...]


class ContractData(Struct, frozen=True):
    """What a table promises, as text that can be changed; `suggested` is True where it is only a proposal of ours."""

    table: str
    tabs: Tabs | None
    contract: DeclaredContract | None
    standing: Contracted
    text: str
    suggested: bool
    fault: str


def screens() -> Screens:
    """The pages of quality."""
    mine = Screens("quality")
    mine.page("/quality/{report}", template="pages/report.html", nav="quality")(_report)
    mine.page("/tables/{name}/contract", template="pages/contract.html", nav="tables")(_contract)
    mine.form("/tables/{name}/contract/declare")(_declare)
    return mine


def _broke(result: CheckResult) -> bool:
    """A check of rows breaks by rows, one of the whole table by what is noted."""
    return result.failed > 0 or bool(result.note)


def _line(result: CheckResult) -> CheckShown:
    state = _BROKEN[result.severity] if _broke(result) else "ok"
    return CheckShown(
        state, result.name, result.failed, result.share, result.severity.value, result.note, result.samples
    )  # fmt: skip


def _followed(line: CheckShown, result: CheckResult, report: Report, past: Sequence[Report]) -> CheckShown:
    """A line with how its check went in the last reports, and the ways to its rows and its history."""
    known = [r for one in reversed(past) for r in one.results if r.name == result.name]
    trend = tuple(r.share if r.measured is None else r.measured for r in known)
    named = quote(result.name, safe="")
    rows = f"/quality/{report.id}/rows?check={named}" if result.failed else ""
    return structs.replace(line, trend=trend, rows=rows, history=f"/tables/{report.table}/check?check={named}")


def contracted(hub: Slices, table: str) -> Contracted:
    """How a table stands to what it promises."""
    try:
        declared = allowed(lambda: hub.quality.contract(table))
    except NotFound:
        declared = None
    if declared is None:
        return Contracted(None, "nothing is promised yet", None, "", (), ())
    newest = allowed(lambda: hub.quality.reports(table=table, limit=1).items) or []
    if not newest:
        return Contracted(declared.version, "not checked yet", None, "", (), (), _rules(declared.contract))
    report = newest[0]
    broken = sorted((r for r in report.results if _broke(r)), key=lambda r: (r.severity is Severity.WARN, -r.failed))
    kept = tuple(r.name for r in report.results if not _broke(r))
    warned = sum(r.severity is Severity.WARN for r in broken)
    said = f"{len(kept)} hold" + (f" · {warned} warn" if warned else "")
    said += f" · {len(broken) - warned} hold back" if len(broken) > warned else ""
    return Contracted(
        declared.version, said, from_ms(report.at_ms), str(report.id), tuple(_line(r) for r in broken), kept
    )  # fmt: skip


def _rules(contract: Contract) -> tuple[str, ...]:
    """What a contract asks, by name, before anything was checked."""
    named = [*contract.columns, *(f"unique {', '.join(u.columns)}" for u in contract.unique)]
    named += ["rows"] if contract.rows else []
    return (*named, *(check.name for check in contract.checks))


def _report(calls: PageCalls, ask: Ask) -> Page:
    found = slices(calls).quality.report(ReportId(ask.params["report"]))
    broken = [r for r in found.results if _broke(r)]
    sentence = "Every check holds."
    if broken:
        worst = max(broken, key=lambda r: r.failed)
        sentence = f"{len(broken)} of {plural(len(found.results), 'check')} broken; above all {worst.name}: "
        sentence += f"{plural(worst.failed, 'row')}, {share(worst.share)}." if worst.failed else f"{worst.note}."
    ordered = sorted(found.results, key=lambda r: (not _broke(r), r.severity is Severity.WARN, -r.failed, r.name))
    past = slices(calls).quality.reports(table=found.table, limit=_TREND).items
    checks = tuple(_followed(_line(r), r, found, past) for r in ordered)
    data = ReportData(found, MARK[found.verdict], sentence, from_ms(found.at_ms), checks)
    foot = Foot(f"GET /v1/reports/{found.id}", f"yard quality report {found.id}", f"yard.quality.report({found.id!r})")
    crumbs = (
        Crumb("Quality", "/quality"),
        Crumb(found.table, f"/tables/{found.table}"),
        Crumb(f"report {found.id[-6:]}"),
    )
    return Page(f"Report on {found.table}", data, crumbs, foot)


def _contract(calls: PageCalls, ask: Ask, *, text: str = "", fault: str = "") -> Page:
    hub, name = slices(calls), ask.params["name"]
    standing, declared, suggested = contracted(hub, name), None, False
    if standing.version is not None:
        declared = hub.quality.contract(name)
        text = text or _pretty(declared.contract)
    elif not text:
        suggested = True
        text = _pretty(hub.quality.suggest(name))
    try:
        shown = tabs(hub.lake.table(name), "Contract")
    except YardError:  # a contract may be declared before its table exists
        shown = None
    data = ContractData(name, shown, declared, standing, text, suggested, fault)
    foot = Foot(f"GET /v1/contracts/{name}", f"yard quality contract {name}", f"yard.quality.contract({name!r})")
    crumbs = (Crumb("Tables", "/tables"), Crumb(name, f"/tables/{name}"), Crumb("Contract"))
    return Page(f"Contract of {name}", data, crumbs, foot, 400 if fault else 200)


def _pretty(contract: Contract) -> str:
    """A contract as YAML, one rule a line."""
    lines: list[str] = []
    for key, held in msgspec.to_builtins(contract).items():
        if isinstance(held, dict) and key == "columns":
            lines += [f"{key}:", *(f"  {_word(name)}: {_flow(rule)}" for name, rule in held.items())]
        elif isinstance(held, list | tuple):
            lines += [f"{key}:", *(f"  - {_flow(rule)}" for rule in held)]
        else:
            lines.append(f"{key}: {_flow(held)}")
    return "\n".join(lines) or "columns: {}"


def _flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_word(str(k))}: {_flow(v)}" for k, v in value.items()) + "}"
    return msgspec.json.encode(value).decode()


def _word(text: str) -> str:
    """A key, in quotes where YAML could read it as something else."""
    return text if text.isidentifier() and text.lower() not in _YAML_WORDS else msgspec.json.encode(text).decode()


def _declare(calls: PageCalls, ask: Ask) -> Done:
    name = ask.params["name"]
    done = slices(calls).quality.declare_text(name, ask.form.get("text", ""))
    said = f"Contract {number(done.version)} stands"
    return Done(f"/tables/{name}/contract", said, "Loads are held to it from now on.")

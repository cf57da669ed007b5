"""Reports, one row each; the results lie in it as one document."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from modelyard.ports.database import Migration, Statement, Transaction
from modelyard.quality.api import CheckResult, Outcome, Report, ReportId

REPORTS = Migration(
    slice="quality",
    number=2,
    name="reports",
    ddl=(
        (
            "CREATE TABLE quality_report (id {text} PRIMARY KEY, table_name {text} NOT NULL, about {text} NOT NULL,"
            " verdict {text} NOT NULL, body {bytes} NOT NULL)"
        ),
        "CREATE INDEX quality_report_by_table ON quality_report (table_name, id)",
    ),
)

reports = sa.table("quality_report", *map(sa.column, ("id", "table_name", "about", "verdict", "body")))
_ADD = Statement(
    sa.insert(reports).values(**{n: sa.bindparam(n) for n in ("id", "table_name", "about", "verdict", "body")})
)
_GET = Statement(sa.select(reports.c.body).where(reports.c.id == sa.bindparam("id")))
_ALL = Statement(
    sa.select(reports.c.body)
    .where(reports.c.id < sa.bindparam("before"))
    .order_by(reports.c.id.desc())
    .limit(sa.bindparam("most"))
)
_OF_TABLE = Statement(
    sa.select(reports.c.body)
    .where(reports.c.table_name == sa.bindparam("name"), reports.c.id < sa.bindparam("before"))
    .order_by(reports.c.id.desc())
    .limit(sa.bindparam("most"))
)
_BODIES = Statement(sa.select(reports.c.id, reports.c.body).where(reports.c.table_name == sa.bindparam("name")))
_REPLACE = Statement(
    sa.update(reports).where(reports.c.id == sa.bindparam("report")).values(body=sa.bindparam("fresh"))
)
_STEP = 100
_LAST = "\x7f"
_decoder = msgspec.json.Decoder(Report)


def add(tx: Transaction, report: Report) -> None:
    """Keep a report."""
    row = {"id": report.id, "table_name": report.table, "about": report.about, "verdict": report.verdict.value}
    tx.run(_ADD, {**row, "body": msgspec.json.encode(report)})


def get(tx: Transaction, report: ReportId) -> Report | None:
    """One report."""
    row = tx.one(_GET, {"id": report})
    return None if row is None else _decoder.decode(row[0])


def listed(tx: Transaction, *, table: str | None, before: str | None, most: int) -> list[Report]:
    """Reports, newest first."""
    if table is None:
        rows = tx.all(_ALL, {"before": before or _LAST, "most": most})
    else:
        rows = tx.all(_OF_TABLE, {"name": table, "before": before or _LAST, "most": most})
    return [_decoder.decode(row[0]) for row in rows]


def of_check(tx: Transaction, table: str, check: str, *, before: str | None, most: int) -> list[Outcome]:
    """How one check went in each report of a table, newest first; reports without it are passed over."""
    found: list[Outcome] = []
    while len(found) < most and (page := listed(tx, table=table, before=before, most=_STEP)):
        found += [_outcome(report, result) for report in page for result in report.results if result.name == check]
        before = page[-1].id
    return found[:most]


def _outcome(report: Report, result: CheckResult) -> Outcome:
    return Outcome(
        report=report.id, about=report.about, at_ms=report.at_ms, contract=report.contract, severity=result.severity,
        broke=result.failed > 0 or bool(result.note), failed=result.failed, share=result.share,
        measured=result.measured,
    )  # fmt: skip


def forget_samples(tx: Transaction, table: str) -> None:
    """Remove the sample rows from a table's reports; the counts stay."""
    for key, body in tx.all(_BODIES, {"name": table}):
        kept = _decoder.decode(body)
        bare = tuple(msgspec.structs.replace(result, samples=()) for result in kept.results)
        fresh = msgspec.json.encode(msgspec.structs.replace(kept, results=bare))
        if fresh != body:
            tx.run(_REPLACE, {"report": key, "fresh": fresh})

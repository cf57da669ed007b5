"""Contracts asked of rows: one aggregate, one split, one report; on a load that waits, or on a version that stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import pyarrow as pa
import pyarrow.parquet as pq

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import Ref, ref
from modelyard.lake.api import Inspection, TableFiles
from modelyard.lake.api import Verdict as LoadVerdict
from modelyard.ports import calls
from modelyard.ports.queries import Queries, Session
from modelyard.quality.api import (
    REPORT,
    CheckKind,
    CheckResult,
    ChecksRan,
    Contract,
    DeclaredContract,
    Report,
    Severity,
    Verdict,
)
from modelyard.quality.model.checks import Check, broke, checks_of, said, unfit, verdict_of
from modelyard.quality.store import compiled, reports

_TIMEOUT_S = 600.0
_SQL_TYPES = {
    "bool": "BOOLEAN", "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT",
    "float32": "FLOAT", "float64": "DOUBLE", "string": "VARCHAR", "binary": "BLOB", "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}  # fmt: skip


def rehearse(queries: Queries, contract: Contract, checks: Sequence[Check], columns: Mapping[str, str] | None) -> None:
    """Run the contract's SQL over no rows, so that a wrong rule is refused when it is declared.

    Args:
        columns: the table's columns and types; None if there is no table yet.

    Raises:
        InvalidInput: a rule's SQL is wrong, or compares what cannot be compared.
    """
    known = dict(columns or {name: rule.type or "" for name, rule in contract.columns.items()})
    if columns is None and (not known or not all(known.values())):
        return
    shape = [(name, _sql_type(kind)) for name, kind in known.items()]
    rows = compiled.rowwise([c for c in checks if set(c.columns) <= known.keys()])
    if not rows:
        return
    empty = compiled.nothing(shape)
    query = compiled.counts(rows, sample=compiled.BY_PLACE, against_old=True)
    if not queries.is_select(query):
        raise InvalidInput("a check's SQL is one condition over the columns of a row")
    with queries.confined(views={compiled.NEW: (empty,), compiled.OLD: (empty,)}) as session:
        session.rows(query)


def _sql_type(kind: str) -> str:
    if kind.startswith("list<"):
        return _SQL_TYPES[kind[5:-1]] + "[]"
    return kind.upper() if kind.startswith("decimal") else _SQL_TYPES.get(kind, "VARCHAR")


def inspect(queries: Queries, declared: DeclaredContract, about: Inspection) -> LoadVerdict:
    """Judge a load that waits; the rows to turn away are written to its rejects file."""
    columns = {c.name: c.type for c in about.columns}
    run = _Run(declared, columns)
    if not run.unfit and not about.files:
        run.settle(rows=0, counted=[0, ""] * len(run.rowwise), old=_rows_in(about.existing))
    elif not run.unfit:
        with run.session(queries, about.files, about.existing) as session:
            old = _rows_in(about.existing)
            run.count(session, sample=compiled.BY_PLACE, old=old)
            if run.rejected and run.verdict is not Verdict.BLOCKED:
                _write_rejects(session, run, about.rejects)
    report = run.report(about=ref("load", about.load), reads=(declared.ref,))
    failed = [result for result in report.results if broke(result)]
    return LoadVerdict(
        rejected=run.rejected,
        warnings=tuple(said(r) for r in failed if r.severity is Severity.WARN),
        blocks=tuple(said(r) for r in failed if r.severity is Severity.BLOCK),
    )


def check(queries: Queries, declared: DeclaredContract, found: TableFiles, *, keys: Sequence[str]) -> Report:
    """Check a version that stands."""
    run = _Run(declared, {c.name: c.type for c in found.columns})
    if not run.unfit and found.paths:
        with run.session(queries, found.paths, ()) as session:
            run.count(session, sample=compiled.by_key(keys), old=0)
    elif not run.unfit:
        run.settle(rows=0, counted=[0, ""] * len(run.rowwise), old=0)
    return run.report(about=found.ref, reads=(declared.ref, found.ref))


class _Run:
    """One run of a contract."""

    def __init__(self, declared: DeclaredContract, columns: Mapping[str, str]) -> None:
        self._declared = declared
        self._began = calls.current().clock.monotonic()
        self._checks = checks_of(declared.contract)
        self.unfit = unfit(declared.contract, columns)
        missing = {name for c in self._checks for name in c.columns if name not in columns}
        if missing and not self.unfit:
            self.unfit = [_missing(name) for name in sorted(missing)]
        self.rowwise = compiled.rowwise(self._checks)
        self.results: list[CheckResult] = list(self.unfit)
        self.rows = 0
        self.rejected = 0
        self.against_old = False

    @property
    def verdict(self) -> Verdict:
        """The worst so far."""
        return verdict_of(self.results)

    def session(self, queries: Queries, new: Sequence[str], old: Sequence[str]) -> AbstractContextManager[Session]:
        """A session that sees the rows and nothing else."""
        self.against_old = bool(old)
        views = {compiled.NEW: (compiled.files(new), *new)}
        if old:
            views[compiled.OLD] = (compiled.files(old), *old)
        return queries.confined(views=views, timeout_s=_TIMEOUT_S)

    def count(self, session: Session, *, sample: str, old: int) -> None:
        """Run the aggregate."""
        query = compiled.counts(self.rowwise, sample=sample, against_old=self.against_old)
        rows, *counted = session.rows(query)[0]
        self.settle(rows=int(rows or 0), counted=counted, old=old)

    def settle(self, *, rows: int, counted: Sequence[object], old: int) -> None:
        """Take the aggregate's answer."""
        self.rows = rows
        for place, each in enumerate(self.rowwise):
            failed, samples = int(str(counted[2 * place] or 0)), str(counted[2 * place + 1] or "")
            self.results.append(
                CheckResult(
                    name=each.name, kind=each.kind, column=each.columns[0] if each.columns else None,
                    severity=each.severity, failed=failed, share=failed / rows if rows else 0.0,
                    samples=tuple(" ".join(one.split()) for one in samples.split("\x1f") if one),
                )
            )  # fmt: skip
        if len(counted) > 2 * len(self.rowwise):
            self.rejected = int(str(counted[-1] or 0))
        kept = rows + old - self.rejected
        self.results += [_rows_result(c, kept) for c in self._checks if c.kind is CheckKind.ROWS]

    def report(self, *, about: Ref, reads: tuple[Ref, ...]) -> Report:
        """Keep the report and tell of it."""
        call = calls.current()
        made = Report(
            id=REPORT.new(call.clock), table=self._declared.table, contract=self._declared.version, about=about,
            verdict=self.verdict, rows=self.rows, rejected=self.rejected, results=tuple(self.results),
            at_ms=call.now_ms, took_ms=int((call.clock.monotonic() - self._began) * 1000),
        )  # fmt: skip

        def keep() -> None:
            now = calls.current()
            reports.add(now.tx, made)
            failed = tuple(result.name for result in made.results if broke(result))
            now.emit(
                ChecksRan(table=made.table, report=made.id, verdict=made.verdict, failed=failed),
                reads=reads,
                writes=(ref("report", made.id),),
            )

        call.unit(keep)
        return made


def _missing(name: str) -> CheckResult:
    return CheckResult(
        name=f"{name}: a column", kind=CheckKind.COLUMN, column=name, severity=Severity.BLOCK, failed=0, share=0.0,
        note="there is no such column",
    )  # fmt: skip


def _rows_result(check: Check, rows: int) -> CheckResult:
    low, high = check.low, check.high
    few = isinstance(low, int) and rows < low
    many = isinstance(high, int) and rows > high
    return CheckResult(
        name=check.name, kind=check.kind, column=None, severity=check.severity, failed=0, share=0.0,
        note=f"there are {rows:,}" if few or many else "",
    )  # fmt: skip


def _rows_in(files: Sequence[str]) -> int:
    return sum(pq.read_metadata(path).num_rows for path in files)


def _write_rejects(session: Session, run: _Run, path: str) -> None:
    reader = session.reader(compiled.split(run.rowwise, against_old=run.against_old))
    schema = pa.schema([("_row", pa.int64()), ("reason", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for batch in reader:
            writer.write_batch(batch.cast(schema))

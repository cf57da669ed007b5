"""Contracts asked of rows: one aggregate, one split, one report; on a load that waits, or on a version that stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack

import pyarrow as pa
import pyarrow.parquet as pq

from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import ref
from modelyard.lake.api import Files, Inspection, Lake, TableFiles
from modelyard.lake.api import Verdict as LoadVerdict
from modelyard.ports.answers import answered
from modelyard.ports.queries import Queries, Session
from modelyard.quality.api import DeclaredContract, DriftRule, QueryRule, Report, Severity, Verdict
from modelyard.quality.model.checks import Check, checks_of, refuse_unknown
from modelyard.quality.model.suitability import refuse_misuse
from modelyard.quality.model.verdicts import broke, said
from modelyard.quality.service import questions
from modelyard.quality.service.run import Run
from modelyard.quality.service.surroundings import Surroundings, refuse_forbidden
from modelyard.quality.store import asked, compiled
from modelyard.quality.store.compiled import Plan

_REJECTS = pa.schema([("_row", pa.int64()), ("reason", pa.string())])


def rehearse(queries: Queries, declared: DeclaredContract, around: Surroundings) -> None:
    """Run the contract over no rows, so that a wrong rule is refused when it is declared.

    Raises:
        InvalidInput: a rule's SQL is wrong, names a column that is not there, or compares what cannot be compared.
        NotFound: another table or version that it names is not there.
    """
    contract = declared.contract
    checks = checks_of(contract)
    columns = around.columns()
    refuse_forbidden([name for check in checks for name in _others(check)])
    if columns is not None:
        refuse_unknown(checks, contract, list(columns))
        refuse_misuse(checks, columns)
        for check in checks:
            if isinstance(check.rule, DriftRule):
                around.other(declared.table, check.rule.at)
    types = dict(columns or {name: rule.type or "" for name, rule in contract.columns.items()})
    is_known = columns is not None or (bool(types) and all(types.values()))
    rowwise = [c for c in checks if compiled.is_rowwise(c) and set(c.columns) <= types.keys()]
    if is_known and rowwise:
        _rehearse_rows(queries, rowwise, types, around)
    for check in checks:
        if isinstance(check.rule, QueryRule):
            if not queries.is_select(check.rule.sql):
                raise InvalidInput(f"{check.name}: a query is exactly one SELECT")
            if is_known:
                own = (compiled.nothing(types),)
                questions.rehearse(queries, check, questions.views(check.rule, around, declared.table, own))


def _others(check: Check) -> list[str]:
    if check.refers is not None:
        return [check.refers.table]
    return [named.partition("@")[0] for named in check.rule.tables] if isinstance(check.rule, QueryRule) else []


def _rehearse_rows(queries: Queries, rowwise: Sequence[Check], types: Mapping[str, str], around: Surroundings) -> None:
    nothing = compiled.nothing(types)
    views: dict[str, Sequence[str]] = {compiled.NEW: (nothing,), compiled.OLD: (nothing,)}
    for place, check in enumerate(rowwise):
        if check.refers is not None:
            views[compiled.reference_view(place)], why = around.referred(check.refers, types, [compiled.NEW])
            if why:
                raise InvalidInput(f"{check.name}: {why}")
    query = compiled.counts(Plan(rowwise=rowwise, wide=(), types=types, against_old=True))
    if not queries.is_select(query):
        raise InvalidInput("a check's SQL is one condition over the columns of a row")
    with queries.confined(views=views, timeout_s=questions.REHEARSAL_S) as session:
        session.rows(query)


def inspect(
    queries: Queries, declared: DeclaredContract, about: Inspection, *, lake: Lake, files: Files
) -> LoadVerdict:
    """Judge a load that waits; the rows to turn away are written to its rejects file."""
    around = Surroundings(lake, files, about.table, at=about.at)
    run = Run(declared, about.columns, around, is_load=True)
    if not run.unfit:
        old = _rows_in(about.existing)
        before = around.rows_before(None)
        if about.files:
            run.prepare(queries, about.files, about.existing)
            run.count(queries, before=before, old=old)
            if run.rejected and run.verdict is not Verdict.BLOCKED:
                with run.session(queries) as session:
                    _write_rejects(session, run.plan, about.rejects)
        else:
            run.without_rows(before, old)
        if run.verdict is not Verdict.BLOCKED:
            _ask(queries, run, _kept(about, rejected=run.rejected), rows=run.rows + old - run.rejected)
    load = about.record or about.load
    report = run.report(about=ref("load", load), reads=(declared.ref,), keep=not about.dry)
    failed = [result for result in report.results if broke(result)]
    return LoadVerdict(
        rejected=run.rejected,
        warnings=tuple(said(r) for r in failed if r.severity is Severity.WARN),
        blocks=tuple(said(r) for r in failed if r.severity is Severity.BLOCK),
    )


def _kept(about: Inspection, *, rejected: int) -> tuple[str, ...]:
    """The table as it will be: rows that stand, and those of the load that are not turned away."""
    types = {column.name: column.type for column in about.columns}
    rejects = [about.rejects] if rejected else []
    return compiled.kept(types, about.files, about.existing, rejects), *about.files, *about.existing, *rejects


def _ask(queries: Queries, run: Run, own: tuple[str, ...], *, rows: int) -> None:
    for check in run.checks:
        if isinstance(check.rule, QueryRule):
            seen = questions.views(check.rule, run.around, run.declared.table, own)
            run.results.append(questions.ask(queries, check, seen, rows=rows, keys=run.plan.keys))


def check(
    queries: Queries, declared: DeclaredContract, found: TableFiles, *, lake: Lake, files: Files, at: str | None
) -> Report:
    """Check a version that stands."""
    shown = lake.table(found.table, at=str(found.version))
    around = Surroundings(lake, files, found.table, at=at)
    run = Run(declared, found.columns, around, keys=shown.keys)
    if not run.unfit:
        run.prepare(queries, found.paths, ())
        run.count(queries, before=around.rows_before(found.version), old=0)
        _ask(queries, run, _standing(found), rows=run.rows)
    run.rejected = run.rejected if not run.unfit else 0
    return run.report(about=found.ref, reads=(declared.ref, found.ref))


def _standing(found: TableFiles) -> tuple[str, ...]:
    if found.paths:
        return compiled.files(found.paths), *found.paths
    return (compiled.nothing({column.name: column.type for column in found.columns}),)


def failing_rows(
    queries: Queries, declared: DeclaredContract, found: TableFiles, name: str, *, around: Surroundings,
    load: str | None = None, rows: Sequence[int] | None = None,
) -> Iterator[bytes]:  # fmt: skip
    """Every row of a version that breaks a check, found again; streamed.

    Args:
        load: only rows that this load brought; `rows` says which of them, by place.
    """
    run = Run(declared, found.columns, around)
    run.prepare(queries, found.paths, ())
    for place, each in enumerate(run.plan.rowwise):
        if each.name == name:
            text = compiled.failing(run.plan, place, load=load, rows=rows)
            return _streamed(run.session(queries), text)
    for each in run.checks:
        if each.name == name and isinstance(each.rule, QueryRule) and not asked.wants_number(each.rule):
            seen = questions.views(each.rule, around, declared.table, _standing(found))
            return _streamed(queries.confined(views=seen, timeout_s=questions.TIMEOUT_S), asked.whole(each.rule.sql))
    raise InvalidInput(f"{name}: it looks at the table as a whole, so that no single row breaks it; its note says more")


def _streamed(opened: AbstractContextManager[Session], text: str) -> Iterator[bytes]:
    stack = ExitStack()
    return answered(stack, stack.enter_context(opened), text)


def _rows_in(files: Sequence[str]) -> int:
    return sum(pq.read_metadata(path).num_rows for path in files)


def _write_rejects(session: Session, plan: Plan, path: str) -> None:
    reader = session.reader(compiled.split(plan))
    with pq.ParquetWriter(path, _REJECTS) as writer:
        for batch in reader:
            writer.write_batch(batch.cast(_REJECTS))

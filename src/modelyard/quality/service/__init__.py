"""The operations of quality; what asks the query engine stands in `inspection`, imported at first use."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from modelyard.kernel.errors import NotFound
from modelyard.kernel.pages import Limit, Page, page_of, place_of
from modelyard.kernel.refs import Name, ref
from modelyard.lake.api import Audited, Files, HeldRows, Inspection, Lake, TableFiles
from modelyard.lake.api import Verdict as LoadVerdict
from modelyard.ports import calls
from modelyard.ports.queries import Queries
from modelyard.quality.api import (
    Contract,
    ContractDeclared,
    ContractText,
    DeclaredContract,
    DeclaredTranslation,
    Outcome,
    Quality,
    Report,
    ReportId,
    TextForm,
    Verdict,
)
from modelyard.quality.model.suggestion import suggest
from modelyard.quality.model.verdicts import broke, said
from modelyard.quality.store import contracts, reports, sketches


class QualityService(Quality):
    """Contracts on the lake's tables; also the lake's inspector.

    Args:
        lake, files, held: the same service, as operations, as files and as quarantine to read in this process.
        queries: gives the query engine when it is first needed.
    """

    def __init__(self, *, lake: Lake, files: Files, held: HeldRows, queries: Callable[[], Queries]) -> None:
        self._lake = lake
        self._files = files
        self._held = held
        self._queries = queries

    def declare(self, table: Name, contract: Contract) -> DeclaredContract:
        """Declare what a table promises."""
        from modelyard.quality.service import inspection
        from modelyard.quality.service.surroundings import Surroundings

        inspection.rehearse(self._queries(), _made(table, 1, contract), Surroundings(self._lake, self._files, table))

        def keep() -> DeclaredContract:
            call = calls.current()
            before = contracts.newest(call.tx, table)
            if before is not None and before.contract == contract:
                return before
            version = 1 if before is None else before.version + 1
            made = _made(table, version, contract)
            contracts.add(call.tx, made)
            call.emit(ContractDeclared(table=table, version=version), writes=(made.ref,))
            return made

        return calls.current().unit(keep)

    def declare_text(self, table: Name, text: str) -> DeclaredContract:
        """Declare a contract that is written as YAML or JSON."""
        from modelyard.quality.model.texts import parse

        return self.declare(table, parse(text))

    def declare_odcs(self, table: Name, text: str, *, object: str | None = None) -> DeclaredTranslation:  # noqa: A002 - the standard's word
        """Declare what a document of the Open Data Contract Standard says of a table."""
        from modelyard.quality.model.odcs.reading import read
        from modelyard.quality.service.surroundings import Surroundings

        types = Surroundings(self._lake, self._files, table).columns() or {}
        found = read(text, table, object, types)
        return DeclaredTranslation(declared=self.declare(table, found.contract), left_out=found.left_out)

    def contract_text(self, table: Name, *, form: TextForm = TextForm.YAML, version: int | None = None) -> ContractText:
        """Write a contract as YAML, or as a document of the Open Data Contract Standard."""
        declared = self.contract(table, version=version)
        if form is TextForm.ODCS:
            from modelyard.quality.model.odcs.writing import write

            text = write(declared)
        else:
            from modelyard.quality.model.texts import written

            text = written(declared.contract)
        return ContractText(table=table, version=declared.version, form=form, text=text)

    def contracts(self, *, cursor: str | None = None, limit: Limit = 100) -> Page[DeclaredContract]:
        """List the newest contract of each table."""
        after = place_of(cursor, "")
        found = contracts.listed(calls.current().tx, after=after, most=limit + 1)
        return page_of(found, limit, lambda each: (each.table,))

    def contract(self, table: Name, *, version: int | None = None) -> DeclaredContract:
        """Show what a table promises."""
        tx = calls.current().tx
        found = contracts.newest(tx, table) if version is None else contracts.at(tx, table, version)
        if found is None:
            which = "contract" if version is None else f"contract version {version}"
            raise NotFound(f"table {table} has no {which}; see what fits it: yard quality suggest {table}")
        return found

    def suggest(self, table: Name, *, at: str | None = None) -> Contract:
        """Suggest a contract from what a version holds."""
        profile = self._lake.profile(table, at=at)
        try:
            history = self._lake.history(table, limit=20).items
        except NotFound:
            history = []  # it stands on a branch alone
        return suggest(profile, history)

    def check(self, table: Name, *, at: str | None = None) -> Report:
        """Check a version of a table against its contract."""
        from modelyard.quality.service import inspection

        declared = self.contract(table)
        found = self._files.files(table, at=at)
        return inspection.check(self._queries(), declared, found, lake=self._lake, files=self._files, at=at)

    def reports(self, *, table: Name | None = None, cursor: str | None = None, limit: Limit = 50) -> Page[Report]:
        """List reports, newest first."""
        before = place_of(cursor, "") or None
        found = reports.listed(calls.current().tx, table=table, before=before, most=limit + 1)
        return page_of(found, limit, lambda each: (each.id,))

    def report(self, report: ReportId) -> Report:
        """Show one report."""
        if (found := reports.get(calls.current().tx, report)) is None:
            raise NotFound(f"there is no report {report}; list them: yard quality reports")
        return found

    def failing_rows(self, table: Name, report: ReportId, check: str) -> Iterator[bytes]:
        """Read every row that broke a check of a report."""
        from modelyard.quality.service import failures

        found = self._report_of(table, report, check)
        return failures.rows(
            self._queries(), self.contract(table, version=found.contract), found, check, lake=self._lake,
            files=self._files, held=self._held,
        )  # fmt: skip

    def trend(self, table: Name, check: str, *, cursor: str | None = None, limit: Limit = 50) -> Page[Outcome]:
        """Show how one check went over time."""
        before = place_of(cursor, "") or None
        found = reports.of_check(calls.current().tx, table, check, before=before, most=limit + 1)
        return page_of(found, limit, lambda each: (each.report,))

    def _report_of(self, table: str, report: ReportId, check: str) -> Report:
        found = self.report(report)
        if found.table != table:
            raise NotFound(f"report {report} is of table {found.table}, not of {table}")
        if all(result.name != check for result in found.results):
            names = ", ".join(result.name for result in found.results)
            raise NotFound(f"report {report} has no check {check!r}; it has {names[:600]}")
        return found

    def judges(self, table: str) -> bool:
        """True if the table has a contract."""
        return contracts.newest(calls.current().tx, table) is not None

    def inspect(self, about: Inspection) -> LoadVerdict:
        """Judge rows that wait to be taken into a table."""
        declared = contracts.newest(calls.current().tx, about.table)
        if declared is None:
            return LoadVerdict()
        from modelyard.quality.service import inspection

        return inspection.inspect(self._queries(), declared, about, lake=self._lake, files=self._files)

    def audit(self, about: TableFiles, *, at: str | None) -> Audited:
        """Say whether a version that is to be published holds what its table promises."""
        declared = contracts.newest(calls.current().tx, about.table)
        if declared is None:
            return Audited(table=about.table, version=about.ref, report=None, holds=True)
        from modelyard.quality.service import inspection

        made = inspection.check(self._queries(), declared, about, lake=self._lake, files=self._files, at=at)
        failures = tuple(said(result) for result in made.results if broke(result))
        holds = made.verdict in (Verdict.PASSED, Verdict.WARNED)
        return Audited(
            table=about.table, version=about.ref, report=ref("report", made.id), holds=holds, failures=failures
        )

    def forget_values(self, table: str) -> None:
        """Remove what came from a table's rows: samples of its reports, and sketches."""

        def forget() -> None:
            tx = calls.current().tx
            reports.forget_samples(tx, table)
            sketches.forget(tx, table)

        calls.current().unit(forget)


def _made(table: str, version: int, contract: Contract) -> DeclaredContract:
    call = calls.current()
    return DeclaredContract(
        table=table, version=version, ref=ref("contract", table, version), contract=contract, author=call.actor.id,
        at_ms=call.now_ms,
    )  # fmt: skip

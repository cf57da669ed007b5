"""The operations of quality; what asks the query engine stands in `inspection`, imported at first use."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from modelyard.kernel.errors import InvalidInput, MissingExtra, NotFound
from modelyard.kernel.pages import Limit, Page, page_of, place_of
from modelyard.kernel.refs import Name, ref
from modelyard.lake.api import Files, Inspection, Lake
from modelyard.lake.api import Verdict as LoadVerdict
from modelyard.ports import calls
from modelyard.ports.queries import Queries
from modelyard.quality.api import Contract, ContractDeclared, DeclaredContract, Quality, Report, ReportId
from modelyard.quality.model.checks import checks_of
from modelyard.quality.model.suggestion import suggest
from modelyard.quality.store import contracts, reports

_LONGEST_TEXT = 1 << 20


class QualityService(Quality):
    """Contracts on the lake's tables; also the lake's inspector.

    Args:
        lake, files: the same service, as operations and as files to read in this process.
        queries: gives the query engine when it is first needed.
    """

    def __init__(self, *, lake: Lake, files: Files, queries: Callable[[], Queries]) -> None:
        self._lake = lake
        self._files = files
        self._queries = queries

    def declare(self, table: Name, contract: Contract) -> DeclaredContract:
        """Declare what a table promises."""
        from modelyard.quality.service import inspection

        checks = checks_of(contract)
        inspection.rehearse(self._queries(), contract, checks, self._columns(table))

        def keep() -> DeclaredContract:
            call = calls.current()
            before = contracts.newest(call.tx, table)
            if before is not None and before.contract == contract:
                return before
            version = 1 if before is None else before.version + 1
            made = DeclaredContract(
                table=table, version=version, ref=ref("contract", table, version), contract=contract,
                author=call.actor.id, at_ms=call.now_ms,
            )  # fmt: skip
            contracts.add(call.tx, made)
            call.emit(ContractDeclared(table=table, version=version), writes=(made.ref,))
            return made

        return calls.current().unit(keep)

    def declare_text(self, table: Name, text: str) -> DeclaredContract:
        """Declare a contract that is written as YAML or JSON."""
        return self.declare(table, parse(text))

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
        return suggest(self._lake.profile(table, at=at))

    def check(self, table: Name, *, at: str | None = None) -> Report:
        """Check a version of a table against its contract."""
        from modelyard.quality.service import inspection

        declared = self.contract(table)
        found = self._files.files(table, at=at)
        keys = self._lake.table(table, at=at).keys
        return inspection.check(self._queries(), declared, found, keys=keys)

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

    def inspect(self, about: Inspection) -> LoadVerdict:
        """Judge rows that wait to be taken into a table."""
        declared = contracts.newest(calls.current().tx, about.table)
        if declared is None:
            return LoadVerdict()
        from modelyard.quality.service import inspection

        return inspection.inspect(self._queries(), declared, about)

    def forget_samples(self, table: str) -> None:
        """Remove sample rows from a table's reports, after an erasure."""
        calls.current().unit(lambda: reports.forget_samples(calls.current().tx, table))

    def _columns(self, table: str) -> dict[str, str] | None:
        try:
            return {column.name: column.type for column in self._lake.table(table).columns}
        except NotFound:
            return None


def parse(text: str) -> Contract:
    """A contract from YAML or JSON.

    Raises:
        InvalidInput: it is no contract.
        MissingExtra: it is YAML, and no reader of YAML is installed.
    """
    if len(text) > _LONGEST_TEXT:
        raise InvalidInput("a contract's text has at most 1 MiB")
    try:
        if text.lstrip().startswith("{"):
            return msgspec.json.decode(text, type=Contract)
        return msgspec.yaml.decode(text, type=Contract)
    except ImportError as err:
        raise MissingExtra("contracts in YAML need pyyaml: pip install 'modelyard[lake]', or write JSON") from err
    except (msgspec.MsgspecError, RecursionError, ValueError) as err:  # YAML's dates and numbers raise the last
        raise InvalidInput(f"the text is no contract: {str(err)[:300]}") from err

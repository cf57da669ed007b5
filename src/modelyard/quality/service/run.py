"""One run of a contract: which checks can be asked of the rows, what the engine answered, and what that amounts to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from modelyard.kernel.errors import InvalidInput, NotFound, TimedOut
from modelyard.kernel.refs import Ref, ref
from modelyard.lake.api import Column
from modelyard.ports import calls
from modelyard.ports.queries import Queries, Scalar, Session
from modelyard.quality.api import (
    REPORT,
    BalanceRule,
    CheckResult,
    ChecksRan,
    DeclaredContract,
    DriftRule,
    FreshnessRule,
    Report,
    RowsRule,
    Severity,
    Verdict,
    VolumeRule,
)
from modelyard.quality.model import wide
from modelyard.quality.model.checks import Check, checks_of
from modelyard.quality.model.distances import Sketch
from modelyard.quality.model.suitability import misuse
from modelyard.quality.model.verdicts import broke, misfit, unfit, verdict_of
from modelyard.quality.service.surroundings import Surroundings
from modelyard.quality.store import compiled, figures, reports
from modelyard.quality.store.compiled import Plan

TIMEOUT_S = 600.0
_ALONE_S = 60.0
_MOST_BITS = 200_000_000


class Run:
    """One run of a contract.

    Args:
        keys: how sample rows are named.
        is_load: True for rows that wait in a load, each with a place of its own.
    """

    def __init__(
        self, declared: DeclaredContract, columns: Sequence[Column], around: Surroundings, *, keys: Sequence[str] = (),
        is_load: bool = False,
    ) -> None:  # fmt: skip
        self.declared = declared
        self.around = around
        self._began = calls.current().clock.monotonic()
        types = {column.name: column.type for column in columns}
        hidden = frozenset(column.name for column in columns if column.classification is not None)
        self.checks = checks_of(declared.contract)
        self.unfit = unfit(declared.contract, self.checks, types)
        if not self.unfit:
            self.unfit = [misfit(c.columns[0], f"{c.name}: {why}") for c in self.checks if (why := misuse(c, types))]
        self.results: list[CheckResult] = list(self.unfit)
        self.plan = Plan(
            rowwise=[check for check in self.checks if compiled.is_rowwise(check)],
            wide=[check for check in self.checks if check.kind in compiled.IN_STATEMENT], types=types, hidden=hidden,
            keys=keys if hidden.isdisjoint(keys) else (), is_load=is_load,
        )  # fmt: skip
        self._views: dict[str, Sequence[str]] = {}
        self.rows = 0
        self.rejected = 0

    @property
    def verdict(self) -> Verdict:
        """The worst so far."""
        return verdict_of(self.results)

    def prepare(self, queries: Queries, new: Sequence[str], old: Sequence[str]) -> None:
        """Look up what the checks need beside the rows; a check whose other side is not there blocks, or is noted."""
        nothing = compiled.nothing(self.plan.types)
        self._views = {compiled.NEW: (compiled.files(new), *new) if new else (nothing,)}
        if old:
            self._views[compiled.OLD] = (compiled.files(old), *old)
        own = [compiled.NEW, *([compiled.OLD] if old else [])]
        for place, check in enumerate(self.plan.rowwise):
            if check.refers is not None:
                view, why = self.around.referred(check.refers, self.plan.types, own)
                self._views[compiled.reference_view(place)] = view
                if why:
                    self.results.append(_unasked(check, why))
        self.plan = replace(self.plan, against_old=bool(old))
        self._sketch(queries)

    def _sketch(self, queries: Queries) -> None:
        found: dict[str, Sketch] = {}
        asked = []
        for check in self.plan.wide:
            if isinstance(check.rule, DriftRule):
                if self.around.columns() is None:
                    continue  # the first load of a table has nothing to be compared with
                name = check.columns[0]
                try:
                    sketch = self.around.sketch(queries, name, check.rule.at, hidden=name in self.plan.hidden)
                except (NotFound, InvalidInput) as err:
                    self.results.append(_unasked(check, err.detail))
                    continue
                if (sketch.edges is not None) != figures.has_bins(self.plan.types[name]):
                    self.results.append(_unasked(check, f"at {check.rule.at} the column is of another type"))
                    continue
                found[check.name] = sketch
            asked.append(check)
        self.plan = replace(self.plan, wide=asked, sketches=found)

    def session(self, queries: Queries) -> AbstractContextManager[Session]:
        """A session that sees the rows, what they refer to, and nothing else."""
        return queries.confined(views=self._views, timeout_s=TIMEOUT_S)

    def count(self, queries: Queries, *, before: int | None, old: int) -> None:
        """Run the aggregate; a condition that the engine cannot ask of these rows is set apart, with what it said.

        Args:
            before: rows of the version before, for checks on the change.
            old: rows that stand beside the new ones.
        """
        try:
            answer = self._aggregate(queries)
        except InvalidInput:
            self._set_apart(queries)
            answer = self._aggregate(queries)
        self._settle(answer, before=before, old=old)

    def _aggregate(self, queries: Queries) -> tuple[Scalar, ...]:
        with self.session(queries) as session:
            if names := compiled.lone_numbers(self.plan):
                self.plan = replace(self.plan, spans=_spans(names, session.rows(compiled.ends(names))[0]))
            return session.rows(compiled.counts(self.plan))[0]

    def _set_apart(self, queries: Queries) -> None:
        """Ask each condition alone, and leave out those that cannot be asked."""
        whole, kept, views = self.plan, list[Check](), dict(self._views)
        for place, check in enumerate(whole.rowwise):
            self.plan = replace(whole, rowwise=[check], wide=[])
            if (view := views.get(compiled.reference_view(place))) is not None:
                self._views[compiled.reference_view(0)] = view
            try:
                with queries.confined(views=self._views, timeout_s=_ALONE_S) as session:
                    session.rows(compiled.counts(self.plan))
            except (InvalidInput, TimedOut) as err:
                self.results.append(_unasked(check, err.detail))
                continue
            if view is not None:
                views[compiled.reference_view(len(kept))] = view
            kept.append(check)
        self._views = views
        self.plan = replace(whole, rowwise=kept)

    def _settle(self, answer: Sequence[Scalar], *, before: int | None, old: int) -> None:
        """Take the aggregate's answer."""
        counted = list(answer)
        self.rows = int(counted.pop(0) or 0)
        for each in self.plan.rowwise:
            failed, samples = int(counted.pop(0) or 0), str(counted.pop(0) or "")
            self.results.append(
                CheckResult(
                    name=each.name, kind=each.kind, column=each.columns[0] if each.columns else None,
                    severity=each.severity, failed=failed, share=failed / self.rows if self.rows else 0.0,
                    samples=tuple(" ".join(one.split()) for one in samples.split("\x1f") if one),
                )
            )  # fmt: skip
        self.rejected = int(counted.pop(0) or 0)
        answers = {check.name: value for check, value in zip(self.plan.wide, counted, strict=True)}
        for check in self.checks:
            if (judged := self._judge(check, answers, kept=self.rows + old - self.rejected, before=before)) is not None:
                self.results.append(judged)

    def _judge(
        self, check: Check, answers: Mapping[str, Scalar], *, kept: int, before: int | None
    ) -> CheckResult | None:
        rule = check.rule
        if isinstance(rule, RowsRule):
            return wide.rows(check, rule, kept)
        if isinstance(rule, VolumeRule):
            return wide.volume(check, rule, kept, before)
        if check.name not in answers:
            return None
        answer = answers[check.name]
        if isinstance(rule, FreshnessRule):
            return wide.freshness(check, rule, None if answer is None else int(answer), calls.current().now_ms)
        if isinstance(rule, DriftRule):
            return wide.drift(check, rule, figures.drifted(str(answer), self.plan.sketches[check.name]))
        if isinstance(rule, BalanceRule):
            hidden = rule.column in self.plan.hidden
            return wide.balance(check, rule, figures.groups(None if answer is None else str(answer)), hidden=hidden)
        return None

    def without_rows(self, before: int | None, old: int) -> None:
        """Judge a load that brings no row at all; only the size of the table can be wrong."""
        self.plan = replace(self.plan, rowwise=[], wide=[])
        self._settle((0, 0), before=before, old=old)

    def report(self, *, about: Ref, reads: tuple[Ref, ...], keep: bool = True) -> Report:
        """Make the report, keep it and tell of it."""
        call = calls.current()
        order = {check.name: place for place, check in enumerate(self.checks)}
        made = Report(
            id=REPORT.new(call.clock), table=self.declared.table, contract=self.declared.version, about=about,
            verdict=self.verdict, rows=self.rows, rejected=self.rejected,
            results=tuple(sorted(self.results, key=lambda each: order.get(each.name, -1))), at_ms=call.now_ms,
            took_ms=int((call.clock.monotonic() - self._began) * 1000), against=self.around.against,
        )  # fmt: skip

        def add() -> None:
            now = calls.current()
            reports.add(now.tx, made)
            failed = tuple(result.name for result in made.results if broke(result))
            beside = [ref("table", named.partition("@")[0], at) for named, at in made.against.items()]
            now.emit(
                ChecksRan(table=made.table, report=made.id, verdict=made.verdict, failed=failed),
                reads=tuple(dict.fromkeys([*reads, *beside])),
                writes=(ref("report", made.id),),
            )

        if keep:
            call.unit(add)
        return made


def _spans(names: Sequence[str], told: Sequence[Scalar]) -> dict[str, tuple[int, int]]:
    """The columns whose values lie close enough together for a bit each."""
    rows, *ends = (int(each or 0) for each in told)
    found = zip(names, ends[::2], ends[1::2], strict=True)
    return {name: (low, high) for name, low, high in found if high - low < min(_MOST_BITS, 64 * rows)}


def _unasked(check: Check, why: str) -> CheckResult:
    """A check that could not be asked; rows cannot be told apart then, so one that would turn them away blocks."""
    severity = Severity.BLOCK if check.severity is Severity.QUARANTINE else check.severity
    return CheckResult(
        name=check.name, kind=check.kind, column=check.columns[0] if check.columns else None, severity=severity,
        failed=0, share=0.0, note=f"it cannot be asked: {why}",
    )  # fmt: skip

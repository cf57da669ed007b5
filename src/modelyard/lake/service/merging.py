"""Merging branches: each table's course is decided, rows are joined where both sides changed, all heads move at once.

The locks of all tables are taken in the order of their names, so two merges cannot wait for each other. What the heads
were when it was planned is checked again in the transaction that moves them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from modelyard.kernel.errors import Conflict, GateClosed, StaleVersion
from modelyard.kernel.refs import Ref, ref
from modelyard.lake.api import (
    LOAD,
    Audited,
    Auditor,
    BranchMerged,
    BranchState,
    Column,
    CommitId,
    Comparison,
    Fate,
    Merge,
    Resolve,
    RowConflict,
    TableFiles,
    TableMove,
)
from modelyard.lake.model.fates import Course, course
from modelyard.lake.model.filesets import thing
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service import joining
from modelyard.lake.service.commits import About, Fresh, Standing, Step, carry_out, standing
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.joining import Meeting
from modelyard.lake.service.turns import turns
from modelyard.lake.store import branches, catalogue, descent
from modelyard.ports import calls
from modelyard.ports.tables import DataFile

_SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked to be merged.

    Attributes:
        checked: every changed table must hold its contract.
        ends: the branch is closed by it.
    """

    branch: str
    into: str
    resolve: Resolve | None = None
    message: str = ""
    checked: bool = False
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One table that the two branches show differently, and what is to become of it."""

    table: str
    course: Course
    mark: int
    base: catalogue.Entry | None
    source: catalogue.Entry | None
    target: catalogue.Entry | None

    @property
    def meeting(self) -> Meeting | None:
        """The three versions, where rows have to be joined."""
        if self.course.fate is not Fate.MERGED or self.source is None or self.target is None:
            return None
        return Meeting(base=self.base, ours=self.target, theirs=self.source)

    def move(self) -> TableMove:
        """The case as it is told."""
        return TableMove(
            table=self.table, fate=self.course.fate or Fate.CONFLICT, base=_ref(self.base), source=_ref(self.source),
            target=_ref(self.target), conflict=self.course.why,
        )  # fmt: skip


@dataclass(slots=True)
class Plan:
    """What a merge will do, once nothing is left to decide."""

    steps: list[Step] = field(default_factory=list)
    moves: list[TableMove] = field(default_factory=list)
    fresh: list[Fresh] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    conflicts: list[RowConflict] = field(default_factory=list)


def _ref(entry: catalogue.Entry | None) -> Ref | None:
    return None if entry is None else thing(entry.name, entry.version)


def look(branch: str, into: str) -> tuple[list[Case], dict[str, int]]:
    """The tables that a merge would change, by name, and the heads of the branch; as they are now."""

    def cases() -> tuple[list[Case], dict[str, int]]:
        tx = calls.current().tx
        branches.opened(tx, branch)
        branches.opened(tx, into)
        mine, yours = branches.heads_of(tx, branch), branches.heads_of(tx, into)
        found = []
        for table, mark in sorted(mine.items()):
            target = yours.get(table)
            if target == mark:
                continue
            way = course(descent.edges(tx, table), mark, target)
            if way.fate is None:
                continue
            entries = [
                catalogue.entry(tx, table, version) if version is not None and version > 0 else None
                for version in (way.base, mark, target)
            ]
            found.append(Case(table, way, mark, *entries))
        return found, mine

    return calls.current().unit(cases)


def compare(desk: Desk, branch: str, into: str) -> Comparison:
    """What merging would do."""
    cases, _ = look(branch, into)
    return Comparison(branch=branch, into=into, tables=tuple(_counted(desk, case) for case in cases))


def _counted(desk: Desk, case: Case) -> TableMove:
    move = case.move()
    if case.source is None or (case.base is None and case.target is not None and case.meeting is None):
        return move
    against = case.meeting or Meeting(base=case.base, ours=case.base or _nothing(case.source), theirs=case.source)
    counted = joining.count(desk, against)
    return msgspec.structs.replace(
        move, by=counted.by, added=counted.added, removed=counted.removed, changed=counted.changed,
        columns=counted.names, conflicts=counted.conflicts, conflict=counted.why or move.conflict,
        fate=Fate.CONFLICT if counted.why or counted.conflicts else move.fate,
    )  # fmt: skip


def _nothing(entry: catalogue.Entry) -> catalogue.Entry:
    """A table without rows, in the columns of a version."""
    return msgspec.structs.replace(entry, version=0, rows=0, size_bytes=0, listed=False)


def merge(desk: Desk, request: Request) -> Merge:
    """Carry out a merge; see `Lake.merge` and `Lake.publish`."""
    call = calls.current()
    if request.branch == request.into:
        raise Conflict(f"{request.branch} cannot be merged into itself")
    for _ in turns(desk.tables()):
        with ExitStack() as stack:
            cases, _ = look(request.branch, request.into)
            for case in cases:
                stack.enter_context(desk.tables().locked(case.table))
            folder = stack.enter_context(desk.bench(LOAD.new(call.clock)))
            locked = {case.table for case in cases}
            cases, heads = look(request.branch, request.into)
            if not {case.table for case in cases} <= locked:
                continue
            plan = _plan(desk, request, cases, folder)
            if plan.conflicts or any(move.fate is Fate.CONFLICT for move in plan.moves):
                return _undecided(request, plan)
            try:
                return _carry_out(desk, request, plan, heads)
            except StaleVersion:
                continue
    raise StaleVersion(f"branch {request.branch}: other writers were always quicker; try again")


def _undecided(request: Request, plan: Plan) -> Merge:
    if request.ends or request.checked:
        names = ", ".join(move.table for move in plan.moves if move.fate is Fate.CONFLICT)
        raise Conflict(
            f"branch {request.branch} and {request.into} changed the same differently in {names}; nothing was changed. "
            f"See yard lake compare {request.branch}, then publish with --resolve ours or theirs, or merge "
            f"{request.into} into the branch and mend it there"
        )
    return Merge(
        branch=request.branch, into=request.into, commit=None, tables=tuple(plan.moves),
        conflicts=tuple(plan.conflicts),
    )  # fmt: skip


def _plan(desk: Desk, request: Request, cases: Sequence[Case], folder: Path) -> Plan:
    plan = Plan()
    for number, case in enumerate(cases):
        before = standing(desk, case.table, request.into)
        if case.course.fate is Fate.CONFLICT and request.resolve is Resolve.OURS:
            continue
        if case.course.fate is Fate.CONFLICT and request.resolve is None:
            plan.moves.append(case.move())
        elif case.source is None:
            columns = before.entry.columns if before.entry is not None else ()
            step = Step(table=case.table, before=before, files=None, columns=columns, operation=_word(request))
            _add(plan, case, step, fate=Fate.DROPPED)
        elif case.meeting is not None:
            _join(desk, request, plan, case, before, folder=folder, stem=f"{folder.name}-t{number}")
        else:
            _forward(desk, request, plan, case, source=case.source, before=before)
    return plan


def _forward(
    desk: Desk, request: Request, plan: Plan, case: Case, *, source: catalogue.Entry, before: Standing
) -> None:  # fmt: skip
    """Take a table as the branch has it; rows are compared only where files were written anew."""
    files = desk.files(source)
    kept = {file.path for file in files}
    grew = all(file.path in kept for file in before.files)
    move = case.move() if grew else _counted(desk, case)
    step = _step(request, source, before, files, source.columns, came=_came(before, files) if grew else move.added)
    _add(plan, case, step, fate=Fate.FORWARD if before.entry is not None else Fate.CREATED)
    if not grew:
        plan.moves[-1] = msgspec.structs.replace(
            plan.moves[-1], by=move.by, added=move.added, removed=move.removed, changed=move.changed,
            columns=move.columns,
        )  # fmt: skip
    plan.settled.append(case.table)


def _word(request: Request) -> str:
    return "publish" if request.ends or request.checked else "merge"


def _came(before: Standing, files: Sequence[DataFile]) -> int:
    held = {file.path for file in before.files}
    return sum(file.rows for file in files if file.path not in held)


def _step(
    request: Request, source: catalogue.Entry, before: Standing, files: Sequence[DataFile],
    columns: tuple[Column, ...], *, came: int,
) -> Step:  # fmt: skip
    return Step(
        table=source.name, before=before, files=files, columns=columns, operation=_word(request), added=came,
        merged=source.version, reads=(thing(source.name, source.version),),
    )  # fmt: skip


def _join(desk: Desk, request: Request, plan: Plan, case: Case, before: Standing, *, folder: Path, stem: str) -> None:
    meeting = case.meeting
    if meeting is None or before.entry is None or before.entry.version != meeting.ours.version:
        raise StaleVersion(f"table {case.table} moved on {request.into} meanwhile")
    counted = joining.count(desk, meeting)
    if request.resolve is None and (counted.why or counted.conflicts):
        move = msgspec.structs.replace(
            case.move(), fate=Fate.CONFLICT, by=counted.by, conflicts=counted.conflicts, conflict=counted.why,
            columns=counted.names,
        )  # fmt: skip
        plan.moves.append(move)
        if counted.conflicts:
            plan.conflicts += joining.disputed(desk, meeting, offset=0, limit=_SAMPLES)
        return
    columns, kept, made, came = joining.join(desk, meeting, resolve=request.resolve, folder=folder, stem=stem)
    plan.fresh += [(case.table, file, path) for file, path in made]
    files = [*kept, *(file for file, _ in made)]
    step = _step(request, meeting.theirs, before, files, columns, came=came)
    _add(plan, case, step, fate=Fate.MERGED)
    plan.moves[-1] = msgspec.structs.replace(
        plan.moves[-1], by=counted.by, added=counted.added, removed=counted.removed, changed=counted.changed,
        columns=counted.names, conflicts=counted.conflicts,
    )  # fmt: skip


def _add(plan: Plan, case: Case, step: Step, *, fate: Fate) -> None:
    before = step.before.entry.rows if step.before.entry is not None else 0
    rows = sum(file.rows for file in step.files or ())
    move = msgspec.structs.replace(case.move(), fate=fate, added=step.added, removed=before + step.added - rows)
    plan.steps.append(step)
    plan.moves.append(move)


def _carry_out(desk: Desk, request: Request, plan: Plan, heads: Mapping[str, int]) -> Merge:
    findings = _checked(desk, request, plan)
    done: list[CommitId] = []

    def beside(commit: CommitId, versions: Mapping[str, int]) -> None:
        call = calls.current()
        if branches.heads_of(call.tx, request.branch) != heads:
            raise StaleVersion(f"branch {request.branch} moved meanwhile")
        done[:] = [commit]
        if request.ends:
            branches.close(call.tx, request.branch, state=BranchState.PUBLISHED, at_ms=call.now_ms)
        else:
            for table in plan.settled:
                catalogue.move_head(call.tx, table, branch=request.branch, base=heads[table], fresh=versions[table])
        call.emit(
            BranchMerged(
                branch=request.branch, into=request.into, commit=commit, published=request.ends,
                tables={table: version for table, version in versions.items() if version > 0},
            ),
            reads=(ref("branch", request.branch),),
            writes=(ref("branch", request.into),),
        )  # fmt: skip

    if not plan.steps:
        _end_idle(request, heads)
        return Merge(branch=request.branch, into=request.into, commit=None, tables=())
    message = request.message or f"{_word(request)} {request.branch} into {request.into}"
    about = About(
        branch=request.into, message=message, direct=False, beside=beside,
        reads=tuple(each for step in plan.steps for each in step.reads),
    )  # fmt: skip
    made = {version.table: version.ref for version in carry_out(desk, about, plan.steps, fresh=plan.fresh)}
    moves = tuple(
        msgspec.structs.replace(move, version=made.get(move.table), report=findings.get(move.table))
        for move in plan.moves
    )
    return Merge(branch=request.branch, into=request.into, commit=done[0], tables=moves)


def _end_idle(request: Request, heads: Mapping[str, int]) -> None:
    """End a branch that has nothing to give."""

    def end() -> None:
        call = calls.current()
        if branches.heads_of(call.tx, request.branch) != heads:
            raise StaleVersion(f"branch {request.branch} moved meanwhile")
        branches.close(call.tx, request.branch, state=BranchState.PUBLISHED, at_ms=call.now_ms)

    if request.ends:
        calls.current().unit(end)


def _checked(desk: Desk, request: Request, plan: Plan) -> dict[str, Ref]:
    """Ask for every table that will change whether it holds its contract; the reports.

    Raises:
        GateClosed: one does not.
    """
    if not request.checked:
        return {}
    places = {(table, file.path): path for table, file, path in plan.fresh}
    reports: dict[str, Ref] = {}
    broken: list[str] = []
    for step in plan.steps:
        if step.files is None or step.merged is None:
            continue
        source = calls.current().unit(lambda: catalogue.entry(calls.current().tx, step.table, step.merged))  # noqa: B023 - run at once
        if source is None:
            raise StaleVersion(f"table {step.table} moved meanwhile")
        old = [file.path for file in step.files if (step.table, file.path) not in places]
        paths = [*desk.located(source, old), *(str(path) for (table, _), path in places.items() if table == step.table)]
        rows = sum(file.rows for file in step.files)
        found = finding(desk, source, step.columns, paths, rows=rows, at=request.branch)
        if found.report is not None:
            reports[step.table] = found.report
        if not found.holds:
            broken.append(f"{step.table} ({'; '.join(found.failures)}), see {found.report}")
    if broken:
        raise GateClosed(
            f"branch {request.branch} was not published: a contract does not hold: {' | '.join(broken)}. The branch "
            "is as it was; mend it there and publish again"
        )
    return reports


def finding(
    desk: Desk, source: catalogue.Entry, columns: tuple[Column, ...], paths: Sequence[str], *, rows: int, at: str
) -> Audited:
    """What the inspector says of a version as it would be."""
    named = thing(source.name, source.version)
    auditor: object = desk.inspector
    if not isinstance(auditor, Auditor):
        return Audited(table=source.name, version=named, report=None, holds=True)
    about = TableFiles(
        table=source.name, version=source.version, ref=named, columns=columns, paths=tuple(paths), rows=rows
    )
    return auditor.audit(about, at=None if at == MAIN else at)


def audit(desk: Desk, branch: str, into: str) -> list[Audited]:
    """Check the tables that a branch changed, as they stand on it."""
    cases, _ = look(branch, into)
    sources = [case.source for case in cases if case.source is not None]
    return [finding(desk, source, source.columns, desk.uris(source), rows=source.rows, at=branch) for source in sources]


def conflicts(desk: Desk, branch: str, into: str, table: str, *, offset: int, limit: int) -> list[RowConflict]:
    """Rows of a table that both sides changed differently."""
    cases, _ = look(branch, into)
    meeting = next((case.meeting for case in cases if case.table == table), None)
    return [] if meeting is None else joining.disputed(desk, meeting, offset=offset, limit=limit)

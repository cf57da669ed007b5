"""Rolling back: a branch shows again what a tag names, as one new commit over all tables; no version is removed."""

from __future__ import annotations

from collections.abc import Mapping

from modelyard.kernel.errors import Conflict, StaleVersion
from modelyard.lake.api import CommitId, LakeTag
from modelyard.lake.model.filesets import thing
from modelyard.lake.service.commits import About, Step, carry_out, standing
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.turns import turns
from modelyard.lake.store import branches, catalogue, sources
from modelyard.ports import calls


def roll_back(desk: Desk, branch: str, label: LakeTag, *, message: str) -> CommitId:
    """Carry out a rollback, under the locks of all tables of both; the commit."""
    done: list[CommitId] = []

    def beside(commit: CommitId, versions: Mapping[str, int]) -> None:
        done[:] = [commit]
        for table, version in versions.items():
            if version > 0:
                sources.carry(calls.current().tx, table, old=label.tables[table], fresh=version)

    for _ in turns(desk.tables()):
        steps = _steps(desk, branch, label)
        if not steps:
            raise Conflict(f"branch {branch} shows what tag {label.tag} names already")
        about = About(
            branch=branch, message=message or f"roll back to {label.tag}", beside=beside,
            reads=tuple(each for step in steps for each in step.reads),
        )  # fmt: skip
        try:
            carry_out(desk, about, steps)
        except StaleVersion:
            continue
        return done[0]
    raise StaleVersion(f"branch {branch}: other writers were always quicker; try again")


def _steps(desk: Desk, branch: str, label: LakeTag) -> list[Step]:
    heads = calls.current().unit(lambda: branches.heads_of(calls.current().tx, branch))
    steps = []
    for table in sorted({*label.tables, *(name for name, version in heads.items() if version > 0)}):
        wanted = label.tables.get(table)
        if wanted == heads.get(table):
            continue
        before = standing(desk, table, branch)
        if wanted is None:
            columns = before.entry.columns if before.entry is not None else ()
            steps.append(Step(table=table, before=before, files=None, columns=columns, operation="restore"))
            continue
        entry = catalogue.entry(calls.current().tx, table, wanted)
        if entry is None:
            raise Conflict(f"table {table} was dropped with all of its versions; tag {label.tag} cannot bring it back")
        files = desk.files(entry)
        if before.entry is not None and (before.files, before.entry.columns) == (files, entry.columns):
            continue
        held = {file.path for file in before.files}
        steps.append(
            Step(
                table=table, before=before, files=files, columns=entry.columns, operation="restore",
                added=sum(file.rows for file in files if file.path not in held),
                reads=(thing(table, wanted),),
            )
        )  # fmt: skip
    return steps

"""What a contract looks at beside the rows themselves: tables referred to, reference versions, the version before.

Each is looked up once for a run, and the versions found are written into the report, so that its failing rows can be
found again as they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256

from modelyard.kernel.errors import Forbidden, InvalidInput, NotFound
from modelyard.kernel.pages import encode_cursor
from modelyard.kernel.refs import ref
from modelyard.lake.api import Files, Lake, TableFiles
from modelyard.ports import calls
from modelyard.ports.queries import Queries
from modelyard.quality.api import ReferenceRule
from modelyard.quality.model.checks import no_column
from modelyard.quality.model.distances import Sketch
from modelyard.quality.model.suitability import reference_misfit
from modelyard.quality.store import compiled, figures, sketches


class Surroundings:
    """The lake as a contract's run sees it.

    Args:
        table: the table whose rows are checked.
        at: where they stand: a branch, a tag or a moment, at which other tables are read too, as far as they have it;
            None for the main branch. A number is a version of this table alone.
        against: versions that an earlier report found; they are taken rather than looked up.
    """

    def __init__(
        self, lake: Lake, files: Files, table: str, *, at: str | None = None, against: Mapping[str, int] | None = None
    ) -> None:
        self._lake = lake
        self._files = files
        self._table = table
        self._at = None if at is None or at.isdigit() else at
        self.against: dict[str, int] = dict(against or {})

    def other(self, name: str, at: str | None) -> TableFiles:
        """Another table, or this one at another version.

        Raises:
            NotFound: there is no such table or version.
        """
        named = f"{name}@{at}" if at else name
        if (known := self.against.get(named)) is not None:
            return self._files.files(name, at=str(known))
        found = self._files.files(name, at=at) if at else self._newest(name)
        self.against[named] = found.version
        return found

    def _newest(self, name: str) -> TableFiles:
        if self._at is not None:
            with suppress(NotFound):  # what has nothing there stands as the main branch has it
                return self._files.files(name, at=self._at)
        return self._files.files(name)

    def columns(self, at: str | None = None) -> dict[str, str] | None:
        """The columns of the table itself; None if there is none yet."""
        try:
            return {column.name: column.type for column in self._lake.table(self._table, at=at or self._at).columns}
        except NotFound:
            return None

    def referred(
        self, rule: ReferenceRule, types: Mapping[str, str], own: Sequence[str]
    ) -> tuple[tuple[str, ...], str]:
        """What a reference points to, as a view with its files; and why it cannot, empty if it can.

        Args:
            own: views of the rows themselves, for a table that refers to itself.
        """
        their = rule.their or rule.columns
        paths: tuple[str, ...]
        nothing = (compiled.referred([f"k{n}" for n in range(len(their))], compiled.nothing(_keys(rule, types))),)
        if rule.table == self._table and rule.at is None:
            there, paths = types, ()
            files = compiled.together(own)
        else:
            try:
                found = self.other(rule.table, rule.at)
            except NotFound as err:
                return nothing, err.detail
            there = {column.name: column.type for column in found.columns}
            paths = found.paths
            files = compiled.files(paths) if paths else compiled.nothing(there)
        if missing := [name for name in their if name not in there]:
            return nothing, f"in {rule.table} {no_column(missing[0], list(there))}"
        if why := reference_misfit([types[name] for name in rule.columns], [there[name] for name in their]):
            return nothing, why
        return (compiled.referred(their, files), *paths), ""

    def rows_before(self, version: int | None) -> int | None:
        """Rows of the version that `version` was made from, or of the newest one; None if there is none."""
        at = self._at
        if version is not None:
            page = self._lake.history(self._table, every=True, cursor=encode_cursor(version + 1), limit=1)
            if not page.items or page.items[0].parent is None:
                return None
            at = str(page.items[0].parent)
        try:
            return self._lake.table(self._table, at=at).rows
        except NotFound:
            return None

    def sketch(self, queries: Queries, column: str, at: str, *, hidden: bool) -> Sketch:
        """A column at a reference version, in bins; kept, unless its values must not be.

        Raises:
            NotFound: there is no such version.
            InvalidInput: it has no such column.
        """
        found = self.other(self._table, at)
        types = {c.name: c.type for c in found.columns}
        if column not in types:
            raise InvalidInput(f"at {at} {no_column(column, list(types))}")
        key = sha256("\n".join([column, *sorted(found.paths)]).encode()).hexdigest()
        if not hidden and (kept := sketches.get(calls.current().tx, self._table, key)) is not None:
            return kept
        made = _sketch(queries, found, column, types[column])
        if not hidden:
            calls.current().unit(lambda: sketches.keep(calls.current().tx, self._table, key, made))
        return made


def _keys(rule: ReferenceRule, types: Mapping[str, str]) -> dict[str, str]:
    return {f"k{n}": types.get(name, "string") for n, name in enumerate(rule.columns)}


def _sketch(queries: Queries, found: TableFiles, column: str, kind: str) -> Sketch:
    source = compiled.files(found.paths) if found.paths else compiled.nothing({column: kind})
    with queries.session() as session:
        if figures.has_bins(kind):
            ends = tuple(
                float(row[0] or 0) for row in session.rows(figures.edges(column, kind, source)) if row[0] is not None
            )
            bare = Sketch(edges=ends, labels=None, counts=(), missing=0)
        else:
            names = tuple(sorted(str(row[0]) for row in session.rows(figures.labels(column, source))))
            bare = Sketch(edges=None, labels=names, counts=(), missing=0)
        told = str(session.rows(figures.sketch_counts(column, kind, bare, source))[0][0])
    counted = figures.drifted(told, bare)
    return Sketch(edges=bare.edges, labels=bare.labels, counts=counted.counts, missing=counted.missing)


def refuse_forbidden(tables: Sequence[str]) -> None:
    """Refuse tables that the caller may not read: a contract must not tell of them.

    Raises:
        Forbidden: one is beyond what the credential covers.
    """
    from modelyard.kernel.actors import confines

    actor = calls.current().actor
    for name in tables:
        if not confines(actor.resources, ref("table", name)):
            raise Forbidden(f"the credential does not cover table {name}, which the contract reads")

"""The file sets' part in forgetting a subject: files that a set's own column says are about it, and their bytes.

It asks the lake as any slice above does. The table that lists a set's files is searched as any table is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelyard.governance.api import Held, Left, Subject
from modelyard.governance.service.tables import LakeEraser
from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import parts, ref
from modelyard.lake.api import Lake, Table


class FilesEraser(LakeEraser):
    """Forgets a subject in sets of files; an `Eraser`."""

    name = "file sets"

    def plan(self, subject: Subject) -> Sequence[Held]:
        """Files in the newest version, and versions that hold any."""
        found: list[Held] = []
        for table, column in self._places(subject.entity):
            thing = ref("fileset", parts(table.ref).name)
            if holding := self._versions_holding(table, column, subject.key):
                newest = holding.get(table.version, 0)
                found.append(Held(by=self.name, ref=thing, what="files", count=newest))
                found.append(Held(by=self.name, ref=thing, what="versions", count=len(holding)))
        return found

    def erase(self, subject: Subject) -> Sequence[Held]:
        """Remove the subject's files from every set that has its key column, and their bytes from the disk."""
        done: list[Held] = []
        for table, column in self._places(subject.entity):
            name = parts(table.ref).name
            try:
                gone = self._lake.erase_files(name, column, (subject.key,))
            except InvalidInput:
                continue  # the column's type has no value that is written so
            counts = {"files": gone.rows, "versions": len(gone.versions), "contents": gone.objects}
            thing = ref("fileset", name)
            done += [Held(by=self.name, ref=thing, what=what, count=n) for what, n in counts.items() if n]
        return done

    def remains(self, subject: Subject) -> Left:
        """Versions of sets in which the subject is still read back."""
        left = (
            str(ref("fileset", parts(table.ref).name, version))
            for table, column in self._places(subject.entity)
            for version in self._versions_holding(table, column, subject.key)
        )
        return Left(places=tuple(left))

    def _places(self, entity: str) -> Iterator[tuple[Table, str]]:
        """Every table that lists the files of a set and has a key column of the entity."""
        columns = self._keys.columns(entity)
        for table in _listings(self._lake):
            for column in table.columns:
                if column.name in columns:
                    yield table, column.name


def _listings(lake: Lake) -> Iterator[Table]:
    cursor: str | None = None
    while True:
        page = lake.filesets(every=True, cursor=cursor, limit=500)
        for fileset in page.items:
            yield lake.table(fileset.table, at=str(fileset.version))
        if (cursor := page.next) is None:
            return

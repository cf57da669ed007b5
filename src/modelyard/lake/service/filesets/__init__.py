"""The operations on file sets; what reads, writes or draws stands beside and is imported at first use."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Iterator, Sequence

from modelyard.kernel.contents import Content
from modelyard.kernel.errors import AlreadyExists
from modelyard.kernel.pages import Limit, Page, page_of, place_of
from modelyard.kernel.refs import Name
from modelyard.lake.api import Column, Lake, Version
from modelyard.lake.api.files import (
    ADD,
    AddName,
    Collected,
    File,
    FileCounts,
    FileDifference,
    FileDigest,
    FileEntry,
    FileErasure,
    FileFacts,
    FilePath,
    FilesChecked,
    FilesCommit,
    FileSet,
    Label,
    SplitName,
    Waveform,
)
from modelyard.lake.model.filesets import AFTER_FILESETS, PREFIX, columns_with, is_listing, table_of
from modelyard.lake.model.moments import MAIN
from modelyard.lake.service.desk import Desk
from modelyard.lake.service.filesets.adds import Adds
from modelyard.lake.store import catalogue
from modelyard.ports import calls
from modelyard.ports.database import Transaction


class FileSetService(Lake, ABC):
    """Sets of files."""

    _desk: Desk
    _adds: Adds

    def filesets(
        self, *, branch: Name | None = None, every: bool = False, cursor: str | None = None, limit: Limit = 100
    ) -> Page[FileSet]:
        """List the file sets of a branch, by name."""
        from modelyard.lake.service.filesets.rows import fileset_of

        after = PREFIX + place_of(cursor, "")
        found = catalogue.entries(
            calls.current().tx, branch=branch or MAIN, every=every, after=after, most=limit + 1
        )  # fmt: skip
        sets = [fileset_of(entry) for entry in found if is_listing(entry.name)]
        return page_of(sets, limit, lambda each: (each.name,))

    def create_fileset(
        self, name: Name, *, columns: tuple[Column, ...] = (), description: str = "", branch: Name | None = None
    ) -> FileSet:
        """Make an empty set."""
        from modelyard.lake.service.filesets.edits import Edit, Terms, carry_out
        from modelyard.lake.service.filesets.rows import entry_of, fileset_of

        columns_with(columns)

        def prepare(head: catalogue.Entry | None) -> Edit:
            if head is not None:
                raise AlreadyExists(f"there is a file set {name}, at version {head.version}; add files to it")
            return Edit(columns=columns, description=description)

        carry_out(self._desk, Terms(name, "create", "create", branch=branch or MAIN), prepare)
        return calls.current().unit(lambda: fileset_of(entry_of(name, None, branch=branch)))

    def fileset(self, name: Name, *, at: str | None = None) -> FileSet:
        """Show one set."""
        from modelyard.lake.service.filesets.rows import entry_of, fileset_of

        return fileset_of(entry_of(name, at))

    def fileset_history(
        self, name: Name, *, branch: Name | None = None, cursor: str | None = None, limit: Limit = 50
    ) -> Page[Version]:
        """List a set's versions on a branch, newest first."""
        from modelyard.lake.service.filesets.rows import entry_of

        entry_of(name, None, branch=branch)
        return self.history(table_of(name), branch=branch, cursor=cursor, limit=limit)

    def tag_fileset(self, name: Name, tag: Name, *, version: int | None = None) -> Version:
        """Name a version of a set."""
        from modelyard.lake.service.filesets.rows import entry_of

        entry_of(name, None if version is None else str(version))
        return self.tag(table_of(name), tag, version=version)

    def missing_files(self, name: Name, add: AddName, digests: tuple[FileDigest, ...]) -> tuple[str, ...]:
        """Tell which contents must travel."""
        from modelyard.lake.service.filesets import uploads

        return uploads.missing(self._desk, name, add, digests)

    def upload_files(self, name: Name, add: AddName, content: Iterable[bytes]) -> list[FileFacts]:
        """Bring contents."""
        from modelyard.lake.service.filesets import uploads

        return uploads.upload(self._desk, self._adds, name, add, content)

    def commit_files(
        self, name: Name, content: Iterable[bytes], *, add: AddName | None = None, mirror: bool = False,
        message: str = "", branch: Name | None = None, after: int | None = None,
    ) -> FilesCommit:  # fmt: skip
        """Add and replace files in one commit."""
        from modelyard.lake.service.filesets import taking
        from modelyard.lake.service.filesets.edits import Terms

        intake = taking.Intake(taking.entries_of(content), mirror=mirror, after=after)
        done = taking.take_in(self._desk, Terms(name, "add", message, add=add, branch=branch or MAIN), intake)
        if add is not None:
            self._adds.release(self._desk, add)
        return done

    def put_file(
        self, name: Name, path: FilePath, content: Iterable[bytes], *, labels: tuple[Label, ...] | None = None,
        split: SplitName | None = None, message: str = "",
        branch: Name | None = None,
    ) -> File:  # fmt: skip
        """Add or replace one file."""
        from modelyard.lake.api.paths import check_path
        from modelyard.lake.service.filesets import rows, taking, uploads
        from modelyard.lake.service.filesets.edits import Terms

        check_path(path)
        add = ADD.new(calls.current().clock)
        facts = uploads.single(self._desk, self._adds, name, add, content)
        entry = FileEntry(path=path, digest=facts.digest, labels=labels, split=split)
        done = taking.take_in(
            self._desk, Terms(name, "add", message, add=add, branch=branch or MAIN), taking.Intake([entry])
        )
        self._adds.release(self._desk, add)
        head = calls.current().unit(lambda: rows.entry_of(name, str(done.version)))
        return rows.one(self._desk, head, path)

    def remove_files(
        self, name: Name, *, paths: tuple[FilePath, ...] = (), where: str | None = None, message: str = "",
        branch: Name | None = None,
    ) -> FilesCommit:  # fmt: skip
        """Remove files from the newest version."""
        from modelyard.lake.service.filesets import changing
        from modelyard.lake.service.filesets.edits import Terms

        return changing.removed(
            self._desk, Terms(name, "remove", message, branch=branch or MAIN), changing.Chosen(paths, where)
        )

    def list_files(
        self, name: Name, *, at: str | None = None, prefix: str = "", label: str | None = None,
        split: str | None = None, where: str | None = None, cursor: str | None = None, limit: Limit = 100,
    ) -> Page[File]:  # fmt: skip
        """List files in order of path."""
        from modelyard.lake.service.filesets import rows, showing
        from modelyard.lake.store.filesets import matching

        asked, entry = matching(prefix, label, split, where), rows.entry_of(name, at)
        return showing.listed(self._desk, entry, matching=asked, after=place_of(cursor, ""), limit=limit)

    def walk_files(
        self, name: Name, *, at: str | None = None, prefix: str = "", label: str | None = None,
        split: str | None = None, where: str | None = None,
    ) -> Iterator[File]:  # fmt: skip
        """Give every file that matches."""
        from modelyard.lake.service.filesets import rows, showing
        from modelyard.lake.store.filesets import matching

        asked = matching(prefix, label, split, where)
        return showing.walked(self._desk, rows.entry_of(name, at), matching=asked)

    def count_files(
        self, name: Name, *, at: str | None = None, prefix: str = "", label: str | None = None,
        split: str | None = None, where: str | None = None,
    ) -> FileCounts:  # fmt: skip
        """Count files by label, split and media type."""
        from modelyard.lake.service.filesets import rows, showing
        from modelyard.lake.store.filesets import matching

        asked = matching(prefix, label, split, where)
        return showing.counted(self._desk, rows.entry_of(name, at), matching=asked)

    def file(self, name: Name, path: FilePath, *, at: str | None = None) -> File:
        """Show one file."""
        from modelyard.lake.service.filesets import rows

        return rows.one(self._desk, rows.entry_of(name, at), path)

    def read_file(
        self, name: Name, path: FilePath, *, at: str | None = None, start: int = 0, stop: int | None = None
    ) -> Content:
        """Give a file's bytes."""
        from modelyard.lake.service.filesets import showing

        return showing.content(self._desk, name, path, at, (start, stop))

    def fetch_files(self, name: Name, digests: tuple[FileDigest, ...]) -> Iterator[bytes]:
        """Give many contents."""
        from modelyard.lake.service.filesets import showing

        return showing.fetched(self._desk, name, digests)

    def thumbnail(self, name: Name, path: FilePath, *, at: str | None = None, size: int = 256) -> Iterator[bytes]:
        """Give an image in small."""
        from modelyard.lake.service.filesets import showing

        return showing.thumbnail(self._desk, name, path, at, size)

    def waveform(self, name: Name, path: FilePath, *, at: str | None = None, bars: int = 200) -> Waveform:
        """Draw a sound in few bars."""
        from modelyard.lake.service.filesets import showing

        return showing.waveform(self._desk, name, path, at, bars)

    def label_files(
        self, name: Name, *, paths: tuple[FilePath, ...] = (), where: str | None = None,
        add: tuple[Label, ...] = (), remove: tuple[Label, ...] = (), replace: tuple[Label, ...] | None = None,
        message: str = "", branch: Name | None = None,
    ) -> FilesCommit:  # fmt: skip
        """Change labels of files."""
        from modelyard.lake.service.filesets import changing
        from modelyard.lake.service.filesets.edits import Terms

        relabel = changing.labels_after(add, remove, replace)
        return changing.relabelled(
            self._desk, Terms(name, "label", message, branch=branch or MAIN), changing.Chosen(paths, where), relabel
        )

    def split_files(
        self, name: Name, shares: dict[SplitName, float], *, seed: int = 0, by: str | None = None,
        where: str | None = None, only_new: bool = False, message: str = "",
        branch: Name | None = None,
    ) -> FilesCommit:  # fmt: skip
        """Assign splits by a hash."""
        from modelyard.lake.service.filesets import changing
        from modelyard.lake.service.filesets.edits import Terms

        return changing.split(
            self._desk, Terms(name, "split", message, branch=branch or MAIN), shares, seed=seed, by=by,
            which=changing.Chosen(where=where), only_new=only_new,
        )  # fmt: skip

    def diff_files(
        self, name: Name, base: str, target: str | None = None, *, cursor: str | None = None, limit: Limit = 100
    ) -> FileDifference:
        """Show which files differ between two versions."""
        from modelyard.lake.service.filesets import differences, rows

        before, after = rows.entry_of(name, base), rows.entry_of(name, target)
        return differences.difference(self._desk, before, after, cursor=cursor, limit=limit)

    def restore_fileset(self, name: Name, at: str, *, message: str = "", branch: Name | None = None) -> FilesCommit:
        """Make the set as it was."""
        from modelyard.lake.service.filesets import changing
        from modelyard.lake.service.filesets.edits import Terms

        terms = Terms(name, "restore", message or f"restore {at}", branch=branch or MAIN)
        return changing.restored(self._desk, terms, name, at)

    def drop_fileset(self, name: Name) -> Collected:
        """Remove a set with all of its versions."""
        from modelyard.lake.api import LOAD
        from modelyard.lake.service import upkeep
        from modelyard.lake.service.filesets import keeping, rows

        with self._desk.bench(LOAD.new(calls.current().clock)):
            upkeep.drop(self._desk, rows.entry_of(name, None), branch=MAIN)
            return keeping.collect(self._desk)

    def verify_files(self, name: Name, *, at: str | None = None) -> Iterator[FilesChecked]:
        """Read every content and compare it with its hash."""
        from modelyard.lake.service.filesets import keeping

        return keeping.verified(self._desk, name, at)

    def erase_files(self, name: Name, column: str, values: tuple[str, ...]) -> FileErasure:
        """Remove files from every version of a set, and their bytes."""
        from modelyard.lake.service.filesets import keeping

        return keeping.erase(self._desk, name, column, values)

    def erase_object(self, digest: FileDigest) -> FileErasure:
        """Remove a content everywhere."""
        from modelyard.lake.service.filesets import keeping

        return keeping.erase_everywhere(self._desk, digest)

    def collect_objects(self) -> Collected:
        """Remove contents that no version refers to."""
        from modelyard.lake.service.filesets import keeping

        return keeping.collect(self._desk)

    def sweep_contents(self, jobs: Sequence[str]) -> int:
        """Remove contents that jobs brought whose process died; how many."""
        if self._desk.kept is None:
            return 0
        from modelyard.lake.service.filesets import keeping

        return keeping.swept(self._desk, jobs)


def plain_tables(tx: Transaction, *, branch: str, every: bool, after: str, most: int) -> list[catalogue.Entry]:
    """Tables as a branch shows them, those left out that list the files of sets."""
    found: list[catalogue.Entry] = []
    while len(found) < most:
        page = catalogue.entries(tx, branch=branch, every=every, after=after, most=most)
        found += [entry for entry in page if not is_listing(entry.name)]
        if len(page) < most:
            break
        after = AFTER_FILESETS if is_listing(page[-1].name) else page[-1].name
    return found[:most]

"""File sets: images, sounds, texts, any files, versioned like tables: the door to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from modelyard.kernel.operations import ANY, Effect, operation, stream
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name
from modelyard.lake.api.files import (
    THUMBNAIL,
    AddName,
    Collected,
    File,
    FileCounts,
    FileDifference,
    FileDigest,
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
from modelyard.lake.api.records import Column, Version


class FileSetOperations(ABC):
    """Sets of files: content-addressed bytes, and a table that lists them."""

    @operation("GET", "/filesets", scope="lake:read")
    @abstractmethod
    def filesets(
        self, *, branch: Name | None = None, every: bool = False, cursor: str | None = None, limit: Limit = 100
    ) -> Page[FileSet]:
        """List the file sets of a branch, by name.

        Args:
            branch: `main` where it is left out.
            every: also those that the branch does not show, at the newest version that there is of them anywhere.
        """

    @operation("POST", "/filesets", scope="lake:write", about="fileset:{name}", effect=Effect.WORK)
    @abstractmethod
    def create_fileset(
        self, name: Name, *, columns: tuple[Column, ...] = (), description: str = "", branch: Name | None = None
    ) -> FileSet:
        """Make an empty set. Adding files makes one too; make it first to give it columns of its own.

        Args:
            columns: what else is kept of each file, e.g. the patient it shows: `string`, `int64`, `float64`, `bool`,
                `date` or `timestamp`.
            branch: the branch that is to have it; `main` where it is left out. Every change of files takes one.

        Raises:
            AlreadyExists: there is one of that name.
        """

    @operation("GET", "/filesets/{name}", scope="lake:read", about="fileset:{name}")
    @abstractmethod
    def fileset(self, name: Name, *, at: str | None = None) -> FileSet:
        """Show one set.

        Args:
            at: a version (`3`), a tag, a branch or a moment; the newest where it is left out.

        Raises:
            NotFound: no such set or version.
        """

    @operation("GET", "/filesets/{name}/versions", scope="lake:read", about="fileset:{name}")
    @abstractmethod
    def fileset_history(
        self, name: Name, *, branch: Name | None = None, cursor: str | None = None, limit: Limit = 50
    ) -> Page[Version]:
        """List a set's versions on a branch, newest first."""

    @operation("PUT", "/filesets/{name}/tags/{tag}", scope="lake:write", about="fileset:{name}")
    @abstractmethod
    def tag_fileset(self, name: Name, tag: Name, *, version: int | None = None) -> Version:
        """Name a version of a set, so that `name@tag` reads it; an existing tag moves.

        Args:
            version: the newest where it is left out.
        """

    @operation(
        "POST", "/filesets/{name}/missing", scope="lake:write", about="fileset:{name}", effect=Effect.SCAN,
        command="-",
    )  # fmt: skip
    @abstractmethod
    def missing_files(self, name: Name, add: AddName, digests: tuple[FileDigest, ...]) -> tuple[str, ...]:
        """Tell which contents must travel: those that neither a version of this set has nor this add brought already.

        What other sets hold is not told: whoever adds a file must have its bytes.

        Args:
            add: an id of your own for this adding; a fresh one each time.
        """

    @stream(
        "POST", "/filesets/{name}/uploads/{add}", scope="lake:write", about="fileset:{name}", command="-",
        audited=False,
    )  # fmt: skip
    @abstractmethod
    def upload_files(self, name: Name, add: AddName, content: Iterable[bytes]) -> list[FileFacts]:
        """Bring contents, several in one request. Nothing is visible before `commit_files` names them.

        Args:
            content: for each file its size in bytes as 8 bytes, most significant first, then its bytes.

        Raises:
            Malformed: the frames do not fit the bytes.
        """

    @stream("POST", "/filesets/{name}/commits", scope="lake:write", about="fileset:{name}", command="-")
    @abstractmethod
    def commit_files(
        self, name: Name, content: Iterable[bytes], *, add: AddName | None = None, mirror: bool = False,
        message: str = "", branch: Name | None = None, after: int | None = None,
    ) -> FilesCommit:  # fmt: skip
        """Add and replace files in one commit, all or nothing; a set that does not exist is made.

        Args:
            content: JSON lines of `FileEntry`: path, digest, and where wanted labels, split, attributes.
            add: the adding that brought the contents.
            mirror: True removes every file that is not named.
            after: the version that the set must stand at, for whoever names only what differs from it.

        Raises:
            InvalidInput: a path that could leave a folder, clashes with another or is not portable; the text names it.
            StaleVersion: contents are not here (any more); upload them and repeat. Or the set stands elsewhere.
        """

    @stream("PUT", "/filesets/{name}/content/{path*}", scope="lake:write", about="fileset:{name}")
    @abstractmethod
    def put_file(
        self, name: Name, path: FilePath, content: Iterable[bytes], *, labels: tuple[Label, ...] | None = None,
        split: SplitName | None = None, message: str = "",
        branch: Name | None = None,
    ) -> File:  # fmt: skip
        """Add or replace one file.

        Example:
            yard lake put-file cats train/tom.png tom.png --labels cat
        """

    @operation(
        "POST", "/filesets/{name}/removals", scope="lake:write", about="fileset:{name}", effect=Effect.WORK,
        private=("where",),
    )  # fmt: skip
    @abstractmethod
    def remove_files(
        self, name: Name, *, paths: tuple[FilePath, ...] = (), where: str | None = None, message: str = "",
        branch: Name | None = None,
    ) -> FilesCommit:  # fmt: skip
        """Remove files from the newest version; older versions keep them.

        Args:
            where: a condition in SQL over `path`, `size_bytes`, `media_type`, `labels`, `split`, ...; with `paths`,
                both must hold.

        Raises:
            NotFound: a path is not in the set.
        """

    @operation("GET", "/filesets/{name}/files", scope="lake:read", about="fileset:{name}", effect=Effect.SCAN)
    @abstractmethod
    def list_files(
        self, name: Name, *, at: str | None = None, prefix: str = "", label: str | None = None,
        split: str | None = None, where: str | None = None, cursor: str | None = None, limit: Limit = 100,
    ) -> Page[File]:  # fmt: skip
        """List files in order of path.

        Args:
            prefix: only paths that begin so.
            label: only files with this label; an empty text: only files without any.
            split: only files of this split; an empty text: only files without one.
            where: a condition in SQL, e.g. `width > 512 and list_contains(labels, 'cat')`.
        """

    @stream("GET", "/filesets/{name}/walk", scope="lake:read", about="fileset:{name}", command="-")
    @abstractmethod
    def walk_files(
        self, name: Name, *, at: str | None = None, prefix: str = "", label: str | None = None,
        split: str | None = None, where: str | None = None,
    ) -> Iterator[File]:  # fmt: skip
        """Give every file that matches, in order of path, one line each."""

    @operation("GET", "/filesets/{name}/counts", scope="lake:read", about="fileset:{name}", effect=Effect.SCAN)
    @abstractmethod
    def count_files(
        self, name: Name, *, at: str | None = None, prefix: str = "", label: str | None = None,
        split: str | None = None, where: str | None = None,
    ) -> FileCounts:  # fmt: skip
        """Count files by label, split and media type, for a filter that stands beside a gallery."""

    @operation("GET", "/filesets/{name}/files/{path*}", scope="lake:read", about="fileset:{name}", effect=Effect.SCAN)
    @abstractmethod
    def file(self, name: Name, path: FilePath, *, at: str | None = None) -> File:
        """Show one file.

        Raises:
            NotFound: the version has no such file.
        """

    @stream("GET", "/filesets/{name}/content/{path*}", scope="lake:read", about="fileset:{name}", media=ANY)
    @abstractmethod
    def read_file(
        self, name: Name, path: FilePath, *, at: str | None = None, start: int = 0, stop: int | None = None
    ) -> Iterator[bytes]:
        """Give a file's bytes, or those from `start` up to `stop`.

        Over HTTP images, sounds, films and plain text come under their type, everything else as plain bytes.

        Raises:
            NotFound: the version has no such file.
            Damaged: the bytes do not match their hash.
        """

    @stream(
        "POST", "/filesets/{name}/fetches", scope="lake:read", about="fileset:{name}", effect=Effect.SCAN, command="-"
    )  # fmt: skip
    @abstractmethod
    def fetch_files(self, name: Name, digests: tuple[FileDigest, ...]) -> Iterator[bytes]:
        """Give many contents that versions of the set have, in the order asked for.

        Each comes as its size in 8 bytes, most significant first, then its bytes.

        Raises:
            NotFound: no version of the set has one of them.
        """

    @stream(
        "GET", "/filesets/{name}/thumbnails/{path*}", scope="lake:read", about="fileset:{name}", media=THUMBNAIL,
        effect=Effect.WORK,
    )  # fmt: skip
    @abstractmethod
    def thumbnail(self, name: Name, path: FilePath, *, at: str | None = None, size: int = 256) -> Iterator[bytes]:
        """Give an image in small, as WebP; made at the first call and kept.

        Args:
            size: the longer side in pixels: 64, 128, 256 or 512.

        Raises:
            UnsupportedMedia: it is no image that is drawn here.
            TooLarge: it has more pixels than are unpacked here.
            MissingExtra: Pillow is not installed.
        """

    @operation(
        "GET", "/filesets/{name}/waveforms/{path*}", scope="lake:read", about="fileset:{name}", effect=Effect.SCAN
    )
    @abstractmethod
    def waveform(self, name: Name, path: FilePath, *, at: str | None = None, bars: int = 200) -> Waveform:
        """Draw a sound (WAV, PCM) in few bars.

        Args:
            bars: 10 to 2,000.

        Raises:
            UnsupportedMedia: it is no sound that is read here.
        """

    @operation(
        "POST", "/filesets/{name}/labels", scope="lake:write", about="fileset:{name}", effect=Effect.WORK,
        private=("where",),
    )  # fmt: skip
    @abstractmethod
    def label_files(
        self, name: Name, *, paths: tuple[FilePath, ...] = (), where: str | None = None,
        add: tuple[Label, ...] = (), remove: tuple[Label, ...] = (), replace: tuple[Label, ...] | None = None,
        message: str = "", branch: Name | None = None,
    ) -> FilesCommit:  # fmt: skip
        """Change labels of files, one by one or all that match; who and when stand in the version.

        Args:
            where: a condition in SQL; with `paths`, both must hold.
            add, remove: labels to put on and to take off.
            replace: the labels that files are to have instead of theirs; then neither `add` nor `remove`.
        """

    @operation(
        "POST", "/filesets/{name}/splits", scope="lake:write", about="fileset:{name}", effect=Effect.WORK,
        private=("where",),
    )  # fmt: skip
    @abstractmethod
    def split_files(
        self, name: Name, shares: dict[SplitName, float], *, seed: int = 0, by: str | None = None,
        where: str | None = None, only_new: bool = False, message: str = "",
        branch: Name | None = None,
    ) -> FilesCommit:  # fmt: skip
        """Assign splits by a hash of each file's path: stable, whatever is added or removed later.

        Args:
            shares: e.g. `{"train": 0.8, "test": 0.2}`; together 1.
            seed: another seed is another assignment.
            by: a column whose equal values must not be torn apart, e.g. `patient`; `folder` for the path's folder,
                `digest` for equal bytes.
            only_new: True leaves files that have a split already.
        """

    @operation("GET", "/filesets/{name}/diff", scope="lake:read", about="fileset:{name}", effect=Effect.SCAN)
    @abstractmethod
    def diff_files(
        self, name: Name, base: str, target: str | None = None, *, cursor: str | None = None, limit: Limit = 100
    ) -> FileDifference:
        """Show which files differ between two versions.

        Args:
            base: a version, a tag, a branch or a moment.
            target: the same; the newest where it is left out.
        """

    @operation("POST", "/filesets/{name}/restores", scope="lake:write", about="fileset:{name}", effect=Effect.WORK)
    @abstractmethod
    def restore_fileset(self, name: Name, at: str, *, message: str = "", branch: Name | None = None) -> FilesCommit:
        """Make the set as it was: a new version with the files of an old one.

        Args:
            at: a version, a tag, a branch or a moment.
        """

    @operation("DELETE", "/filesets/{name}", scope="lake:drop", about="fileset:{name}", effect=Effect.WORK)
    @abstractmethod
    def drop_fileset(self, name: Name) -> Collected:
        """Remove a set with all of its versions, and the contents that no other set has."""

    @stream("GET", "/filesets/{name}/checks", scope="lake:read", about="fileset:{name}", command="verify-files")
    @abstractmethod
    def verify_files(self, name: Name, *, at: str | None = None) -> Iterator[FilesChecked]:
        """Read every content and compare it with its hash; lines of progress, the last one says `done`.

        Args:
            at: one version; every version where it is left out.
        """

    @operation(
        "POST", "/filesets/{name}/erasures", scope="lake:erase", about="fileset:{name}", effect=Effect.WORK,
        private=("values",),
    )  # fmt: skip
    @abstractmethod
    def erase_files(self, name: Name, column: str, values: tuple[str, ...]) -> FileErasure:
        """Remove files from every version of a set, and their bytes from the disk.

        Bytes that another file has too, in whatever set, stay for that file.

        Args:
            column: the column that names whom or what to erase, e.g. `patient`, or `path`.
            values: its values, as text.
        """

    @operation("POST", "/objects/{digest}/erasures", scope="lake:erase", effect=Effect.WORK, command="erase-object")
    @abstractmethod
    def erase_object(self, digest: FileDigest) -> FileErasure:
        """Remove a content everywhere: from every version of every set, its thumbnails, and the disk.

        Args:
            digest: as `yard lake file NAME PATH` shows it.
        """

    @operation("POST", "/objects/collections", scope="lake:admin", effect=Effect.WORK)
    @abstractmethod
    def collect_objects(self) -> Collected:
        """Remove contents of file sets that no version refers to and no adding is bringing."""

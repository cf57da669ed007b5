"""File sets in a user's hands: folders added and checked out, and readers for training.

yard.lake.add_folder("cats", "photos", describe="folder")
yard.lake.checkout("cats@3", "work")
for content, file in yard.lake.fileset("cats@3").reader(shuffle=7, shard=(0, 2)): ...
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.lake.api import File, FilesCommit, FileSet, Lake
from modelyard.sdk.filesets.contents import Contents, Fetched
from modelyard.sdk.proxy import Transport, proxy

if TYPE_CHECKING:
    from modelyard.kernel.refs import Name
    from modelyard.sdk.filesets.adding import Describe, Tell
    from modelyard.sdk.filesets.checkout import CheckedOut, Link
    from modelyard.sdk.filesets.reader import Reader


class OpenFileSet(FileSet, frozen=True, kw_only=True):
    """A file set at one version, and what can be done with its files here."""

    lake: Lake
    contents: Contents

    def walk(
        self, *, prefix: str = "", label: str | None = None, split: str | None = None, where: str | None = None
    ) -> Iterator[File]:
        """Every file that matches, in order of path."""
        return self.lake.walk_files(
            self.name, at=str(self.version), prefix=prefix, label=label, split=split, where=where
        )  # fmt: skip

    def reader(
        self, *, shuffle: int | None = None, shard: tuple[int, int] = (0, 1), split: str | None = None,
        label: str | None = None, where: str | None = None, keep: str | Path | None = None,
    ) -> Reader:  # fmt: skip
        """Bytes and record of each file, for training.

        Args:
            shuffle: a seed that decides the order; None: by path.
            shard: `(i, n)`: the i-th of n shares, counted from 0.
            split, label, where: only such files.
            keep: a folder in which contents stay, so that they travel once; of use with a remote yard.
        """
        from modelyard.sdk.filesets.reader import Reader

        contents = self.contents
        if keep is not None and isinstance(contents, Fetched):
            contents = contents.keeping(Path(keep))
        files = self.walk(label=label, split=split, where=where)
        return Reader(contents, self.name, self.version, files, shuffle=shuffle, shard=shard)

    def checkout(self, folder: str | Path, *, link: Link | None = None, overwrite: bool = False) -> CheckedOut:
        """Make a folder hold this version; see `LakeHandle.checkout`."""
        from modelyard.sdk.filesets.checkout import Checkout, Link

        made = Checkout(self.contents, Path(folder), link=link or Link.REFLINK, overwrite=overwrite)
        return made.run(self.name, self.version, self.walk())


class FileSetHandle(Lake, ABC):
    """The lake's operations, and what moves whole sets of files."""

    _transport: Transport
    _contents: Contents | None = None

    def take_contents_from(self, contents: Contents | None) -> None:
        """Say where contents lie, if they lie on this machine; else they are fetched."""
        self._contents = contents

    def fileset(self, name: Name, *, at: str | None = None) -> OpenFileSet:
        """Open a set: `cats`, or with what stands behind an `@`: a version (`cats@3`), a tag, a branch or a moment."""
        lake = proxy(Lake, self._transport)
        plain, _, ref = name.partition("@")
        found = lake.fileset(plain, at=ref or at)
        told = {field: getattr(found, field) for field in found.__struct_fields__}
        return OpenFileSet(**told, lake=lake, contents=self._contents or Fetched(self._transport))

    def add_folder(
        self,
        name: Name,
        folder: str | Path,
        *,
        into: str = "",
        describe: Describe = None,
        mirror: bool = False,
        message: str = "",
        progress: Tell | None = None,
        cache: bool = True,
    ) -> FilesCommit:
        """Add every file below a folder, in one commit; only contents that are not there yet travel.

        Args:
            into: where in the set the files go, e.g. `train`.
            describe: what to note of each file, from its path; `folder` labels it by the folder it lies in.
            mirror: True removes every other file of the set.
            progress: is called with how far it has come.
            cache: False hashes files anew that seem unchanged since the last time.

        Raises:
            InvalidInput: a link, a device, or a name that no set can hold; the text names it, and nothing was added.
        """
        from modelyard.kernel.errors import InvalidInput
        from modelyard.sdk.filesets.adding import Adding
        from modelyard.sdk.filesets.folder import Memory, files_in

        if mirror and into:
            raise InvalidInput("a mirror is of the whole set; leave out either `into` or `mirror`")
        source = Path(folder)
        found = list(files_in(source, into))
        adding = Adding(
            proxy(Lake, self._transport), name, memory=Memory(source) if cache else None, tell=progress
        )  # fmt: skip
        return adding.run(found, describe=describe, mirror=mirror, message=message or f"add {source.name}")

    def checkout(
        self, ref: str, folder: str | Path, *, link: Link | None = None, overwrite: bool = False
    ) -> CheckedOut:
        """Make a folder hold a version of a set; done again, it changes only what differs.

        Args:
            ref: `cats`, `cats@3`, `cats@tag`.
            link: how files come: `reflink` (the default; a copy where the disk cannot), `copy`, or `hardlink` for
                large files that are read only.
            overwrite: True writes over files that no check-out left so.

        Raises:
            Conflict: a file of somebody else stands in the way.
        """
        return self.fileset(ref).checkout(folder, link=link, overwrite=overwrite)

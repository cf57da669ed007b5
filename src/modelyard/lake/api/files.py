"""What a file set speaks of: sets, files, what changed between versions, what was checked or erased. Records only."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, NewType

from msgspec import Meta, Struct

from modelyard.kernel.events import News
from modelyard.kernel.ids import IdKind
from modelyard.kernel.operations import PRIVATE
from modelyard.kernel.refs import Ref
from modelyard.lake.api.records import Cell, Column

AddId = NewType("AddId", str)
ADD = IdKind("add", AddId)
DRAWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff"})
"""Images of which a thumbnail is made."""

FilePath = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1000,
        extra=PRIVATE,
        description="below the set's root, parts divided by `/`, e.g. `train/a.png`",
    ),
]
FileDigest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bytes, 64 hex digits")]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
SplitName = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$")]
AddName = Annotated[AddId, Meta(pattern=r"^add_[0-9A-HJKMNP-TV-Z]{26}$", description="an id of one adding")]
THUMBNAIL = "image/webp"


class FileSet(Struct, frozen=True, kw_only=True):
    """A file set as it stands at one version.

    Attributes:
        ref: `fileset:cats@3`.
        table: the table that lists its files, for `yard sql`: `"fileset.cats"`, in quotes.
        columns: what is kept of each file beside the usual: the set's own columns.
    """

    name: str
    ref: Ref
    table: str
    version: int
    files: int
    columns: tuple[Column, ...]
    description: str
    created_ms: int
    updated_ms: int


class FileFacts(Struct, frozen=True, kw_only=True):
    """What bytes are, as found out from themselves; None where a kind has no such thing or it is not told.

    Attributes:
        media_type: sniffed from the first bytes, e.g. `image/png`.
        width, height: in pixels.
        duration_ms, sample_rate, channels: of sound; the rate in samples a second.
    """

    digest: FileDigest
    size_bytes: int
    media_type: str
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    sample_rate: int | None = None
    channels: int | None = None


class File(Struct, frozen=True, kw_only=True):
    """One file of a set.

    Attributes:
        split: e.g. `train`; empty where none was assigned.
        added_by, added_ms: who brought these bytes, and when.
        attributes: values of the set's own columns.
    """

    path: str
    facts: FileFacts
    labels: tuple[str, ...]
    split: str
    added_by: str
    added_ms: int
    attributes: dict[str, Cell]


class FileEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file as it is to be: its path, its bytes by their digest, and what is to be noted of it.

    What is None stays as it is; for a file that is new it is empty.
    """

    path: FilePath
    digest: FileDigest
    labels: tuple[Label, ...] | None = None
    split: str | None = None
    attributes: dict[str, Cell] | None = None


class FilesCommit(Struct, frozen=True, kw_only=True):
    """What became of a set.

    Attributes:
        version: the version there is now; no new one is made where nothing changed.
        replaced: files that have other bytes now.
        edited: files of which only labels, split or own columns changed.
    """

    fileset: str
    ref: Ref
    version: int
    added: int
    replaced: int
    removed: int
    edited: int
    unchanged: int


class FileFate(StrEnum):
    """What became of a file from one version to another."""

    ADDED = "added"
    REMOVED = "removed"
    REPLACED = "replaced"
    EDITED = "edited"


class FileChange(Struct, frozen=True, kw_only=True):
    """A file that differs between two versions."""

    path: str
    fate: FileFate
    old: File | None
    new: File | None


class FileDifference(Struct, frozen=True, kw_only=True):
    """How two versions of a set differ; the counts are of all files, `files` is one page of them in order of path.

    Attributes:
        next: pass it as `cursor` for the page that follows; None means that was all.
    """

    fileset: str
    base: Ref
    target: Ref
    added: int
    removed: int
    replaced: int
    edited: int
    files: list[FileChange]
    next: str | None = None


class FileCounts(Struct, frozen=True, kw_only=True):
    """How many files there are of which kind; of labels and types the 200 most frequent."""

    fileset: str
    version: int
    files: int
    size_bytes: int
    labels: dict[str, int]
    unlabelled: int
    splits: dict[str, int]
    media_types: dict[str, int]


class FilesChecked(Struct, frozen=True, kw_only=True):
    """How far a check of the bytes has come; the last one says `done`.

    Attributes:
        missing, damaged: paths found since the line before, each with the newest version that has it: `a.png@3`.
    """

    checked: int
    total: int
    size_bytes: int
    missing: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    done: bool = False


class FileErasure(Struct, frozen=True, kw_only=True):
    """What an erasure removed; it names neither paths nor values.

    Attributes:
        rows: files that left the newest versions.
        versions: the versions that held any; they stay readable without them.
        objects: contents whose bytes are gone from the disk, thumbnails not counted.
        shared: contents that stay, because other files of some set have the very same bytes.
    """

    rows: int
    versions: tuple[Ref, ...]
    objects: int
    shared: int
    at_ms: int


class Waveform(Struct, frozen=True, kw_only=True):
    """A sound drawn in few bars: the loudest sample of each stretch, from 0 to 1."""

    path: str
    duration_ms: int
    sample_rate: int
    channels: int
    peaks: list[float]


class Collected(Struct, frozen=True, kw_only=True):
    """Contents that no version of any set refers to and that were removed."""

    objects: int
    size_bytes: int


class FileSetChanged(News, frozen=True, kw_only=True):
    """Files of a set were added, replaced, removed, labelled or split; the versions' difference says which."""

    fileset: str
    version: int
    operation: str
    added: int
    replaced: int
    removed: int
    edited: int


class FilesErased(News, frozen=True, kw_only=True):
    """Files left every version of a set, and their bytes the disk."""

    fileset: str
    rows: int
    objects: int

"""What the lake speaks of: tables, columns, versions, loads, quarantined rows. Records only, no behaviour."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, NewType

from msgspec import Meta, Struct

from modelyard.kernel.ids import ActorId, IdKind
from modelyard.kernel.refs import Name, Ref

CommitId = NewType("CommitId", str)
LoadId = NewType("LoadId", str)
COMMIT = IdKind("commit", CommitId)
LOAD = IdKind("load", LoadId)

TYPE_PATTERN = (
    r"^(bool|int8|int16|int32|int64|float32|float64|string|binary|date|timestamp|decimal\([0-9]{1,2}, ?[0-9]{1,2}\)"
    r"|list<(bool|int32|int64|float32|float64|string)>)$"
)
TypeName = Annotated[
    str,
    Meta(
        pattern=TYPE_PATTERN,
        description="bool, int8 to int64, float32, float64, string, binary, date, timestamp (UTC, microseconds), "
        "decimal(p, s), or list<element>",
    ),
]
ColumnName = Annotated[str, Meta(min_length=1, max_length=200)]
Cell = bool | int | float | str | None
"""One value as JSON shows it: times as ISO 8601 text, bytes as hex, lists as JSON text."""


class Classification(StrEnum):
    """How careful one must be with a column; such columns leave no statistics in the table's log."""

    PII = "pii"
    PHI = "phi"
    SECRET = "secret"  # noqa: S105 - the word for a class of columns


class RowCheck(Struct, frozen=True, kw_only=True):
    """A condition that every row of a table holds; one that is null holds, as in SQL.

    Attributes:
        condition: SQL over the columns of one row, e.g. `fare >= 0`.
    """

    name: Name
    condition: Annotated[str, Meta(min_length=1, max_length=10_000)]


class Column(Struct, frozen=True, kw_only=True):
    """One column of a table.

    Attributes:
        partitioned: the table's files hold one value of it each, so that readers may pass over the rest.
        sparse: it was added without writing the files anew: where a file lacks it, it is null.
        checks: conditions on the table's rows, kept with the first column that they name.
        pseudonym: whose names it holds, e.g. `driver`: tokens stand there in their place, equal for equal names in
            every column of that word.
    """

    name: ColumnName
    type: TypeName
    nullable: bool = True
    comment: str = ""
    classification: Classification | None = None
    partitioned: bool = False
    sparse: bool = False
    checks: tuple[RowCheck, ...] = ()
    pseudonym: Name | None = None


class Mode(StrEnum):
    """What a load does to the table: make it, add rows, replace all rows, or replace the rows of equal key."""

    CREATE = "create"
    APPEND = "append"
    OVERWRITE = "overwrite"
    MERGE = "merge"


class Format(StrEnum):
    """How the rows of a source are written."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"
    ARROW = "arrow"
    EXCEL = "excel"


class Table(Struct, frozen=True, kw_only=True):
    """A table as it stands at its newest version.

    Attributes:
        ref: `table:trips@12`.
        keys: the columns that identify a row; empty where none were declared.
        quarantined: rows of its loads that wait in the quarantine.
    """

    name: str
    ref: Ref
    version: int
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    rows: int
    size_bytes: int
    quarantined: int
    description: str
    created_ms: int
    updated_ms: int


class Version(Struct, frozen=True, kw_only=True):
    """One version of a table and the lake commit that made it.

    Attributes:
        operation: `create`, `load`, `write`, `push`, `replay`, `erase`, `restore`, `publish`, `merge`, `compact`.
        schema_hash: equal for versions with equal columns.
        run: the run that wrote it, if one did.
        branch: the branch it was made on.
        parent: the version it was made from; None for a table's first.
        merged: the version of another branch that it took in.
        expired_ms: when retention let it go; None while it can be read.
    """

    table: str
    version: int
    ref: Ref
    commit: CommitId
    operation: str
    author: ActorId
    message: str
    run: str | None
    at_ms: int
    rows: int
    rows_added: int
    rows_removed: int
    size_bytes: int
    schema_hash: str
    load: LoadId | None
    reads: tuple[Ref, ...]
    branch: str = "main"
    parent: int | None = None
    merged: int | None = None
    expired_ms: int | None = None


class LoadState(StrEnum):
    """How a load ended."""

    DONE = "done"
    REFUSED = "refused"


class Load(Struct, frozen=True, kw_only=True):
    """One ingestion: from which bytes, into which version, and where each of its rows went.

    `rows_in == rows_loaded + rows_quarantined + rows_unchanged` holds for every load.

    Attributes:
        source: the name the caller gave, e.g. the file name.
        source_ref: `source:<name>@<first 12 of the digest>`.
        digest: SHA-256 of the bytes; empty once an erasure removed them.
        version: the table's version that it made; None if it was refused.
        dialect: what was sniffed: delimiter, header, encoding.
        notes: what a person should know: renamed columns, warnings of the contract.
        replays: the load whose quarantined rows were loaded again.
        branch: the branch it went to.
        origin: the declared source that it was pulled from; empty if it was sent.
        rows_unchanged: of a pull, rows that were in the table already.
        position_before, position_after: how far the source was read.
    """

    id: LoadId
    table: str
    version: int | None
    state: LoadState
    source: str
    source_ref: Ref | None
    digest: str
    size_bytes: int
    format: Format
    mode: Mode
    rows_in: int
    rows_loaded: int
    rows_quarantined: int
    held: int
    started_ms: int
    took_ms: int
    author: ActorId
    dialect: dict[str, str]
    notes: tuple[str, ...]
    replays: LoadId | None = None
    branch: str = "main"
    origin: str = ""
    rows_unchanged: int = 0
    position_before: str = ""
    position_after: str = ""


class RowState(StrEnum):
    """What became of a quarantined row."""

    HELD = "held"
    REPLAYED = "replayed"
    DROPPED = "dropped"


class QuarantinedRow(Struct, frozen=True, kw_only=True):
    r"""A row that the table did not take.

    Attributes:
        row: its place in the source, the first record after the header being 1.
        reasons: why, in words, e.g. `fare: 'abc' is not float64`.
        raw: the row as text of its format; bytes that are not UTF-8 are written as `\xNN`.
        note: why it was dropped, or the load that took it.
        by, at_ms: who said so, and when.
        position: where the row lies in the system it was pulled from, where that is more than its place.
    """

    load: LoadId
    table: str
    source: str
    row: int
    reasons: tuple[str, ...]
    raw: str
    state: RowState
    note: str = ""
    by: ActorId | None = None
    at_ms: int | None = None
    position: str = ""


class Mend(Struct, frozen=True, kw_only=True):
    """A corrected row: its place in the source and its text as it should have been."""

    row: int
    raw: str


class Preview(Struct, frozen=True, kw_only=True):
    """A window of a table's rows.

    Attributes:
        total: rows that match the filter, in the whole table.
        offset: place of the first row given here.
    """

    table: str
    version: int
    columns: tuple[Column, ...]
    rows: list[list[Cell]]
    total: int
    offset: int


class Bucket(Struct, frozen=True, kw_only=True):
    """One bar of a histogram: values from `low` up to `high`."""

    low: float
    high: float
    count: int


class TopValue(Struct, frozen=True, kw_only=True):
    """A frequent value and how often it comes."""

    value: Cell
    count: int


class ColumnProfile(Struct, frozen=True, kw_only=True):
    """What a column holds.

    Attributes:
        distinct: number of different values; above 200,000 rows estimated (HyperLogLog).
        mean, std, histogram: for numbers; None or empty elsewhere.
        low, high: smallest and largest value.
        quantiles: by their share, `0.01` to `0.99`, for numbers and times (seconds since 1970).
        shortest, longest, mean_length: of texts, in characters.

    Of a classified column only counts are told: no value, no bound, no mean, no length.
    """

    name: str
    type: str
    rows: int
    nulls: int
    distinct: int
    low: Cell
    high: Cell
    mean: float | None
    std: float | None
    histogram: tuple[Bucket, ...]
    top: tuple[TopValue, ...]
    quantiles: dict[str, float] = {}
    shortest: int | None = None
    longest: int | None = None
    mean_length: float | None = None


class TableProfile(Struct, frozen=True, kw_only=True):
    """What all columns of one version hold; computed once a version.

    Attributes:
        edition: which figures it has; one of an older edition is computed anew.
    """

    table: str
    version: int
    ref: Ref
    rows: int
    columns: tuple[ColumnProfile, ...]
    edition: int = 1


class Erasure(Struct, frozen=True, kw_only=True):
    """What an erasure removed; it never names the values.

    Attributes:
        rows: removed from the newest version.
        versions: versions that held a matching row; they stay readable without it.
        files: data files that were rewritten, as `table/path`.
        sources: source files removed whole because they held a value, as refs.
        quarantined: rows removed from the quarantine.
        version: the table's version afterwards.
    """

    table: str
    column: str
    rows: int
    versions: tuple[int, ...]
    files: tuple[str, ...]
    sources: tuple[Ref, ...]
    quarantined: int
    version: int
    at_ms: int


class Sweep(Struct, frozen=True, kw_only=True):
    """What a sweep removed: leftovers of writers that died; `objects` are contents that no file set came to have."""

    staged: int
    files: int
    tables: tuple[str, ...]
    undone: tuple[Ref, ...]
    objects: int = 0


class Declared(Struct, frozen=True, kw_only=True):
    """What a table is declared to be; columns may be left to inference.

    Attributes:
        keys: the columns that identify a row; merges and differences go by them.
        partitions: the columns by whose values files are kept apart, as `partitioned` of a column says.
        checks: conditions that every row holds; rows that break one go to the quarantine.
    """

    columns: tuple[Column, ...] = ()
    keys: tuple[str, ...] = ()
    description: str = ""
    partitions: tuple[str, ...] = ()
    checks: tuple[RowCheck, ...] = ()


class Reading(Struct, frozen=True, kw_only=True):
    """How to read a source, where sniffing should not decide.

    Attributes:
        format: sniffed from the first bytes and the name of the source where it is left out.
        delimiter: one character between fields of a CSV.
        header: whether the first record names the columns.
        encoding: `utf-8`, `utf-16`, `latin-1`, ...
        null: the unquoted text that stands for no value, beside the empty one.
        sheet: of a spreadsheet; the first where it is left out.
    """

    format: Format | None = None
    delimiter: str | None = None
    header: bool | None = None
    encoding: str | None = None
    null: tuple[str, ...] = ()
    sheet: str | None = None


SHAPE = ".shape"
"""How the name of a shape ends: an empty Parquet file with all columns of a version whose files may lack some."""


class Whereabouts(Struct, frozen=True, kw_only=True):
    """Where the rows of one version lie, for engines that read the files themselves.

    Attributes:
        address: where a Delta reader opens the table: a folder of the yard's machine, or a bucket.
        files: addresses of the version's Parquet files; besides the columns they hold `_load` and `_row`.
    """

    table: str
    version: int
    ref: Ref
    address: str
    files: tuple[str, ...]
    rows: int


class TableFiles(Struct, frozen=True, kw_only=True):
    """The Parquet files of one version, for a reader in this process; they must not be changed.

    Attributes:
        paths: where some files may lack a column, the first is a shape: then match columns by name, and one that a
            file lacks is null there.
    """

    table: str
    version: int
    ref: Ref
    columns: tuple[Column, ...]
    paths: tuple[str, ...]
    rows: int

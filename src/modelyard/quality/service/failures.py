"""All rows that broke a check of a report, found again where they are: in the version checked, or in the quarantine."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from modelyard.kernel.errors import Gone, InvalidInput
from modelyard.kernel.refs import parts
from modelyard.lake.api import Files, HeldRows, Lake, Load, LoadId, LoadState
from modelyard.ports.answers import framed
from modelyard.ports.queries import Queries
from modelyard.quality.api import DeclaredContract, Report, Severity
from modelyard.quality.model.checks import Check, checks_of, reason_of
from modelyard.quality.service import inspection
from modelyard.quality.service.surroundings import Surroundings
from modelyard.quality.store import compiled

_BATCH = 5_000
_HELD = pa.schema([("_row", pa.int64()), ("raw", pa.string()), ("reasons", pa.list_(pa.string()))])


def rows(
    queries: Queries, declared: DeclaredContract, report: Report, name: str, *, lake: Lake, files: Files,
    held: HeldRows,
) -> Iterator[bytes]:  # fmt: skip
    """Every row that broke the check called `name`, as an Arrow IPC stream.

    Raises:
        InvalidInput: it looks at the table as a whole, or could not be asked.
        Gone: the load was refused.
    """
    about = parts(report.about)
    around = Surroundings(lake, files, report.table, against=report.against)
    check = next((each for each in checks_of(declared.contract) if each.name == name), None)
    if check is None:
        raise InvalidInput(f"{name}: it is about a column, so that no single row breaks it; its note says more")
    if about.kind == "table":
        found = files.files(report.table, at=about.version, revealing=True)
        return inspection.failing_rows(queries, declared, found, name, around=around)
    load = lake.load_record(LoadId(about.name))
    if load.state is LoadState.REFUSED:
        raise Gone(f"load {load.id} was refused, so that its rows were not kept; mend the source and load it again")
    if compiled.is_rowwise(check) and check.severity is Severity.QUARANTINE:
        return _held(check, load, held)
    return _taken(queries, declared, load, name, files=files, held=held, around=around)


def _taken(
    queries: Queries, declared: DeclaredContract, load: Load, name: str, *, files: Files, held: HeldRows,
    around: Surroundings,
) -> Iterator[bytes]:  # fmt: skip
    """Rows that were noted and taken, as they stand in the version that the load made."""
    if load.version is None:
        return framed(_HELD, ())
    origin, places = load.id, None
    if load.replays is not None:
        origin = load.replays
        places = [row.row for row in held.held_rows(origin) if row.note == load.id]
    found = files.files(load.table, at=str(load.version), revealing=True)
    return inspection.failing_rows(queries, declared, found, name, around=around, load=str(origin), rows=places)


def _held(check: Check, load: Load, held: HeldRows) -> Iterator[bytes]:
    """Rows that went to the quarantine, by their reasons; of a replay, those that failed again are with its origin."""
    words = (reason_of(check), reason_of(check, hidden=True))

    def batches() -> Iterator[pa.RecordBatch]:
        waiting: list[dict[str, object]] = []
        for row in held.held_rows(load.replays or load.id):
            if any(word.fits(reason) for reason in row.reasons for word in words):
                waiting.append({"_row": row.row, "raw": row.raw, "reasons": list(row.reasons)})
            if len(waiting) == _BATCH:
                yield pa.RecordBatch.from_pylist(waiting, schema=_HELD)
                waiting = []
        if waiting:
            yield pa.RecordBatch.from_pylist(waiting, schema=_HELD)

    return framed(_HELD, batches())

"""Shapes: empty Parquet files that tell a query engine all columns of a version whose files may lack some.

They are made when a version is first read, are named by the columns they hold, and may be removed at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

import pyarrow.parquet as pq

from modelyard.lake.api import SHAPE, Column
from modelyard.lake.model.columns import arrow_schema, schema_hash


def shape(folder: Path, columns: Sequence[Column]) -> Path:
    """The empty file with these columns and provenance."""
    path = folder / f"{schema_hash(columns)}{SHAPE}"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as fresh:
            pq.write_table(arrow_schema(columns).empty_table(), fresh)
        Path(fresh.name).replace(path)
    return path

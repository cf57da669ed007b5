"""Five tables published in one step under four readers that never stop asking: nobody ever sees a mixture."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from modelyard.app.house import House
from modelyard.lake.api import Mode
from modelyard.settings import Settings

ROUNDS = int(os.environ.get("YARD_TEST_ROUNDS", "3"))
TABLES = ("a", "b", "c", "d", "e")
QUERY = "select " + ", ".join(f"(select any_value(n) from {table}) as {table}" for table in TABLES)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_no_reader_sees_some_tables_before_and_some_after(
    tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    database = str(request.getfixturevalue("postgres_address")) if engine == "postgres" else ""
    house = House(Settings(home=str(tmp_path / "home"), database=database, sync="normal"))
    seen, wrong, done = list[int](), list[object](), threading.Event()
    try:
        lake = house.yard().lake
        for table in TABLES:
            lake.load(table, [b"n\n0\n"])

        def watch() -> None:
            mine = house.yard().lake
            while not done.is_set():
                stream = b"".join(mine.sql(QUERY))
                (row,) = pa.ipc.open_stream(stream).read_all().to_pylist()
                if len(set(row.values())) != 1:
                    wrong.append(row)
                seen.append(next(iter(row.values())))

        readers = [threading.Thread(target=watch) for _ in range(4)]
        for reader in readers:
            reader.start()
        for number in range(1, ROUNDS + 1):
            branch = f"round-{number}"
            lake.create_branch(branch)
            for table in TABLES:
                lake.load(table, [b"n\n%d\n" % number], mode=Mode.OVERWRITE, branch=branch)
            assert len(lake.publish(branch).tables) == len(TABLES)
        done.set()
        for reader in readers:
            reader.join(60)
        assert wrong == []
        assert len(set(seen)) > 1, "the readers saw too little to tell"
        assert seen
    finally:
        done.set()
        house.close()

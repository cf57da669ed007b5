"""A process that works in a home until it is killed; run as `python -m tests.lake.mortal WORK HOME`.

It prints a line for whatever was acknowledged. The works go on where the one before them was killed.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator

from modelyard.app.house import House
from modelyard.kernel.errors import NotFound
from modelyard.lake.api import Column, Declared, Lake, Mode
from modelyard.settings import Settings

ROWS = 20
KEYS = 60
PUBLISHED = ("a", "b", "c")
KEYED = Declared(columns=(Column(name="id", type="int64"), Column(name="v", type="int64")), keys=("id",))


def merging(lake: Lake) -> Iterator[str]:
    """Loads that replace some of the rows there are."""
    for number in itertools.count(_loads(lake)):
        yield lake.load("t", [b"id,v\nbad\n" + merged(number)], schema=KEYED, mode=Mode.MERGE).id


def merged(number: int) -> bytes:
    return b"".join(b"%d,%d\n" % ((7 * number + k) % KEYS, number) for k in range(ROWS))


def publishing(lake: Lake) -> Iterator[str]:
    """Publications of one more row in each of three tables, of which the last moves on `main` meanwhile."""
    for table in PUBLISHED:
        if not _has(lake, table):
            lake.create(table, Declared(columns=(Column(name="n", type="int64"),)))
    for number in itertools.count(lake.table("a").rows):
        branch = f"round-{number}"
        if branch in [each.name for each in lake.branches().items]:
            lake.discard(branch)
        lake.create_branch(branch)
        for table in PUBLISHED:
            lake.load(table, [b"n\n%d\n" % number], branch=branch)
        lake.load("c", [b"n\n%d\n" % -lake.table("c").version])
        lake.publish(branch)
        yield str(number)


def shaping(lake: Lake) -> Iterator[str]:
    """Rows that come, some that are deleted, a computed column that comes and goes."""
    if not _has(lake, "t"):
        lake.create("t", KEYED)
    for number in itertools.count(_loads(lake)):
        if "twice" in {column.name for column in lake.table("t").columns}:
            yield f"version {lake.drop_column('t', 'twice').version}"
        load = lake.load("t", [b"id,v\n" + b"".join(b"%d,%d\n" % (ROWS * number + k, k) for k in range(ROWS))])
        yield load.id
        lake.delete_where("t", f"id = {ROWS * number}")
        yield f"deleted {ROWS * number}"
        yield f"version {lake.add_column('t', Column(name='twice', type='int64'), expression='v * 2').version}"


def folding(lake: Lake) -> Iterator[str]:
    """Small files that are folded and let go."""
    for number in itertools.count():
        yield lake.load("t", [b"n\n" + b"".join(b"%d\n" % n for n in range(ROWS))]).id
        if number == 0:
            lake.retain("t", keep_days=0)
        if number % 2:
            lake.compact("t")
            lake.vacuum("t")


def _loads(lake: Lake) -> int:
    return len(lake.loads(limit=1000).items)


def _has(lake: Lake, table: str) -> bool:
    try:
        lake.table(table)
    except NotFound:
        return False
    return True


WORKS: dict[str, Callable[[Lake], Iterator[str]]] = {
    work.__name__: work for work in (merging, publishing, shaping, folding)
}


def main(work: str, home: str) -> None:
    house = House(Settings(home=home, sync="normal"))
    house.recover()
    for line in WORKS[work](house.yard().lake):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

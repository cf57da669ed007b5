"""What identity and lineage cost: knowing a token, permitting a call, walking back from a prediction.

A hash of the token is the floor of knowing it: nothing that keeps tokens hashed can be cheaper.
"""

from __future__ import annotations

import timeit
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

from benchmarks.row import Row, median_ms

from modelyard.kernel.refs import Ref
from tests.governance import test_lineage as stories
from tests.governance.yard import Yard, yard


def measure() -> Iterator[Row]:
    """The best of five rounds of 20,000 calls; the median of nine walks."""
    with yard() as house:
        yield from _recognition(house)
    with yard() as house:
        yield from _walks(house)


def _recognition(house: Yard) -> Iterator[Row]:
    house.bench.clock.advance(timedelta(seconds=60))
    known, owner, secret = house.recognition, house.known(house.secret), house.secret
    about = Ref("table:trips@12")
    floor = _best_us(lambda: sha256(secret.encode()).hexdigest())
    yield Row("know a token", _best_us(lambda: known.authenticate(secret)), "us", beside=floor, beside_what="SHA-256")
    yield Row("permit a call", _best_us(lambda: known.may(owner, "lake:read", about)), "us", reach=5)


def _walks(house: Yard) -> Iterator[Row]:
    stories.wired(house)
    stories.a_day(house)
    short = median_ms(lambda: house.api.walk("pred_1"), times=9)
    yield Row("prediction -> commit and rows, 12 steps", short, "ms", reach=50)
    for i in range(400):
        stories.happen(house, f"source:s{i}@1 table:t@{i}", f"table:t@{i + 1}")
    stories.happen(house, "table:t@400", "view:speed@1")
    tail = median_ms(lambda: house.api.walk("pred_1"), times=9)
    yield Row("the same over 800 things, all still in the log", tail, "ms", reach=50)
    stories.project(house)
    long = median_ms(lambda: house.api.walk("pred_1"), times=9)
    yield Row("the same, projected", long, "ms", beside=short, beside_what="12 steps", reach=50)


def _best_us(action: object) -> float:
    assert callable(action)
    return min(timeit.repeat(action, number=20_000, repeat=5)) / 20_000 * 1e6

"""A seeded simulation of a city's parcel deliveries: time, couriers, faults as real exports have them, and a drift.

It is made up, and says so wherever it is shown. Fourteen weeks; in the last four the rain comes, a new zone opens and
scooters take over, so that both the inputs and what they mean change.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.random import Generator

SEED = 20260301
BEGINS = datetime(2026, 3, 2, tzinfo=UTC)
WEEKS = 14
DRIFT_FROM = BEGINS + timedelta(weeks=10)
COLUMNS = (
    "order_id", "placed_at", "courier", "zone", "vehicle", "distance_km", "items", "basket", "rain_mm", "prep_minutes",
    "promised_minutes", "took_minutes",
)  # fmt: skip
_ZONES = ("centre", "north", "south", "east", "west", "old_town", "campus")
_VEHICLES = ("bike", "scooter", "car")
_COURIERS = 64


def deliveries(rows: int = 12_000, seed: int = SEED) -> str:
    """The export as CSV text: `rows` deliveries, not sorted by time, about two in a hundred of them faulty."""
    rng = np.random.default_rng(seed)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    made = _rows(rng, rows)
    rng.shuffle(made)
    for row in made:
        writer.writerow(_faulty(rng, row))
    return out.getvalue()


def _rows(rng: Generator, rows: int) -> list[list[str]]:
    skill = rng.normal(0.0, 2.6, _COURIERS)
    seconds = np.sort(rng.integers(0, WEEKS * 7 * 86_400, rows))
    made = []
    for number, offset in enumerate(seconds.tolist()):
        placed = BEGINS + timedelta(seconds=offset)
        made.append(_row(rng, skill, number, placed))
    return made


def _row(
    rng: Generator, skill: np.ndarray[tuple[int], np.dtype[np.float64]], number: int, placed: datetime
) -> list[str]:
    late = placed >= DRIFT_FROM
    courier = int(rng.integers(0, _COURIERS))
    zones = (*_ZONES, "harbour") if late else _ZONES
    shares = np.array([6, 3, 3, 2, 2, 1.5, 1.5] + ([5.0] if late else []))
    zone = zones[int(rng.choice(len(zones), p=shares / shares.sum()))]
    vehicle = _VEHICLES[int(rng.choice(3, p=[0.2, 0.55, 0.25] if late else [0.5, 0.25, 0.25]))]
    distance = float(rng.gamma(2.2, 1.3) + (2.2 if zone == "harbour" else 0.0))
    rain = float(max(0.0, rng.normal(2.6 if late else 0.3, 1.4)))
    items = int(rng.poisson(2.2)) + 1
    prep = float(rng.gamma(6.0, 2.0) + 0.7 * items)
    rush = 5.0 if placed.hour in (12, 13, 18, 19, 20) else 0.0
    pace = {"bike": 3.4, "scooter": 2.5, "car": 2.9}[vehicle]
    wet = {"bike": 1.9, "scooter": 2.3, "car": 0.5}[vehicle] * rain
    took = prep + distance * pace + wet + rush + skill[courier] + float(rng.normal(0.0, 3.5))
    promised = int(round((15.0 + 3.2 * distance + 2.0) / 5.0) * 5 + 5)
    return [
        f"o-{number:06d}", placed.strftime("%Y-%m-%dT%H:%M:%SZ"), f"courier-{courier:03d}", zone, vehicle,
        f"{distance:.2f}", str(items), f"{max(4.0, rng.gamma(3.0, 7.0)):.2f}", f"{rain:.1f}", f"{prep:.1f}",
        str(promised),
        f"{max(4.0, took):.1f}",
    ]  # fmt: skip


def _faulty(rng: Generator, row: list[str]) -> list[str]:
    """Now and then what real exports hold: a missing value, a word for a number, a cut line, an impossible figure."""
    draw = rng.random()
    at = {name: i for i, name in enumerate(COLUMNS)}
    if draw < 0.004:
        row[at["distance_km"]] = "n/a"
    elif draw < 0.007:
        row[at["distance_km"]] = f"-{row[at['distance_km']]}"
    elif draw < 0.010:
        row[at["took_minutes"]] = "99999"
    elif draw < 0.012:
        return row[: int(rng.integers(3, 9))]
    elif draw < 0.014:
        row[at["placed_at"]] = "31/02/2026"
    elif draw < 0.018:
        row[at["vehicle"]] = "unicycle"
    elif draw < 0.07:
        row[at["courier"]] = ""
    elif draw < 0.09:
        row[at["rain_mm"]] = ""
    return row

"""What `yard doctor` looks at: the home, the database, the audit chain, the objects, what runs. It changes nothing."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from modelyard.adapters.children import FileChildren
from modelyard.app.house import House
from modelyard.app.lock import running_at
from modelyard.kernel.errors import Damaged, NotFound, Unavailable
from modelyard.kernel.units import format_bytes

_LOW_DISK_BYTES = 2 * 10**9


class Health(StrEnum):
    """How one thing stands."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at; `do` says what to do about it, empty if nothing."""

    what: str
    health: Health
    says: str
    do: str = ""


def examine(house: House) -> Iterator[Finding]:
    """Every finding, as it is made; reads the whole database and every object."""
    yield _disk(house)
    yield from _privacy(house)
    yield _database(house)
    yield _audit(house)
    yield from _objects(house)
    yield from _processes(house)


def _disk(house: House) -> Finding:
    free = shutil.disk_usage(house.settings.home_path).free
    if free < _LOW_DISK_BYTES:
        return Finding(
            what="disk", health=Health.WARN, says=f"{format_bytes(free)} free", do="make room, or move the home"
        )
    return Finding(what="disk", health=Health.OK, says=f"{format_bytes(free)} free")


def _privacy(house: House) -> Iterator[Finding]:
    for name in ("state", "state/owner.token"):
        path = house.settings.home_path / name
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            mode = "700" if path.is_dir() else "600"
            yield Finding(
                what=name, health=Health.BAD, says="others on this machine can read it", do=f"chmod {mode} {path}"
            )


def _database(house: House) -> Finding:
    faults = house.engines.database.check()
    if faults:
        return Finding(what="database", health=Health.BAD, says="; ".join(faults[:3]), do="restore the last backup")
    return Finding(what="database", health=Health.OK, says="no damage found")


def _audit(house: House) -> Finding:
    with house.engines.database.read() as tx:
        found = house.engines.journal.verify(tx)
    if found.broken_at is not None:
        says = f"entry {found.broken_at} does not fit the chain: it was changed outside the yard"
        return Finding(what="audit chain", health=Health.BAD, says=says, do="compare with a backup made before")
    return Finding(what="audit chain", health=Health.OK, says=f"{found.checked:,} entries, all fit")


def _objects(house: House) -> Iterator[Finding]:
    stores = {"objects": house.engines.objects, "contents of file sets": house.engines.files}
    for what, objects in stores.items():
        count, damaged, locked = 0, 0, ""
        for stored in objects.digests():
            count += 1
            try:
                for _ in objects.read(stored.digest):
                    pass
            except Damaged:
                damaged += 1
            except Unavailable as err:
                damaged, locked = damaged + 1, err.detail
            except NotFound:
                count -= 1  # it was removed meanwhile
        if damaged:
            says = f"{damaged:,} of {count:,} cannot be read as what they are"
            yield Finding(what=what, health=Health.BAD, says=says, do=locked or "restore them from a backup")
        else:
            yield Finding(what=what, health=Health.OK, says=f"{count:,}, all match their hash")


def _processes(house: House) -> Iterator[Finding]:
    running = running_at(house.settings.home_path)
    if running is None:
        yield Finding(what="yard", health=Health.OK, says="not served now")
        return
    for child in FileChildren(house.settings.home_path / "run" / "children").statuses():
        if child.pid is None or not _lives(child.pid):
            says = f"down since exit {child.last_exit}: {child.last_words or 'no last words'}"
            log = house.settings.home_path / "logs" / f"{child.name}.out"
            yield Finding(what=child.name, health=Health.BAD, says=says, do=f"see {log}")
        else:
            again = f", restarted {child.restarts} times" if child.restarts else ""
            health = Health.WARN if child.restarts else Health.OK
            yield Finding(what=child.name, health=health, says=f"runs as process {child.pid}{again}")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True

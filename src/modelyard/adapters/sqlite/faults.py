"""SQLite's errors in the house's words, chosen by result code, never by text (sqlite.org/rescode.html).

The original stays as the cause, for the log; its text, which may quote a statement, never reaches a caller.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from modelyard.kernel.errors import AlreadyExists, Conflict, Damaged, Internal, InvalidInput, TooLarge, Unavailable
from modelyard.kernel.errors import YardError as _YardError

_UNIQUE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID}
_PRIMARY = 0xFF  # the low byte of an extended code is the primary code


def translate(error: BaseException, path: Path) -> BaseException:
    """The error that callers get for what the driver raised; anything else as it is."""
    if isinstance(error, OverflowError):
        return _caused(InvalidInput("a whole number is outside of 64 bits, -2^63 to 2^63-1"), error)
    if isinstance(error, UnicodeEncodeError):
        return _caused(InvalidInput("a text holds a lone surrogate, which is no character; send valid Unicode"), error)
    if not isinstance(error, sqlite3.Error):
        return error
    return _caused(_by_code(getattr(error, "sqlite_errorcode", None), path), error)


def _by_code(code: int | None, path: Path) -> _YardError:
    if code in _UNIQUE:
        return AlreadyExists("the name or key is taken: something is stored under it already")
    match None if code is None else code & _PRIMARY:
        case sqlite3.SQLITE_CONSTRAINT:
            return Conflict("the change breaks a rule of the stored data: something it refers to is missing or in use")
        case sqlite3.SQLITE_FULL:
            return Unavailable(f"the disk that holds {path.name} is full; nothing was changed. Free some space, repeat")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Unavailable(f"another program kept {path.name} locked; nothing was changed. Try again")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return Unavailable(f"{path.name} or its folder cannot be written; check who owns it and how it is mounted")
        case sqlite3.SQLITE_CANTOPEN:
            return Unavailable(f"{path.name} cannot be opened; check that its folder exists and may be written")
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_NOLFS:
            return Unavailable(
                f"the disk that holds {path.name} refused: it is full, over a quota or failing; nothing was changed. "
                f"Check it, then repeat"
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Damaged(f"{path.name} is damaged or is no database; restore it: yard restore BACKUP")
        case sqlite3.SQLITE_TOOBIG:
            return TooLarge("a value is larger than the database stores in one row (1 GB); put it into objects")
    return Internal("a statement could not be carried out; the log has its trace")


def _caused(error: _YardError, cause: BaseException) -> _YardError:
    error.__cause__ = cause
    return error

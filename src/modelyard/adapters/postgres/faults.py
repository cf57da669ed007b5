"""Postgres' errors in the house's words, chosen by SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html).

The original stays as the cause, for the log; its text, which may quote a statement or a value, never reaches a caller.
"""

from __future__ import annotations

import psycopg

from modelyard.kernel.errors import AlreadyExists, Conflict, Damaged, Internal, InvalidInput, Unavailable, YardError

READ_ONLY = "25006"
_NUMBER_OUT_OF_RANGE = "22003"
_AWAY = "the database server does not answer; nothing was changed. Check that it is up, then try again"


def translate(error: BaseException) -> BaseException:
    """The error that callers get for what the driver raised; anything else as it is."""
    if isinstance(error, UnicodeEncodeError):
        found: YardError = InvalidInput("a text holds a lone surrogate, which is no character; send valid Unicode")
    elif isinstance(error, psycopg.Error):
        found = _by_state(error)
    else:
        return error
    found.__cause__ = error
    return found


def _by_state(error: psycopg.Error) -> YardError:
    state = error.sqlstate or ""
    match state[:2]:
        case "23" if state == "23505":
            return AlreadyExists("the name or key is taken: something is stored under it already")
        case "23":
            return Conflict("the change breaks a rule of the stored data: something it refers to is missing or in use")
        case "22" if state == _NUMBER_OUT_OF_RANGE:
            return InvalidInput("a whole number is outside of 64 bits, -2^63 to 2^63-1")
        case "22":
            return InvalidInput("a value has a form that the database does not store, e.g. a text with a NUL in it")
        case "40" | "55":
            return Unavailable("another program kept the database locked; nothing was changed. Try again")
        case "53":
            return Unavailable("the database server is out of disk, memory or connections; nothing was changed")
        case "08" | "57":
            return Unavailable(_AWAY)
        case "25" if state == READ_ONLY:
            return Unavailable("the database server takes no writes: it is a standby. Give the address of the primary")
        case "XX" if state in ("XX001", "XX002"):
            return Damaged("the database server found a broken page; see its log, then: yard restore BACKUP")
    if isinstance(error, psycopg.DataError):  # the driver refuses before it sends: no state
        return InvalidInput("a value has a form that the database does not store, e.g. a text with a NUL in it")
    if isinstance(error, psycopg.OperationalError) and not state:
        return Unavailable(_AWAY)
    return Internal("a statement could not be carried out; the log has its trace")

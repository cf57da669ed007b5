"""Every error that a caller may catch, each with a stable code, an HTTP status and a CLI exit code.

    YardError
    ├── InvalidInput        invalid              422  2   a value breaks a rule
    │   └── Malformed       malformed            400  2   the message cannot be read at all
    ├── Unauthenticated     unauthenticated      401  5   no valid credential
    ├── Forbidden           forbidden            403  5   the actor may not do this
    ├── NotFound            not_found            404  3   no such thing
    │   └── NoRoute         no_route             404  3   no such address
    ├── MethodNotAllowed    method_not_allowed   405  2   the address knows other verbs
    ├── TimedOut            timed_out            408  6   the caller or the work was too slow
    ├── Conflict            conflict             409  4   the present state forbids it
    │   ├── AlreadyExists   already_exists       409  4   the name is taken
    │   └── StaleVersion    stale_version        409  4   somebody else changed it first
    ├── Gone                gone                 410  3   it was here and was erased
    ├── GateClosed          gate_closed          412  4   a required check or approval is missing
    ├── TooLarge            too_large            413  2   more bytes than the limit
    ├── UnsupportedMedia    unsupported_media    415  2   a content type that nobody reads here
    ├── OutOfRange          out_of_range         416  2   a part that the bytes do not have
    ├── TooMany             too_many             429  6   a limit of rate or count
    ├── BudgetSpent         budget_spent         402  4   the budget does not allow it
    ├── Unavailable         unavailable          503  6   a needed part does not answer; try again
    ├── MissingExtra        missing_extra        501  7   a library of an extra is not installed
    ├── Damaged             damaged              500  8   stored bytes do not match their hash
    └── Internal            internal             500  1   a fault of ours

The map is total: an edge may translate any YardError by its class alone. Nothing here reads an error's text.
"""

from __future__ import annotations

from typing import ClassVar


class YardError(Exception):
    """Base of every error a caller may catch.

    Attributes:
        code: stable, machine-readable name.
        status: the HTTP status of its problem document.
        exit_code: what the command line ends with.
        detail: what happened, to what, and what to do.
        retry_after_s: when it is worth trying again, where that is known.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(self, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after_s = retry_after_s


class InvalidInput(YardError):
    """A value breaks a rule."""

    code, status, exit_code, title = "invalid", 422, 2, "A value breaks a rule"


class Malformed(InvalidInput):
    """The message cannot be read at all."""

    code, status, title = "malformed", 400, "The message cannot be read"


class Unauthenticated(YardError):
    """No valid credential came with the call."""

    code, status, exit_code, title = "unauthenticated", 401, 5, "Sign in first"


class Forbidden(YardError):
    """The actor may not do this."""

    code, status, exit_code, title = "forbidden", 403, 5, "Not permitted"


class NotFound(YardError):
    """There is no such thing."""

    code, status, exit_code, title = "not_found", 404, 3, "No such thing"


class NoRoute(NotFound):
    """There is no such address."""

    code, title = "no_route", "No such address"


class MethodNotAllowed(YardError):
    """The address exists and knows other verbs."""

    code, status, exit_code, title = "method_not_allowed", 405, 2, "Another verb is needed"


class TimedOut(YardError):
    """The caller or the work was too slow."""

    code, status, exit_code, title = "timed_out", 408, 6, "Too slow"


class Conflict(YardError):
    """The present state forbids it."""

    code, status, exit_code, title = "conflict", 409, 4, "The present state forbids it"


class AlreadyExists(Conflict):
    """The name is taken."""

    code, title = "already_exists", "The name is taken"


class StaleVersion(Conflict):
    """Somebody else changed it first; read again and repeat."""

    code, title = "stale_version", "Somebody else changed it first"


class Gone(YardError):
    """It was here and was erased."""

    code, status, exit_code, title = "gone", 410, 3, "It was erased"


class GateClosed(YardError):
    """A required check or approval is missing."""

    code, status, exit_code, title = "gate_closed", 412, 4, "A gate is closed"


class TooLarge(YardError):
    """More bytes than the limit."""

    code, status, exit_code, title = "too_large", 413, 2, "Too large"


class UnsupportedMedia(YardError):
    """A content type that nobody reads here."""

    code, status, exit_code, title = "unsupported_media", 415, 2, "Content type not read here"


class OutOfRange(YardError):
    """A part was asked for that the bytes do not have."""

    code, status, exit_code, title = "out_of_range", 416, 2, "No such part"


class TooMany(YardError):
    """A limit of rate or count is reached."""

    code, status, exit_code, title = "too_many", 429, 6, "Too many"


class BudgetSpent(YardError):
    """The budget does not allow it."""

    code, status, exit_code, title = "budget_spent", 402, 4, "The budget is spent"


class Unavailable(YardError):
    """A needed part does not answer; try again."""

    code, status, exit_code, title = "unavailable", 503, 6, "A needed part does not answer"


class MissingExtra(YardError):
    """A library of an optional extra is not installed; the detail is the install command."""

    code, status, exit_code, title = "missing_extra", 501, 7, "An extra is not installed"


class Damaged(YardError):
    """Stored bytes do not match their hash."""

    code, status, exit_code, title = "damaged", 500, 8, "Stored bytes are damaged"


class Internal(YardError):
    """A fault of ours; the log holds the trace under the request id."""


def by_code(code: str) -> type[YardError]:
    """The class that carries `code`; `Internal` for a code this version does not know."""
    return _codes().get(code, Internal)


def every_error() -> list[type[YardError]]:
    """All error classes, base first."""
    found: list[type[YardError]] = []
    stack: list[type[YardError]] = [YardError]
    while stack:
        cls = stack.pop()
        found.append(cls)
        stack.extend(cls.__subclasses__())
    return found


def _codes() -> dict[str, type[YardError]]:
    named: dict[str, type[YardError]] = {"internal": Internal}
    for cls in every_error():
        if "code" in vars(cls) and cls is not YardError:
            named.setdefault(cls.code, cls)
    return named

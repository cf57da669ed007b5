"""Our errors in MLflow's form: `{"error_code": ..., "message": ...}` under the status that MLflow gives that code."""

from __future__ import annotations

import msgspec

from modelyard.kernel.errors import (
    AlreadyExists,
    BudgetSpent,
    Conflict,
    Damaged,
    Forbidden,
    GateClosed,
    Gone,
    InvalidInput,
    MethodNotAllowed,
    MissingExtra,
    NoRoute,
    NotFound,
    StaleVersion,
    TimedOut,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
    YardError,
)
from modelyard.ports.wires import WireResponse

_CODES: dict[type[YardError], tuple[str, int]] = {
    NoRoute: ("ENDPOINT_NOT_FOUND", 404),
    NotFound: ("RESOURCE_DOES_NOT_EXIST", 404),
    Gone: ("RESOURCE_DOES_NOT_EXIST", 404),
    AlreadyExists: ("RESOURCE_ALREADY_EXISTS", 400),
    StaleVersion: ("RESOURCE_CONFLICT", 409),
    Conflict: ("INVALID_STATE", 409),
    GateClosed: ("INVALID_STATE", 409),
    InvalidInput: ("INVALID_PARAMETER_VALUE", 400),
    UnsupportedMedia: ("INVALID_PARAMETER_VALUE", 400),
    TooLarge: ("INVALID_PARAMETER_VALUE", 413),
    MethodNotAllowed: ("BAD_REQUEST", 405),
    Unauthenticated: ("UNAUTHENTICATED", 401),
    Forbidden: ("PERMISSION_DENIED", 403),
    TooMany: ("REQUEST_LIMIT_EXCEEDED", 429),
    BudgetSpent: ("RESOURCE_EXHAUSTED", 409),
    TimedOut: ("DEADLINE_EXCEEDED", 504),
    Unavailable: ("TEMPORARILY_UNAVAILABLE", 503),
    MissingExtra: ("NOT_IMPLEMENTED", 501),
    Damaged: ("DATA_LOSS", 500),
}
"""Codes and statuses of `mlflow.protos.databricks_pb2`; a conflict gets 409, where MLflow's 500 would make its own
client repeat the call."""


def code_of(error: YardError) -> tuple[str, int]:
    """MLflow's code and HTTP status for an error, by its class or the nearest one above."""
    for kind in type(error).__mro__:
        if kind in _CODES:
            return _CODES[kind]
    return "INTERNAL_ERROR", 500


def answer(error: YardError) -> WireResponse:
    """The error as MLflow's clients read it."""
    code, status = code_of(error)
    return WireResponse(status, msgspec.json.encode({"error_code": code, "message": error.detail}))

"""Serving's tables: endpoints, their revisions and routes, truths, folds. No foreign key leaves the slice.

`serving_state` is one row: its version grows with every change that the model server must hear of.
"""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.ports.database import Migration, Statement

_ENDPOINTS = (
    (
        "CREATE TABLE serving_endpoint (name {text} PRIMARY KEY, route_number {int} NOT NULL, route {bytes} NOT NULL,"
        " revisions {int} NOT NULL, removed {int} NOT NULL, created_ms {int} NOT NULL, updated_ms {int} NOT NULL,"
        " author {text} NOT NULL)"
    ),
    (
        "CREATE TABLE serving_revision (endpoint {text} NOT NULL REFERENCES serving_endpoint (name),"
        " number {int} NOT NULL, model {text} NOT NULL, folder {text} NOT NULL, document {bytes} NOT NULL,"
        " at_ms {int} NOT NULL, PRIMARY KEY (endpoint, number))"
    ),
    "CREATE INDEX serving_revision_by_model ON serving_revision (model)",
    (
        "CREATE TABLE serving_route (endpoint {text} NOT NULL REFERENCES serving_endpoint (name),"
        " number {int} NOT NULL, champion {text} NOT NULL, route {bytes} NOT NULL, why {text} NOT NULL,"
        " comment {text} NOT NULL, at_ms {int} NOT NULL, author {text} NOT NULL, PRIMARY KEY (endpoint, number))"
    ),
    "CREATE TABLE serving_state (id {int} PRIMARY KEY, version {int} NOT NULL)",
    "INSERT INTO serving_state (id, version) VALUES (1, 0)",
)
_PREDICTIONS = (
    (
        "CREATE TABLE serving_table (endpoint {text} NOT NULL, columns {text} NOT NULL, name {text} NOT NULL UNIQUE,"
        " PRIMARY KEY (endpoint, columns))"
    ),
    (
        "CREATE TABLE serving_fold (id {text} PRIMARY KEY, segment {text} NOT NULL, name {text} NOT NULL,"
        " done {int} NOT NULL)"
    ),
    "CREATE INDEX serving_fold_by_segment ON serving_fold (segment)",
    (
        "CREATE TABLE serving_truth (prediction {text} PRIMARY KEY, label {bytes} NOT NULL, at_ms {int} NOT NULL,"
        " author {text} NOT NULL)"
    ),
)

MIGRATIONS = (
    Migration("serving", 1, "endpoints", _ENDPOINTS),
    Migration("serving", 2, "predictions", _PREDICTIONS),
)


def table(name: str, *columns: str) -> sa.TableClause:
    """A table of this slice."""
    return sa.table(name, *map(sa.column, columns))


def insert(into: sa.TableClause) -> Statement:
    """Put a row with a value for each column."""
    return Statement(sa.insert(into).values({column.name: sa.bindparam(column.name) for column in into.columns}))

"""The tables of pipelines and the steps that make them."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.ports.database import Migration, Statement

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        slice="pipelines",
        number=1,
        name="flows",
        ddl=(
            """CREATE TABLE pipelines_flow (
                name {text} NOT NULL, version {int} NOT NULL, spec {bytes} NOT NULL, bundle {text} NOT NULL,
                size_bytes {int} NOT NULL, created_ms {int} NOT NULL, created_by {text} NOT NULL,
                newest {int} NOT NULL, PRIMARY KEY (name, version))""",
            "CREATE INDEX pipelines_flow_newest ON pipelines_flow (newest, name)",
            """CREATE TABLE pipelines_run (
                id {text} PRIMARY KEY, flow {text} NOT NULL, version {int} NOT NULL, params {bytes} NOT NULL,
                status {text} NOT NULL, queue {text} NOT NULL, cause {text} NOT NULL, created_by {text} NOT NULL,
                created_ms {int} NOT NULL, started_ms {int}, finished_ms {int}, attempt {int} NOT NULL,
                cancelling {int} NOT NULL, output {bytes} NOT NULL, error {text} NOT NULL, plan {bytes})""",
            "CREATE INDEX pipelines_run_flow ON pipelines_run (flow, id)",
            "CREATE INDEX pipelines_run_status ON pipelines_run (status, id)",
            """CREATE TABLE pipelines_step (
                run {text} NOT NULL, id {text} NOT NULL, place {int} NOT NULL, step {text} NOT NULL,
                needs {bytes} NOT NULL, cache {int} NOT NULL, status {text} NOT NULL, attempt {int} NOT NULL,
                cache_key {text} NOT NULL, taken_from {text} NOT NULL, result {bytes} NOT NULL,
                read_refs {bytes} NOT NULL, written_refs {bytes} NOT NULL, error {text} NOT NULL, started_ms {int},
                ended_ms {int}, used {bytes} NOT NULL, PRIMARY KEY (run, id))""",
            """CREATE TABLE pipelines_attempt (
                run {text} NOT NULL, number {int} NOT NULL, status {text} NOT NULL, pid {int} NOT NULL,
                started_ms {int} NOT NULL, beat_ms {int} NOT NULL, ended_ms {int}, exit_code {int},
                last_line {text} NOT NULL, used {bytes} NOT NULL, PRIMARY KEY (run, number))""",
            """CREATE TABLE pipelines_cache (
                cache_key {text} PRIMARY KEY, run {text} NOT NULL, result {bytes} NOT NULL, read_refs {bytes} NOT NULL,
                written_refs {bytes} NOT NULL, at_ms {int} NOT NULL)""",
            """CREATE TABLE pipelines_file (
                digest {text} PRIMARY KEY, name {text} NOT NULL, size_bytes {int} NOT NULL, run {text} NOT NULL,
                at_ms {int} NOT NULL)""",
            """CREATE TABLE pipelines_schedule (
                name {text} PRIMARY KEY, flow {text} NOT NULL, params {bytes} NOT NULL, every_s {int} NOT NULL,
                next_ms {int} NOT NULL, created_by {text} NOT NULL, last_run {text} NOT NULL,
                last_error {text} NOT NULL)""",
            "CREATE TABLE pipelines_queue (name {text} PRIMARY KEY, slots {int} NOT NULL)",
        ),
    ),
)

p = sa.bindparam


def table(name: str, columns: tuple[str, ...]) -> sa.TableClause:
    """A table by its columns."""
    return sa.table(name, *map(sa.column, columns))


def insert(into: sa.TableClause) -> Statement:
    """Add a row, a parameter for each column."""
    return Statement(sa.insert(into).values({c.name: p(c.name) for c in into.columns}))

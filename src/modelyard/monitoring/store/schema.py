"""Tables of monitoring, and the documents that stand in them as JSON or MessagePack."""

from __future__ import annotations

import sqlalchemy as sa

from modelyard.ports.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        slice="monitoring",
        number=1,
        name="monitors",
        ddl=(
            """CREATE TABLE monitoring_monitor (name {text} PRIMARY KEY, watched {text} NOT NULL, body {bytes} NOT NULL,
                seen {int} NOT NULL, last_verdict {text}, last_ms {int}, drifted {int})""",
            "CREATE INDEX monitoring_monitor_watched ON monitoring_monitor (watched)",
            "CREATE TABLE monitoring_profile (monitor {text} PRIMARY KEY, body {bytes} NOT NULL)",
            """CREATE TABLE monitoring_label (monitor {text} NOT NULL, of_key {text} NOT NULL, label {real} NOT NULL,
                at_ms {int} NOT NULL, PRIMARY KEY (monitor, of_key))""",
            """CREATE TABLE monitoring_verdict (id {text} PRIMARY KEY, monitor {text} NOT NULL, line {bytes} NOT NULL,
                body {bytes} NOT NULL)""",
            "CREATE INDEX monitoring_verdict_monitor ON monitoring_verdict (monitor, id)",
            """CREATE TABLE monitoring_rule (monitor {text} NOT NULL, name {text} NOT NULL, body {bytes} NOT NULL,
                streak {int} NOT NULL, PRIMARY KEY (monitor, name))""",
            """CREATE TABLE monitoring_alert (id {text} PRIMARY KEY, monitor {text} NOT NULL, rule {text} NOT NULL,
                state {text} NOT NULL, body {bytes} NOT NULL)""",
            """CREATE UNIQUE INDEX monitoring_alert_burning ON monitoring_alert (monitor, rule)
                WHERE state <> 'resolved'""",
            "CREATE INDEX monitoring_alert_monitor ON monitoring_alert (monitor, id)",
            "CREATE TABLE monitoring_webhook (name {text} PRIMARY KEY, body {bytes} NOT NULL)",
            """CREATE TABLE monitoring_errand (id {text} PRIMARY KEY, alert {text} NOT NULL, body {bytes} NOT NULL)""",
            "CREATE INDEX monitoring_errand_alert ON monitoring_errand (alert, id)",
        ),
    ),
)


def table(name: str, *columns: str) -> sa.TableClause:
    """A table of this slice as statements name it."""
    return sa.table(f"monitoring_{name}", *map(sa.column, columns))


FIRST = ""
"""Sorts before every name."""
LAST = "~"
"""Sorts after every id."""

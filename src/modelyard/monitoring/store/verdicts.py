"""Rows of verdicts: a line for lists, the whole for its page."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from modelyard.monitoring.api import Verdict, VerdictId, VerdictLine
from modelyard.monitoring.store.schema import table
from modelyard.ports.database import Statement, Transaction

_verdict = table("verdict", "id", "monitor", "line", "body")
p = sa.bindparam
_wholes = msgspec.json.Decoder(Verdict)
_lines = msgspec.json.Decoder(VerdictLine)

_ADD = Statement(sa.insert(_verdict).values({c.name: p(c.name) for c in _verdict.c}))
_GET = Statement(sa.select(_verdict.c.body).where(_verdict.c.id == p("id_")))
_newest = sa.select(_verdict.c.line).where(_verdict.c.id < p("before")).order_by(_verdict.c.id.desc()).limit(p("most"))
_LIST = Statement(_newest)
_LIST_OF = Statement(_newest.where(_verdict.c.monitor == p("monitor_")))


def add(tx: Transaction, verdict: Verdict) -> None:
    """Keep a verdict."""
    line = msgspec.convert(msgspec.to_builtins(verdict), VerdictLine)
    tx.run(
        _ADD,
        {
            "id": verdict.id, "monitor": verdict.monitor, "line": msgspec.json.encode(line),
            "body": msgspec.json.encode(verdict),
        },
    )  # fmt: skip


def get(tx: Transaction, id_: VerdictId) -> Verdict | None:
    """The whole verdict."""
    row = tx.one(_GET, {"id_": id_})
    return None if row is None else _wholes.decode(row[0])


def listed(tx: Transaction, *, monitor: str | None, before: str, most: int) -> list[VerdictLine]:
    """Verdicts, newest first."""
    if monitor is None:
        rows = tx.all(_LIST, {"before": before, "most": most})
    else:
        rows = tx.all(_LIST_OF, {"before": before, "most": most, "monitor_": monitor})
    return [_lines.decode(line) for (line,) in rows]

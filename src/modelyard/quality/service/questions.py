"""Users' SELECTs over the whole table, each in a session of its own that sees the tables it names and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from modelyard.kernel.errors import InvalidInput, NotFound, TimedOut, TooLarge
from modelyard.ports.queries import Queries
from modelyard.quality.api import CheckResult, QueryRule
from modelyard.quality.model import wide
from modelyard.quality.model.checks import Check
from modelyard.quality.service.surroundings import Surroundings
from modelyard.quality.store import asked, compiled

TIMEOUT_S = 60.0
REHEARSAL_S = 10.0
View = tuple[str, ...]


def views(rule: QueryRule, around: Surroundings, table: str, own: View) -> dict[str, Sequence[str]]:
    """What a query sees: the table's rows under its name, and those that it names.

    Raises:
        NotFound: one of them is not there.
    """
    found: dict[str, Sequence[str]] = {table: own}
    for named in rule.tables:
        name, _, at = named.partition("@")
        other = around.other(name, at or None)
        types = {column.name: column.type for column in other.columns}
        found[named] = (compiled.files(other.paths), *other.paths) if other.paths else (compiled.nothing(types),)
    return found


def ask(
    queries: Queries, check: Check, seen: Mapping[str, Sequence[str]], *, rows: int, keys: Sequence[str]
) -> CheckResult:
    """Ask one query and judge its answer; one that cannot be answered broke, with the engine's words."""
    rule = check.rule
    if not isinstance(rule, QueryRule):
        raise TypeError(f"{check.name} is no query")
    try:
        with queries.confined(views=seen, timeout_s=TIMEOUT_S) as session:
            first = session.reader(asked.first(rule.sql)).read_all()
            if asked.wants_number(rule):
                return wide.number(check, rule, _number(first))
            named = keys if set(keys) <= set(first.column_names) else ()
            failed, samples = session.rows(asked.offenders(rule.sql, named))[0]
            count = int(failed or 0)
    except (InvalidInput, NotFound, TimedOut, TooLarge) as err:
        return wide.result(check, f"it cannot be asked: {err.detail}", None)
    found = wide.result(check, "", None, failed=count, share=count / rows if rows else 0.0)
    return wide.sampled(found, str(samples or ""))


def rehearse(queries: Queries, check: Check, seen: Mapping[str, Sequence[str]]) -> None:
    """Run a query over no rows, so that a wrong one is refused when it is declared.

    Raises:
        InvalidInput: it is not one SELECT, or it names what is not there.
        TimedOut: it is slow even over no rows.
    """
    rule = check.rule
    if not isinstance(rule, QueryRule):
        return
    if not queries.is_select(rule.sql):
        raise InvalidInput(f"{check.name}: a query is exactly one SELECT")
    if named := [name for name in queries.outsiders(rule.sql) if name not in seen]:
        raise InvalidInput(f"{check.name}: a query reads the lake's tables alone, and not {', '.join(named)[:300]}")
    try:
        with queries.confined(views=seen, timeout_s=REHEARSAL_S) as session:
            answer = session.reader(asked.first(rule.sql)).read_all()
    except InvalidInput as err:
        raise InvalidInput(f"{check.name}: {err.detail}") from err
    if asked.wants_number(rule) and answer.num_columns != 1:
        raise InvalidInput(
            f"{check.name}: with min or max the query gives one number, not {answer.num_columns} columns"
        )


def _number(answer: pa.Table) -> float | None:
    if answer.num_rows != 1 or answer.num_columns != 1:
        return None
    try:
        return float(answer.column(0)[0].as_py())
    except (TypeError, ValueError):
        return None

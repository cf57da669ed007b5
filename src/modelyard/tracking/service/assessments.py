"""Assessments: said, changed, taken back."""

from __future__ import annotations

import json

from msgspec.structs import replace

from modelyard.kernel.errors import InvalidInput, NotFound
from modelyard.kernel.refs import ref
from modelyard.ports import calls
from modelyard.ports.database import Transaction
from modelyard.tracking.api import limits as rules
from modelyard.tracking.api.assessments import AssessmentOperations
from modelyard.tracking.api.traces import Assessment, AssessmentKind
from modelyard.tracking.model import names
from modelyard.tracking.store import assessments as store
from modelyard.tracking.store import traces

MAX_ASSESSMENTS = 1000
MAX_VALUE = 100_000


class Assessments(AssessmentOperations):
    """The operations on assessments."""

    def assess(self, trace: str, assessment: Assessment) -> Assessment:
        """Say something of a trace."""
        call = calls.current()
        number = _number(call.tx, trace)
        made = entered(call.tx, number, trace, replace(assessment, valid=True), now_ms=call.now_ms)
        if made.overrides:
            old = _found(call.tx, number, made.overrides)
            store.put(call.tx, number, replace(old, valid=False))
        store.put(call.tx, number, made)
        call.touch(ref("trace", trace))
        return made

    def assessment(self, trace: str, assessment: str) -> Assessment:
        """Show one assessment."""
        tx = calls.current().tx
        return _found(tx, _number(tx, trace), assessment)

    def revise_assessment(
        self,
        trace: str,
        assessment: str,
        *,
        name: str | None = None,
        kind: AssessmentKind | None = None,
        value: str | None = None,
        rationale: str | None = None,
        metadata: dict[str, str] | None = None,
    ) -> Assessment:
        """Change what was said."""
        call = calls.current()
        number = _number(call.tx, trace)
        old = _found(call.tx, number, assessment)
        if kind is not None and kind is not old.kind:
            raise InvalidInput(f"Cannot update {kind} on an {old.kind} assessment; say it anew")
        changed = replace(
            old, name=old.name if name is None else name, value=old.value if value is None else value,
            rationale=old.rationale if rationale is None else rationale, metadata={**old.metadata, **(metadata or {})},
            updated_ms=call.now_ms,
        )  # fmt: skip
        store.put(call.tx, number, _checked(changed))
        call.touch(ref("trace", trace))
        return changed

    def retract_assessment(self, trace: str, assessment: str) -> None:
        """Take back what was said."""
        call = calls.current()
        number = _number(call.tx, trace)
        withdraw(call.tx, number, _found(call.tx, number, assessment))
        call.touch(ref("trace", trace))


def entered(tx: Transaction, number: int, trace: str, given: Assessment, *, now_ms: int) -> Assessment:
    """An assessment as it is stored: with an id, its trace and times.

    Raises:
        NotFound: the trace has no such span.
        InvalidInput: the trace has too many, the name is empty, or something is too long.
    """
    if store.count(tx, number) >= MAX_ASSESSMENTS:
        raise InvalidInput(f"a trace has at most {MAX_ASSESSMENTS} assessments")
    made = replace(
        given, id=given.id or names.new_assessment_id(calls.current().clock), trace=trace,
        created_ms=given.created_ms or now_ms,
        updated_ms=given.updated_ms or now_ms,
    )  # fmt: skip
    return _checked(made)


def withdraw(tx: Transaction, number: int, one: Assessment) -> None:
    """Remove an assessment; the one that it stood in place of is valid again."""
    store.drop(tx, number, one.id)
    if one.overrides and (before := store.one(tx, number, one.overrides)) is not None:
        store.put(tx, number, replace(before, valid=True))


def _checked(one: Assessment) -> Assessment:
    if not one.name:
        raise InvalidInput("Missing value for required parameter 'assessment_name'.")
    for text, limit, path in (
        (one.id, 64, "assessment_id"), (one.name, 250, "assessment_name"), (one.value, MAX_VALUE, "value"),
        (one.rationale, MAX_VALUE, "rationale"), (one.source_id, 250, "source_id"),
        (one.source_type, 50, "source_type"),
        (one.error_code, 250, "error_code"), (one.error_message, MAX_VALUE, "error_message"),
        (one.stack_trace, MAX_VALUE, "stack_trace"), (json.dumps(one.metadata), MAX_VALUE, "metadata"),
    ):  # fmt: skip
        rules.check_length(text, limit, path)
    return one


def _number(tx: Transaction, trace: str) -> int:
    head = traces.head(tx, trace)
    if head is None:
        raise NotFound(f"Trace with ID '{trace[:80]}' not found.")
    return head.id


def _found(tx: Transaction, number: int, assessment: str) -> Assessment:
    one = store.one(tx, number, assessment)
    if one is None:
        raise NotFound(f"Assessment with ID '{assessment[:80]}' not found")
    return one

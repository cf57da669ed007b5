"""The operations on assessments: what people, judges and programs say of traces."""

from __future__ import annotations

from abc import ABC, abstractmethod

from modelyard.kernel.operations import operation
from modelyard.tracking.api.traces import Assessment, AssessmentKind, JsonText


class AssessmentOperations(ABC):
    """What can be done with assessments."""

    @operation(
        "POST", "/traces/{trace}/assessments", scope="tracking:write", about="trace:{trace}",
        private=("assessment", "return"),
    )  # fmt: skip
    @abstractmethod
    def assess(self, trace: str, assessment: Assessment) -> Assessment:
        """Say something of a trace; its id is drawn where it is empty.

        Args:
            trace: which trace.
            assessment: what is said; one that it overrides is no longer valid.

        Raises:
            NotFound: there is no such trace, span or assessment.
            InvalidInput: the name is empty, or something is too long.
        """

    @operation("GET", "/traces/{trace}/assessments/{assessment}", scope="tracking:read", about="trace:{trace}")
    @abstractmethod
    def assessment(self, trace: str, assessment: str) -> Assessment:
        """Show one assessment.

        Raises:
            NotFound: there is no such trace or assessment.
        """

    @operation(
        "PATCH", "/traces/{trace}/assessments/{assessment}", scope="tracking:write", about="trace:{trace}",
        private=("value", "rationale", "metadata", "return"),
    )  # fmt: skip
    @abstractmethod
    def revise_assessment(
        self,
        trace: str,
        assessment: str,
        *,
        name: str | None = None,
        kind: AssessmentKind | None = None,
        value: JsonText | None = None,
        rationale: str | None = None,
        metadata: dict[str, str] | None = None,
    ) -> Assessment:
        """Change what was said; what is not given stays.

        Args:
            trace: which trace.
            assessment: which assessment.
            name: another name.
            kind: must be the one that it has.
            value: another value, as JSON.
            rationale: another reason.
            metadata: entries to set.

        Raises:
            NotFound: there is no such trace or assessment.
            InvalidInput: the kind is another, or something is too long.
        """

    @operation("DELETE", "/traces/{trace}/assessments/{assessment}", scope="tracking:write", about="trace:{trace}")
    @abstractmethod
    def retract_assessment(self, trace: str, assessment: str) -> None:
        """Take back what was said; one that it stood in place of is valid again.

        Raises:
            NotFound: there is no such trace or assessment.
        """

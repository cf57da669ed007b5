"""MLflow's calls on assessments: what people and programs say of a trace."""

from __future__ import annotations

from msgspec import UNSET, Struct

from modelyard.kernel.operations import Effect
from modelyard.kernel.refs import Ref, ref
from modelyard.ports.wires import WireRequest, WireResponse, WireRoute
from modelyard.protocols.mlflow import trace_shapes as shapes
from modelyard.protocols.mlflow import wire
from modelyard.protocols.mlflow.wire import EMPTY, answer, body_decoder, required
from modelyard.tracking.api import Tracking


class Assess(Struct, kw_only=True):
    """`CreateAssessment` and `UpdateAssessment`."""

    assessment: shapes.AssessmentShape | None = None


class AssessmentAnswer(Struct, kw_only=True):
    """One assessment."""

    assessment: shapes.AssessmentShape


class Said(Struct, kw_only=True):
    """What a call names in its path, and what it says beside it."""

    trace: str
    assessment: str = ""
    told: Assess | None = None


class Assessments:
    """Translates calls on assessments."""

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking

    def routes(self) -> list[WireRoute]:
        """Their addresses."""
        some = "/traces/{trace}/assessments"
        one, get, write = some + "/{assessment}", Effect.READ, Effect.WRITE
        found = [
            *wire.route("create_assessment", f"POST {some}", _told, self.assess, effect=write, about=_about),
            *wire.route("get_assessment", f"GET {one}", _named, self.assessment, effect=get, about=_about),
            *wire.route("update_assessment", f"PATCH {one}", _told, self.revise, effect=write, about=_about),
            *wire.route("delete_assessment", f"DELETE {one}", _named, self.retract, effect=write, about=_about),
        ]
        return wire.below(wire.THIRD, found)

    def assess(self, asked: Said) -> WireResponse:
        """Say something of a trace."""
        made = self._tracking.assess(asked.trace, shapes.assessment_of(_said(asked)))
        return answer(AssessmentAnswer(assessment=shapes.assessment(made)))

    def assessment(self, asked: Said) -> WireResponse:
        """Show what was said."""
        found = self._tracking.assessment(asked.trace, asked.assessment)
        return answer(AssessmentAnswer(assessment=shapes.assessment(found)))

    def revise(self, asked: Said) -> WireResponse:
        """Change what was said."""
        given = _said(asked)
        kind, value = shapes.value_of(given)
        found = self._tracking.revise_assessment(
            asked.trace, asked.assessment, name=given.assessment_name or None, kind=kind,
            value=None if kind is None else value, rationale=None if given.rationale is UNSET else given.rationale,
            metadata=given.metadata or None,
        )  # fmt: skip
        return answer(AssessmentAnswer(assessment=shapes.assessment(found)))

    def retract(self, asked: Said) -> WireResponse:
        """Take back what was said."""
        self._tracking.retract_assessment(asked.trace, asked.assessment)
        return EMPTY


_body = body_decoder(Assess)


def _named(request: WireRequest) -> Said:
    return Said(trace=request.path_params["trace"], assessment=request.path_params.get("assessment", ""))


def _told(request: WireRequest) -> Said:
    said = _named(request)
    said.told = _body(request)
    return said


def _said(asked: Said) -> shapes.AssessmentShape:
    return required(None if asked.told is None else asked.told.assessment, "assessment")


def _about(asked: Said) -> Ref:
    return ref("trace", asked.trace)

"""Whether a gate opens: figures and facts in, an outcome with its numbers and a sentence out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.refs import Ref
from modelyard.registry.api import (
    Attestation,
    Evaluation,
    EvaluationRows,
    Gate,
    GateKind,
    GateResult,
    Metric,
    ModelVersion,
    Outcome,
    Task,
)
from modelyard.registry.model import evaluating, flipping, signatures

_DAY_MS = 86_400_000


class Bid(Struct, frozen=True, kw_only=True):
    """Everything that gates may ask about.

    Attributes:
        tried, champion_tried: evaluations of candidate and champion, newest first.
        rows: gives the stored rows of an evaluation.
        told: attestations about the candidate, newest first.
        data_ms: data that the candidate was made from, and when each version of it was made, if anybody can say.
    """

    candidate: ModelVersion
    champion: ModelVersion | None
    tried: Sequence[Evaluation]
    champion_tried: Sequence[Evaluation]
    rows: Callable[[Evaluation], EvaluationRows]
    now_ms: int
    told: Sequence[Attestation] = ()
    data_ms: Mapping[Ref, int | None] = {}


def check(gates: Sequence[Gate]) -> None:
    """Refuse gates that cannot be asked.

    Raises:
        InvalidInput: two of one name, or one lacks what its kind needs.
    """
    names = [g.name for g in gates]
    if len(set(names)) < len(names):
        raise InvalidInput("two gates bear one name; each needs its own")
    if len(gates) > 50:
        raise InvalidInput(f"at most 50 gates, not {len(gates)}")
    for gate in gates:
        if (fault := _fault_of(gate)) is not None:
            raise InvalidInput(f"gate {gate.name}: {fault}")


def _fault_of(gate: Gate) -> str | None:
    if gate.kind in (GateKind.THRESHOLD, GateKind.NO_WORSE) and gate.metric is None:
        return f"{gate.kind.value} needs a metric, one of {', '.join(Metric)}"
    if gate.kind is GateKind.THRESHOLD and gate.at_least is None and gate.at_most is None:
        return "threshold needs at_least or at_most"
    if gate.kind is GateKind.NO_WORSE and gate.margin < 0:
        return "margin says by how much it may be worse; it is not negative"
    if gate.kind is GateKind.GROUP_GAP and (not gate.group or gate.at_most is None):
        return "group_gap needs group, the column, and at_most, the widest gap"
    if gate.kind is GateKind.FLIPS and (gate.at_most is None or not 0 <= gate.at_most < 1):
        return "flips needs at_most, the largest share of rows that may become wrong, from 0 to below 1"
    if gate.max_age_days is not None and gate.max_age_days <= 0:
        return "max_age_days is above 0"
    if gate.kind in (GateKind.FRESHNESS, GateKind.DATA_AGE) and gate.max_age_days is None:
        return f"{gate.kind.value} needs max_age_days, above 0"
    return None


def ask(gate: Gate, bid: Bid) -> GateResult:
    """What one gate says."""
    asked = {
        GateKind.THRESHOLD: _threshold, GateKind.NO_WORSE: _no_worse, GateKind.GROUP_GAP: _group_gap,
        GateKind.SIGNATURE: _signature, GateKind.SAFE: _safe, GateKind.FRESHNESS: _freshness,
        GateKind.DATA_AGE: _data_age, GateKind.TESTS: _tests,
        GateKind.FLIPS: _flips,
    }[gate.kind]  # fmt: skip
    return asked(gate, bid)


def _said(
    gate: Gate, bid: Bid, outcome: Outcome, text: str, *, value: float | None = None, limit: float | None = None,
    span: tuple[float | None, float | None] = (None, None),
) -> GateResult:  # fmt: skip
    return GateResult(
        gate=gate.name, kind=gate.kind, outcome=outcome, text=text, value=value, low=span[0], high=span[1], limit=limit,
        at_ms=bid.now_ms,
    )  # fmt: skip


def _chosen(gate: Gate, tried: Sequence[Evaluation]) -> Evaluation | None:
    return next((e for e in tried if gate.dataset in ("", e.dataset)), None)


def _missing(gate: Gate, bid: Bid) -> GateResult:
    rows = f"on {gate.dataset}" if gate.dataset else "on any rows"
    text = f"version {bid.candidate.version} was not evaluated {rows}; do it: yard registry evaluate"
    return _said(gate, bid, Outcome.UNKNOWN, text)


def _threshold(gate: Gate, bid: Bid) -> GateResult:
    one = _chosen(gate, bid.tried)
    if one is None or gate.metric is None:
        return _missing(gate, bid)
    figure = next((f for f in one.figures if f.metric is gate.metric and f.group == gate.group), None)
    where = f"{gate.metric.value}{f' for {gate.group}' if gate.group else ''} on {one.dataset}"
    if figure is None or figure.value is None:
        return _said(gate, bid, Outcome.UNKNOWN, f"there is no {where}")
    value = figure.value
    low = gate.at_least is None or value >= gate.at_least
    high = gate.at_most is None or value <= gate.at_most
    bounds = [f"at least {gate.at_least:g}" if gate.at_least is not None else ""]
    bounds.append(f"at most {gate.at_most:g}" if gate.at_most is not None else "")
    text = f"{where} is {value:.4f}; wanted {' and '.join(b for b in bounds if b)}"
    limit = gate.at_least if gate.at_least is not None and (not low or gate.at_most is None) else gate.at_most
    outcome = Outcome.PASSED if low and high else Outcome.FAILED
    return _said(gate, bid, outcome, text, value=value, limit=limit, span=(figure.low, figure.high))


def _no_worse(gate: Gate, bid: Bid) -> GateResult:
    if bid.champion is None or gate.metric is None:
        return _said(gate, bid, Outcome.PASSED, "there is no champion to be worse than")
    pair = _same_rows(gate, bid)
    if pair is None:
        return _apart(gate, bid, bid.champion.version)
    ours, theirs = (evaluating.answers_of(bid.rows(e), e.threshold) for e in pair)
    value, low, high = evaluating.ahead(gate.metric, ours, theirs, confidence=2 * gate.confidence - 1)
    if value is None or low is None or high is None:
        return _said(gate, bid, Outcome.UNKNOWN, f"the rows of {pair[0].dataset} do not allow {gate.metric.value}")
    passed = low >= -gate.margin if gate.proven else high >= -gate.margin
    word = "ahead of" if value >= 0 else "behind"
    text = (
        f"{gate.metric.value} is {abs(value):.4f} {word} version {bid.champion.version} on the same "
        f"{pair[0].rows:,} rows ({low:+.4f} to {high:+.4f}, {gate.confidence:.1%} each way); "
        f"it may be {gate.margin:g} behind"
    )
    outcome = Outcome.PASSED if passed else Outcome.FAILED
    return _said(gate, bid, outcome, text, value=value, limit=0.0 - gate.margin, span=(low, high))


def _flips(gate: Gate, bid: Bid) -> GateResult:
    if bid.champion is None or gate.at_most is None:
        return _said(gate, bid, Outcome.PASSED, "there is no champion whose answers could flip")
    pair = _same_rows(gate, bid)
    if pair is None:
        return _apart(gate, bid, bid.champion.version)
    ours, theirs = ((bid.rows(e), e.threshold) for e in pair)
    found = flipping.flips(pair[0].dataset, pair[0].task, ours, theirs)
    worse = found.worse
    how = "become wrong" if pair[0].task is Task.BINARY else "come farther from the truth"
    text = (
        f"{worse.rows:,} of the same {found.rows:,} rows {how} ({worse.share:.2%}, {worse.low:.2%} to "
        f"{worse.high:.2%}), {found.better.rows:,} the other way; wanted at most {gate.at_most:.2%}"
    )
    passed = (worse.high if gate.proven else worse.share) <= gate.at_most
    outcome = Outcome.PASSED if passed else Outcome.FAILED
    return _said(gate, bid, outcome, text, value=worse.share, limit=gate.at_most, span=(worse.low, worse.high))


def _apart(gate: Gate, bid: Bid, champion: int) -> GateResult:
    if not bid.tried:
        return _missing(gate, bid)
    text = f"versions {bid.candidate.version} and {champion} were not evaluated on the same rows"
    return _said(gate, bid, Outcome.UNKNOWN, text)


def _same_rows(gate: Gate, bid: Bid) -> tuple[Evaluation, Evaluation] | None:
    """The newest evaluations of both versions on the same rows; of the metric's task."""
    for one in bid.tried:
        if gate.dataset not in ("", one.dataset) or (gate.metric is not None and not gate.metric.suits(one.task)):
            continue
        for other in bid.champion_tried:
            if other.rows_key == one.rows_key and other.task is one.task:
                return one, other
    return None


def _group_gap(gate: Gate, bid: Bid) -> GateResult:
    tried = [e for e in bid.tried if gate.dataset in ("", e.dataset)]
    one = next((e for e in tried if any(g.column == gate.group for g in e.gaps)), None)
    found = next((g for g in one.gaps if g.column == gate.group and g.parity is gate.parity), None) if one else None
    if one is None or found is None or gate.at_most is None:
        if _chosen(gate, bid.tried) is None:
            return _missing(gate, bid)
        return _said(gate, bid, Outcome.UNKNOWN, f"no evaluation has the column {gate.group}")
    what = f"{gate.parity.value.replace('_', ' ')} by {gate.group} on {one.dataset}"
    if found.gap is None:
        return _said(gate, bid, Outcome.UNKNOWN, f"{what}: fewer than two groups have 30 rows that count")
    highest, lowest = max(found.rates, key=found.rates.__getitem__), min(found.rates, key=found.rates.__getitem__)
    text = (
        f"{what} lies {found.gap:.4f} apart ({lowest}: {found.rates[lowest]:.3f}, {highest}: "
        f"{found.rates[highest]:.3f}); wanted at most {gate.at_most:g}"
    )
    outcome = Outcome.PASSED if found.gap <= gate.at_most else Outcome.FAILED
    return _said(gate, bid, outcome, text, value=found.gap, limit=gate.at_most, span=(found.low, found.high))


def _signature(gate: Gate, bid: Bid) -> GateResult:
    if bid.champion is None:
        return _said(gate, bid, Outcome.PASSED, "there is no champion whose callers must be served")
    fault = signatures.fault_of(bid.champion.signature, bid.candidate.signature)
    if fault is not None:
        return _said(gate, bid, Outcome.FAILED, fault)
    return _said(gate, bid, Outcome.PASSED, f"whoever calls version {bid.champion.version} can call it")


def _safe(gate: Gate, bid: Bid) -> GateResult:
    scan = bid.candidate.scan
    if scan.verdict.may_load:
        pickles = f"{scan.pickles} pickles walked, nothing beyond the allow-list" if scan.pickles else "no pickle in it"
        return _said(gate, bid, Outcome.PASSED, pickles)
    named = "; ".join(f"{f.path}: {f.what}" for f in scan.findings[:3]) or scan.verdict.value.replace("_", " ")
    return _said(gate, bid, Outcome.FAILED, f"not safe to load: {named}")


def _freshness(gate: Gate, bid: Bid) -> GateResult:
    days = (bid.now_ms - bid.candidate.created_ms) / _DAY_MS
    limit = gate.max_age_days or 0.0
    text = f"registered {days:.1f} days ago; wanted at most {limit:g}"
    return _said(gate, bid, Outcome.PASSED if days <= limit else Outcome.FAILED, text, value=days, limit=limit)


def _data_age(gate: Gate, bid: Bid) -> GateResult:
    wanted = {r: at for r, at in bid.data_ms.items() if gate.data in ("", r.partition("@")[0])}
    known = {r: at for r, at in wanted.items() if at is not None}
    limit = gate.max_age_days or 0.0
    if not wanted:
        text = f"version {bid.candidate.version} does not say that it was made from {gate.data or 'any data'}"
        return _said(gate, bid, Outcome.UNKNOWN, text, limit=limit)
    if len(known) < len(wanted):
        text = f"nobody can say how old {next(r for r in wanted if r not in known)} is"
        return _said(gate, bid, Outcome.UNKNOWN, text, limit=limit)
    oldest = min(known, key=known.__getitem__)
    days = (bid.now_ms - known[oldest]) / _DAY_MS
    text = f"the oldest data, {oldest}, is {days:.1f} days old; wanted at most {limit:g}"
    return _said(gate, bid, Outcome.PASSED if days <= limit else Outcome.FAILED, text, value=days, limit=limit)


def _tests(gate: Gate, bid: Bid) -> GateResult:
    told = [a for a in bid.told if a.check == gate.name and a.digest == bid.candidate.digest]
    counted = [a for a in told if not gate.by_role or gate.by_role in a.roles]
    if not counted:
        who = f" by anybody in the role {gate.by_role}" if gate.by_role else ""
        text = f"the tests {gate.name} were not run{who}; run them: yard gate check FILE"
        return _said(gate, bid, Outcome.UNKNOWN, text)
    last = counted[0]
    days = (bid.now_ms - last.at_ms) / _DAY_MS
    code = f" at {last.commit[:12]}" if last.commit else ""
    text = f"run by {last.by}{code} at {from_ms(last.at_ms):%Y-%m-%d %H:%M} UTC" + (
        f": {last.text}" if last.text else ""
    )
    if gate.max_age_days is not None and days > gate.max_age_days:
        text = f"the tests were run {days:.1f} days ago; wanted at most {gate.max_age_days:g}"
        return _said(gate, bid, Outcome.FAILED, text, value=days, limit=gate.max_age_days)
    return _said(gate, bid, Outcome.PASSED if last.passed else Outcome.FAILED, text[:600])

"""A verdict in one sentence for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.monitoring.model.drift import Finding


def sentence(findings: Sequence[Finding], *, rows: int, missing: Sequence[str], figures: Mapping[str, float]) -> str:
    """What moved, how far, and how the predictions fared."""
    moved = sorted((f for f in findings if f.drifted), key=lambda f: (-f.distance, f.name))
    if moved:
        named = ", ".join(_column(f) for f in moved[:4]) + (f" and {len(moved) - 4} more" if len(moved) > 4 else "")
        said = f"{len(moved)} of {len(findings)} columns drifted in {rows:,} rows: {named}"
    else:
        said = f"no drift in {len(findings)} columns over {rows:,} rows"
    if missing:
        said += f"; missing: {', '.join(missing[:4])}"
    if "accuracy" in figures:
        said += f"; accuracy {figures['accuracy']:.3f} on {figures['labelled']:,.0f} labelled rows"
    elif "expected_accuracy" in figures:
        said += f"; expected accuracy {figures['expected_accuracy']:.3f} without labels"
    if "mean_absolute_error" in figures:
        said += f"; off by {figures['mean_absolute_error']:.4g} on average in {figures['labelled']:,.0f} labelled rows"
    return said


def _column(found: Finding) -> str:
    if found.null_drifted:
        return f"{found.name} (nulls {found.reference_null_share:.1%} to {found.null_share:.1%})"
    if found.unseen:
        return f"{found.name} (unseen: {', '.join(found.unseen[:3])})"
    if found.shift is not None and abs(found.shift) >= 0.1:
        return f"{found.name} (mean {found.reference_mean:.4g} to {found.mean:.4g})"
    return f"{found.name} ({found.measure} {found.distance:.2f}, usual up to {found.threshold:.2f})"

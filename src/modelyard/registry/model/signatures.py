"""What differs between two signatures, and whether whoever called the one may call the other."""

from __future__ import annotations

from modelyard.registry.api import Change, Field, Signature

_WIDER = {
    "integer": {"long", "float", "double"},
    "long": {"double"},
    "float": {"double"},
    "int32": {"int64", "float64"},
    "int64": {"float64"},
    "float32": {"float64"},
}


def differences(before: Signature | None, after: Signature | None) -> tuple[Change, ...]:
    """Inputs, outputs and params that read otherwise."""
    found: list[Change] = []
    for part in ("inputs", "outputs", "params"):
        old = _named(getattr(before, part) if before else ())
        new = _named(getattr(after, part) if after else ())
        for name in [*old, *(n for n in new if n not in old)]:
            was, now = old.get(name), new.get(name)
            if was != now:
                found.append(Change(what=f"{part[:-1]} {name}", before=_said(was), after=_said(now)))
    return tuple(found)


def fault_of(before: Signature | None, after: Signature | None) -> str | None:
    """Why callers of `before` cannot call `after`; None if they can."""
    if before is None:
        return None
    if after is None:
        return "the champion has a signature and the candidate has none"
    old, new = _named(before.inputs), _named(after.inputs)
    for name, was in old.items():
        now = new.get(name)
        if now is None:
            return f"it no longer takes {name}"
        if now.type != was.type and now.type not in _WIDER.get(was.type, ()):
            return f"{name} was {was.type} and is {now.type}"
        if now.required and not was.required:
            return f"{name} could be missing and no longer can"
        if not _fits(was.shape, now.shape):
            return f"the shape of {name} was {list(was.shape)} and is {list(now.shape)}"
    if missing := [n for n, f in new.items() if n not in old and f.required]:
        return f"it also wants {', '.join(missing[:5])}"
    if [(f.type, f.shape) for f in before.outputs] != [(f.type, f.shape) for f in after.outputs]:
        return "it gives something else than the champion"
    return None


def _named(fields: tuple[Field, ...]) -> dict[str, Field]:
    return {f.name or f"#{place}": f for place, f in enumerate(fields)}


def _said(field: Field | None) -> str | None:
    if field is None:
        return None
    shape = f" {list(field.shape)}" if field.shape else ""
    return f"{field.type}{shape}{'' if field.required else ', may be missing'}"


def _fits(was: tuple[int, ...], now: tuple[int, ...]) -> bool:
    return len(was) == len(now) and all(n in (-1, w) for w, n in zip(was, now, strict=True))

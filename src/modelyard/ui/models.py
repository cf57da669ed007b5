"""The screen of one model: its versions, where its aliases stood at any moment, what is proposed, its card."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote

from msgspec import Struct

from modelyard.kernel.actors import allows
from modelyard.kernel.clock import from_ms
from modelyard.kernel.errors import InvalidInput
from modelyard.kernel.pages import Page as Rows
from modelyard.registry.api import (
    AliasMove,
    Evaluation,
    Metric,
    Model,
    ModelCard,
    ModelVersion,
    Proposal,
    Registry,
    Scan,
    Standing,
    Verdict,
    Verification,
)
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.drawings import Lane, Span
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Done, Foot, Found, Page, Screens
from modelyard.ui.kit.prose import prose
from modelyard.ui.kit.tables import (
    NONE,
    ActorCell,
    AliasCell,
    Cell,
    Column,
    Kind,
    LinkCell,
    MarkCell,
    RefCell,
    Row,
    Table,
    TimeCell,
)
from modelyard.ui.people import names

Versions = Rows[ModelVersion]
_FIRST = (
    Metric.LOG_LOSS, Metric.AUC, Metric.BRIER, Metric.ACCURACY, Metric.MAE, Metric.RMSE, Metric.R2, Metric.LATENCY_P99,
)  # fmt: skip
SCANS = {
    Verdict.SAFE: "ok", Verdict.NO_PICKLE: "ok", Verdict.UNSAFE: "bad", Verdict.NO_FILES: "off",
    Verdict.UNSCANNED: "wait",
}  # fmt: skip


class ModelData(Struct, frozen=True):
    """One model.

    Attributes:
        shown: the version looked at; `seal` what the check of its signatures found.
        standing: what an alias stood for at `at`; `moment` the same as a line across the lanes.
        card: the edition looked at as Markdown, and as HTML that may hold no raw HTML.
    """

    model: Model
    state: str
    versions: Table
    shown: ModelVersion | None
    seal: Verification | None
    lanes: tuple[Lane, ...]
    moment: tuple[tuple[datetime, str, str], ...]
    moves: Table
    proposals: Table
    card: ModelCard
    html: str
    editions: tuple[ModelCard, ...]
    alias: str
    at: str
    url: str
    may_write: bool
    standing: Standing | None = None


def screens() -> Screens:
    """The page of a model."""
    mine = Screens("models")
    mine.page("/models/{name}", template="pages/model.html", nav="models")(_one)
    for step, do in (("propose", _propose), ("card", _write), ("sign", _sign)):
        mine.form(f"/models/{{name}}/{step}")(do)

    @mine.finds
    def finds(calls: PageCalls, words: str) -> list[Found]:
        found = slices(calls).registry.models(limit=100).items
        return [
            Found(m.name, model_url(m.name), f"model · {plural(m.last_version, 'version')}", "model")
            for m in found
            if all(word in m.name.lower() for word in words.lower().split())
        ]

    return mine


def model_url(name: str) -> str:
    """The address of a model's page."""
    return f"/models/{quote(name, safe='')}"


def proposal_url(proposal: Proposal) -> str:
    """The address of a proposal's page."""
    return f"/proposals/{quote(proposal.name, safe='')}/{proposal.number}"


def _one(calls: PageCalls, ask: Ask) -> Page:
    registry, name = slices(calls).registry, ask.params["name"]
    model = registry.model(name)
    versions = registry.versions(name=name, limit=60, cursor=ask.text("after") or None)
    moves = registry.alias_history(name, limit=200).items
    open_ones = tuple(p for p in registry.proposals(name=name, limit=60).items if not p.state.is_over)
    card = registry.card(name, _edition(ask.text("card")))
    number = _looked_at(model, ask.text("version"))
    alias, at = ask.text("alias") or "production", ask.text("at")
    stood = registry.alias_at(name, alias, at) if at else None
    data = ModelData(
        model, _state(model, len(open_ones)), _versions(registry, versions, number),
        registry.version(name, number) if number else None, registry.verify(name, number) if number else None,
        _lanes(moves), () if stood is None else ((from_ms(stood.at_ms), "", stood.says),), _moves(moves, names(calls)),
        _proposals(open_ones), card, prose(card.text), tuple(registry.cards(name, limit=20).items), alias, at,
        model_url(name), allows(frozenset(slices(calls).governance.whoami().scopes), "registry:write"), stood,
    )  # fmt: skip
    foot = Foot(f"GET /v1/models/{quote(name)}", f"yard registry model {name}", f"yard.registry.model({name!r})")
    return Page(name, data, (Crumb("Models", "/models"), Crumb(name)), foot)


def _edition(asked: str) -> int | None:
    return int(asked) if asked.isascii() and asked.isdigit() and 0 < len(asked) < 7 and int(asked) else None


def _propose(calls: PageCalls, ask: Ask) -> Done:
    version = ask.form.get("version", "")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise InvalidInput(f"a version is a whole number, not {version[:40]!r}")
    made = slices(calls).registry.propose(
        ask.params["name"], int(version), ask.form.get("alias") or "production", ask.form.get("title", ""),
        ask.form.get("note", ""),
    )  # fmt: skip
    return Done(proposal_url(made), "Proposed", "Run its gates, then somebody else approves.")


def _write(calls: PageCalls, ask: Ask) -> Done:
    name = ask.params["name"]
    made = slices(calls).registry.write_card(name, ask.form.get("text", "").replace("\r\n", "\n"))
    return Done(f"{model_url(name)}#card", f"Kept edition {made.edition} of the card")


def _sign(calls: PageCalls, ask: Ask) -> Done:
    name, version = ask.params["name"], ask.form.get("version", "")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise InvalidInput(f"a version is a whole number, not {version[:40]!r}")
    made = slices(calls).registry.sign(name, int(version))
    return Done(f"{model_url(name)}?version={version}", f"Signed version {version}", f"With key {made.key}.")


def _looked_at(model: Model, asked: str) -> int:
    if asked.isascii() and asked.isdigit() and len(asked) < 10:
        return int(asked)
    return model.aliases.get(asked) or model.aliases.get("production") or 0


def _state(model: Model, proposed: int) -> str:
    held = model.aliases.get("production")
    said = f"Version {held} is in production" if held else "No version is in production"
    waits = f"{plural(proposed, 'proposal waits', 'proposals wait')}" if proposed else "no proposal waits"
    rule = "aliases move by merged proposals only" if model.needs_proposal else "aliases may be moved directly"
    return f"{said}; {waits}; {rule}."


def _scan(scan: Scan) -> MarkCell:
    words = scan.verdict.value.replace("_", " ")
    return MarkCell(SCANS[scan.verdict], f"{words}, {plural(len(scan.findings), 'reason')}" if scan.findings else words)


def _versions(registry: Registry, page: Versions, shown: int) -> Table:
    tried = {v.version: next(iter(registry.evaluations(v.name, v.version, limit=1).items), None) for v in page.items}
    wanted = _metrics([e for e in tried.values() if e is not None])
    columns = (
        Column("version", "Version"), Column("aliases", "Aliases"), Column("at", "Registered", Kind.TIME),
        Column("run", "Run"), *(Column(m.value, m.value.replace("_", " "), Kind.NUMBER, digits=4) for m in wanted),
        Column("data", "Made from"), Column("scan", "Scan"), Column("signed", "Signed"),
        Column("size", "Size", Kind.SIZE), Column("flavours", "Format"), Column("served", "Serving form"),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                LinkCell(f"@{v.version}", f"{model_url(v.name)}?version={v.version}"),
                AliasCell(v.aliases) if v.aliases else NONE, TimeCell(from_ms(v.created_ms)),
                RefCell(f"run:{v.run}", v.run[-8:], bare=True) if v.run else NONE,
                *_figures(tried[v.version], wanted), RefCell(str(v.reads[0]), bare=True) if v.reads else NONE,
                _scan(v.scan), MarkCell("ok", f"{len(v.signers)}") if v.signers else NONE, v.size_bytes,
                ", ".join(f for f in v.flavours if f != "python_function") or NONE,
                MarkCell("ok", "attached") if v.served else NONE,
            ),
            key=str(v.version), ref=f"model:{v.name}@{v.version}", pinned=v.version == shown,
            href=f"{model_url(v.name)}?version={v.version}",
        )
        for v in page.items
    )  # fmt: skip
    return Table("versions", "Versions", columns, rows, next=page.next or "")


def _metrics(tried: list[Evaluation]) -> list[Metric]:
    """The three metrics by which the newest evaluated version is looked at."""
    known = [f.metric for e in tried[:1] for f in e.figures if not f.group and f.value is not None]
    return [m for m in _FIRST if m in known][:3]


def _figures(one: Evaluation | None, wanted: list[Metric]) -> list[float | Cell]:
    values = {f.metric: f.value for f in one.figures if not f.group} if one is not None else {}
    return [NONE if (value := values.get(m)) is None else value for m in wanted]


def _lanes(moves: list[AliasMove]) -> tuple[Lane, ...]:
    spans: dict[str, list[Span]] = {}
    for m in reversed(moves):
        if m.version is not None:
            until = None if m.until_ms is None else from_ms(m.until_ms)
            spans.setdefault(m.alias, []).append(Span(f"@{m.version}", from_ms(m.at_ms), until))
    first = sorted(spans, key=lambda alias: (alias != "production", alias))
    return tuple(Lane(a, tuple(spans[a]), "solid" if a == "production" else "line") for a in first)


def _moves(moves: list[AliasMove], people: Mapping[str, str]) -> Table:
    columns = (
        Column("at", "Since", Kind.TIME), Column("until", "Until", Kind.TIME), Column("alias", "Alias"),
        Column("from", "From"), Column("to", "To"), Column("who", "Moved by"), Column("why", "By proposal"),
        Column("votes", "Approved by"),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                TimeCell(from_ms(m.at_ms)), "stands" if m.until_ms is None else TimeCell(from_ms(m.until_ms)),
                AliasCell((m.alias,)), NONE if m.before is None else f"@{m.before}",
                "taken away" if m.version is None else f"@{m.version}", ActorCell(people.get(m.actor, m.actor)),
                NONE if m.proposal is None
                else LinkCell(f"#{m.proposal}", f"/proposals/{quote(m.name, safe='')}/{m.proposal}"),
                ", ".join(people.get(a, a) for a in m.approvers) or NONE,
            ),
            key=f"{m.alias}-{m.at_ms}",
        )
        for m in moves
    )  # fmt: skip
    return Table("moves", "Moves of aliases", columns, rows)


def _proposals(found: tuple[Proposal, ...]) -> Table:
    columns = (
        Column("what", "Proposal"), Column("version", "Version"), Column("alias", "For"), Column("gates", "Gates open"),
        Column("votes", "Approvals"), Column("at", "Opened", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                LinkCell(p.title or f"Proposal {p.number}", proposal_url(p)), f"@{p.version}", AliasCell((p.alias,)),
                f"{sum(g.outcome.opens for g in p.results)} of {len(p.results)}" if p.results else "not run",
                f"{sum(r.vote.value == 'approve' for r in p.reviews)} of {p.needed}", TimeCell(from_ms(p.created_ms)),
            ),
            key=str(p.number), href=proposal_url(p), ref=str(p.ref),
        )
        for p in found
    )  # fmt: skip
    return Table("proposals", "Open proposals", columns, rows)

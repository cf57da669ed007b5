"""The screen of one model: its versions, where its aliases stood at any moment, what is proposed, its card."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from msgspec import Struct

from modelyard.kernel.clock import from_ms
from modelyard.registry.api import AliasMove, Model, ModelVersion, Proposal, Scan, Standing, Verdict
from modelyard.ui.hub import slices
from modelyard.ui.kit.calls import PageCalls
from modelyard.ui.kit.drawings import Lane, Span
from modelyard.ui.kit.figures import plural
from modelyard.ui.kit.pages import Ask, Crumb, Foot, Found, Page, Screens
from modelyard.ui.kit.tables import (
    NONE,
    ActorCell,
    AliasCell,
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

SCANS = {
    Verdict.SAFE: "ok", Verdict.NO_PICKLE: "ok", Verdict.UNSAFE: "bad", Verdict.NO_FILES: "off",
    Verdict.UNSCANNED: "wait",
}  # fmt: skip


class Block(Struct, frozen=True):
    """A piece of a card: `kind` is head, item, text or code."""

    kind: str
    text: str


class ModelData(Struct, frozen=True):
    """One model; `shown` is the version looked at, `standing` what an alias stood for at `at`."""

    model: Model
    state: str
    versions: Table
    shown: ModelVersion | None
    lanes: tuple[Lane, ...]
    moves: Table
    proposals: Table
    card: tuple[Block, ...]
    edition: int
    alias: str
    at: str
    standing: Standing | None = None


def screens() -> Screens:
    """The page of a model."""
    mine = Screens("models")
    mine.page("/models/{name}", template="pages/model.html", nav="models")(_one)

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
    card = registry.card(name)
    number = _looked_at(model, ask.text("version"))
    alias, at = ask.text("alias") or "production", ask.text("at")
    data = ModelData(
        model, _state(model, len(open_ones)), _versions(versions.items, versions.next or "", number),
        registry.version(name, number) if number else None, _lanes(moves), _moves(moves, names(calls)),
        _proposals(open_ones), _blocks(card.text), card.edition, alias, at,
        registry.alias_at(name, alias, at) if at else None,
    )  # fmt: skip
    foot = Foot(f"GET /v1/models/{quote(name)}", f"yard registry model {name}", f"yard.registry.model({name!r})")
    return Page(name, data, (Crumb("Models", "/models"), Crumb(name)), foot)


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


def _versions(found: list[ModelVersion], after: str, shown: int) -> Table:
    columns = (
        Column("version", "Version"), Column("aliases", "Aliases"), Column("scan", "Scan"),
        Column("size", "Size", Kind.SIZE), Column("flavours", "Flavours"), Column("run", "Run"),
        Column("served", "Serving form"), Column("says", "Description"), Column("at", "Registered", Kind.TIME),
    )  # fmt: skip
    rows = tuple(
        Row(
            (
                LinkCell(f"@{v.version}", f"{model_url(v.name)}?version={v.version}"),
                AliasCell(v.aliases) if v.aliases else NONE, _scan(v.scan), v.size_bytes,
                ", ".join(v.flavours) or NONE, RefCell(f"run:{v.run}", v.run[-8:], bare=True) if v.run else NONE,
                MarkCell("ok", "attached") if v.served else NONE, v.description[:120] or NONE,
                TimeCell(from_ms(v.created_ms)),
            ),
            key=str(v.version), ref=f"model:{v.name}@{v.version}", pinned=v.version == shown,
            href=f"{model_url(v.name)}?version={v.version}",
        )
        for v in found
    )  # fmt: skip
    return Table("versions", "Versions", columns, rows, next=after)


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


def _blocks(text: str) -> tuple[Block, ...]:
    """A card's Markdown in pieces, of which only heads and items are told apart from text."""
    made: list[Block] = []
    for line in text[:40_000].splitlines():
        words = line.strip().replace("`", "")
        if not words:
            continue
        kind = "head" if words.startswith("#") else "code" if words.startswith("|") else "text"
        kind = "item" if words.startswith(("- ", "* ")) else kind
        if kind == "code" and made and made[-1].kind == "code":
            made[-1] = Block("code", f"{made[-1].text}\n{words}")
        else:
            made.append(Block(kind, words.lstrip("#-* ") if kind in ("head", "item") else words))
    return tuple(made)

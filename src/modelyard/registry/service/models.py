"""Registered models: named, described, tagged, found, renamed, set aside; and their cards."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.kernel.errors import AlreadyExists, Conflict, NotFound
from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.ports import calls
from modelyard.registry.api import (
    CardWritten,
    Model,
    ModelCard,
    ModelDeleted,
    ModelProtected,
    ModelRegistered,
    ModelRenamed,
    ModelStage,
    ModelVersion,
)
from modelyard.registry.api.models import ModelOperations
from modelyard.registry.api.news import TagDropped, TagSet
from modelyard.registry.model import cards, filters
from modelyard.registry.service import moves
from modelyard.registry.service.found import (
    MAX_TOLD,
    checked_tags,
    model_of,
    model_ref,
    next_cursor,
    offset_of,
    version_of,
)
from modelyard.registry.store import evaluations, proposals, search, versions
from modelyard.registry.store import models as store

_FIRST = 2**62


class Models(ModelOperations):
    """The operations on registered models."""

    def models(
        self, where: str = "", order_by: list[str] | None = None, limit: int = 100, cursor: str | None = None
    ) -> Page[Model]:
        """List registered models."""
        tx = calls.current().tx
        offset = offset_of(cursor)
        rows = search.find_models(
            tx,
            filters.parse(where, filters.MODELS),
            filters.parse_orders(order_by, filters.MODELS),
            limit=limit + 1,
            offset=offset,
        )
        return Page(store.hydrate(tx, rows[:limit]), next_cursor(offset, limit, len(rows)))

    def create_model(
        self, name: str, description: str = "", tags: dict[str, str] | None = None, *, needs_proposal: bool = False
    ) -> Model:
        """Give a model its name."""
        return enter_model(name, description, tags, needs_proposal=needs_proposal)

    def model(self, name: str) -> Model:
        """Show one model."""
        return model_of(calls.current().tx, name)[1]

    def update_model(self, name: str, description: str) -> Model:
        """Say something else about a model."""
        call = calls.current()
        number, before = model_of(call.tx, name)
        store.describe(
            call.tx, number, description=description, needs_proposal=before.needs_proposal, now_ms=call.now_ms
        )
        return model_of(call.tx, name)[1]

    def protect_model(self, name: str, *, needs_proposal: bool = True) -> Model:
        """Let a model's aliases move by merged proposals only, or lift that."""
        call = calls.current()
        number, before = model_of(call.tx, name)
        if before.needs_proposal != needs_proposal:
            store.describe(
                call.tx, number, description=before.description, needs_proposal=needs_proposal, now_ms=call.now_ms
            )
            call.emit(ModelProtected(name=name, needs_proposal=needs_proposal), writes=[model_ref(name)])
        return model_of(call.tx, name)[1]

    def rename_model(self, name: str, to: str) -> Model:
        """Call a model otherwise."""
        call = calls.current()
        number, before = model_of(call.tx, name)
        if to == name:
            return before
        if store.is_taken(call.tx, to):
            raise AlreadyExists(f"Registered Model (name={to}) already exists or did once; choose another name")
        store.rename(call.tx, number, to, call.now_ms)
        call.emit(ModelRenamed(before=name, name=to), reads=[model_ref(name)], writes=[model_ref(to)])
        for version in versions.numbers(call.tx, number):
            call.emit(
                ModelRenamed(before=name, name=to, version=version),
                reads=[model_ref(name, version)],
                writes=[model_ref(to, version)],
            )
        return model_of(call.tx, to)[1]

    def delete_model(self, name: str) -> None:
        """Set a model and its versions aside."""
        call = calls.current()
        number, before = model_of(call.tx, name)
        if before.needs_proposal and before.aliases:
            raise Conflict(
                f"{name} needs proposals and is in use as {', '.join(before.aliases)}; lift that first: "
                f"yard registry protect-model {name} --no-needs-proposal"
            )
        for alias in before.aliases:
            moves.move(call, number, before, alias=alias, version=None)
        for stage in ModelStage:
            for version in versions.in_stage(call.tx, number, stage) if stage is not ModelStage.NONE else ():
                moves.move_stage(call, number, name, version=version, stage=ModelStage.NONE, before=stage)
        proposals.end_all(call.tx, number, call.now_ms)
        store.delete(call.tx, number, call.now_ms)
        call.emit(ModelDeleted(name=name), writes=[model_ref(name)])

    def tag_model(self, name: str, tags: dict[str, str]) -> Model:
        """Set tags of a model."""
        call = calls.current()
        number, _ = model_of(call.tx, name)
        store.put_tags(call.tx, number, checked_tags(tags))
        store.touch(call.tx, number, call.now_ms)
        for key, value in tags.items():
            call.emit(TagSet(name=name, key=key, value=value[:MAX_TOLD]), writes=[model_ref(name)])
        return model_of(call.tx, name)[1]

    def untag_model(self, name: str, key: str) -> None:
        """Remove a tag of a model."""
        call = calls.current()
        number, _ = model_of(call.tx, name)
        store.drop_tag(call.tx, number, key)
        store.touch(call.tx, number, call.now_ms)
        call.emit(TagDropped(name=name, key=key), writes=[model_ref(name)])

    def latest_versions(self, name: str, stages: list[ModelStage] | None = None) -> list[ModelVersion]:
        """Show the highest version in each of MLflow's stages."""
        tx = calls.current().tx
        number, _ = model_of(tx, name)
        return [v for v in versions.latest(tx, number) if not stages or v.stage in stages]

    def card(self, name: str, edition: int | None = None) -> ModelCard:
        """Show a model's card."""
        tx = calls.current().tx
        number, head = model_of(tx, name)
        kept = store.cards(tx, number, name, before=_FIRST if edition is None else edition + 1, limit=1)
        if kept and edition in (None, kept[0].edition):
            return kept[0]
        if edition is not None:
            raise NotFound(f"{name} has no card {edition}; list what it has: yard registry cards {name}")
        chosen = head.aliases.get("production") or head.last_version
        one = versions.one(tx, number, chosen)
        about = one[1] if one else None
        tried = evaluations.of_version(tx, one[0], name=name, number=one[1].version) if one else []
        text = cards.draft(head, about, tried)
        return ModelCard(name=name, edition=0, text=text, version=about.version if about else None)

    def card_document(self, name: str, edition: int | None = None) -> Iterator[bytes]:
        """Give a model's card as a document."""
        yield self.card(name, edition).text.encode()

    def write_card(self, name: str, text: str, version: int | None = None) -> ModelCard:
        """Keep a new edition of a model's card."""
        call = calls.current()
        number, _ = model_of(call.tx, name)
        if version is not None:
            version_of(call.tx, name, version)
        edition = store.add_card(
            call.tx, number, text=text, version=version, actor=call.actor.id, now_ms=call.now_ms
        )  # fmt: skip
        call.emit(CardWritten(name=name, edition=edition), writes=[model_ref(name)])
        return store.cards(call.tx, number, name, before=edition + 1, limit=1)[0]

    def cards(self, name: str, limit: int = 100, cursor: str | None = None) -> Page[ModelCard]:
        """List the editions of a model's card."""
        tx = calls.current().tx
        number, _ = model_of(tx, name)
        before = place_of(cursor, _FIRST)
        return page_of(store.cards(tx, number, name, before=before, limit=limit + 1), limit, lambda c: (c.edition,))


def enter_model(
    name: str, description: str = "", tags: dict[str, str] | None = None, *, needs_proposal: bool = False
) -> Model:
    """Write a new model, and the news of it.

    Raises:
        AlreadyExists: the name is taken.
    """
    call = calls.current()
    checked = checked_tags(tags)
    if store.one(call.tx, name) is not None:
        raise AlreadyExists(f"Registered Model (name={name}) already exists; see it: yard registry model {name}")
    number = store.add(
        call.tx, name, description=description, actor=call.actor.id, needs_proposal=needs_proposal,
        now_ms=call.now_ms,
    )  # fmt: skip
    store.put_tags(call.tx, number, checked)
    call.touch(model_ref(name))
    call.emit(ModelRegistered(name=name), writes=[model_ref(name)])
    return model_of(call.tx, name)[1]

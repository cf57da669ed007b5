"""Versions: registered with their files pinned, described, found, read, and given the form that is served."""

from __future__ import annotations

from modelyard.kernel.contents import Content
from modelyard.kernel.errors import Conflict, GateClosed, InvalidInput, NotFound
from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.ports import calls
from modelyard.ports.objects import Objects, Stored, check_stand, content_of, parse_digest
from modelyard.registry.api import (
    ModelStage,
    ModelVersion,
    Rules,
    ServingForm,
    ServingFormAttached,
    Verdict,
    VersionDeleted,
    VersionFile,
    VersionRegistered,
)
from modelyard.registry.api.addresses import address_of
from modelyard.registry.api.news import TagDropped, TagSet
from modelyard.registry.api.versions import VersionOperations
from modelyard.registry.model import content, filters
from modelyard.registry.model.sources import is_safe_path
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
from modelyard.registry.service.intake import Intake, Origin
from modelyard.registry.service.looking import Looking, Seen
from modelyard.registry.service.models import enter_model
from modelyard.registry.store import aliases, models, search
from modelyard.registry.store import versions as store
from modelyard.registry.store.versions import Facts, NewVersion


class Versions(VersionOperations):
    """The operations on versions."""

    _objects: Objects
    _intake: Intake
    _looking: Looking

    def versions(
        self, name: str | None = None, where: str = "", order_by: list[str] | None = None, limit: int = 100,
        cursor: str | None = None,
    ) -> Page[ModelVersion]:  # fmt: skip
        """List versions."""
        tx = calls.current().tx
        offset = offset_of(cursor)
        rows = search.find_versions(
            tx, None if name is None else model_of(tx, name)[0], filters.parse(where, filters.VERSIONS),
            filters.parse_orders(order_by, filters.VERSIONS), limit=limit + 1, offset=offset,
        )  # fmt: skip
        return Page(store.hydrate(tx, rows[:limit]), next_cursor(offset, limit, len(rows)))

    def register(
        self, name: str, source: str, run: str | None = None, *, logged_model: str | None = None,
        description: str = "", tags: dict[str, str] | None = None, run_link: str = "",
    ) -> ModelVersion:  # fmt: skip
        """Register the files at a source as the next version."""
        call = calls.current()
        checked = checked_tags(tags)
        model_of(call.tx, name)
        origin = self._intake.find(call.tx, source, run=run, logged_model=logged_model)
        facts = facts_from(self._looking.look(origin.files), origin, tags=checked, run_link=run_link)

        def enter() -> ModelVersion:
            check_stand(self._objects, [file.digest for file in origin.files])
            return _enter(name, source, origin, facts, description=description, tags=checked)

        return call.unit(enter)

    def version(self, name: str, version: int) -> ModelVersion:
        """Show one version."""
        return version_of(calls.current().tx, name, version)[2]

    def update_version(self, name: str, version: int, description: str) -> ModelVersion:
        """Say something else about a version."""
        call = calls.current()
        _, inside, _ = version_of(call.tx, name, version)
        store.describe(call.tx, inside, description, call.now_ms)
        return version_of(call.tx, name, version)[2]

    def delete_version(self, name: str, version: int) -> None:
        """Set a version aside."""
        call = calls.current()
        number, inside, one = version_of(call.tx, name, version)
        model = model_of(call.tx, name)[1]
        held = aliases.of_version(call.tx, number, version)
        if held and model.needs_proposal:
            raise Conflict(
                f"{name} version {version} is in use as {', '.join(held)}; merge a proposal for another first"
            )
        for alias in held:
            moves.move(call, number, model, alias=alias, version=None)
        if one.stage is not ModelStage.NONE:
            moves.move_stage(call, number, name, version=version, stage=ModelStage.NONE, before=one.stage)
        store.delete(call.tx, inside, call.now_ms)
        models.touch(call.tx, number, call.now_ms)
        call.emit(VersionDeleted(name=name, version=version), reads=[model_ref(name, version)])

    def tag_version(self, name: str, version: int, tags: dict[str, str]) -> ModelVersion:
        """Set tags of a version."""
        call = calls.current()
        _, inside, _ = version_of(call.tx, name, version)
        store.put_tags(call.tx, inside, checked_tags(tags))
        store.touch(call.tx, inside, call.now_ms)
        for key, value in tags.items():
            news = TagSet(name=name, version=version, key=key, value=value[:MAX_TOLD])
            call.emit(news, writes=[model_ref(name, version)])
        return version_of(call.tx, name, version)[2]

    def untag_version(self, name: str, version: int, key: str) -> None:
        """Remove a tag of a version."""
        call = calls.current()
        _, inside, _ = version_of(call.tx, name, version)
        store.drop_tag(call.tx, inside, key)
        store.touch(call.tx, inside, call.now_ms)
        call.emit(TagDropped(name=name, version=version, key=key), writes=[model_ref(name, version)])

    def copy_version(self, name: str, version: int, to: str) -> ModelVersion:
        """Register a version's files as the next version of another model."""
        call = calls.current()
        _, inside, one = version_of(call.tx, name, version)
        if models.one(call.tx, to) is None:
            enter_model(to)
        origin = Origin(
            storage=one.storage, files=tuple(store.files(call.tx, inside)), run=one.run,
            logged_model=one.logged_model, reads=(model_ref(name, version),), inputs=one.reads,
        )  # fmt: skip
        copied = _enter(
            to, f"models:/{name}/{version}", origin, store.facts_of(one), description=one.description, tags=one.tags
        )  # fmt: skip
        form = store.form(call.tx, inside, name=name, number=version)
        if form is None:
            return copied
        _, made, _ = version_of(call.tx, to, copied.version)
        store.put_form(call.tx, made, form.files, actor=call.actor.id, now_ms=call.now_ms)
        return version_of(call.tx, to, copied.version)[2]

    def rescan(self, name: str, version: int) -> ModelVersion:
        """Look through a version's files again."""
        call = calls.current()
        _, inside, one = version_of(call.tx, name, version)
        seen = self._looking.look(tuple(store.files(call.tx, inside)))

        def keep() -> ModelVersion:
            tx = calls.current().tx
            store.put_scan(tx, inside, one, seen.scan, call.now_ms)
            return version_of(tx, name, version)[2]

        return call.unit(keep)

    def files(
        self, name: str, version: int, limit: int = 1000, cursor: str | None = None
    ) -> Page[VersionFile]:  # fmt: skip
        """List the files of a version."""
        tx = calls.current().tx
        _, inside, _ = version_of(tx, name, version)
        after = place_of(cursor, "")
        return page_of(store.files(tx, inside, after=after, limit=limit + 1), limit, lambda f: (f.path,))

    def download(self, name: str, version: int, path: str) -> Content:
        """Give a file of a version."""
        tx = calls.current().tx
        _, inside, _ = version_of(tx, name, version)
        one = store.file(tx, inside, path)
        if one is None:
            raise NotFound(f"{name} version {version} has no file {path[:200]!r}; list them: yard registry files")
        return content_of(self._objects, Stored(parse_digest(one.digest), one.size_bytes))

    def download_uri(self, name: str, version: int) -> str:
        """Say from where MLflow's clients fetch a version's files."""
        one = version_of(calls.current().tx, name, version)[2]
        return address_of(one.name, version) if one.files else one.storage

    def attach_serving_form(self, name: str, version: int, files: list[VersionFile]) -> ServingForm:
        """Keep the files of a version's compiled form."""
        call = calls.current()
        _, inside, one = version_of(call.tx, name, version)
        if not one.scan.verdict.may_load:
            raise GateClosed(
                f"{name} version {version} is not safe to load ({one.scan.verdict.value}), so nothing compiled from "
                f"it is served; see why: yard registry version {name} {version}"
            )
        paths = [f.path for f in files]
        if not files or len(set(paths)) < len(paths) or not all(is_safe_path(p) for p in paths):
            raise InvalidInput("a serving form is one or more files, each under a safe path of its own")
        for each in files:
            parse_digest(each.digest)
        store.put_form(call.tx, inside, files, actor=call.actor.id, now_ms=call.now_ms)
        call.emit(ServingFormAttached(name=name, version=version), reads=[model_ref(name, version)])
        return self.serving_form(name, version)

    def serving_form(self, name: str, version: int) -> ServingForm:
        """Show the files of a version's compiled form."""
        tx = calls.current().tx
        _, inside, _ = version_of(tx, name, version)
        found = store.form(tx, inside, name=name, number=version)
        if found is None:
            raise NotFound(f"{name} version {version} was not compiled for serving yet; deploying it does so")
        return found


def facts_from(seen: Seen, origin: Origin, *, tags: dict[str, str], run_link: str) -> Facts:
    """What is kept of a version that was looked through."""
    return Facts(
        flavours=seen.flavours, signature=seen.signature, signature_by=seen.signature_by, scan=seen.scan,
        advice=seen.advice, requirements=seen.requirements, python=seen.python, example=seen.example,
        licence=tags.get("licence") or tags.get("license") or seen.licence, commit=origin.commit, reads=origin.inputs,
        run_link=run_link,
    )  # fmt: skip


def _check_rules(name: str, rules: Rules, facts: Facts) -> None:
    """Refuse what a model does not take.

    Raises:
        InvalidInput: the version breaks a rule of its model.
    """
    if facts.scan.verdict is Verdict.NO_FILES:
        return  # a prompt: there is nothing to load or to call
    if rules.signature and (facts.signature is None or not facts.signature.inputs):
        raise InvalidInput(
            f"{name} takes versions with a signature only, and these files do not say what they take; log the model "
            "with signature=infer_signature(X, y) or with input_example=X"
        )
    if rules.no_pickle and facts.scan.pickles:
        raise InvalidInput(
            f"{name} takes no pickles, and {facts.scan.pickles} lie in these files; log the model with skops, ONNX or "
            "safetensors (mlflow.sklearn.log_model(..., serialization_format='skops'))"
        )


def _enter(
    name: str, source: str, origin: Origin, facts: Facts, *, description: str, tags: dict[str, str]
) -> ModelVersion:  # fmt: skip
    """Write the next version of a model, and the news of it."""
    call = calls.current()
    number, head = model_of(call.tx, name)
    _check_rules(name, head.rules, facts)
    version = models.next_number(call.tx, number, call.now_ms)
    digest = content.digest_of(origin.files)
    store.add(
        call.tx,
        NewVersion(
            model=number, number=version, source=source, storage=origin.storage, run=origin.run,
            logged_model=origin.logged_model, description=description, actor=call.actor.id, now_ms=call.now_ms,
            digest=digest, files=origin.files, facts=facts, tags=tags,
        ),
    )  # fmt: skip
    about = model_ref(name, version)
    call.touch(about)
    call.emit(
        VersionRegistered(
            name=name, version=version, source=source, digest=digest, verdict=facts.scan.verdict.value, run=origin.run,
            logged_model=origin.logged_model,
        ),
        reads=origin.reads,
        writes=[about],
    )  # fmt: skip
    return version_of(call.tx, name, version)[2]

"""Rows of versions: what is said about them, the files that they are, the form that is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import Ref
from modelyard.ports.database import Row, Transaction
from modelyard.ports.statements import batches, cached, in_params, sql
from modelyard.registry.api import (
    Inferred,
    ModelStage,
    ModelVersion,
    Scan,
    ServingForm,
    Signature,
    Verdict,
    VersionFile,
    VersionStatus,
)
from modelyard.registry.store import seals

COLUMNS = (
    "v.id, m.name, v.model, v.number, v.source, v.storage, v.run, v.logged_model, v.status, v.stage, v.description, "
    "v.created_ms, v.updated_ms, v.created_by, v.digest, v.size_bytes, v.files, v.facts, f.made_ms"
)
SOURCE = (
    "registry_version v JOIN registry_model m ON m.id = v.model LEFT JOIN registry_form f ON f.version = v.id"
)  # fmt: skip
_ADD = sql(
    "INSERT INTO registry_version (model, number, source, storage, run, logged_model, status, stage, description, "
    "created_ms, updated_ms, created_by, digest, size_bytes, files, verdict, facts) VALUES (:model, :number, :source, "
    ":storage, :run, :logged_model, :status, 'None', :description, :now, :now, :actor, :digest, :size, :files, "
    ":verdict, :facts) RETURNING id"
)
_ADD_FILE = sql(
    "INSERT INTO registry_file (version, path, digest, size_bytes) VALUES (:version, :path, :digest, :size)"
)
_ONE = sql(
    f"SELECT {COLUMNS} FROM {SOURCE} WHERE v.model = :model AND v.number = :number AND v.deleted_ms IS NULL"
)  # fmt: skip
_EVER = sql(f"SELECT {COLUMNS} FROM {SOURCE} WHERE v.model = :model AND v.number = :number")
_LATEST = sql(
    f"SELECT {COLUMNS} FROM {SOURCE} JOIN (SELECT stage, max(number) AS number FROM registry_version "
    "WHERE model = :model AND deleted_ms IS NULL GROUP BY stage) x ON x.number = v.number "
    "WHERE v.model = :model ORDER BY v.stage"
)
_IN_STAGE = sql(
    "SELECT number FROM registry_version WHERE model = :model AND stage = :stage AND deleted_ms IS NULL ORDER BY number"
)
_NUMBERS = sql(
    "SELECT number FROM registry_version WHERE model = :model AND deleted_ms IS NULL ORDER BY number"
)  # fmt: skip
_DESCRIBE = sql("UPDATE registry_version SET description = :description, updated_ms = :now WHERE id = :version")
_STAGE = sql(
    "UPDATE registry_version SET stage = :stage, updated_ms = :now WHERE model = :model AND number = :number"
)  # fmt: skip
_FACTS = sql("UPDATE registry_version SET facts = :facts, verdict = :verdict, updated_ms = :now WHERE id = :version")
_DELETE = sql("UPDATE registry_version SET deleted_ms = :now, updated_ms = :now WHERE id = :version")
_TOUCH = sql("UPDATE registry_version SET updated_ms = :now WHERE id = :version")
_PUT_TAG = sql(
    "INSERT INTO registry_version_tag (version, key, value) VALUES (:version, :key, :value) "
    "ON CONFLICT (version, key) DO UPDATE SET value = excluded.value"
)
_DROP_TAG = sql("DELETE FROM registry_version_tag WHERE version = :version AND key = :key")
_FILES = sql(
    "SELECT path, digest, size_bytes FROM registry_file WHERE version = :version AND path > :after "
    "ORDER BY path LIMIT :n"
)
_FILE = sql("SELECT path, digest, size_bytes FROM registry_file WHERE version = :version AND path = :path")
_PUT_FORM = sql(
    "INSERT INTO registry_form (version, files, made_ms, made_by) VALUES (:version, :files, :now, :actor) "
    "ON CONFLICT (version) DO UPDATE SET files = excluded.files, made_ms = excluded.made_ms, made_by = excluded.made_by"
)
_FORM = sql("SELECT files, made_ms, made_by FROM registry_form WHERE version = :version")


class Facts(Struct, frozen=True, kw_only=True):
    """What a version's row keeps as one document: read whole, never searched."""

    flavours: tuple[str, ...] = ()
    signature: Signature | None = None
    signature_by: Inferred = Inferred.NOBODY
    scan: Scan = Scan(verdict=Verdict.NO_FILES)
    advice: str = ""
    requirements: tuple[str, ...] = ()
    python: str = ""
    example: str = ""
    licence: str = ""
    commit: str = ""
    reads: tuple[Ref, ...] = ()
    run_link: str = ""
    status_message: str = ""


class NewVersion(Struct, frozen=True, kw_only=True):
    """A version to be entered."""

    model: int
    number: int
    source: str
    storage: str
    run: str | None
    logged_model: str | None
    description: str
    actor: ActorId
    now_ms: int
    digest: str
    files: tuple[VersionFile, ...]
    facts: Facts
    tags: Mapping[str, str] = {}


_facts = msgspec.json.Decoder(Facts)
_form_files = msgspec.json.Decoder(tuple[VersionFile, ...])


def add(tx: Transaction, new: NewVersion) -> int:
    """Enter a version with its files and tags; its number inside."""
    row = tx.one(
        _ADD,
        {
            "model": new.model, "number": new.number, "source": new.source, "storage": new.storage, "run": new.run,
            "logged_model": new.logged_model, "status": VersionStatus.READY.value, "description": new.description,
            "now": new.now_ms, "actor": new.actor, "digest": new.digest,
            "size": sum(f.size_bytes for f in new.files), "files": len(new.files),
            "verdict": new.facts.scan.verdict.value, "facts": msgspec.json.encode(new.facts),
        },
    )  # fmt: skip
    version = int(row[0]) if row else 0
    if new.files:
        rows = [{"version": version, "path": f.path, "digest": f.digest, "size": f.size_bytes} for f in new.files]
        tx.many(_ADD_FILE, rows)
    put_tags(tx, version, new.tags)
    return version


def one(tx: Transaction, model: int, number: int) -> tuple[int, ModelVersion] | None:
    """A version and its number inside."""
    row = tx.one(_ONE, {"model": model, "number": number})
    return (int(row[0]), hydrate(tx, [row])[0]) if row else None


def ever(tx: Transaction, model: int, number: int) -> ModelVersion | None:
    """A version, set aside or not."""
    row = tx.one(_EVER, {"model": model, "number": number})
    return hydrate(tx, [row])[0] if row else None


def latest(tx: Transaction, model: int) -> list[ModelVersion]:
    """The highest version in each stage."""
    return hydrate(tx, tx.all(_LATEST, {"model": model}))


def numbers(tx: Transaction, model: int) -> list[int]:
    """The numbers of its versions, in order."""
    return [int(row[0]) for row in tx.all(_NUMBERS, {"model": model})]


def in_stage(tx: Transaction, model: int, stage: ModelStage) -> list[int]:
    """The numbers of its versions in a stage, in order."""
    return [int(row[0]) for row in tx.all(_IN_STAGE, {"model": model, "stage": stage.value})]


def set_stage(tx: Transaction, model: int, number: int, *, stage: ModelStage, now_ms: int) -> None:
    """Move it to a stage."""
    tx.run(_STAGE, {"model": model, "number": number, "stage": stage.value, "now": now_ms})


def describe(tx: Transaction, version: int, description: str, now_ms: int) -> None:
    """Say what it is."""
    tx.run(_DESCRIBE, {"version": version, "description": description, "now": now_ms})


def put_scan(tx: Transaction, version: int, one_: ModelVersion, scan: Scan, now_ms: int) -> None:
    """Keep another verdict."""
    facts = replace(facts_of(one_), scan=scan)
    row = {"version": version, "facts": msgspec.json.encode(facts), "verdict": scan.verdict.value, "now": now_ms}
    tx.run(_FACTS, row)


def facts_of(version: ModelVersion) -> Facts:
    """What a version's row keeps as one document."""
    return Facts(**{name: getattr(version, name) for name in Facts.__struct_fields__})


def delete(tx: Transaction, version: int, now_ms: int) -> None:
    """Set it aside."""
    tx.run(_DELETE, {"version": version, "now": now_ms})


def put_tags(tx: Transaction, version: int, tags: Mapping[str, str]) -> None:
    """Set tags."""
    if tags:
        tx.many(_PUT_TAG, [{"version": version, "key": k, "value": v} for k, v in tags.items()])


def drop_tag(tx: Transaction, version: int, key: str) -> None:
    """Remove a tag, if it is there."""
    tx.run(_DROP_TAG, {"version": version, "key": key})


def touch(tx: Transaction, version: int, now_ms: int) -> None:
    """Note that it changed."""
    tx.run(_TOUCH, {"version": version, "now": now_ms})


def files(tx: Transaction, version: int, *, after: str = "", limit: int = 2**31) -> list[VersionFile]:
    """Its files by path, those after `after`."""
    rows = tx.all(_FILES, {"version": version, "after": after, "n": limit})
    return [VersionFile(path=path, digest=digest, size_bytes=size) for path, digest, size in rows]


def file(tx: Transaction, version: int, path: str) -> VersionFile | None:
    """One of its files."""
    row = tx.one(_FILE, {"version": version, "path": path})
    return VersionFile(path=row[0], digest=row[1], size_bytes=row[2]) if row else None


def put_form(tx: Transaction, version: int, form: Sequence[VersionFile], *, actor: ActorId, now_ms: int) -> None:
    """Keep the files of its compiled form."""
    tx.run(_PUT_FORM, {"version": version, "files": msgspec.json.encode(form), "now": now_ms, "actor": actor})


def form_digests(files: bytes) -> list[str]:
    """Digests of the files of a compiled form, as its row holds them."""
    return [file.digest for file in _form_files.decode(files)]


def form(tx: Transaction, version: int, *, name: str, number: int) -> ServingForm | None:
    """Its compiled form, if it has one."""
    row = tx.one(_FORM, {"version": version})
    if row is None:
        return None
    return ServingForm(
        name=name, version=number, files=_form_files.decode(row[0]), made_ms=row[1], made_by=ActorId(row[2])
    )


def hydrate(tx: Transaction, rows: Sequence[Row]) -> list[ModelVersion]:
    """Versions from rows of `COLUMNS`, in the same order."""
    tags: dict[int, dict[str, str]] = {}
    for some in batches([int(row[0]) for row in rows]):
        inside, params = in_params("v", some)
        text = f"SELECT version, key, value FROM registry_version_tag WHERE version IN ({inside}) ORDER BY key"
        for version, key, value in tx.all(cached(text), params):
            tags.setdefault(version, {})[key] = value
    aliases: dict[tuple[int, int], list[str]] = {}
    for some in batches(sorted({int(row[2]) for row in rows})):
        inside, params = in_params("m", some)
        text = f"SELECT model, number, alias FROM registry_alias WHERE model IN ({inside}) ORDER BY alias"
        for model, number, alias in tx.all(cached(text), params):
            aliases.setdefault((int(model), int(number)), []).append(alias)
    signers = seals.keys_of(tx, [int(row[0]) for row in rows])
    return [
        _version(
            row, tags.get(row[0], {}), tuple(aliases.get((row[2], row[3]), ())), tuple(signers.get(int(row[0]), ()))
        )
        for row in rows
    ]  # fmt: skip


def _version(row: Row, tags: dict[str, str], aliases: tuple[str, ...], signers: tuple[str, ...]) -> ModelVersion:
    (
        _, name, _, number, source, storage, run, logged_model, status, stage, description, created, updated, actor,
        digest, size, count, document, made,
    ) = row  # fmt: skip
    facts = _facts.decode(document)
    return ModelVersion(
        name=name, version=number, source=source, storage=storage, run=run, logged_model=logged_model,
        run_link=facts.run_link, description=description, tags=tags, aliases=aliases, stage=ModelStage(stage),
        status=VersionStatus(status), status_message=facts.status_message, digest=digest, size_bytes=size,
        files=count, flavours=facts.flavours, signature=facts.signature, signature_by=facts.signature_by,
        scan=facts.scan, advice=facts.advice, requirements=facts.requirements, python=facts.python,
        example=facts.example, licence=facts.licence, commit=facts.commit, signers=signers, reads=facts.reads,
        served=made is not None, created_ms=created, updated_ms=updated, created_by=ActorId(actor),
    )  # fmt: skip

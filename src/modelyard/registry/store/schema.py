"""The tables: one row a model, version, alias, file; every move of an alias for ever.

Models are numbers inside, so that a rename touches one row. Rows of what was set aside stay (`deleted_ms`), so that a
number is never given twice and history can be read; lists do not show them.
"""

from __future__ import annotations

from modelyard.ports.database import Migration
from modelyard.registry.store.webhooks import WEBHOOKS

_MODELS = (
    (
        "CREATE TABLE registry_model (id {serial}, name {text} NOT NULL UNIQUE, description {text} NOT NULL, "
        "created_ms {int} NOT NULL, updated_ms {int} NOT NULL, created_by {text} NOT NULL, "
        "last_version {int} NOT NULL, needs_proposal {int} NOT NULL, deleted_ms {int})"
    ),
    (
        "CREATE TABLE registry_model_tag (model {int} NOT NULL REFERENCES registry_model (id), key {text} NOT NULL, "
        "value {text} NOT NULL, PRIMARY KEY (model, key))"
    ),
    "CREATE INDEX registry_model_tag_by_value ON registry_model_tag (key, model)",
    (
        "CREATE TABLE registry_card (model {int} NOT NULL REFERENCES registry_model (id), edition {int} NOT NULL, "
        "body {text} NOT NULL, version {int}, at_ms {int} NOT NULL, author {text} NOT NULL, "
        "PRIMARY KEY (model, edition))"
    ),
)
_VERSIONS = (
    (
        "CREATE TABLE registry_version (id {serial}, model {int} NOT NULL REFERENCES registry_model (id), "
        "number {int} NOT NULL, source {text} NOT NULL, storage {text} NOT NULL, run {text}, logged_model {text}, "
        "status {text} NOT NULL, stage {text} NOT NULL, description {text} NOT NULL, created_ms {int} NOT NULL, "
        "updated_ms {int} NOT NULL, created_by {text} NOT NULL, digest {text} NOT NULL, size_bytes {int} NOT NULL, "
        "files {int} NOT NULL, verdict {text} NOT NULL, facts {bytes} NOT NULL, deleted_ms {int}, "
        "UNIQUE (model, number))"
    ),
    "CREATE INDEX registry_version_by_time ON registry_version (updated_ms)",
    "CREATE INDEX registry_version_by_run ON registry_version (run)",
    (
        "CREATE TABLE registry_version_tag (version {int} NOT NULL REFERENCES registry_version (id), "
        "key {text} NOT NULL, value {text} NOT NULL, PRIMARY KEY (version, key))"
    ),
    "CREATE INDEX registry_version_tag_by_value ON registry_version_tag (key, version)",
    (
        "CREATE TABLE registry_file (version {int} NOT NULL REFERENCES registry_version (id), path {text} NOT NULL, "
        "digest {text} NOT NULL, size_bytes {int} NOT NULL, PRIMARY KEY (version, path))"
    ),
    "CREATE INDEX registry_file_by_digest ON registry_file (digest)",
    (
        "CREATE TABLE registry_form (version {int} PRIMARY KEY REFERENCES registry_version (id), "
        "files {bytes} NOT NULL, made_ms {int} NOT NULL, made_by {text} NOT NULL)"
    ),
)
_ALIASES = (
    (
        "CREATE TABLE registry_alias (model {int} NOT NULL REFERENCES registry_model (id), alias {text} NOT NULL, "
        "number {int} NOT NULL, PRIMARY KEY (model, alias))"
    ),
    (
        "CREATE TABLE registry_alias_move (id {serial}, model {int} NOT NULL REFERENCES registry_model (id), "
        "alias {text} NOT NULL, number {int}, before {int}, at_ms {int} NOT NULL, actor {text} NOT NULL, "
        "proposal {int}, approvers {text} NOT NULL)"
    ),
    "CREATE INDEX registry_alias_move_by_alias ON registry_alias_move (model, alias, at_ms, id)",
)

_REVIEWS = (
    (
        "CREATE TABLE registry_policy (model {int} PRIMARY KEY REFERENCES registry_model (id), gates {bytes} NOT NULL, "
        "approvals {int} NOT NULL, declared_ms {int} NOT NULL, declared_by {text} NOT NULL)"
    ),
    (
        "CREATE TABLE registry_evaluation (id {serial}, version {int} NOT NULL REFERENCES registry_version (id), "
        "dataset {text} NOT NULL, rows_key {text} NOT NULL, digest {text} NOT NULL, body {bytes} NOT NULL, "
        "at_ms {int} NOT NULL, actor {text} NOT NULL)"
    ),
    "CREATE INDEX registry_evaluation_by_version ON registry_evaluation (version, id)",
    (
        "CREATE TABLE registry_proposal (id {serial}, model {int} NOT NULL REFERENCES registry_model (id), "
        "number {int} NOT NULL, alias {text} NOT NULL, state {text} NOT NULL, author {text} NOT NULL, "
        "title {text} NOT NULL, note {text} NOT NULL, needed {int} NOT NULL, champion {int}, results {bytes} NOT NULL, "
        "gates_ms {int}, created_ms {int} NOT NULL, updated_ms {int} NOT NULL, merged_ms {int}, merged_by {text})"
    ),
    "CREATE INDEX registry_proposal_by_model ON registry_proposal (model, id)",
    "CREATE INDEX registry_proposal_by_state ON registry_proposal (state, id)",
    (
        "CREATE TABLE registry_review (proposal {int} NOT NULL REFERENCES registry_proposal (id), "
        "actor {text} NOT NULL, vote {text} NOT NULL, note {text} NOT NULL, at_ms {int} NOT NULL, "
        "PRIMARY KEY (proposal, actor))"
    ),
)

_COMPARISONS = (
    (
        "CREATE TABLE registry_comparison (candidate {int} NOT NULL REFERENCES registry_evaluation (id), "
        "champion {int} NOT NULL REFERENCES registry_evaluation (id), body {bytes} NOT NULL, "
        "PRIMARY KEY (candidate, champion))"
    ),
)

_STAGE_MOVES = (
    (
        "CREATE TABLE registry_stage_move (id {serial}, model {int} NOT NULL REFERENCES registry_model (id), "
        "number {int} NOT NULL, stage {text} NOT NULL, before {text} NOT NULL, at_ms {int} NOT NULL, "
        "actor {text} NOT NULL)"
    ),
    "CREATE INDEX registry_stage_move_by_version ON registry_stage_move (model, number, id)",
    (
        "INSERT INTO registry_stage_move (model, number, stage, before, at_ms, actor) "
        "SELECT model, number, stage, 'None', updated_ms, 'unknown' FROM registry_version "
        "WHERE stage <> 'None' AND deleted_ms IS NULL"
    ),
)
_ADOPTION = (
    ("CREATE TABLE registry_adoption (model {int} PRIMARY KEY REFERENCES registry_model (id), source {text} NOT NULL)"),
)

_SEALS = (
    (
        "CREATE TABLE registry_seal (version {int} NOT NULL REFERENCES registry_version (id), key {text} NOT NULL, "
        "body {bytes} NOT NULL, at_ms {int} NOT NULL, actor {text} NOT NULL, PRIMARY KEY (version, key))"
    ),
    (
        "CREATE TABLE registry_rules (model {int} PRIMARY KEY REFERENCES registry_model (id), body {bytes} NOT NULL, "
        "at_ms {int} NOT NULL, actor {text} NOT NULL)"
    ),
)

_JUDGED = (
    (
        "CREATE TABLE registry_attestation (id {serial}, version {int} NOT NULL REFERENCES registry_version (id), "
        '"check" {text} NOT NULL, passed {int} NOT NULL, body {bytes} NOT NULL, at_ms {int} NOT NULL, '
        "actor {text} NOT NULL)"
    ),
    "CREATE INDEX registry_attestation_by_version ON registry_attestation (version, id)",
    "ALTER TABLE registry_policy ADD COLUMN roles {text} NOT NULL DEFAULT ''",
    "ALTER TABLE registry_review ADD COLUMN roles {text} NOT NULL DEFAULT ''",
    "ALTER TABLE registry_proposal ADD COLUMN basis {text} NOT NULL DEFAULT ''",
    "DELETE FROM registry_comparison",
)
"""Comparisons are made anew where they are asked for: they say a little more now."""

MIGRATIONS: tuple[Migration, ...] = (
    Migration(slice="registry", number=1, name="models", ddl=(*_MODELS, *_VERSIONS, *_ALIASES)),
    Migration(slice="registry", number=2, name="reviews", ddl=_REVIEWS),
    Migration(slice="registry", number=3, name="comparisons", ddl=_COMPARISONS),
    Migration(slice="registry", number=4, name="stage moves", ddl=_STAGE_MOVES),
    Migration(slice="registry", number=5, name="signatures of versions", ddl=_SEALS),
    Migration(slice="registry", number=6, name="adoption", ddl=_ADOPTION),
    WEBHOOKS,
    Migration(slice="registry", number=8, name="attestations and roles", ddl=_JUDGED),
    Migration(slice="registry", number=9, name="predictions that flip", ddl=("DELETE FROM registry_comparison",)),
)

"""The tables: one row a thing, key-value rows for search, packed rows for metric points.

Runs and metric names are numbers inside. `tracking_document` holds a run's params and tags ready for answers; the
key-value tables are what filters and sorts read. A not-a-number is a NULL value with `is_nan` set.
"""

from __future__ import annotations

from modelyard.ports.database import Migration
from modelyard.tracking.store.collection import COLLECTION
from modelyard.tracking.store.run_mentions import FORGOTTEN
from modelyard.tracking.store.traces import TRACES
from modelyard.tracking.store.uploads import UPLOADS

_EXPERIMENTS = (
    (
        "CREATE TABLE tracking_experiment (id {serial}, name {text} NOT NULL UNIQUE, stage {text} NOT NULL, "
        "location {text} NOT NULL, created_ms {int} NOT NULL, updated_ms {int} NOT NULL)"
    ),
    (
        "INSERT INTO tracking_experiment (id, name, stage, location, created_ms, updated_ms) "
        "VALUES (0, 'Default', 'active', '', 0, 0)"
    ),
    (
        "CREATE TABLE tracking_experiment_tag (experiment {int} NOT NULL REFERENCES tracking_experiment (id), "
        "key {text} NOT NULL, value {text} NOT NULL, PRIMARY KEY (experiment, key))"
    ),
)
_RUNS = (
    (
        "CREATE TABLE tracking_run (id {serial}, run {text} NOT NULL UNIQUE, "
        "experiment {int} NOT NULL REFERENCES tracking_experiment (id), name {text} NOT NULL, status {text} NOT NULL, "
        "user_id {text} NOT NULL, start_ms {int} NOT NULL, end_ms {int}, stage {text} NOT NULL, deleted_ms {int}, "
        "location {text} NOT NULL, links {int} NOT NULL, folds {int} NOT NULL)"
    ),
    "CREATE INDEX tracking_run_by_start ON tracking_run (experiment, start_ms, run)",
    "CREATE TABLE tracking_document (run {int} PRIMARY KEY REFERENCES tracking_run (id), body {bytes} NOT NULL)",
    (
        "CREATE TABLE tracking_param (run {int} NOT NULL REFERENCES tracking_run (id), key {text} NOT NULL, "
        "value {text} NOT NULL, PRIMARY KEY (run, key))"
    ),
    "CREATE INDEX tracking_param_by_value ON tracking_param (key, substr(value, 1, 200), run)",
    (
        "CREATE TABLE tracking_tag (run {int} NOT NULL REFERENCES tracking_run (id), key {text} NOT NULL, "
        "value {text} NOT NULL, PRIMARY KEY (run, key))"
    ),
    "CREATE INDEX tracking_tag_by_value ON tracking_tag (key, substr(value, 1, 200), run)",
)
_SERIES = (
    "CREATE TABLE tracking_key (id {int} PRIMARY KEY, name {text} NOT NULL)",
    (
        "CREATE TABLE tracking_latest (run {int} NOT NULL, key {int} NOT NULL, value {real}, is_nan {int} NOT NULL, "
        "step {int} NOT NULL, at_ms {int} NOT NULL, PRIMARY KEY (run, key))"
    ),
    "CREATE INDEX tracking_latest_by_value ON tracking_latest (key, value, run, is_nan)",
    "CREATE TABLE tracking_tail (id {serial}, run {int} NOT NULL, points {int} NOT NULL, body {bytes} NOT NULL)",
    "CREATE INDEX tracking_tail_by_run ON tracking_tail (run, points)",
    (
        "CREATE TABLE tracking_chunk (run {int} NOT NULL, key {int} NOT NULL, seq {int} NOT NULL, "
        "points {int} NOT NULL, "
        "first_step {int} NOT NULL, last_step {int} NOT NULL, first_ms {int} NOT NULL, last_ms {int} NOT NULL, "
        "low {real}, high {real}, body {bytes} NOT NULL, PRIMARY KEY (run, key, seq))"
    ),
)
_INPUTS = (
    (
        "CREATE TABLE tracking_dataset (id {serial}, experiment {int} NOT NULL REFERENCES tracking_experiment (id), "
        "name {text} NOT NULL, digest {text} NOT NULL, source_type {text} NOT NULL, source {text} NOT NULL, "
        "schema {text}, profile {text}, UNIQUE (experiment, name, digest))"
    ),
    (
        "CREATE TABLE tracking_input (id {serial}, run {int} NOT NULL REFERENCES tracking_run (id), "
        "dataset {int} NOT NULL REFERENCES tracking_dataset (id), tags {bytes} NOT NULL, context {text}, "
        "UNIQUE (run, dataset))"
    ),
    "CREATE INDEX tracking_input_by_dataset ON tracking_input (dataset, run)",
    (
        "CREATE TABLE tracking_model_link (id {serial}, run {int} NOT NULL REFERENCES tracking_run (id), "
        "model {text} NOT NULL, role {text} NOT NULL, step {int} NOT NULL, UNIQUE (run, role, model))"
    ),
)
_MODELS = (
    (
        "CREATE TABLE tracking_model (id {serial}, model {text} NOT NULL UNIQUE, "
        "experiment {int} NOT NULL REFERENCES tracking_experiment (id), name {text} NOT NULL, status {text} NOT NULL, "
        "model_type {text} NOT NULL, run {text}, location {text} NOT NULL, created_ms {int} NOT NULL, "
        "updated_ms {int} NOT NULL, stage {text} NOT NULL)"
    ),
    "CREATE INDEX tracking_model_by_birth ON tracking_model (experiment, created_ms, model)",
    (
        "CREATE TABLE tracking_model_param (model {int} NOT NULL REFERENCES tracking_model (id), key {text} NOT NULL, "
        "value {text} NOT NULL, PRIMARY KEY (model, key))"
    ),
    (
        "CREATE TABLE tracking_model_tag (model {int} NOT NULL REFERENCES tracking_model (id), key {text} NOT NULL, "
        "value {text} NOT NULL, PRIMARY KEY (model, key))"
    ),
    (
        "CREATE TABLE tracking_model_metric (id {serial}, model {text} NOT NULL, key {text} NOT NULL, value {real}, "
        "is_nan {int} NOT NULL, step {int} NOT NULL, at_ms {int} NOT NULL, run {text} NOT NULL, dataset {text}, "
        "dataset_digest {text})"
    ),
    "CREATE INDEX tracking_model_metric_by_key ON tracking_model_metric (model, key)",
)
_ARTIFACTS = (
    (
        "CREATE TABLE tracking_artifact (owner {text} NOT NULL, path {text} NOT NULL, digest {text} NOT NULL, "
        "size_bytes {int} NOT NULL, stored_ms {int} NOT NULL, PRIMARY KEY (owner, path))"
    ),
    "CREATE INDEX tracking_artifact_by_digest ON tracking_artifact (digest)",
)
_REPRODUCTIONS = (
    (
        "CREATE TABLE tracking_reproduction (by_run {text} PRIMARY KEY, of_run {text} NOT NULL, "
        "outcome {text} NOT NULL, counts {bytes} NOT NULL, tolerance {real} NOT NULL, environment {text} NOT NULL, "
        "notes {bytes} NOT NULL, problem {text} NOT NULL, at_ms {int} NOT NULL, actor {text} NOT NULL)"
    ),
    "CREATE INDEX tracking_reproduction_by_first ON tracking_reproduction (of_run, at_ms)",
    (
        "CREATE TABLE tracking_verdict (by_run {text} NOT NULL, place {int} NOT NULL, subject {text} NOT NULL, "
        "name {text} NOT NULL, likeness {text} NOT NULL, words {text} NOT NULL, PRIMARY KEY (by_run, place))"
    ),
)
_ADOPTION = (
    (
        "CREATE TABLE tracking_adoption (kind {text} NOT NULL, source {text} NOT NULL, id {text} NOT NULL, "
        "target {text} NOT NULL, made {int} NOT NULL, done {int} NOT NULL, PRIMARY KEY (kind, source, id))"
    ),
)

_VIEWS = (
    (
        "CREATE TABLE tracking_view (id {serial}, owner {text} NOT NULL, owner_name {text} NOT NULL, "
        "name {text} NOT NULL, query {text} NOT NULL, shared {int} NOT NULL, changed_ms {int} NOT NULL, "
        "UNIQUE (owner, name))"
    ),
)

_ORDERS = (
    "CREATE INDEX tracking_run_by_birth ON tracking_run (stage, start_ms DESC, run, experiment)",
    "CREATE INDEX tracking_run_by_status ON tracking_run (stage, status, start_ms DESC, experiment)",
)

MIGRATIONS = (
    Migration("tracking", 1, "experiments_and_runs", _EXPERIMENTS + _RUNS),
    Migration("tracking", 2, "series", _SERIES),
    Migration("tracking", 3, "inputs_models_artifacts", _INPUTS + _MODELS + _ARTIFACTS),
    Migration("tracking", 4, "reproductions", _REPRODUCTIONS),
    Migration("tracking", 5, "saved_views", _VIEWS),
    Migration("tracking", 6, "orders_of_runs", _ORDERS),
    Migration("tracking", 7, "adoption", _ADOPTION),
    TRACES,
    COLLECTION,
    UPLOADS,
    FORGOTTEN,
)

"""Registered models, their versions and files, by the api, on both engines."""

from __future__ import annotations

import pytest

from modelyard.kernel.errors import AlreadyExists, Conflict, GateClosed, InvalidInput, NotFound
from modelyard.kernel.operations import operations
from modelyard.registry.api import (
    EvaluationRows,
    ModelRegistered,
    ModelStage,
    Registry,
    Verdict,
    VersionFile,
    VersionRegistered,
)
from modelyard.tracking.api import DatasetInput, ModelStatus
from modelyard.tracking.api.records import Dataset
from tests.registry.conftest import Workplace

MLMODEL = b"""
flavors:
  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl}
  sklearn: {pickled_model: model.pkl, serialization_format: cloudpickle}
signature:
  inputs: '[{"type": "double", "name": "miles"}, {"type": "string", "name": "zone", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: null
"""


def test_a_model_is_named_described_and_tagged(place: Workplace) -> None:
    made = place.registry.create_model("tips", "tip share", {"team": "fares"})
    assert (made.name, made.description, made.tags, made.last_version) == ("tips", "tip share", {"team": "fares"}, 0)
    assert place.registry.update_model("tips", "share of tips").description == "share of tips"
    assert place.registry.tag_model("tips", {"team": "rides", "tier": "1"}).tags == {"team": "rides", "tier": "1"}
    place.registry.untag_model("tips", "tier")
    assert place.registry.model("tips").tags == {"team": "rides"}
    assert [e.writes for e in place.bench.events(ModelRegistered)] == [("model:tips",)]


def test_a_name_is_given_once(place: Workplace) -> None:
    place.registry.create_model("tips")
    with pytest.raises(AlreadyExists, match="already exists"):
        place.registry.create_model("tips")


def test_a_version_pins_the_files_of_its_run(place: Workplace) -> None:
    run = place.run_with({"MLmodel": MLMODEL, "data/a.txt": b"alpha", "data/b.txt": b"beta"})
    place.registry.create_model("tips")
    one = place.registry.register("tips", f"runs:/{run}/model", description="first")
    assert (one.version, one.run, one.files, one.status.value) == (1, run, 3, "READY")
    assert one.storage == f"mlflow-artifacts:/0/{run}/artifacts/model"
    assert one.flavours == ("python_function", "sklearn")
    assert one.signature is not None
    assert [(f.name, f.type, f.required) for f in one.signature.inputs] == [
        ("miles", "double", True),
        ("zone", "string", False),
    ]
    assert one.signature.outputs[0].shape == (-1,)
    place.tracking.delete_artifacts(run, "model")
    assert [f.path for f in place.registry.files("tips", 1).items] == ["MLmodel", "data/a.txt", "data/b.txt"]
    assert b"".join(place.registry.download("tips", 1, "data/b.txt")) == b"beta"
    event = place.bench.events(VersionRegistered)[0]
    assert (event.reads, event.writes) == ((f"run:{run}",), ("model:tips@1",))


def test_equal_files_have_an_equal_digest_and_others_another(small: Workplace) -> None:
    digests = []
    for content in (b"same", b"same", b"other"):
        number = small.registered("tips", {"weights.txt": content})
        digests.append(small.registry.version("tips", number).digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_version_says_what_its_run_read(place: Workplace) -> None:
    run = place.run_with({"a.txt": b"1"})
    place.tracking.log_inputs(run, [DatasetInput(dataset=Dataset(name="t", digest="d", source="table:trips@12"))])
    place.registry.create_model("tips")
    one = place.registry.register("tips", f"runs:/{run}/model")
    assert one.reads == ("table:trips@12",)
    assert "table:trips@12" in place.bench.events(VersionRegistered)[0].reads


def test_a_logged_model_is_registered_by_its_id_or_by_the_name_its_run_gave_it(place: Workplace) -> None:
    run = place.tracking.start_run("0").id
    made = place.tracking.create_logged_model("0", "model", run)
    place.tracking.upload(made.id, "MLmodel", [MLMODEL])
    place.tracking.finalize_logged_model(made.id, ModelStatus.READY)
    place.registry.create_model("tips")
    one = place.registry.register("tips", f"models:/{made.id}")
    assert (one.run, one.logged_model, one.files) == (run, made.id, 1)
    proxied = place.registry.register("tips", one.storage)
    assert (proxied.digest, proxied.logged_model) == (one.digest, made.id)


@pytest.mark.parametrize(
    "source",
    [
        "/etc/passwd", "file:///etc/passwd", "s3://bucket/model", "http://10.0.0.1/model", "../model", "dbfs:/model",
        "runs:/0123/model", "runs:/{run}/../x", "runs:/{run}/a/%2e%2e/b", "runs:/{run}/a\\b", "runs:/{run}//x",
        "mlflow-artifacts:/0/{run}/artifacts/../../x", "mlflow-artifacts:/0/{run}/artifacts/a;b",
        "mlflow-artifacts:/0/{run}/artifacts/%252e%252e/b", "mlflow-artifacts:/etc", "models:/tips", "models:/tips/x",
        "runs:/{run}/a\x00b", "\\\\host\\share", "C:\\model", "mlflow-artifacts://host/0/{run}/artifacts/m?x=1",
    ],
)  # fmt: skip
def test_a_source_outside_the_known_stores_is_refused(small: Workplace, source: str) -> None:
    run = small.run_with({"a.txt": b"1"})
    small.registry.create_model("tips")
    with pytest.raises(InvalidInput):
        small.registry.register("tips", source.replace("{run}", run))
    assert small.registry.model("tips").last_version == 0


def test_a_source_that_is_not_there_is_named(small: Workplace) -> None:
    small.registry.create_model("tips")
    for source in (f"runs:/{'0' * 32}/model", f"models:/m-{'0' * 32}", "models:/tips/4"):
        with pytest.raises(NotFound):
            small.registry.register("tips", source)


def test_versions_are_found_by_mlflows_filter(place: Workplace) -> None:
    for name in ("tips", "Tips-2", "fares"):
        place.registered(name)
    place.registered("tips")
    place.registry.tag_version("tips", 2, {"data": "may 2026"})
    place.registry.tag_model("fares", {"my team": "x"})

    def names(where: str) -> list[str]:
        return [m.name for m in place.registry.models(where).items]

    assert names("") == ["Tips-2", "fares", "tips"]
    assert names("name LIKE 'tip%'") == ["tips"]
    assert names("name ILIKE 'tip%'") == ["Tips-2", "tips"]
    assert names("tags.`my team` = 'x' AND name != 'tips'") == ["fares"]
    found = place.registry.versions(where="name = 'tips'", order_by=["version_number ASC"]).items
    assert [v.version for v in found] == [1, 2]
    assert [v.version for v in place.registry.versions("tips").items] == [2, 1]
    assert [v.version for v in place.registry.versions(where="tags.data LIKE 'may%'").items] == [2]
    run = found[0].run
    assert [v.version for v in place.registry.versions(where=f"run_id IN ('{run}', 'x')").items] == [1]
    assert [v.name for v in place.registry.versions(where="version_number > 1").items] == ["tips"]


@pytest.mark.parametrize(
    "where",
    ["name", "name =", "name = x", "colour = 'x'", "tags.a > 'x'", "name = 'a' OR name = 'b'", "name = 'a' AND"],
)
def test_a_filter_that_cannot_be_read_is_refused(small: Workplace, where: str) -> None:
    with pytest.raises(InvalidInput):
        small.registry.models(where)


def test_pages_go_on_where_they_ended(place: Workplace) -> None:
    for number in range(5):
        place.registry.create_model(f"m{number}")
    first = place.registry.models(limit=2, order_by=["name DESC"])
    second = place.registry.models(limit=2, order_by=["name DESC"], cursor=first.next)
    third = place.registry.models(limit=2, order_by=["name DESC"], cursor=second.next)
    assert [m.name for page in (first, second, third) for m in page.items] == ["m4", "m3", "m2", "m1", "m0"]
    assert third.next is None


def test_prompts_are_listed_only_when_asked_for(place: Workplace) -> None:
    place.registry.create_model("greeting", tags={"mlflow.prompt.is_prompt": "true"})
    place.registry.register("greeting", "prompt-template")
    place.registry.create_model("tips")
    assert [m.name for m in place.registry.models().items] == ["tips"]
    assert [m.name for m in place.registry.models("tags.`mlflow.prompt.is_prompt` = 'true'").items] == ["greeting"]
    assert place.registry.version("greeting", 1).scan.verdict is Verdict.NO_FILES


def test_a_number_is_never_given_twice(place: Workplace) -> None:
    place.registered("tips")
    place.registered("tips")
    place.registry.delete_version("tips", 2)
    with pytest.raises(NotFound, match="version=2"):
        place.registry.version("tips", 2)
    assert place.registered("tips") == 3
    place.registry.delete_model("tips")
    with pytest.raises(NotFound):
        place.registry.model("tips")
    assert place.registry.versions().items == []
    assert place.registered("tips") == 4
    assert place.registry.model("tips").tags == {}


def test_a_renamed_model_keeps_its_versions_and_the_graph_knows(place: Workplace) -> None:
    place.registered("tips")
    place.registry.set_alias("tips", "production", 1)
    place.registry.rename_model("tips", "tip-share")
    assert place.registry.aliased("tip-share", "production").version == 1
    assert place.registry.alias_history("tip-share").items[0].version == 1
    renamed = [(e.reads, e.writes) for e in place.bench.events("registry.model_renamed")]
    assert (("model:tips@1",), ("model:tip-share@1",)) in renamed
    place.registry.create_model("other")
    with pytest.raises(AlreadyExists):
        place.registry.rename_model("other", "tip-share")


def test_stages_move_and_archive_what_was_there(place: Workplace) -> None:
    for _ in range(3):
        place.registered("tips")
    place.registry.set_stage("tips", 1, ModelStage.PRODUCTION)
    place.registry.set_stage("tips", 2, ModelStage.PRODUCTION, archive_existing=True)
    assert place.registry.version("tips", 1).stage is ModelStage.ARCHIVED
    latest = {v.stage.value: v.version for v in place.registry.latest_versions("tips")}
    assert latest == {"None": 3, "Production": 2, "Archived": 1}
    assert [v.version for v in place.registry.latest_versions("tips", [ModelStage.PRODUCTION])] == [2]
    with pytest.raises(InvalidInput):
        place.registry.set_stage("tips", 3, ModelStage.NONE, archive_existing=True)


def test_a_copy_holds_the_same_files_and_says_where_it_came_from(place: Workplace) -> None:
    place.registered("tips", {"a.txt": b"1"})
    copied = place.registry.copy_version("tips", 1, "live")
    assert (copied.name, copied.version, copied.source) == ("live", 1, "models:/tips/1")
    assert copied.digest == place.registry.version("tips", 1).digest
    assert place.bench.events(VersionRegistered)[-1].reads == ("model:tips@1",)
    again = place.registry.register("live", "models:/tips/1")
    assert (again.version, again.digest) == (2, copied.digest)


def test_a_serving_form_is_kept_for_what_is_safe_only(place: Workplace) -> None:
    place.registered("tips", {"a.txt": b"1"})
    place.registered("tips", {"model.pkl": b"cos\nsystem\n(S'true'\ntR."})
    stored = place.objects.put([b"onnx"])
    files = [VersionFile(path="model.onnx", digest=stored.digest, size_bytes=stored.size_bytes)]
    assert place.registry.attach_serving_form("tips", 1, files).files == tuple(files)
    assert place.registry.version("tips", 1).served
    with pytest.raises(GateClosed, match="unsafe"):
        place.registry.attach_serving_form("tips", 2, files)
    with pytest.raises(NotFound):
        place.registry.serving_form("tips", 2)
    bad = [VersionFile(path="../x", digest=stored.digest, size_bytes=4)]
    with pytest.raises(InvalidInput):
        place.registry.attach_serving_form("tips", 1, bad)


def test_a_card_is_drafted_from_what_is_known_and_kept_in_editions(place: Workplace) -> None:
    place.registered("tips", {"MLmodel": MLMODEL})
    draft = place.registry.card("tips")
    assert (draft.edition, draft.version) == (0, 1)
    assert "`miles` double" in draft.text
    assert "Intended use" in draft.text
    place.registry.write_card("tips", "# one")
    place.registry.write_card("tips", "# two", 1)
    assert place.registry.card("tips").text == "# two"
    assert place.registry.card("tips", 1).text == "# one"
    assert [c.edition for c in place.registry.cards("tips").items] == [2, 1]
    with pytest.raises(NotFound):
        place.registry.card("tips", 7)


def test_a_draft_says_how_well_it_does_by_group_and_what_nobody_said(place: Workplace) -> None:
    labels = [float(n % 2) for n in range(120)]
    rows = EvaluationRows(
        labels=labels, scores=[0.9 if y else 0.2 for y in labels], groups={"zone": ["n", "n", "s", "s"] * 30}
    )
    place.registered("tips", {"MLmodel": MLMODEL, "requirements.txt": b"skops==0.11", "LICENSE": b"MIT License"})
    place.registry.evaluate("tips", 1, "holdout", rows)
    place.registry.sign("tips", 1)
    text = place.registry.card("tips").text
    for words in (
        "MIT License",
        "`skops==0.11`",
        "Signed by",
        "| auc | all (120) | 1.0000 |",
        "zone=n (60)",
        "by `zone`",
    ):
        assert words in text, words
    assert b"".join(place.registry.card_document("tips")).decode() == text
    place.registry.write_card("tips", "# kept")
    assert b"".join(place.registry.card_document("tips", 1)) == b"# kept"


def test_two_versions_are_compared_without_a_proposal(place: Workplace) -> None:
    place.registered("tips", {"requirements.txt": b"skops==0.10"})
    place.registered("tips", {"requirements.txt": b"skops==0.11"})
    found = place.registry.compare("tips", 2, 1)
    assert (found.number, found.candidate, found.champion) == (0, 2, 1)
    assert [(c.before, c.after) for c in found.requirements] == [("==0.10", "==0.11")]
    with pytest.raises(NotFound):
        place.registry.compare("tips", 2, 9)


def test_only_who_may_promote_may_lift_the_need_of_proposals() -> None:
    scopes = {op.method: op.scope for op in operations(Registry)}
    moving = ("protect_model", "set_alias", "delete_alias", "set_stage", "declare_gates", "merge")
    assert {scopes[method] for method in moving} == {"registry:promote"}
    assert {scopes[method] for method in ("approve", "decline", "waive")} == {"registry:approve"}


def test_a_model_in_use_that_needs_proposals_is_not_deleted(small: Workplace) -> None:
    small.registered("tips")
    small.registry.set_alias("tips", "production", 1)
    small.registry.protect_model("tips")
    with pytest.raises(Conflict):
        small.registry.delete_model("tips")
    with pytest.raises(Conflict):
        small.registry.delete_version("tips", 1)

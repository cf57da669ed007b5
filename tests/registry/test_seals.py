"""Signed versions: who vouches for exactly these files, and what is refused when nobody does."""

from __future__ import annotations

import pickle
from hashlib import sha256

import pytest

from modelyard.kernel.errors import Conflict, GateClosed, InvalidInput, NotFound
from modelyard.kernel.operations import operations
from modelyard.ports.secrets import Secret
from modelyard.ports.statements import sql
from modelyard.registry.api import Registry, Seal, Verdict, VersionSigned
from tests.registry import hostile
from tests.registry.conftest import Workplace

FILES = {"MLmodel": b"flavors: {}", "weights.bin": b"1 2 3"}


def holds_elsewhere(seal: Seal) -> bool:
    """What somebody with nothing but the public key finds."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(seal.public_key))
    try:
        public.verify(bytes.fromhex(seal.signature), seal.statement.encode())
    except InvalidSignature:
        return False
    return True


def test_a_signed_version_is_verified_with_the_public_key_alone(place: Workplace) -> None:
    place.registered("tips", FILES)
    assert not place.registry.verify("tips", 1).holds
    seal = place.registry.sign("tips", 1)
    assert holds_elsewhere(seal)
    assert seal.statement == (
        f'{{"content":"{seal.digest}","name":"tips","version":1,"what":"modelyard model version, form 1"}}'
    )
    files = place.registry.files("tips", 1).items
    lines = "".join(sorted(f"{f.path}\x00{f.digest}\x00{f.size_bytes}\n" for f in files))
    assert seal.digest == sha256(lines.encode()).hexdigest() == place.registry.version("tips", 1).digest
    found = place.registry.verify("tips", 1, deep=True)
    assert (found.holds, found.files_read, found.checks[0].fault) == (True, 2, "")
    assert place.registry.version("tips", 1).signers == (seal.key,)
    assert place.registry.signing_key().public_key == seal.public_key
    assert place.bench.events(VersionSigned)[0].reads == ("model:tips@1",)
    assert place.registry.sign("tips", 1).key == seal.key
    assert len(place.registry.verify("tips", 1).checks) == 1


def test_a_changed_file_is_found_by_reading_it(place: Workplace) -> None:
    place.registered("tips", FILES)
    place.registry.sign("tips", 1)
    digest = next(f.digest for f in place.registry.files("tips", 1).items if f.path == "weights.bin")
    stored = next(p for p in (place.bench.home / "objects").rglob("*") if p.is_file() and digest.endswith(p.name[-20:]))
    stored.chmod(0o600)
    stored.write_bytes(b"1 2 4")
    assert place.registry.verify("tips", 1).holds
    deep = place.registry.verify("tips", 1, deep=True)
    assert (deep.holds, "not whole" in deep.says) == (False, True)


def test_a_changed_record_breaks_the_signature(place: Workplace) -> None:
    place.registered("tips", FILES)
    place.registry.sign("tips", 1)
    other = place.objects.put([b"other weights"]).digest
    with place.bench.database.read() as tx:
        before = tx.all(sql("SELECT path FROM registry_file"), {})
    assert len(before) == 2
    place.bench.database.write(
        lambda tx: tx.run(sql("UPDATE registry_file SET digest = :d WHERE path = 'weights.bin'"), {"d": other})
    )
    found = place.registry.verify("tips", 1)
    assert (found.holds, "not those that were registered" in found.says) == (False, True)
    digest = found.digest
    place.bench.database.write(lambda tx: tx.run(sql("UPDATE registry_version SET digest = :d"), {"d": digest}))
    again = place.registry.verify("tips", 1)
    assert (again.holds, "other content" in again.checks[0].fault) == (False, True)


def test_a_name_is_part_of_what_is_signed(small: Workplace) -> None:
    small.registered("tips", FILES)
    small.registry.sign("tips", 1)
    small.registry.copy_version("tips", 1, "fares")
    assert not small.registry.verify("fares", 1).holds
    small.registry.rename_model("tips", "tip-share")
    found = small.registry.verify("tip-share", 1)
    assert (found.holds, "sign the version again" in found.says) == (False, True)
    small.registry.sign("tip-share", 1)
    assert small.registry.verify("tip-share", 1).holds


def test_a_former_key_is_trusted_where_the_secrets_say_so(small: Workplace) -> None:
    small.registered("tips", FILES)
    first = small.registry.sign("tips", 1)
    small.secrets.delete("registry.signing_key")
    small.registered("tips", FILES)
    second = small.registry.sign("tips", 2)
    assert second.key != first.key
    assert "not trusted" in small.registry.verify("tips", 1).says
    small.secrets.put("registry.trusted_keys", Secret(f"{first.public_key}\n"))
    assert small.registry.verify("tips", 1).holds


def test_where_no_key_can_be_made_signing_says_what_to_do(small: Workplace) -> None:
    small.registered("tips", FILES)
    small.secrets.writable = False
    with pytest.raises(Conflict, match=r"registry\.signing_key"):
        small.registry.sign("tips", 1)
    with pytest.raises(NotFound):
        small.registry.signing_key()
    small.secrets.kept["registry.signing_key"] = Secret("no key")
    with pytest.raises(InvalidInput, match="Ed25519"):
        small.registry.sign("tips", 1)
    small.registry.register("tips", "prompt-template")
    with pytest.raises(Conflict, match="no files"):
        small.registry.sign("tips", 2)


def test_what_is_not_safe_or_not_signed_is_not_cleared(place: Workplace) -> None:
    place.registered("tips", FILES)
    assert place.registry.clear("tips", 1).version == 1
    assert place.registry.declare_rules("tips", signed=True).signed
    with pytest.raises(GateClosed, match="yard registry sign tips 1"):
        place.registry.clear("tips", 1)
    place.registry.sign("tips", 1)
    assert place.registry.clear("tips", 1).version == 1
    place.registered("tips", {"model.pkl": hostile.SYSTEM})
    place.registry.sign("tips", 2)
    with pytest.raises(GateClosed, match="unsafe"):
        place.registry.clear("tips", 2)


def test_files_judged_by_older_rules_are_looked_through_again(place: Workplace) -> None:
    place.registered("tips", {"model.npy": hostile.FILES["by its word.npy"]})
    place.bench.database.write(
        lambda tx: tx.run(
            sql("UPDATE registry_version SET verdict = 'no_pickle', facts = :facts"),
            {"facts": b'{"scan": {"verdict": "no_pickle", "rules": 1}}'},
        )
    )
    assert place.registry.version("tips", 1).scan.verdict is Verdict.NO_PICKLE
    with pytest.raises(GateClosed, match="unsafe"):
        place.registry.clear("tips", 1)
    assert place.registry.version("tips", 1).scan.verdict is Verdict.UNSAFE


def test_a_model_may_ask_for_signatures_and_refuse_pickles(place: Workplace) -> None:
    place.registry.create_model("tips")
    place.registry.declare_rules("tips", signature=True, no_pickle=True)
    assert (place.registry.model("tips").rules.signature, place.registry.model("tips").rules.no_pickle) == (True, True)
    known = b'flavors: {}\nsignature: {inputs: \'[{"type": "long", "name": "a"}]\'}\n'
    with pytest.raises(InvalidInput, match="infer_signature"):
        place.registered("tips", FILES)
    with pytest.raises(InvalidInput, match="skops"):
        place.registered("tips", {"MLmodel": known, "model.pkl": pickle.dumps({})})
    assert place.registry.model("tips").last_version == 0
    assert place.registered("tips", {"MLmodel": known}) == 1
    place.registry.register("tips", "prompt-template")
    place.registry.delete_model("tips")
    place.registry.create_model("tips")
    assert not place.registry.model("tips").rules.signature


def test_only_who_may_promote_may_sign_or_change_what_is_served() -> None:
    scopes = {op.method: op.scope for op in operations(Registry)}
    assert {scopes[m] for m in ("sign", "declare_rules", "attach_serving_form")} == {"registry:promote"}

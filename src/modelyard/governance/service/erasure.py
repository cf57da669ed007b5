"""Forgetting somebody: asks who holds what, has each remove it, looks for it again, and signs what came of it.

It removes nothing itself and never writes the subject's key anywhere. Cut off in the middle, it is simply done again.
"""

from __future__ import annotations

import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from secrets import token_bytes

from msgspec import Struct

from modelyard.governance.api import (
    RECEIPT,
    ByteScan,
    Eraser,
    ErasureOperations,
    ErasurePlan,
    Held,
    Receipt,
    ReceiptId,
    ReceiptVerdict,
    Subject,
    SubjectErased,
    SubjectForgotten,
)
from modelyard.governance.model.erasure import (
    forms_of,
    is_conclusive,
    is_signed,
    new_signing_key,
    public_part,
    signed,
    subject_name,
)
from modelyard.governance.service.packed import Sought, unpacked_forms
from modelyard.governance.service.scan import Opened, as_it_is, search
from modelyard.governance.store import receipts
from modelyard.governance.store.identity import LAST
from modelyard.kernel.errors import NotFound
from modelyard.kernel.mentions import SHORTEST
from modelyard.kernel.pages import Page, page_of, place_of
from modelyard.kernel.refs import Ref, ref
from modelyard.ports import calls
from modelyard.ports.secrets import Secret, Secrets

_SIGNING = "governance.receipt_signing_key"
_NAMING = "governance.subject_naming_key"


def _nobody_else(_: Subject) -> Sequence[Subject]:
    return ()


class Erasing(Struct, frozen=True, kw_only=True):
    """What erasure works with.

    Attributes:
        home: the folder whose every file is searched afterwards.
        secrets: keeps the home's signing key and the key that subjects are named under.
        participants: who holds data of subjects; asked in order.
        scrubs: make sure that bytes of what was deleted are left in no file; called after the participants.
        aliases: further names under which the subject is held; each participant is asked for each.
        elsewhere: what is kept outside the home and cannot be searched, in words.
        opened: gives what a file of the home holds, unsealed.
    """

    home: Path
    secrets: Secrets
    participants: tuple[Eraser, ...] = ()
    scrubs: tuple[Callable[[], None], ...] = ()
    aliases: Callable[[Subject], Sequence[Subject]] = _nobody_else
    elsewhere: tuple[str, ...] = ()
    opened: Opened = as_it_is


class ErasureService(ErasureOperations):
    """The right to be forgotten.

    Args:
        models_from: the model versions that came from some things.
    """

    def __init__(self, erasing: Erasing, models_from: Callable[[Sequence[Ref]], tuple[Ref, ...]]) -> None:
        self._erasing = erasing
        self._models_from = models_from
        self._making_keys = threading.Lock()

    def plan_forget(self, entity: str, key: str) -> ErasurePlan:
        """What it would touch."""
        subject = Subject(entity, key)
        items = self._planned((subject, *self._erasing.aliases(subject)))
        return ErasurePlan(
            entity=entity, subject=self._name(subject), items=tuple(items), models=self._models_from(_refs(items)),
            participants=tuple(each.name for each in self._erasing.participants),
        )  # fmt: skip

    def forget(self, entity: str, key: str) -> Receipt:
        """Remove, look again, sign."""
        call, subject = calls.current(), Subject(entity, key)
        names = (subject, *self._erasing.aliases(subject))
        name = self._name(subject)
        before = receipts.of_subject(call.tx, name)
        done = [held for each in self._erasing.participants for one in names for held in each.erase(one)]
        models = set(self._models_from(_refs(done))).union(*(each.models for each in before))
        news = SubjectErased(entity=entity, subject=name, things=len(done))
        call.unit(lambda: call.emit(news))  # says so even if the search is cut off, and lets go of the snapshot
        for scrub in self._erasing.scrubs:
            scrub()
        scan = self._scan(subject, names)
        signing = self._secret(_SIGNING, new_signing_key)
        receipt = Receipt(
            id=RECEIPT.new(call.clock), entity=entity, subject=name, at_ms=call.now_ms, by=call.actor.id,
            done=tuple(done), scan=scan, models=tuple(sorted(models)), public_key=public_part(signing),
            clean=scan.conclusive and not scan.found and not scan.read_back,
        )  # fmt: skip
        receipt = signed(receipt, signing)
        call.unit(lambda: self._keep(receipt))
        return receipt

    def receipts(self, limit: int = 50, cursor: str | None = None) -> Page[Receipt]:
        """Receipts, newest first."""
        before = place_of(cursor, LAST)
        rows = receipts.listed(calls.current().tx, before=before, limit=limit + 1)
        return page_of(rows, limit, lambda r: (r.id,))

    def receipt(self, receipt: ReceiptId) -> Receipt:
        """One receipt."""
        found = receipts.one(calls.current().tx, receipt)
        if found is None:
            raise NotFound(f"there is no receipt {receipt[:60]}; list them: yard governance receipts")
        return found

    def verify_receipt(self, receipt: Receipt) -> ReceiptVerdict:
        """Whether it is as this home signed it."""
        key = self._erasing.secrets.get(_SIGNING)
        ours = key is not None and public_part(key.reveal()) == receipt.public_key
        kept = receipts.one(calls.current().tx, receipt.id) == receipt
        return ReceiptVerdict(signed=is_signed(receipt), ours=ours, kept=kept)

    def _keep(self, receipt: Receipt) -> None:
        call = calls.current()
        receipts.add(call.tx, receipt)
        about = ref("receipt", receipt.id)
        news = SubjectForgotten(
            receipt=receipt.id, entity=receipt.entity, subject=receipt.subject, clean=receipt.clean
        )  # fmt: skip
        call.emit(news, writes=(about,))
        call.touch(about)

    def _planned(self, names: Sequence[Subject]) -> list[Held]:
        return [held for each in self._erasing.participants for one in names for held in each.plan(one)]

    def _scan(self, subject: Subject, names: Sequence[Subject]) -> ByteScan:
        left = [(e.name, one, e.remains(one)) for e in self._erasing.participants for one in names]
        remains = [f"{name}: {place}" for name, _, found in left for place in found.places]
        elsewhere = list(self._erasing.elsewhere)
        if not is_conclusive(subject.key):
            elsewhere.append(f"the files of the home: a key of fewer than {SHORTEST} bytes is found there by chance")
            return ByteScan(
                conclusive=False, files=0, bytes=0, forms=(), unpacked=(), found=(), read_back=tuple(remains),
                not_searched=tuple(elsewhere),
            )  # fmt: skip
        forms = forms_of(subject.key)
        longer = {name for _, one, found in left if one == subject for name in found.namesakes}
        others = tuple(forms_of(name) for name in sorted(longer))
        done = search(self._erasing.home, Sought(subject.key, forms, others), self._erasing.opened)
        elsewhere += [f"{name}: cannot be read" for name in done.unreadable]
        return ByteScan(
            conclusive=True, files=done.files, bytes=done.bytes, forms=tuple(forms), unpacked=unpacked_forms(),
            found=tuple(done.found), read_back=tuple(remains), not_searched=tuple(elsewhere), within=tuple(done.within),
        )  # fmt: skip

    def _name(self, subject: Subject) -> str:
        return subject_name(b64decode(self._secret(_NAMING, _naming_key)), subject)

    def _secret(self, name: str, make: Callable[[], str]) -> str:
        """A key of the home, made when it is first needed."""
        with self._making_keys:
            if (found := self._erasing.secrets.get(name)) is None:
                self._erasing.secrets.put(name, Secret(make()))
                found = self._erasing.secrets.get(name)
        if found is None:
            raise NotFound(f"the secret {name} was kept but is not there; look at the secrets store")
        return found.reveal()


def _naming_key() -> str:
    return b64encode(token_bytes(32)).decode()


def _refs(items: Sequence[Held]) -> list[Ref]:
    return [held.ref for held in items]

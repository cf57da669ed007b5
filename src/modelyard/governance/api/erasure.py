"""Forgetting somebody: the plan, the deed, and a signed receipt of what was found, removed and looked for again.

A receipt names its subject only by a keyed hash; the key of the subject is an argument that is never logged or
audited. What keeps data says so through `Eraser`; the app wires who takes part.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, NewType, Protocol

from msgspec import Meta, Struct

from modelyard.kernel.events import News
from modelyard.kernel.ids import ActorId, IdKind
from modelyard.kernel.operations import Effect, operation
from modelyard.kernel.pages import Limit, Page
from modelyard.kernel.refs import Name, Ref

ReceiptId = NewType("ReceiptId", str)
RECEIPT = IdKind("rcpt", ReceiptId)
SubjectKey = Annotated[str, Meta(min_length=1, max_length=300, description="the subject's value of its key column")]


class Subject(Struct, frozen=True):
    """Whom to forget, as the participants are told: the entity and its key. It shows its key to nobody else."""

    entity: str
    key: str

    def __repr__(self) -> str:
        """The entity alone."""
        return f"Subject({self.entity}:***)"


class Held(Struct, frozen=True, kw_only=True):
    """Something that holds data of the subject, or held it.

    Attributes:
        by: the participant that answers for it, e.g. `lake`.
        what: what is counted, e.g. `rows`, `online rows`, `predictions`, `source files`.
        ref: the thing; without a version if every version of it is meant.
    """

    by: str
    ref: Ref
    what: str
    count: int


class ErasurePlan(Struct, frozen=True, kw_only=True):
    """What forgetting somebody would touch.

    Attributes:
        subject: keyed hash of the subject, as its receipt will name it.
        models: model versions trained on data that held the subject; they are listed, not changed.
        participants: who was asked.
    """

    entity: str
    subject: str
    items: tuple[Held, ...]
    models: tuple[Ref, ...]
    participants: tuple[str, ...]


class ByteScan(Struct, frozen=True, kw_only=True):
    """A search of every file of the home for the subject's key, after the deed.

    Attributes:
        conclusive: False if the key is too short to be told from chance; then no bytes were searched.
        forms: in which encodings it was searched for.
        unpacked: which compressed forms were searched inside.
        found: files that still hold it, relative to the home.
        read_back: places where a participant that read its own columns still found it.
        not_searched: what lies elsewhere or could not be read, in words.
        within: files in which the key stands only within longer ones: keys of others that this yard holds, or longer
            words of a text. They are no finding, and named so that a person may look.
    """

    conclusive: bool
    files: int
    bytes: int
    forms: tuple[str, ...]
    unpacked: tuple[str, ...]
    found: tuple[str, ...]
    read_back: tuple[str, ...]
    not_searched: tuple[str, ...]
    within: tuple[str, ...] = ()


class Receipt(Struct, frozen=True, kw_only=True):
    """What was done for one wish to be forgotten; signed by the home.

    Attributes:
        subject: HMAC-SHA-256 of entity and key under a key of the home; equal for the same subject.
        clean: True if the scan was conclusive and neither it nor any participant found the subject again.
        models: model versions trained on data that held the subject; a person decides what becomes of them.
        signature: Ed25519 over the rest as canonical JSON, hex; `public_key` is the home's.
    """

    id: ReceiptId
    entity: str
    subject: str
    at_ms: int
    by: ActorId
    done: tuple[Held, ...]
    scan: ByteScan
    models: tuple[Ref, ...]
    clean: bool
    public_key: str
    signature: str = ""


class ReceiptVerdict(Struct, frozen=True, kw_only=True):
    """Whether a receipt is as this home signed it.

    Attributes:
        signed: the signature fits the content and the key that it names.
        ours: that key is this home's.
        kept: the same receipt stands in this home.
    """

    signed: bool
    ours: bool
    kept: bool


class SubjectErased(News, frozen=True, kw_only=True):
    """The participants removed what they held of a subject; the search and its receipt follow."""

    entity: str
    subject: str
    things: int


class SubjectForgotten(News, frozen=True, kw_only=True):
    """Somebody was forgotten and the receipt is signed; `subject` is the keyed hash."""

    receipt: ReceiptId
    entity: str
    subject: str
    clean: bool


class Left(Struct, frozen=True, kw_only=True):
    """What a participant finds when it looks once more.

    Attributes:
        places: where it still finds the subject when it reads its own data back, compressed columns included.
        namesakes: longer words of others that hold the subject's key within them, so that they are not taken for it.
    """

    places: tuple[str, ...] = ()
    namesakes: tuple[str, ...] = ()


class Eraser(Protocol):
    """A participant: something that holds data about subjects."""

    name: str

    def plan(self, subject: Subject) -> Sequence[Held]:
        """What it holds of the subject; changes nothing."""
        ...

    def erase(self, subject: Subject) -> Sequence[Held]:
        """Remove it, also from versions, quarantine and sources; what was removed. Doing it again finds nothing."""
        ...

    def remains(self, subject: Subject) -> Left:
        """Look once more, whatever was removed before: something may have been written meanwhile."""
        ...


class EntityKeys(Protocol):
    """Who knows by which columns entities are identified."""

    def columns(self, entity: str) -> Sequence[str]:
        """The columns that an entity's key may stand in; the name itself where no entity of that name is known.

        Raises:
            InvalidInput: the entity is told by several keys together.
        """
        ...

    def every(self) -> Sequence[str]:
        """The key columns of all entities."""
        ...


class ErasureOperations(ABC):
    """The right to be forgotten."""

    @operation("POST", "/erasures/plan", scope="governance:erase", effect=Effect.SCAN, private=("key",))
    @abstractmethod
    def plan_forget(self, entity: Name, key: SubjectKey) -> ErasurePlan:
        """Show what forgetting somebody would touch; changes nothing.

        Args:
            entity: what kind of subject, e.g. `taxi`; a known entity, or the name of its key column.
            key: which one.

        Example:
            yard governance plan-forget taxi_id 4711
        """

    @operation("POST", "/erasures", scope="governance:erase", effect=Effect.WORK, private=("key",))
    @abstractmethod
    def forget(self, entity: Name, key: SubjectKey) -> Receipt:
        """Remove everything that this yard holds about somebody, search for it again, and sign a receipt.

        It can be repeated, and is whenever it was cut off: what is gone already is not found again. Backups made
        before still hold the subject.

        Args:
            entity: what kind of subject, e.g. `taxi`; a known entity, or the name of its key column.
            key: which one.

        Example:
            yard governance forget taxi_id 4711
        """

    @operation("GET", "/erasures", scope="governance:audit")
    @abstractmethod
    def receipts(self, limit: Limit = 50, cursor: str | None = None) -> Page[Receipt]:
        """List the receipts, newest first."""

    @operation("GET", "/erasures/{receipt}", scope="governance:audit", about="receipt:{receipt}")
    @abstractmethod
    def receipt(self, receipt: ReceiptId) -> Receipt:
        """Show one receipt.

        Raises:
            NotFound: no such receipt.
        """

    @operation("POST", "/erasures/verify", scope="governance:read", effect=Effect.SCAN)
    @abstractmethod
    def verify_receipt(self, receipt: Receipt) -> ReceiptVerdict:
        """Check that a receipt is as this home signed it."""

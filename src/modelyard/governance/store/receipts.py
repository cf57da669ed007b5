"""Rows of receipts: the signed document, found by its id or its subject's name. Never the subject's key."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from modelyard.governance.api import Receipt, ReceiptId
from modelyard.governance.store.identity import LAST
from modelyard.ports.database import Migration, Statement, Transaction

RECEIPT_MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        slice="governance",
        number=4,
        name="receipts",
        ddl=(
            (
                "CREATE TABLE governance_receipt (id {text} PRIMARY KEY, subject {text} NOT NULL, at_ms {int} NOT NULL,"
                " document {bytes} NOT NULL)"
            ),
            "CREATE INDEX governance_receipt_subject ON governance_receipt (subject)",
        ),
    ),
)

_receipt = sa.table("governance_receipt", *map(sa.column, ("id", "subject", "at_ms", "document")))
p = sa.bindparam
_ADD = Statement(sa.insert(_receipt).values(id=p("id"), subject=p("subject"), at_ms=p("at_ms"), document=p("document")))
_ONE = Statement(sa.select(_receipt.c.document).where(_receipt.c.id == p("id_")))
_LIST = Statement(
    sa.select(_receipt.c.document).where(_receipt.c.id < p("before")).order_by(_receipt.c.id.desc()).limit(p("limit_"))
)
_OF = Statement(
    sa.select(_receipt.c.document).where(_receipt.c.subject == p("subject_")).order_by(_receipt.c.id.desc())
)
_decoder = msgspec.json.Decoder(Receipt)


def add(tx: Transaction, receipt: Receipt) -> None:
    """Keep a receipt."""
    document = msgspec.json.encode(receipt)
    tx.run(_ADD, {"id": receipt.id, "subject": receipt.subject, "at_ms": receipt.at_ms, "document": document})


def one(tx: Transaction, id_: ReceiptId) -> Receipt | None:
    """One receipt."""
    row = tx.one(_ONE, {"id_": id_})
    return None if row is None else _decoder.decode(row[0])


def listed(tx: Transaction, *, before: str = LAST, limit: int) -> list[Receipt]:
    """Receipts with an id below `before`, newest first."""
    return [_decoder.decode(row[0]) for row in tx.all(_LIST, {"before": before, "limit_": limit})]


def of_subject(tx: Transaction, subject: str) -> list[Receipt]:
    """Receipts of one subject, newest first."""
    return [_decoder.decode(row[0]) for row in tx.all(_OF, {"subject_": subject})]

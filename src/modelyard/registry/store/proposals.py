"""Rows of proposals, their reviews, and what models ask of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from modelyard.kernel.ids import ActorId
from modelyard.kernel.refs import ref
from modelyard.ports.database import Row, Transaction
from modelyard.ports.statements import batches, cached, in_params, sql
from modelyard.registry.api import Gate, GatePolicy, GateResult, Proposal, ProposalState, Review, Vote

_COLUMNS = (
    "p.id, m.name, p.number, p.alias, p.state, p.author, p.title, p.note, p.needed, p.champion, p.results, p.gates_ms, "
    "p.created_ms, p.updated_ms, p.merged_ms, p.merged_by, p.basis"
)
_FROM = "registry_proposal p JOIN registry_model m ON m.id = p.model"
_ADD = sql(
    "INSERT INTO registry_proposal (model, number, alias, state, author, title, note, needed, champion, results, "
    "created_ms, updated_ms) VALUES (:model, :number, :alias, :state, :author, :title, :note, :needed, :champion, "
    ":results, :now, :now) RETURNING id"
)
_ONE = sql(f"SELECT {_COLUMNS} FROM {_FROM} WHERE p.id = :proposal AND p.model = :model")
_PENDING = sql(
    "SELECT id FROM registry_proposal WHERE model = :model AND number = :number AND alias = :alias "
    "AND state IN ('open', 'approved')"
)
_STATE = sql("UPDATE registry_proposal SET state = :state, updated_ms = :now WHERE id = :proposal")
_MERGED = sql(
    "UPDATE registry_proposal SET state = 'merged', updated_ms = :now, merged_ms = :now, merged_by = :actor "
    "WHERE id = :proposal"
)
_RESULTS = sql("UPDATE registry_proposal SET results = :results, updated_ms = :now WHERE id = :proposal")
_GATES = sql(
    "UPDATE registry_proposal SET results = :results, champion = :champion, gates_ms = :now, updated_ms = :now, "
    "needed = :needed, basis = :basis WHERE id = :proposal"
)
_REVIEW = sql(
    "INSERT INTO registry_review (proposal, actor, vote, note, at_ms, roles) "
    "VALUES (:proposal, :actor, :vote, :note, :now, :roles) ON CONFLICT (proposal, actor) DO UPDATE SET "
    "vote = excluded.vote, note = excluded.note, at_ms = excluded.at_ms, roles = excluded.roles"
)
_POLICY = sql("SELECT gates, approvals, declared_ms, declared_by, roles FROM registry_policy WHERE model = :model")
_DECLARE = sql(
    "INSERT INTO registry_policy (model, gates, approvals, declared_ms, declared_by, roles) "
    "VALUES (:model, :gates, :approvals, :now, :actor, :roles) ON CONFLICT (model) DO UPDATE SET "
    "gates = excluded.gates, approvals = excluded.approvals, roles = excluded.roles, "
    "declared_ms = excluded.declared_ms, declared_by = excluded.declared_by"
)
_END_ALL = sql(
    "UPDATE registry_proposal SET state = 'withdrawn', updated_ms = :now "
    "WHERE model = :model AND state IN ('open', 'approved')"
)
_DROP_POLICY = sql("DELETE FROM registry_policy WHERE model = :model")
_UNASK = sql(
    "UPDATE registry_proposal SET results = :results, gates_ms = NULL, needed = :needed, state = :state, "
    "updated_ms = :now WHERE id = :proposal"
)
_UNDER_WAY = sql(
    f"SELECT {_COLUMNS} FROM {_FROM} WHERE p.model = :model AND p.state IN ('open', 'approved') ORDER BY p.id"
)
_BASIS = sql(
    "SELECT (SELECT max(e.id) FROM registry_evaluation e JOIN registry_version v ON v.id = e.version "
    "WHERE v.model = :model AND v.number IN (:number, :champion)), "
    "(SELECT max(t.id) FROM registry_attestation t JOIN registry_version v ON v.id = t.version "
    "WHERE v.model = :model AND v.number = :number), "
    "(SELECT verdict FROM registry_version WHERE model = :model AND number = :number)"
)
_gates = msgspec.json.Decoder(tuple[Gate, ...])
_roles = msgspec.json.Decoder(dict[str, int])
_results = msgspec.json.Decoder(tuple[GateResult, ...])


def add(tx: Transaction, model: int, new: Proposal) -> int:
    """Enter a proposal; its number."""
    row = tx.one(
        _ADD,
        {
            "model": model, "number": new.version, "alias": new.alias, "state": new.state.value, "author": new.author,
            "title": new.title, "note": new.note, "needed": new.needed, "champion": new.champion, "results": b"[]",
            "now": new.created_ms,
        },
    )  # fmt: skip
    return int(row[0]) if row else 0


def one(tx: Transaction, model: int, proposal: int) -> Proposal | None:
    """A proposal of a model."""
    row = tx.one(_ONE, {"model": model, "proposal": proposal})
    return hydrate(tx, [row])[0] if row else None


def pending(tx: Transaction, model: int, *, version: int, alias: str) -> int | None:
    """The number of a proposal of the same that is not over."""
    row = tx.one(_PENDING, {"model": model, "number": version, "alias": alias})
    return int(row[0]) if row else None


def find(
    tx: Transaction, *, model: int | None, state: ProposalState | None, before: int, limit: int
) -> list[Proposal]:  # fmt: skip
    """Proposals numbered below `before`, newest first."""
    wheres, params = ["p.id < :before", "m.deleted_ms IS NULL"], {"before": before, "n": limit}
    values: dict[str, str | int] = dict(params)
    if model is not None:
        wheres.append("p.model = :model")
        values["model"] = model
    if state is not None:
        wheres.append("p.state = :state")
        values["state"] = state.value
    text = f"SELECT {_COLUMNS} FROM {_FROM} WHERE {' AND '.join(wheres)} ORDER BY p.id DESC LIMIT :n"
    return hydrate(tx, tx.all(cached(text), values))


def set_state(tx: Transaction, proposal: int, state: ProposalState, now_ms: int) -> None:
    """Bring it to a state."""
    tx.run(_STATE, {"proposal": proposal, "state": state.value, "now": now_ms})


def set_merged(tx: Transaction, proposal: int, actor: ActorId, now_ms: int) -> None:
    """Note who merged it."""
    tx.run(_MERGED, {"proposal": proposal, "actor": actor, "now": now_ms})


def set_results(tx: Transaction, proposal: int, results: Sequence[GateResult], now_ms: int) -> None:
    """Keep changed results, as a waiver makes them."""
    tx.run(_RESULTS, {"proposal": proposal, "results": msgspec.json.encode(results), "now": now_ms})


def set_gates(
    tx: Transaction, proposal: int, results: Sequence[GateResult], *, champion: int | None, needed: int, basis: str,
    now_ms: int,
) -> None:  # fmt: skip
    """Keep what the gates said, against which champion, and what they judged by."""
    params = {"proposal": proposal, "results": msgspec.json.encode(results), "now": now_ms}
    tx.run(_GATES, {**params, "champion": champion, "needed": needed, "basis": basis})


def basis(tx: Transaction, model: int, number: int, champion: int | None) -> str:
    """What a judgement rests on: newest evaluation of both versions, newest attestation and scan of the candidate."""
    row = tx.one(_BASIS, {"model": model, "number": number, "champion": champion or 0})
    return " ".join(str(part) for part in row or ())


def under_way(tx: Transaction, model: int) -> list[Proposal]:
    """A model's proposals that are not over, oldest first."""
    return hydrate(tx, tx.all(_UNDER_WAY, {"model": model}))


def unask(tx: Transaction, proposal: Proposal, now_ms: int) -> None:
    """Forget what the gates said, and keep its state and how many must approve."""
    params = {"proposal": proposal.number, "needed": proposal.needed, "state": proposal.state.value, "now": now_ms}
    tx.run(_UNASK, {**params, "results": b"[]"})


def end_all(tx: Transaction, model: int, now_ms: int) -> None:
    """Withdraw what is not over, and forget what the model asks."""
    tx.run(_END_ALL, {"model": model, "now": now_ms})
    tx.run(_DROP_POLICY, {"model": model})


def put_review(tx: Transaction, proposal: int, review: Review) -> None:
    """Keep somebody's last word."""
    tx.run(
        _REVIEW,
        {
            "proposal": proposal, "actor": review.actor, "vote": review.vote.value, "note": review.note,
            "now": review.at_ms, "roles": " ".join(review.roles),
        },
    )  # fmt: skip


def policy(tx: Transaction, model: int, name: str) -> GatePolicy:
    """What a model asks; nothing but one approval, if it never said."""
    row = tx.one(_POLICY, {"model": model})
    if row is None:
        return GatePolicy(name=name)
    return GatePolicy(
        name=name, gates=_gates.decode(row[0]), approvals=row[1], declared_ms=row[2], declared_by=ActorId(row[3]),
        roles=_roles.decode(row[4]) if row[4] else {},
    )  # fmt: skip


def declare(
    tx: Transaction, model: int, gates: Sequence[Gate], *, approvals: int, roles: Mapping[str, int], actor: ActorId,
    now_ms: int,
) -> None:  # fmt: skip
    """Keep what a model asks from now on."""
    params = {
        "model": model,
        "gates": msgspec.json.encode(gates),
        "approvals": approvals,
        "roles": msgspec.json.encode(roles).decode(),
    }
    tx.run(_DECLARE, {**params, "now": now_ms, "actor": actor})


def hydrate(tx: Transaction, rows: Sequence[Row]) -> list[Proposal]:
    """Proposals with their reviews from rows of this store's columns, in the same order."""
    reviews: dict[int, list[Review]] = {}
    for some in batches([int(row[0]) for row in rows]):
        inside, params = in_params("p", some)
        text = (
            f"SELECT proposal, actor, vote, note, at_ms, roles FROM registry_review WHERE proposal IN ({inside}) "
            "ORDER BY at_ms, actor"
        )
        for proposal, actor, vote, note, at_ms, roles in tx.all(cached(text), params):
            held = tuple(str(roles).split())
            said = Review(actor=ActorId(actor), vote=Vote(vote), note=note, at_ms=at_ms, roles=held)
            reviews.setdefault(proposal, []).append(said)
    return [_proposal(row, tuple(reviews.get(row[0], ()))) for row in rows]


def _proposal(row: Row, reviews: tuple[Review, ...]) -> Proposal:
    (
        id_, name, version, alias, state, author, title, note, needed, champion, results, gates_ms, created, updated,
        merged, merged_by, basis,
    ) = row  # fmt: skip
    return Proposal(
        number=id_, ref=ref("proposal", str(id_)), name=name, version=version, alias=alias, champion=champion,
        title=title, note=note, author=ActorId(author), state=ProposalState(state), needed=needed, created_ms=created,
        updated_ms=updated, reviews=reviews, results=_results.decode(results), gates_ms=gates_ms, merged_ms=merged,
        merged_by=ActorId(merged_by) if merged_by else None, basis=basis,
    )  # fmt: skip

"""Where the registry keeps texts that may name somebody, and the contents that it pinned."""

from __future__ import annotations

from modelyard.kernel.refs import ref
from modelyard.ports.database import Transaction
from modelyard.ports.mentions import Place
from modelyard.ports.statements import sql
from modelyard.registry.api.erasures import PinnedContent

_BY_ID = (-1,)
_BY_KEY = (-1, "")
_VERSION = "JOIN registry_version o ON o.id = r.version"
_PROPOSAL = "JOIN registry_proposal o ON o.id = r.proposal"
PLACES = (
    Place("descriptions", "registry_model", ("id",), _BY_ID, ("description",), "r.id"),
    Place("tags", "registry_model_tag", ("model", "key"), _BY_KEY, ("key", "value"), "r.model", is_pair=True),
    Place("cards", "registry_card", ("model", "edition"), (-1, -1), ("body",), "r.model"),
    Place("descriptions of versions", "registry_version", ("id",), _BY_ID, ("description",), "r.model"),
    Place(
        "tags of versions", "registry_version_tag", ("version", "key"), _BY_KEY, ("key", "value"), "o.model", _VERSION,
        True,
    ),
    Place("proposals", "registry_proposal", ("id",), _BY_ID, ("title", "note"), "r.model"),
    Place("gates' words", "registry_proposal", ("id",), _BY_ID, ("results",), "r.model", packed=True),
    Place("reviews", "registry_review", ("proposal", "actor"), _BY_KEY, ("note",), "o.model", _PROPOSAL),
    Place("evaluations", "registry_evaluation", ("id",), _BY_ID, ("dataset",), "o.model", _VERSION),
    Place("attestations", "registry_attestation", ("id",), _BY_ID, ('"check"',), "o.model", _VERSION),
    Place("attestations", "registry_attestation", ("id",), _BY_ID, ("body",), "o.model", _VERSION, packed=True),
    Place("webhooks", "registry_webhook", ("id",), _BY_ID, ("name", "description"), "''"),
)  # fmt: skip
"""What gets a mark."""
KEPT = (
    Place("names of models", "registry_model", ("id",), _BY_ID, ("name",), "r.id"),
    Place("aliases", "registry_alias", ("model", "alias"), _BY_KEY, ("alias",), "r.model"),
    Place("moves of aliases", "registry_alias_move", ("id",), _BY_ID, ("alias",), "r.model"),
    Place("sources of versions", "registry_version", ("id",), _BY_ID, ("source", "storage"), "r.model"),
    Place("facts of versions", "registry_version", ("id",), _BY_ID, ("facts",), "r.model", packed=True),
    Place(
        "names of versions' files", "registry_file", ("version", "path"), _BY_KEY, ("path",), "o.model", _VERSION
    ),
)  # fmt: skip
"""What stays as it is, and is told."""

_CONTENTS = sql(
    "SELECT digest, size_bytes, name, number FROM ("
    "SELECT f.digest, f.size_bytes, m.name, v.number FROM registry_file f JOIN registry_version v ON v.id = f.version "
    "JOIN registry_model m ON m.id = v.model UNION ALL "
    "SELECT e.digest, 0, m.name, v.number FROM registry_evaluation e JOIN registry_version v ON v.id = e.version "
    "JOIN registry_model m ON m.id = v.model) x WHERE digest > :after AND digest <> '' "
    "ORDER BY digest, size_bytes DESC, name, number LIMIT :n"
)


def contents(tx: Transaction, *, after: str, limit: int) -> list[PinnedContent]:
    """Contents that versions and their evaluations name, by digest, each once; a size of 0 is not known."""
    found: dict[str, PinnedContent] = {}
    for digest, size, name, number in tx.all(_CONTENTS, {"after": after, "n": limit}):
        one = PinnedContent(digest=digest, size_bytes=int(size), version=ref("model", name, int(number)))
        found.setdefault(digest, one)
    return list(found.values())

"""The one door of governance: who may, who did, where from, and erasure."""

from __future__ import annotations

from abc import ABC

from modelyard.governance.api.audit import AuditEntry, AuditOperations, AuditVerdict
from modelyard.governance.api.identity import (
    ALWAYS,
    GRANT,
    SESSION,
    TOKEN,
    ActorCreated,
    ActorDisabled,
    ActorEnabled,
    Grant,
    GrantId,
    GrantRevoked,
    IdentityOperations,
    Member,
    NewToken,
    Role,
    RoleGranted,
    RoleScopes,
    Session,
    SessionBegan,
    SessionId,
    SignInLink,
    Token,
    TokenCreated,
    TokenId,
    TokenRevoked,
    WhoAmI,
)
from modelyard.governance.api.lineage import (
    LineageEdge,
    LineageGraph,
    LineageNode,
    LineageOperations,
    PredictionSource,
    PredictionTrace,
    Reach,
    Reached,
    RowSource,
    RowTrace,
    Stage,
    Walk,
    WalkStep,
)


class Governance(IdentityOperations, AuditOperations, LineageOperations, ABC):
    """Who may do what here, who did, where things come from, and how somebody is forgotten."""


__all__ = [
    "ALWAYS",
    "GRANT",
    "SESSION",
    "TOKEN",
    "ActorCreated",
    "ActorDisabled",
    "ActorEnabled",
    "AuditEntry",
    "AuditOperations",
    "AuditVerdict",
    "Governance",
    "Grant",
    "GrantId",
    "GrantRevoked",
    "IdentityOperations",
    "LineageEdge",
    "LineageGraph",
    "LineageNode",
    "LineageOperations",
    "Member",
    "NewToken",
    "PredictionSource",
    "PredictionTrace",
    "Reach",
    "Reached",
    "Role",
    "RoleGranted",
    "RoleScopes",
    "RowSource",
    "RowTrace",
    "Session",
    "SessionBegan",
    "SessionId",
    "SignInLink",
    "Stage",
    "Token",
    "TokenCreated",
    "TokenId",
    "TokenRevoked",
    "Walk",
    "WalkStep",
    "WhoAmI",
]

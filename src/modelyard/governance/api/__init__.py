"""The one door of governance: who may, who did, where from, and erasure."""

from __future__ import annotations

from abc import ABC

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


class Governance(IdentityOperations, ABC):
    """Who may do what here, who did, where things come from, and how somebody is forgotten."""


__all__ = [
    "ALWAYS",
    "GRANT",
    "SESSION",
    "TOKEN",
    "ActorCreated",
    "ActorDisabled",
    "ActorEnabled",
    "Governance",
    "Grant",
    "GrantId",
    "GrantRevoked",
    "IdentityOperations",
    "Member",
    "NewToken",
    "Role",
    "RoleGranted",
    "RoleScopes",
    "Session",
    "SessionBegan",
    "SessionId",
    "SignInLink",
    "Token",
    "TokenCreated",
    "TokenId",
    "TokenRevoked",
    "WhoAmI",
]

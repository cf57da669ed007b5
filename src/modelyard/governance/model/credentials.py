"""What a secret is, how it is kept, and for how long a browser session lasts.

A secret holds 256 random bits, so a plain SHA-256 is as good a keep as a slow hash, and it can be looked up by its
digest: nothing is ever compared with a stored secret, so there is no timing to measure. It never stores anything.
"""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import sha256

BEARER_PREFIX = "yard_"
SESSION_PREFIX = "ysess_"
LINK_PREFIX = "ylink_"

LINK_LASTS_MS = 10 * 60_000
SESSION_IDLE_MS = 12 * 3_600_000
SESSION_LASTS_MS = 7 * 24 * 3_600_000

_BODY = re.compile(r"[A-Za-z0-9_-]{43}")


def new_secret(prefix: str) -> str:
    """A fresh secret: the prefix and 256 random bits as 43 characters."""
    return prefix + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """What is kept of a secret: its SHA-256 in hex. Text that no encoder takes has a digest that nothing has."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def looks_like(secret: str, prefix: str) -> bool:
    """True if `secret` has the form of one of ours; anything else need not be looked up."""
    return secret.startswith(prefix) and _BODY.fullmatch(secret, len(prefix)) is not None


def csrf_of(cookie: str) -> str:
    """The token that forms of a session carry: HMAC-SHA-256 under the session's own secret, so only it can make it."""
    return hmac.new(cookie.encode("utf-8", "surrogatepass"), b"modelyard form token", sha256).hexdigest()


def session_over(*, now_ms: int, seen_ms: int, expires_ms: int) -> bool:
    """True if a session was idle for too long, or has reached its end."""
    return now_ms >= expires_ms or now_ms - seen_ms >= SESSION_IDLE_MS

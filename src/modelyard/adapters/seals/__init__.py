"""Sealing at rest: AES-256-GCM in frames, under keys from the secrets port; for objects, packs and files of the home.

What the seal keeps out is a look at the disk or the bucket; whoever holds the keys as well sees everything.
"""

from __future__ import annotations

from modelyard.adapters.seals.files import KnownSeals
from modelyard.adapters.seals.keys import Key, Keyring

__all__ = ["Key", "Keyring", "KnownSeals"]

"""The typed client: the same static type for a yard in this process and one behind an address."""

from modelyard.sdk.proxy import Transport, proxy

__all__ = ["Transport", "proxy"]

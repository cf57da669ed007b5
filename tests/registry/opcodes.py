"""Pickles put together opcode by opcode."""

from __future__ import annotations


def text(said: str) -> bytes:
    """SHORT_BINUNICODE."""
    raw = said.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def named(module: str, name: str) -> bytes:
    """STACK_GLOBAL."""
    return text(module) + text(name) + b"\x93"


def call(module: str, name: str, args: bytes) -> bytes:
    """A whole pickle that calls a global with a tuple of arguments."""
    return b"\x80\x04" + named(module, name) + args + b"R."


ONE = text("true") + b"\x85"
TWO = text("true") + text("x") + b"\x86"

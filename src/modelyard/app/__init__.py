"""Composition roots: settings -> adapters -> services -> edges; the only room that knows all others."""

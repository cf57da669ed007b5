"""Decisions about features: one semantics for training and serving, the join, packed rows, expressions. No I/O."""

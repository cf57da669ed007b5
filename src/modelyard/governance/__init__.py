"""Who may, who did, where from, and erasure: identity, audit, lineage and the right to be forgotten."""

"""What governance decides, without touching anything: credentials, grants, lineage, erasure."""

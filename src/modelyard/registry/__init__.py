"""Models that others rely on: versions, aliases with their history, safety, and promotion as a reviewed proposal."""

"""Working together on the graph: comments on anything that has a ref."""

"""The registry's decisions: what a filter means, where a source points, what a pickle would do."""

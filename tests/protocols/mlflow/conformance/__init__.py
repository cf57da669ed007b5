"""One corpus of calls, the answers that MLflow's own server gave to it, and the comparison with a yard's."""

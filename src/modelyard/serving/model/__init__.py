"""Decisions of serving: pure, shared by the control plane and the data plane."""

"""Runs and what they measured: experiments, runs, metric series, params, tags, inputs, logged models, artifacts.

Enter by `modelyard.tracking.api`.
"""

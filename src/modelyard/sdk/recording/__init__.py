"""Runs that a program notes itself, without MLflow: kept on disk, sent beside the training, or later if need be."""

from modelyard.sdk.recording.recorder import RunRecorder

__all__ = ["RunRecorder"]

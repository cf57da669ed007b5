"""The operations of serving, by part: deploying, publishing, folding, reading."""

from modelyard.serving.service.publishing import Listening
from modelyard.serving.service.reading import Found
from modelyard.serving.service.serving import ServingService

__all__ = ["Found", "Listening", "ServingService"]

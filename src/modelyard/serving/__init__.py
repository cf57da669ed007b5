"""Serving: endpoints, revisions, routes and predictions. Entered by `modelyard.serving.api` alone."""

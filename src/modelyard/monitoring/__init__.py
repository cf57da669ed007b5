"""Monitoring: is what arrives still what the model was made for, and what is done when it is not."""

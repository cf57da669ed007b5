"""The decisions of quality: which checks a contract means, what a report amounts to, what to suggest."""

"""Quality: what a table promises, whether it holds, and which rows break it."""

"""Notebooks at home in the yard: `%load_ext modelyard`, `%%run NAME` over a cell, records that show as tables."""

"""Contracts of the Open Data Contract Standard, version 3: read as ours, ours written as such.

What a document says beyond rows (owners, prices, servers) has no place in a contract here; what says something of rows
but has no counterpart is named, never passed over.
"""

"""The edges of the house: the guard pipeline and the ways in through it, HTTP and the command line.

No rule of the domain lives here; an edge decodes, guards, runs and encodes.
"""

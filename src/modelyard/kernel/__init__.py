"""The shared words of the house: ids, refs, errors, actors, events, operations, pages, clock, units.

Everything above speaks in these; nothing here knows a floor above, a database, a file or a socket.
"""

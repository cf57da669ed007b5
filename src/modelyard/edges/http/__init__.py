"""The HTTP edge: one bare ASGI application that routes, guards, decodes, runs and encodes."""

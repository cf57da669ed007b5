"""What the house asks of the engines behind it: small Protocols, answered by adapters, wired by the app.

Each port has an embedded adapter and a scale adapter; both pass one contract suite in `modelyard.testing`.
"""

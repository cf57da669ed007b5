"""Stores that MLflow wrote, read as they lie: a database of its server, a folder `mlruns`, or a server asked over REST.

Nothing here needs mlflow, and nothing is changed. What a store says about paths is not trusted: files are read only
below a folder that the user named.
"""

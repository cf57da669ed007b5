"""MLflow's REST wire (2.0 and 3.0): an unmodified `mlflow` client tracks, stores files and logs models here.

    MLFLOW_TRACKING_URI=http://127.0.0.1:PORT MLFLOW_TRACKING_TOKEN=... python train.py

It translates; what may be done, and what it means, is decided by `tracking`.
"""

"""Features: views over lake tables that mean the same for training and for serving.

An entity names who a feature is about, a view how features come from a table, a training set what they were at the
moment of each label, and the online rows what they are now. One semantics decides both (`model/semantics.py`).
"""

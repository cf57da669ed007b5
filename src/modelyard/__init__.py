"""Modelyard: the whole ML lifecycle as one Python package.

    import modelyard
    yard = modelyard.connect("./home")                 # embedded, no service
    yard = modelyard.connect("https://yard.example")   # remote, the same static type

This module is the public face and stays light: nothing heavy is imported before it is used.
"""

from __future__ import annotations

__version__ = "0.1.0"

"""The version of the whole, said once; packaging reads it from here."""

VERSION = "0.1.0"

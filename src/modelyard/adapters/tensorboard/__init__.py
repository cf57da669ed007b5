"""Folders that TensorBoard's writers filled: records with checksums, and the few messages that are read of them.

The form is TensorFlow's TFRecord and its protocol buffers, read here without either: no library of theirs is needed.
"""

"""Public contract suites, one for each port, and the small stages that tests of slices stand on.

Whoever writes an adapter of their own runs the suite of its port against it. Nothing here is used by the product.
"""

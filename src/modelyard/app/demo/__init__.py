"""The first whole day: what `yard demo` does, through the public SDK and the open wires alone.

It holds no answer of its own: every figure that it prints came back from the yard.
"""

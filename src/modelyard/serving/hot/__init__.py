"""The data plane: a process of its own that answers predictions over the Open Inference Protocol.

Started as `python -m modelyard.serving.hot --home DIR`. It reads its routes and tokens from one snapshot file, loads
model folders beside each other, answers on an `asyncio.Protocol`, and appends every prediction to a segment file before
its answer leaves. It imports no control-plane slice, holds no database connection and keeps answering while the control
process restarts.
"""

"""The data plane stays light: it knows the words of serving, but no control plane, no database, no model library."""

from __future__ import annotations

import subprocess
import sys

ALLOWED = ("modelyard.kernel", "modelyard.serving.api", "modelyard.serving.hot", "modelyard.serving.model")
HEAVY = ("numpy", "onnxruntime", "pandas", "pyarrow", "sklearn", "skops", "sqlalchemy", "starlette", "uvicorn")


def test_starting_a_data_plane_imports_no_control_plane_and_no_model_library() -> None:
    code = "import sys, modelyard.serving.hot.__main__; print('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = run.stdout.split()
    ours = [name for name in loaded if name.startswith("modelyard.") and name != "modelyard.serving"]
    assert [name for name in ours if not name.startswith(ALLOWED)] == []
    assert [name for name in loaded if name.partition(".")[0] in HEAVY] == []

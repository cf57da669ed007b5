#!/usr/bin/env bash
# setup.sh EXTRA: make .venv if it is missing and install modelyard[EXTRA] into it, editable, at the locked versions.
# Uses uv where it is on PATH, else the oldest tools there are: venv and pip. Called by make; safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."
extra=${1:?"usage: scripts/setup.sh EXTRA (demo or dev)"}
venv=.venv
lock=requirements.lock

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' >/dev/null 2>&1; }

find_python() {
    local name
    for name in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
        if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 && fits "$name"; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

if [ -e "$venv" ] && ! fits "$venv/bin/python"; then
    echo "setup: $venv holds no Python 3.11 to 3.13; making it anew" >&2
    rm -rf "$venv"
fi

if command -v uv >/dev/null 2>&1; then
    if [ ! -e "$venv" ]; then
        uv venv --quiet --python "$(find_python || echo '>=3.11,<3.14')" "$venv"
    fi
    uv pip install --quiet --python "$venv/bin/python" --constraint "$lock" --editable ".[$extra]"
else
    if [ ! -e "$venv" ]; then
        python=$(find_python) || {
            echo "setup: no Python 3.11 to 3.13 found. Install one (Debian: apt install python3 python3-venv) or uv," >&2
            echo "       or name it: make setup PYTHON=/path/to/python3.12" >&2
            exit 1
        }
        "$python" -m venv "$venv" || {
            rm -rf "$venv"
            echo "setup: $python cannot make a virtual environment. Debian: apt install python3-venv" >&2
            exit 1
        }
    fi
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$venv/bin/python" -m ensurepip --upgrade >/dev/null
    fi
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --constraint "$lock" --editable ".[$extra]"
fi

# Compiled ahead: a `yard` that is started by hand is as quick where nobody may write beside the sources.
"$venv/bin/python" -m compileall -q src >/dev/null || true

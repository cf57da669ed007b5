#!/usr/bin/env bash
# lock.sh: resolve every extra that make uses, for Python 3.11 to 3.13 at once, into requirements.lock.
# Keeps the versions that are locked and still fit; `UPGRADE=1 make lock` takes the newest. Needs uv.
# The file names versions only: no registry, host or hash, so that any mirror may serve it.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .venv/bin/uv)
if ! [ -x "$uv" ]; then
    echo "lock: needs uv, which resolves for all Pythons at once. Get it: pipx install uv" >&2
    exit 1
fi
"$uv" pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate ${UPGRADE:+--upgrade} \
    --extra dev --output-file requirements.lock pyproject.toml
sed -i '1i # Versions that make installs, on every Python from 3.11 to 3.13. Made by `make lock`; do not edit.' requirements.lock

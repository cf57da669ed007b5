#!/usr/bin/env bash
# frameworks.sh: make .venv-frameworks with torch (CPU), keras, xgboost, lightgbm and TensorFlow beside MLflow's skinny
# client, then let each train, register and load a model against a yard. Called by `make test-frameworks`; not in CI.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv-frameworks
packages="torch==2.13.0 lightning keras xgboost lightgbm tensorflow-cpu tensorboard mlflow-skinny pandas scikit-learn"

if [ ! -e "$venv/.ready" ]; then
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --python .venv/bin/python "$venv"
        # shellcheck disable=SC2086  # the list is meant to be split
        uv pip install --quiet --python "$venv/bin/python" $packages
    else
        .venv/bin/python -m venv "$venv"
        # shellcheck disable=SC2086
        "$venv/bin/python" -m pip install --quiet $packages
    fi
    touch "$venv/.ready"
fi

YARD_TEST_FRAMEWORKS="$PWD/$venv/bin/python" .venv/bin/python -m pytest -n 0 \
    tests/protocols/mlflow/test_fluent.py -k framework "$@"

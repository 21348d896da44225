#!/usr/bin/env bash
# Makes an environment for TensorFlow (1.1 GB, Python 3.11 or older), once, and compares. PYTHON chooses the interpreter.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=out/parity-venv
if [ ! -e "$venv/.installed" ]; then
  "${PYTHON:-python3}" -m venv "$venv"
  "$venv/bin/python" -m pip install --disable-pip-version-check -r benchmarks/parity_tensorflow/requirements.txt
  touch "$venv/.installed"
fi
export TF_CPP_MIN_LOG_LEVEL=3 GOMP_SPINCOUNT=1000
.venv/bin/python benchmarks/parity_tensorflow/compare.py --tensorflow "$venv/bin/python" "$@"

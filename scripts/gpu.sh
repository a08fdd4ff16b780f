#!/usr/bin/env bash
# What to run on a machine with an NVIDIA GPU, in one call: the tests that need one, the speed of a
# training step on it and on its CPU, then a training. Needs Python with PyTorch and this checkout.
#   scripts/gpu.sh OUT DATA [TRAIN OPTIONS ...]
# OUT gets the logs and the run; DATA is any file that `sketchrnn train` reads, or doodles.
set -euo pipefail
out=${1:?usage: scripts/gpu.sh OUT DATA [TRAIN OPTIONS ...]}
data=${2:?usage: scripts/gpu.sh OUT DATA [TRAIN OPTIONS ...]}
shift 2
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p "$out"
export PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
python3 -m pytest -q tests/test_cuda.py 2>&1 | tee "$out/test_cuda.log"
python3 scripts/time_step.py --device cuda cpu 2>&1 | tee "$out/time_step.log"
python3 -m sketchrnn train "$data" -o "$out/run" --device cuda --max-minutes 7 "$@" \
  2>&1 | tee "$out/train.log"
python3 -m sketchrnn generate "$out/run" --temperature 0.2 0.5 0.8 -n 10 --seed 1 -o "$out/sheet.png"

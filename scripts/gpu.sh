#!/usr/bin/env bash
# What to run on a machine with an NVIDIA GPU, each part in less than ten minutes:
#   scripts/gpu.sh OUT [PART] [DATA] [TRAIN OPTIONS ...]
# PART is
#   tests   the GPU's backends against the plain loop, on the GPU, and the step as a CUDA graph
#   bench   milliseconds a training step at the paper's size, every backend: OUT/step.md
#   train   a paper-size training and a sheet of what it draws: OUT/run, OUT/sheet.png
#   all     all of them, shortened, in less than ten minutes (the default)
# OUT gets logs, table and run; DATA is any file that `sketchrnn train` reads, or doodles (default).
# A part that fails is named at the end, and the others run all the same. Needs Python with this
# package's requirements and PyTorch for CUDA, and this checkout.
set -uo pipefail
out=${1:?usage: scripts/gpu.sh OUT [tests|bench|train|all] [DATA] [TRAIN OPTIONS ...]}
part=${2:-all}
data=${3:-doodles}
shift $(($# < 3 ? $# : 3))
case $part in
  all) tests_s=170 bench_s=110 train_min=2 ;;
  tests | bench | train) tests_s=540 bench_s=420 train_min=7 ;;
  *) echo "unknown part $part: choose tests, bench, train or all" >&2; exit 2 ;;
esac
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 2
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
export PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
failed=()

logged() { # NAME LIMIT_S COMMAND ...: runs it, keeps its output in OUT/NAME.log
  local name=$1 limit=$2
  shift 2
  echo "== $name"
  timeout --kill-after=10 "$limit" "$@" 2>&1 | tee "$out/$name.log" || failed+=("$name")
}
wanted() { [[ $part == all || $part == "$1" ]]; }

logged machine 60 python3 -c '
import importlib.util as u, torch
print("torch", torch.__version__, "CUDA", torch.version.cuda, "cuDNN", torch.backends.cudnn.version())
if u.find_spec("triton"):
    import triton; print("triton", triton.__version__)
print(torch.cuda.get_device_name())
lacking = [n for n in ("shapely", "safetensors", "rich", "resvg_py", "tinycss2", "cssselect2", "ijson",
                       "tensorboardX", "triton")
           if u.find_spec(n) is None]
print("lacking packages:", ", ".join(lacking) or "none")'

if wanted tests; then
  # most of it is compiling kernels of many sizes, which several processes share
  python3 -c 'import xdist' 2>/dev/null && several=(-n 4) || several=()
  # the ini file makes every warning an error; one of another PyTorch is no failure here
  logged tests "$tests_s" python3 -m pytest -q -W default -p no:cacheprovider \
    ${several[@]+"${several[@]}"} tests/test_cuda.py tests/test_gpu_backend.py
fi
if wanted bench; then
  logged step $((bench_s + 60)) \
    python3 scripts/time_step.py --out "$out/step.md" --seconds "$bench_s"
  cat "$out/step.md"
fi
if wanted train; then
  logged train $((train_min * 60 + 60)) python3 -m sketchrnn train "$data" -o "$out/run" \
    --preset paper --precision bf16 --device cuda --backend triton --max-minutes "$train_min" "$@"
  logged sheet 60 python3 -m sketchrnn generate "$out/run" --temperature 0.2 0.5 0.8 -n 10 \
    --seed 1 -o "$out/sheet.png"
fi
if ((${#failed[@]})); then
  echo "failed: ${failed[*]} (see $out/*.log)"
  exit 1
fi
echo "all done"

#!/usr/bin/env bash
# Reprints the figures of docs/results.md: trains the four models there and measures them.
#   scripts/results.sh DATA OUT [power_outlet|pig|pig_face|kanji ...]
# DATA holds the sketch-rnn .npz files power_outlet, pig, face and kanji.rdp200; OUT gets the runs.
set -euo pipefail
data=${1:?usage: scripts/results.sh DATA OUT [RUN ...]}
out=${2:?usage: scripts/results.sh DATA OUT [RUN ...]}
shift 2
mkdir -p "$out"
short=(--batch-size 50 --learning-rate-decay 0.998 --padding full) # a few minutes on two cores

power_outlet() { # the reference code's defaults with layer norm, measured on the way
  local run="$out/power_outlet" file="$data/power_outlet.npz" resume=()
  for steps in 250 500 1000 1500 2000; do
    if [ "${#resume[@]}" = 0 ]; then
      sketchrnn train "$file" -o "$run" --preset magenta --encoder-cell layer_norm \
        --decoder-cell layer_norm --max-points 100 --evaluate-every 250 --max-steps $steps
      resume=(--resume)
    else
      sketchrnn train "${resume[@]}" -o "$run" --max-steps $steps
    fi
    sketchrnn evaluate "$run" "$file" --which last
  done
}

pig() { # decoder only
  sketchrnn train "$data/pig.npz" -o "$out/pig" --unconditional --max-minutes 8 "${short[@]}"
  sketchrnn evaluate "$out/pig" "$data/pig.npz"
}

pig_face() { # one conditional model of two classes
  sketchrnn train "$data/pig.npz" "$data/face.npz" -o "$out/pig_face" --max-minutes 10 "${short[@]}"
  sketchrnn evaluate "$out/pig_face" "$data/pig.npz" "$data/face.npz"
}

kanji() { # another set, decoder only
  sketchrnn train "$data/kanji.rdp200.npz" -o "$out/kanji" --unconditional --max-minutes 8 "${short[@]}"
  sketchrnn evaluate "$out/kanji" "$data/kanji.rdp200.npz"
}

for name in "${@:-power_outlet pig pig_face kanji}"; do
  for run in $name; do "$run"; done
done

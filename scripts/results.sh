#!/usr/bin/env bash
# Reprints the figures of docs/results.md: trains the models there and measures them.
#   scripts/results.sh DATA OUT [power_outlet|pig|pig_face|kanji|table1|doodles ...]
# DATA holds the sketch-rnn .npz files power_outlet, pig, face and kanji.rdp200, and for table1 the
# selections pig.ndjson.gz and face.ndjson.gz of dense points; OUT gets the runs.
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

table1() { # two classes and both together, four models each
  mkdir -p "$out/table1-data"
  for class in face pig; do
    sketchrnn data prepare "$data/$class.npz" "$data/$class.ndjson.gz" --box --simplify 2 \
      --valid 0 --test 0 --max-points 100 -o "$out/table1-data/$class.sketches"
  done
  sketchrnn reproduce table1 --data "$out/table1-data" -o "$out/table1" --datasets face pig pig+face \
    --encoder-size 96 --decoder-size 128 --z-size 128 --learning-rate 3e-3 \
    --learning-rate-decay 0.998 --R 0.9997 --max-steps 1000 --evaluate-every 250 --patience 0 \
    --precision bf16
  sketchrnn reproduce fig4 "$out/table1" -o "$out/fig4.svg"
}

doodles() { # cats and pigs whose factors are known, with two weights of L_KL
  for w_KL in 0.5 0.125; do
    sketchrnn train doodles:20000:0:cat_head+cat_body+pig_head+pig_body -o "$out/doodles-$w_KL" \
      --z-size 32 --encoder-size 96 --decoder-size 192 --precision bf16 --w-KL $w_KL --R 0.999 \
      --learning-rate 3e-3 --learning-rate-decay 0.9994 --recurrent-keep 1 --augment-scale 0.05 \
      --drop-probability 0 --max-steps 3600 --patience 0 --seed 1
  done
  sketchrnn reproduce truth "$out/doodles-0.5" "$out/doodles-0.125" -o "$out/truth"
}

for name in "${@:-power_outlet pig pig_face kanji}"; do
  for run in $name; do "$run"; done
done

#!/usr/bin/env bash
# Reprints the figures of docs/results.md: trains the models there and measures them.
#   scripts/results.sh DATA OUT [power_outlet|pig|pig_face|kanji|table1|doodles|howmany|thirty ...]
# DATA holds the sketch-rnn .npz files power_outlet, pig, face and kanji.rdp200, and for table1 and
# thirty the selections pig.ndjson.gz, face.ndjson.gz and butterfly.ndjson.gz of dense points; OUT
# gets the runs.
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
  sketchrnn reproduce fig4 "$out/table1" -o "$out/fig4.png"
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

howmany() { # how many drawings are enough
  sketchrnn reproduce howmany "$data/power_outlet.npz" -o "$out/howmany" --begin-with pig_face \
    --max-points 100 --batch-size 50 --learning-rate-decay 0.999 --max-steps 2500 \
    --evaluate-every 100 --patience 8
}

thirty() { # thirty drawings as SVG files, with and without copies, anew and from a starter
  local drawings="$out/thirty/butterflies" learn=(--batch-size 50 --evaluate-every 25 --max-steps 400)
  learn+=(--patience 6)
  mkdir -p "$out/thirty"
  zcat "$data/butterfly.ndjson.gz" >"$out/thirty/all.ndjson"
  head -30 "$out/thirty/all.ndjson" >"$out/thirty/butterflies.ndjson"
  tail -200 "$out/thirty/all.ndjson" >"$out/thirty/others.ndjson"
  sketchrnn convert "$out/thirty/butterflies.ndjson" -n 30 --each "$drawings" -o "$out/thirty/all.svg"
  sketchrnn data prepare "$out/thirty/others.ndjson" --box --simplify 2 --valid 0 --test 199 \
    -o "$out/thirty/others.sketches"
  sketchrnn data prepare "$drawings" --valid 4 --test 0 -o "$out/thirty/none.sketches"
  sketchrnn data prepare "$drawings" --valid 4 --test 0 --copies 20 --mirror --turn 10 --stretch 0.1 \
    -o "$out/thirty/copies.sketches"
  for file in none copies; do
    sketchrnn train "$out/thirty/$file.sketches" -o "$out/thirty/anew-$file" "${learn[@]}"
    sketchrnn train "$out/thirty/$file.sketches" -o "$out/thirty/tuned-$file" "${learn[@]}" \
      --begin-with pig_face --learning-rate 3e-4 --learning-rate-decay 0.999
  done
  for run in anew-none anew-copies tuned-none tuned-copies; do
    sketchrnn evaluate "$out/thirty/$run" "$out/thirty/others.sketches"
  done
  sketchrnn train "$out/thirty/copies.sketches" -o "$out/thirty/mine" --begin-with pig_face
  sketchrnn generate "$out/thirty/mine" --which last -n 24 --temperature 0.3 --seed 1 \
    -o "$out/thirty/mine.svg"
}

for name in "${@:-power_outlet pig pig_face kanji}"; do
  for run in $name; do "$run"; done
done

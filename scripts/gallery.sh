#!/usr/bin/env bash
# Draw the pictures of README.md, docs/tools.md and docs/own-drawings.md: all by the starter models, none by people.
#
#   scripts/gallery.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
sketchrnn() { "${PYTHON:-python}" -m sketchrnn "$@" --force; }  # over the pictures that are there

# What the pictures begin with: drawings by the models, each as a file of its own.
begin() { # MODEL TEMPERATURE SEED
    sketchrnn generate "$1" -n 100 --prior normal --temperature "$2" --seed "$3" -o "$WORK/$1.svg" --each "$WORK/$1"
}
begin pig_face 0.1 2
begin face 0.1 2
begin car 0.3 1
by() { echo "$WORK/$1/drawing-0$2.svg"; }
pig_face() { by pig_face "$1"; }
FOUR=doodles:400:5:cat_head+cat_body+pig_head+pig_body
OUT=docs/images/tools

sketchrnn generate face -n 10 --temperature 0.1 0.3 0.5 0.8 --seed 2 -o $OUT-generate.svg
sketchrnn reconstruct pig_face "$(pig_face 47)" "$(pig_face 86)" "$(pig_face 36)" --seed 1 \
    -o $OUT-reconstruct.svg
sketchrnn interpolate pig_face "$(pig_face 47)" "$(pig_face 86)" "$(pig_face 36)" "$(pig_face 40)" \
    --seed 1 -o $OUT-grid.svg
sketchrnn analogy cat_pig "$FOUR#pig_head/0" "$FOUR#pig_body/0" "$FOUR#cat_head/0" -n 4 --seed 1 \
    -o $OUT-analogy.svg
sketchrnn complete car "$(by car 10)" "$(by car 17)" "$(by car 29)" --strokes 1 -n 8 \
    --temperature 0.3 --seed 1 -o $OUT-complete.svg
sketchrnn vary face "$(by face 85)" -n 20 --seed 1 -o $OUT-vary.svg
sketchrnn tidy pig_face "$(pig_face 52)" "$(pig_face 87)" --seed 1 -o $OUT-tidy.svg
sketchrnn tile face "$(by face 41)" --seed 1 -o $OUT-tile.svg
sketchrnn likelihood pig_face "$(pig_face 47)" "$(pig_face 62)" "$(pig_face 17)" "$(pig_face 52)" \
    -o $OUT-likelihood.svg

# docs/own-drawings.md: what preparing does
sketchrnn generate face -n 8 --prior normal --temperature 0.3 --seed 11 -o "$WORK/eight.svg" --each "$WORK/eight"
sketchrnn data inspect "$WORK/eight" --join 8 --order --at-most 45 \
    --svg docs/images/own-before-after.svg >"$WORK/eight.txt"

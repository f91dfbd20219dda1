#!/usr/bin/env bash
# Makes this board from nothing: trains both methods with three seeds at the settings that sweep.sh chose, evaluates each
# checkpoint, adds the evaluations and builds the tables. If it is killed, rerun the same command to resume.
# Needs ALUMBENCH_MIRROR or the hub, and NLTK's stopwords and wordnet.
set -euo pipefail
board=$(dirname "$0")
runs=${RUNS:-runs/sst2}
for seed in 1 2 3; do
  common=(--task sst2 --model sentence-transformers/all-MiniLM-L6-v2 --train-size 8000 --epochs 3 --lr 2e-4 --seed $seed)
  alumbench train "${common[@]}" --method standard --out "$runs/standard-$seed"
  alumbench train "${common[@]}" --method alum --set alpha=1 --set epsilon=0.05 --out "$runs/alum-$seed"
done
[ "${1:-}" = train ] && exit
for seed in 1 2 3; do
  for method in standard alum; do
    checkpoint=$runs/$method-$seed
    alumbench attack "$checkpoint" --suite advglue
    alumbench attack "$checkpoint" --suite textattack-core --only clean --only deepwordbug --only pwws
    alumbench leaderboard add "$board" "$checkpoint"
  done
done
alumbench leaderboard build "$board"

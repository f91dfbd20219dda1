#!/usr/bin/env bash
# One pair classifier on the MNLI and SNLI samples through the fixed NLI sets, to show that pairs work.
# Needs ALUMBENCH_MIRROR (the hub has no HANS that datasets 4 loads). If it is killed, rerun the same command to resume.
set -euo pipefail
board=$(dirname "$0")
runs=${RUNS:-runs/nli}
alumbench train --task nli --model sentence-transformers/all-MiniLM-L6-v2 --method standard --epochs 1 --lr 2e-4 \
  --max-length 96 --seed 1 --precision bf16 --out "$runs/standard-1"
[ "${1:-}" = train ] && exit
for suite in advglue anli nli-challenge; do
  alumbench attack "$runs/standard-1" --suite $suite
done
alumbench leaderboard add "$board" "$runs/standard-1"
alumbench leaderboard build "$board"
